package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
	"github.com/spf13/pflag"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/pipe"
	"github.com/grpcx/grpcx/internal/termtext"
)

// output is the group of flags that say how messages are written.
type output struct {
	format       string
	file         string
	jq           string
	raw          bool
	fieldNames   string
	emitDefaults bool
}

// formatEvents is the output of the machine contract; all other formats are
// the message package's.
const formatEvents = "events"

func outputFormats() []string {
	return []string{"pretty", "json", "jsonl", "text", "yaml", "binary", formatEvents}
}

func (o *output) register(f *pflag.FlagSet) {
	f.StringVarP(&o.format, "output", "o", "", "write "+strings.Join(outputFormats(), ", ")+" (default pretty on a terminal, else jsonl)")
	f.StringVar(&o.file, "output-file", "", "write responses to `FILE`")
	f.StringVar(&o.jq, "jq", "", "write what this jq `EXPRESSION` makes of each response")
	f.BoolVarP(&o.raw, "raw-output", "r", false, "with --jq, write strings without quotes")
	f.StringVar(&o.fieldNames, "field-names", "json", "name fields as in `json` (userId) or proto (user_id)")
	f.BoolVar(&o.emitDefaults, "emit-defaults", false, "write fields that have their default value, too")
}

// check finds mistakes that need no server, and settles the format.
func (o *output) check(s Streams) error {
	if o.format == "" {
		o.format = "jsonl"
		if s.OutTerminal && o.file == "" {
			o.format = "pretty"
		}
	}
	switch {
	case !slices.Contains(outputFormats(), o.format):
		return &usageError{err: fmt.Errorf("--output %q: want one of %s", o.format, strings.Join(outputFormats(), ", "))}
	case o.fieldNames != "json" && o.fieldNames != "proto":
		return &usageError{err: fmt.Errorf("--field-names %q: want json or proto", o.fieldNames)}
	case o.raw && o.jq == "":
		return &usageError{err: errors.New("--raw-output needs --jq")}
	case o.jq != "" && !slices.Contains([]string{"pretty", "json", "jsonl"}, o.format):
		return &usageError{err: fmt.Errorf("--jq writes JSON, not %s", o.format)}
	}
	return nil
}

// printer writes the responses of one method. Its methods are called by one
// goroutine at a time.
type printer struct {
	encoder *message.Encoder
	query   *query
	out     io.Writer
	buffer  []byte
}

// printer makes the printer for messages of type md, each of at most maxText bytes.
func (o *output) printer(s Streams, out io.Writer, md protoreflect.MessageDescriptor, types message.Resolver, maxText int) (*printer, error) {
	format := message.Format(o.format)
	if o.format == formatEvents {
		format = message.JSONL
	}
	p := &printer{
		out: out,
		encoder: message.NewEncoder(md, message.EncodeOptions{
			Format:       format,
			Types:        types,
			ProtoNames:   o.fieldNames == "proto",
			EmitDefaults: o.emitDefaults,
			Color:        s.colour(s.OutTerminal) && o.file == "",
			MaxBytes:     maxText,
		}),
	}
	if o.jq != "" {
		var err error
		if p.query, err = newQuery(o.jq, o.raw, o.format == "pretty", s.OutTerminal && o.file == ""); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// print writes one response with a single Write, so that a reader of a pipe
// sees it as soon as it has come.
func (p *printer) print(wire []byte) error {
	var err error
	if p.query != nil {
		p.buffer, err = p.query.append(p.buffer[:0], p.encoder, wire)
	} else if p.buffer, err = p.encoder.Append(p.buffer[:0], wire); err != nil {
		err = malformed(err)
	}
	if err != nil {
		return err
	}
	if _, err := p.out.Write(p.buffer); err != nil {
		return fmt.Errorf("write response: %w", err)
	}
	return nil
}

// malformed is the status of a call whose response is not a message of the
// method's type. The server's message is at fault, and every gRPC client calls
// that INTERNAL; one that is too large, RESOURCE_EXHAUSTED.
func malformed(err error) error {
	if errors.Is(err, message.ErrTooLong) {
		return status.Error(codes.ResourceExhausted, err.Error())
	}
	return status.Errorf(codes.Internal, "decode response: %v", err)
}

// query is a compiled --jq expression.
type query struct {
	code   *gojq.Code
	raw    bool
	pretty bool
	escape bool // raw strings go to a terminal
}

func newQuery(expression string, raw, pretty, terminal bool) (*query, error) {
	parsed, err := gojq.Parse(expression)
	if err != nil {
		return nil, &usageError{err: fmt.Errorf("--jq %s: %w", quote(expression), err)}
	}
	code, err := gojq.Compile(parsed)
	if err != nil {
		return nil, &usageError{err: fmt.Errorf("--jq %s: %w", quote(expression), err)}
	}
	return &query{code: code, raw: raw, pretty: pretty, escape: terminal}, nil
}

// append appends each value that the query makes of the message, a line each.
func (q *query) append(dst []byte, encoder *message.Encoder, wire []byte) ([]byte, error) {
	value, err := encoder.Value(wire)
	if err != nil {
		return dst, malformed(err)
	}
	results := q.code.Run(value)
	for {
		result, ok := results.Next()
		if !ok {
			return dst, nil
		}
		if err, ok := result.(error); ok {
			var halt *gojq.HaltError
			if errors.As(err, &halt) && halt.Value() == nil {
				return dst, nil
			}
			return dst, fmt.Errorf("--jq: %w", err)
		}
		if text, ok := result.(string); ok && q.raw {
			if q.escape {
				text = termtext.Text(text)
			}
			dst = append(append(dst, text...), '\n')
			continue
		}
		if dst, err = q.appendJSON(dst, result); err != nil {
			return dst, err
		}
	}
}

func (q *query) appendJSON(dst []byte, v any) ([]byte, error) {
	text, err := gojq.Marshal(v)
	if err != nil {
		return dst, fmt.Errorf("--jq: %w", err)
	}
	text = termtext.JSON(text)
	if q.pretty {
		var indented bytes.Buffer
		if err := json.Indent(&indented, text, "", "  "); err != nil {
			return dst, fmt.Errorf("--jq: %w", err)
		}
		text = indented.Bytes()
	}
	return append(append(dst, text...), '\n'), nil
}

// lazyFile is emptied when the first byte is written, so that a call that
// fails leaves what was in it alone.
type lazyFile struct {
	file    *pipe.File
	path    string
	created bool // there was none
	written bool
}

// newLazyFile makes sure that the file can be written before anything is sent.
func newLazyFile(ctx context.Context, path string) (*lazyFile, error) {
	_, err := os.Stat(path)
	file, openErr := pipe.Create(ctx, path, 0, 0o666)
	if openErr != nil {
		return nil, fmt.Errorf("write responses: %w", openErr)
	}
	return &lazyFile{file: file, path: path, created: errors.Is(err, os.ErrNotExist)}, nil
}

func (l *lazyFile) Write(b []byte) (int, error) {
	if !l.written {
		l.written = true
		if err := l.file.Empty(); err != nil {
			return 0, err
		}
	}
	return l.file.Write(b)
}

// Close closes the file, and removes one that it made and did not write to.
func (l *lazyFile) Close() error {
	err := l.file.Close()
	if l.created && !l.written {
		err = errors.Join(err, os.Remove(l.path))
	}
	return err
}
