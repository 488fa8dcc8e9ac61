package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/message"
)

// input gives the requests of the -d arguments, one after the other, each
// opened when its turn comes and closed at its end. It implements
// stream.Requests. A call that ends early leaves a Next under way behind, and
// with it a file that is open until the process ends.
type input struct {
	program *program
	data    []string
	method  protoreflect.MethodDescriptor
	options message.DecodeOptions
	expand  bool // variables of the environment, in literals
	current *message.Decoder
	literal *expansion // that current reads, nil for what is not expanded
	file    *os.File
}

// checkData makes sure, before anything is dialled, that the files of -d are
// there.
func checkData(data []string) error {
	for _, d := range data {
		path, isFile := strings.CutPrefix(d, "@")
		if !isFile || path == "" || path == "-" {
			continue
		}
		if info, err := os.Stat(path); err != nil {
			return fmt.Errorf("read request: %w", err)
		} else if info.IsDir() {
			return fmt.Errorf("read request: %s is a directory", path)
		}
	}
	return nil
}

// Next returns the next request, encoded.
func (in *input) Next() ([]byte, error) {
	for {
		if in.current == nil {
			if len(in.data) == 0 {
				in.close()
				return nil, io.EOF
			}
			if err := in.open(in.data[0]); err != nil {
				return nil, err
			}
			in.data = in.data[1:]
		}
		request, err := in.current.Next()
		if errors.Is(err, io.EOF) {
			in.close()
			continue
		}
		if in.literal != nil {
			err = in.literal.conceal(err)
		}
		return request, err
	}
}

// finite reports whether all that is left to read is in literals and regular
// files of at most limit bytes together.
func (in *input) finite(limit int64) bool {
	for _, d := range in.data {
		path, isFile := strings.CutPrefix(d, "@")
		switch {
		case !isFile:
			limit -= int64(len(d))
		case path == "" || path == "-":
			return false
		default:
			info, err := os.Stat(path)
			if err != nil || !info.Mode().IsRegular() {
				return false
			}
			limit -= info.Size()
		}
	}
	return limit >= 0
}

func (in *input) open(data string) error {
	o := in.options
	o.Array = in.method.IsStreamingClient()
	path, isFile := strings.CutPrefix(data, "@")
	var r io.Reader
	switch {
	case !isFile && in.expand:
		var err error
		if in.literal, err = in.program.expandData(data); err != nil {
			return err
		}
		o.Name, r = "-d", strings.NewReader(in.literal.text)
	case !isFile:
		o.Name, r = "-d", strings.NewReader(data)
	case path == "" || path == "-":
		o.Name, r = "stdin", in.program.In
		if in.program.InTerminal {
			_, _ = fmt.Fprintf(in.program.Err, "* reading %s messages from the terminal; ctrl-d ends them\n", in.method.Input().FullName())
		}
	default:
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		o.Name, r, in.file = path, f, f
	}
	in.current = message.NewDecoder(r, in.method.Input(), o)
	return nil
}

func (in *input) close() {
	in.current, in.literal = nil, nil
	if in.file != nil {
		_ = in.file.Close()
		in.file = nil
	}
}
