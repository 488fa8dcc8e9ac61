package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/internal/termtext"
)

// explorer is what the commands share that look at a schema and call nothing.
type explorer struct {
	*program
	connection
	schema
	verbosity int
	format    string // of the output: "" or "pretty" for people, "json"
}

func (e *explorer) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.CountVarP(&e.verbosity, "verbose", "v", "tell what happens and how long it takes")
	f.StringVarP(&e.format, "output", "o", "", "write pretty or json (default pretty)")
	e.connection.register(f)
	e.schema.register(f)
}

// check finds mistakes that need no server.
func (e *explorer) check() error {
	switch e.format {
	case "", "pretty", "json":
	default:
		return &usageError{err: fmt.Errorf("--output %q: want pretty or json", e.format)}
	}
	return e.schema.check(nil)
}

// address takes ADDR off the front of args; a schema from files needs none.
func (e *explorer) address(cmd *cobra.Command, args []string) (address string, rest []string, err error) {
	if e.fromFiles() {
		if len(args) > 0 && (strings.Contains(args[0], ":") || args[0] == dial.Demo) {
			return "", nil, &usageError{err: fmt.Errorf("ADDR %s has no place where the schema comes from files; add --use-reflection to ask the server, too", args[0])}
		}
		return "", args, nil
	}
	if len(args) == 0 {
		return "", nil, &usageError{err: errors.New("too few arguments: want ADDR, or --proto or --protoset"), command: cmd.CommandPath()}
	}
	return args[0], args[1:], nil
}

// explore opens the schema at address and hands it to look.
func (e *explorer) explore(ctx context.Context, address string, look func(context.Context, describe.Source) error) error {
	if err := e.check(); err != nil {
		return err
	}
	ctx, cancel := e.bound(ctx)
	defer cancel()
	n := e.narrate(e.verbosity)
	var conn dial.Conn
	if !e.fromFiles() {
		var err error
		if conn, err = e.connect(ctx, e.program, address, n.trace()); err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
	}
	source, closeSource, err := e.source(ctx, ctx, e.program, &e.connection, conn)
	if err != nil {
		return err
	}
	defer closeSource()
	asked := time.Now()
	err = look(ctx, source)
	n.say('*', "schema (%s)", milliseconds(time.Since(asked)))
	return err
}

// writeJSON writes v as indented JSON, safe for a terminal.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err := w.Write(termtext.JSON(b.Bytes()))
	return err
}
