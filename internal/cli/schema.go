package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/internal/pipe"
)

// schema is the group of flags that say where the schema comes from.
type schema struct {
	protos, importPaths, protosets []string
	useReflection                  bool
	reflectTimeout                 duration
}

func (s *schema) register(f *pflag.FlagSet) { s.registerAs(f, "protoset") }

// registerAs is register for a command that calls --protoset otherwise.
func (s *schema) registerAs(f *pflag.FlagSet, protoset string) {
	f.StringArrayVar(&s.protos, "proto", nil, "take the schema from this .proto `FILE`")
	f.StringArrayVar(&s.importPaths, "import-path", nil, "`DIR` in which the files and imports of --proto are found")
	f.StringArrayVar(&s.protosets, protoset, nil, "take the schema from this descriptor set `FILE` (- is standard input)")
	f.BoolVar(&s.useReflection, "use-reflection", false, "ask the server too, besides --proto or --protoset")
	f.Var(&s.reflectTimeout, "reflect-timeout", "time for each question to server reflection (default 10s)")
}

// fromFiles reports whether the schema needs no server.
func (s *schema) fromFiles() bool {
	return !s.useReflection && (len(s.protos) > 0 || len(s.protosets) > 0)
}

// check finds mistakes that need no server.
func (s *schema) check(data []string) error {
	if len(s.importPaths) > 0 && len(s.protos) == 0 {
		return &usageError{err: errors.New("--import-path needs --proto")}
	}
	readers := 0
	for _, set := range s.protosets {
		if set == "-" {
			readers++
		}
	}
	for _, d := range data {
		if d == "@" || d == "@-" {
			readers++
		}
	}
	if readers > 1 {
		return &usageError{err: errors.New("standard input can be read once: of --protoset - and -d @, give one, once")}
	}
	return nil
}

// source opens the schema. conn may be nil where fromFiles is true. Files are read
// until ctx ends; the source lives as long as life, and its closer ends it earlier.
func (s *schema) source(ctx, life context.Context, p *program, c *connection, conn dial.Conn) (describe.Source, func(), error) {
	var sources []describe.Source
	if len(s.protos) > 0 {
		compiled, err := pipe.Within(ctx, func() (describe.Source, error) { return describe.Compile(ctx, s.importPaths, s.protos) })
		if err != nil {
			return nil, nil, err
		}
		sources = append(sources, compiled)
	}
	if len(s.protosets) > 0 {
		set, err := pipe.Within(ctx, func() (describe.Source, error) { return s.readSets(p) })
		if err != nil {
			return nil, nil, err
		}
		sources = append(sources, set)
	}
	if s.fromFiles() {
		return describe.Merge(sources...), func() {}, nil
	}
	md, err := c.reflectionMetadata(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	reflection := describe.NewReflection(life, conn, describe.ReflectionOptions{
		Metadata: md,
		Timeout:  time.Duration(s.reflectTimeout),
	})
	sources = append(sources, reflection)
	return describe.Merge(sources...), func() { _ = reflection.Close() }, nil
}

func (s *schema) readSets(p *program) (describe.Source, error) {
	sets := make([]*descriptorpb.FileDescriptorSet, 0, len(s.protosets))
	for _, name := range s.protosets {
		set, err := readSet(p, name)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return describe.NewSet(sets...)
}

func readSet(p *program, name string) (*descriptorpb.FileDescriptorSet, error) {
	r := p.In
	if name == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read descriptor set: %w", err)
		}
		defer func() { _ = f.Close() }()
		r = f
	}
	return describe.ReadSet(name, r)
}
