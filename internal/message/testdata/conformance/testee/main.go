// Command testee answers protobuf's conformance test runner with package
// message. Its argument is the folder of the suite's protos.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/grpcx/grpcx/internal/message"
)

func main() {
	if err := run(os.Args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "testee:", err)
		os.Exit(1)
	}
}

func run(dir string, in io.Reader, out io.Writer) error {
	t, err := newTestee(dir)
	if err != nil {
		return err
	}
	in = bufio.NewReader(in)
	for {
		var size [4]byte
		if _, err := io.ReadFull(in, size[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		request := make([]byte, binary.LittleEndian.Uint32(size[:]))
		if _, err := io.ReadFull(in, request); err != nil {
			return err
		}
		response, err := t.answer(request)
		if err != nil {
			return err
		}
		binary.LittleEndian.PutUint32(size[:], uint32(len(response)))
		if _, err := out.Write(append(size[:], response...)); err != nil {
			return err
		}
	}
}

type testee struct {
	files             *protoregistry.Files
	types             *dynamicpb.Types
	request, response protoreflect.MessageDescriptor
}

func newTestee(dir string) (*testee, error) {
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{dir}})}
	linked, err := c.Compile(context.Background(), "conformance/conformance.proto",
		"google/protobuf/test_messages_proto2.proto", "google/protobuf/test_messages_proto3.proto",
		"google/protobuf/test_messages_proto2_editions.proto", "google/protobuf/test_messages_proto3_editions.proto",
		"google/protobuf/test_messages_edition2023.proto")
	if err != nil {
		return nil, err
	}
	t := &testee{files: new(protoregistry.Files)}
	for _, fd := range linked {
		if err := t.add(fd); err != nil {
			return nil, err
		}
	}
	t.types = dynamicpb.NewTypes(t.files)
	if t.request, err = t.find("conformance.ConformanceRequest"); err != nil {
		return nil, err
	}
	t.response, err = t.find("conformance.ConformanceResponse")
	return t, err
}

// add registers a file after those that it imports.
func (t *testee) add(fd protoreflect.FileDescriptor) error {
	if _, err := t.files.FindFileByPath(fd.Path()); err == nil {
		return nil
	}
	for i := range fd.Imports().Len() {
		if err := t.add(fd.Imports().Get(i).FileDescriptor); err != nil {
			return err
		}
	}
	return t.files.RegisterFile(fd)
}

func (t *testee) find(name string) (protoreflect.MessageDescriptor, error) {
	d, err := t.files.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return nil, err
	}
	md, ok := d.(protoreflect.MessageDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is no message", name)
	}
	return md, nil
}

func (t *testee) answer(request []byte) ([]byte, error) {
	q := dynamicpb.NewMessage(t.request)
	if err := proto.Unmarshal(request, q); err != nil {
		return nil, err
	}
	get := func(name string) protoreflect.Value { return q.Get(t.request.Fields().ByName(protoreflect.Name(name))) }
	field, value := t.result(q, get)
	a := dynamicpb.NewMessage(t.response)
	a.Set(t.response.Fields().ByName(field), value)
	return proto.Marshal(a)
}

// Values of conformance.WireFormat and TestCategory.
const (
	formatProtobuf = 1
	formatJSON     = 2
	formatText     = 4
	ignoreUnknown  = 3
)

func (t *testee) result(q protoreflect.Message, get func(string) protoreflect.Value) (protoreflect.Name, protoreflect.Value) {
	name := get("message_type").String()
	if name == "conformance.FailureSet" {
		return "protobuf_payload", protoreflect.ValueOfBytes(nil)
	}
	md, err := t.find(name)
	if err != nil {
		return "runtime_error", protoreflect.ValueOfString(err.Error())
	}
	payload := q.WhichOneof(t.request.Oneofs().ByName("payload"))
	output := get("requested_output_format").Enum()
	if payload == nil || payload.Name() == "jspb_payload" || get("print_unknown_fields").Bool() ||
		payload.Name() == "protobuf_payload" && output == formatProtobuf {
		return "skipped", protoreflect.ValueOfString("not a matter of this package")
	}
	wire, err := t.decode(md, payload.Name(), q.Get(payload), get("test_category").Enum() == ignoreUnknown)
	if err != nil {
		return "parse_error", protoreflect.ValueOfString(err.Error())
	}
	switch output {
	case formatProtobuf:
		return "protobuf_payload", protoreflect.ValueOfBytes(wire)
	case formatJSON:
		return t.encode(md, wire, message.JSON, "json_payload")
	case formatText:
		return t.encode(md, wire, message.Text, "text_payload")
	}
	return "skipped", protoreflect.ValueOfString("output format")
}

func (t *testee) decode(md protoreflect.MessageDescriptor, field protoreflect.Name, v protoreflect.Value, discard bool) ([]byte, error) {
	o := message.DecodeOptions{Types: t.types, AllowUnknown: discard}
	var input []byte
	switch field {
	case "protobuf_payload":
		o.Format, input = message.Binary, protowire.AppendBytes(nil, v.Bytes())
	case "json_payload":
		o.Format, input = message.JSON, []byte(v.String())
	default:
		o.Format, input = message.Text, []byte(v.String())
	}
	d := message.NewDecoder(bytes.NewReader(input), md, o)
	wire, err := d.Next()
	if err == io.EOF && o.Format == message.Text {
		return nil, nil // no text is an empty message
	}
	if err != nil {
		return nil, err
	}
	if _, err := d.Next(); err != io.EOF {
		return nil, errors.New("more than one message")
	}
	return wire, nil
}

func (t *testee) encode(md protoreflect.MessageDescriptor, wire []byte, format message.Format, field protoreflect.Name) (protoreflect.Name, protoreflect.Value) {
	e := message.NewEncoder(md, message.EncodeOptions{Format: format, Types: t.types})
	text, err := e.Append(nil, wire)
	loss := e.Loss()
	loss.Unknown = 0
	if err == nil && loss != (message.Loss{}) {
		err = fmt.Errorf("not to be said in full: %+v", loss)
	}
	if err != nil {
		return "serialize_error", protoreflect.ValueOfString(err.Error())
	}
	return field, protoreflect.ValueOfString(string(text))
}
