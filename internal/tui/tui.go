// Package tui is the terminal UI: it browses a server's schema, writes requests,
// makes calls of all four kinds and shows what comes back.
//
// The package reaches for nothing of the process: connections, the environment,
// files of state and other commands of the program come with its [Config].
package tui

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/suite"
)

// Config is what a terminal UI works with. Only Connect is needed; an action
// whose function is nil says that it is not available.
type Config struct {
	// Address is what Connect takes first; "" asks for one.
	Address string
	// Connect reaches the server. The session is the caller's to close, and may
	// come with an error: the server answers, and its schema is not to be had.
	Connect func(ctx context.Context, t Target) (*Session, error)
	// Hint says how an error of Connect may be mended, "" where nothing is known.
	Hint func(error) string

	// Metadata gives what goes with a call of these headers, whose values are
	// final: them, and that which goes with every call, unless they have its name.
	// An error says what cannot be sent. nil takes them as they are.
	Metadata func(headers []Header) (metadata.MD, error)
	// Headers tells of what goes with every call that has none of the name.
	Headers []Header
	// Secret reports whether the value of a header or of a field of this name
	// must not be shown or kept; nil means that none is.
	Secret func(name string) bool
	// LookupEnv resolves references, ${env.NAME}; nil knows none.
	LookupEnv func(name string) (value string, ok bool)
	// Environment is the name of the set of settings in use, for the header.
	Environment string

	// HistoryDir holds one file a target; "" keeps the history in memory alone.
	HistoryDir string
	// SavedFile is the suite file that requests are saved to and listed from.
	SavedFile string

	// SuiteTarget is the target as suite files write it, secrets included.
	SuiteTarget func(Target) (suite.Target, error)

	// Command gives the request as a command line of the tool.
	Command func(r Request, tool Tool) (string, error)
	// Generate writes a client of the services into dir and tells what it wrote.
	// No service means all of them.
	Generate func(ctx context.Context, source describe.Source, services []string, dir string) (string, error)
	// Editor gives the command that edits the file at path.
	Editor func(path string) *exec.Cmd

	// Color is false where nothing may be coloured (https://no-color.org).
	Color bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Target is a server, and the files that its schema comes from. Without files
// the schema is what the flags of the command say, server reflection by default.
type Target struct {
	Address string
	Files   []string // .proto files, or descriptor sets
	// Headers go with reflection and the watch of health, as with calls, in the
	// place of those of the name that go with every call; their values are final.
	// Only Connect and SuiteTarget are given them.
	Headers []Header
}

// Session is a connection on which calls can be made.
type Session struct {
	Conn grpc.ClientConnInterface
	// Source is nil where Connect's error says why there is no schema.
	Source describe.Source
	// Transport says how the connection is secured: "plaintext", "TLS".
	Transport string
	// Health reports the health of a service, "" being the server as a whole, and
	// then every change of it until ctx ends. It returns an error where the server
	// does not tell. It may be called at once. nil: nobody asks.
	Health func(ctx context.Context, service string, report func(Health)) error
	// Close ends the connection, and the source with it.
	Close func()
}

// Health is what the server says of itself or of a service, or what is seen from
// here.
type Health struct {
	State   string // SERVING, NOT_SERVING, UNREACHABLE, ...
	Serving bool
	Reached bool // there is a connection
	Unknown bool // the server keeps no state of the service, which is no fault
}

// Header is one line of metadata. Its value may hold references.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Request is a request as it can be kept and shown: values that are secrets are
// references to environment variables, ${env.NAME}.
type Request struct {
	Address  string        `json:"address,omitempty"`
	Files    []string      `json:"files,omitempty"`
	Method   string        `json:"method"` // pkg.Service/Method
	Headers  []Header      `json:"headers,omitempty"`
	Timeout  time.Duration `json:"timeout,omitempty"`
	Messages []string      `json:"messages,omitempty"` // JSON, in the order of sending
}

// Tool is a program that can repeat a call.
type Tool string

// The tools that Config.Command knows.
const (
	Grpcx   Tool = "grpcx"
	Grpcurl Tool = "grpcurl"
)

// frameRate is how often a second the screen is drawn at most. The loop wakes up as
// often even if nothing happens, which is what an idle screen costs: 60 wake-ups a
// second are more than 1 % of a slow machine's processor.
const frameRate = 40

// Run shows the terminal UI until the user leaves; the error of ctx, where it
// ended first, is returned. in and out are the terminal; environ describes it, as
// os.Environ does. When Run returns the terminal is as it was, and calls and
// connection are closed.
func Run(ctx context.Context, cfg Config, in io.Reader, out io.Writer, environ []string) error {
	m := newModel(ctx, cfg)
	defer m.close()
	options := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithEnvironment(environ),
		tea.WithFPS(frameRate),
		tea.WithoutSignalHandler(), // ctx ends by signals
	}
	if !cfg.Color {
		options = append(options, tea.WithColorProfile(colorprofile.Ascii))
	}
	_, err := tea.NewProgram(m, options...).Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("terminal UI: %w", err)
	}
	return nil
}
