//go:build codegen

package codegen_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/grpcx/grpcx/internal/codegen"
)

// TestRoundTrip has Node load what is generated for the fixtures, as ES modules
// and as CommonJS modules, and convert messages of every type, which must come
// back as the same messages.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	files := fixtures.compile(t)
	samples := newSamples(t, files.files)
	for _, commonJS := range []bool{false, true} {
		t.Run(fmt.Sprintf("CommonJS %t", commonJS), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, r := range files.requests(t) {
				o := codegen.Options{Targets: []codegen.Target{codegen.JS}, ImportExtension: "js", CommonJS: commonJS}
				for _, f := range generateFor(t, r, o) {
					// The names of what it imports are no URLs, which ES modules want.
					if commonJS || f.Name != "weird/user_url_pb.js" {
						writeFiles(t, dir, []codegen.File{f})
					}
				}
			}
			project(t, dir, nil)
			if commonJS {
				writeFiles(t, dir, []codegen.File{{Name: "package.json", Content: `{"type":"commonjs"}`}})
			}
			converted := samples.convert(t, dir)
			for i, m := range samples.messages {
				samples.check(t, m, converted[i])
			}
			t.Logf("%d messages", len(samples.messages))
		})
	}
}

// samples are filled messages.
type samples struct {
	types      *dynamicpb.Types
	extensions map[protoreflect.FullName][]protoreflect.ExtensionType // by what they extend
	messages   []*dynamicpb.Message
}

func newSamples(t *testing.T, files []protoreflect.FileDescriptor) *samples {
	t.Helper()
	registry := new(protoregistry.Files)
	for _, f := range files {
		if err := registerAll(registry, f); err != nil {
			t.Fatal(err)
		}
	}
	s := &samples{types: dynamicpb.NewTypes(registry), extensions: map[protoreflect.FullName][]protoreflect.ExtensionType{}}
	for _, f := range files {
		s.addExtensions(f.Extensions(), f.Messages())
	}
	for _, f := range files {
		if f.Path() != "weird/user_url.proto" {
			s.addAll(f.Messages())
		}
	}
	return s
}

func registerAll(registry *protoregistry.Files, f protoreflect.FileDescriptor) error {
	if _, err := registry.FindFileByPath(f.Path()); err == nil {
		return nil
	}
	for i := range f.Imports().Len() {
		if err := registerAll(registry, f.Imports().Get(i)); err != nil {
			return err
		}
	}
	return registry.RegisterFile(f)
}

func (s *samples) addExtensions(extensions protoreflect.ExtensionDescriptors, messages protoreflect.MessageDescriptors) {
	for i := range extensions.Len() {
		x := dynamicpb.NewExtensionType(extensions.Get(i))
		extendee := x.TypeDescriptor().ContainingMessage().FullName()
		s.extensions[extendee] = append(s.extensions[extendee], x)
	}
	for i := range messages.Len() {
		s.addExtensions(messages.Get(i).Extensions(), messages.Get(i).Messages())
	}
}

// addAll adds messages in which all fields are set, in as many variants as it
// takes for each field of each oneof to be set in one.
func (s *samples) addAll(messages protoreflect.MessageDescriptors) {
	for i := range messages.Len() {
		d := messages.Get(i)
		s.addAll(d.Messages())
		if d.IsMapEntry() || isMessageSet(d) {
			continue // Go knows message sets in a build of its own alone
		}
		variants := 1
		for j := range d.Oneofs().Len() {
			variants = max(variants, d.Oneofs().Get(j).Fields().Len())
		}
		for v := range variants {
			s.messages = append(s.messages, s.fill(d, v, 3))
		}
	}
}

func isMessageSet(d protoreflect.MessageDescriptor) bool {
	return d.FullName() == "fixture.two.WireSet"
}

// fill returns a message in which messages are nested so deep.
func (s *samples) fill(d protoreflect.MessageDescriptor, variant, depth int) *dynamicpb.Message {
	m := dynamicpb.NewMessage(d)
	if s.fillKnown(m, variant) {
		return m
	}
	for i := range d.Fields().Len() {
		fd := d.Fields().Get(i)
		if o := fd.ContainingOneof(); o != nil && o.Fields().Get(variant%o.Fields().Len()) != fd {
			continue
		}
		s.set(m, fd, variant, depth)
	}
	for _, x := range s.extensions[d.FullName()] {
		s.set(m, x.TypeDescriptor(), variant, depth)
	}
	return m
}

func (s *samples) set(m *dynamicpb.Message, fd protoreflect.FieldDescriptor, variant, depth int) {
	if d := fd.Message(); d != nil && (isMessageSet(d) || !fd.IsMap() && depth == 0 && fd.Cardinality() != protoreflect.Required) {
		return
	}
	switch {
	case fd.IsMap():
		if fd.MapValue().Message() != nil && depth == 0 {
			return
		}
		values := m.Mutable(fd).Map()
		for n := range 2 {
			values.Set(s.value(fd.MapKey(), n, depth).MapKey(), s.value(fd.MapValue(), variant+n, depth))
		}
	case fd.IsList():
		for n := range 2 {
			m.Mutable(fd).List().Append(s.value(fd, variant+n, depth))
		}
	default:
		m.Set(fd, s.value(fd, variant, depth))
	}
}

// value returns a value that is not that of a field that is missing.
func (s *samples) value(fd protoreflect.FieldDescriptor, n, depth int) protoreflect.Value {
	minus := int64(1 - 2*(n%2))
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(n%2 == 0)
	case protoreflect.EnumKind:
		values := fd.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get((n + 1) % values.Len()).Number())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(minus * (1<<31 - 1 - int64(n))))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(minus * (1<<63 - 1 - int64(n)))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(1<<32 - 1 - uint32(n))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(1<<64 - 1 - uint64(n))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(1.5 + float32(n))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(-1e300 + float64(n))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(fmt.Sprintf("größe \U0001f600 \u2028 %d", n))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0, 0xff, byte(n)})
	}
	return protoreflect.ValueOfMessage(s.fill(fd.Message(), n, max(depth-1, 0)))
}

// fillKnown fills messages that take not every value.
func (s *samples) fillKnown(m *dynamicpb.Message, n int) bool {
	fields := m.Descriptor().Fields()
	set := func(name protoreflect.Name, value any) {
		m.Set(fields.ByName(name), protoreflect.ValueOf(value))
	}
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp", "google.protobuf.Duration":
		set("seconds", int64(1_700_000_000+n))
		set("nanos", int32(123_456_789))
	case "google.protobuf.FieldMask":
		paths := m.Mutable(fields.ByName("paths")).List()
		paths.Append(protoreflect.ValueOfString("foo_bar.baz"))
	case "google.protobuf.Value":
		set("string_value", "a value")
	case "google.protobuf.Any":
		packed, err := s.types.FindMessageByName("fixture.deep.one.two.Leaf")
		if err != nil {
			return false
		}
		value, err := proto.Marshal(s.fill(packed.Descriptor(), n, 0))
		if err != nil {
			return false
		}
		set("type_url", "type.googleapis.com/fixture.deep.one.two.Leaf")
		set("value", value)
	default:
		return false
	}
	return true
}

func hasRequired(d protoreflect.MessageDescriptor) bool {
	for i := range d.Fields().Len() {
		if d.Fields().Get(i).Cardinality() == protoreflect.Required {
			return true
		}
	}
	return false
}

// conversion is what roundtrip.cjs makes of a message.
type conversion struct {
	Binary   []byte `json:"binary"`
	JSON     string `json:"json"`
	FromJSON []byte `json:"fromJson"`
	Created  []byte `json:"created"`
	Error    string `json:"error"`
}

// convert has Node convert the messages by the modules in dir.
func (s *samples) convert(t *testing.T, dir string) []conversion {
	t.Helper()
	var in bytes.Buffer
	for _, m := range s.messages {
		binary, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		text, err := protojson.MarshalOptions{Resolver: s.types}.Marshal(m)
		if err != nil {
			t.Fatalf("%s: %v", m.Descriptor().FullName(), err)
		}
		line, err := json.Marshal(map[string]any{"type": m.Descriptor().FullName(), "binary": binary, "json": string(text), "create": !hasRequired(m.Descriptor())})
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	var stderr bytes.Buffer
	cmd := exec.Command("node", filepath.Join("oracle", "roundtrip.cjs"), dir)
	cmd.Stdin, cmd.Stderr = &in, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, &stderr)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(s.messages) {
		t.Fatalf("%d messages come back of %d", len(lines), len(s.messages))
	}
	all := make([]conversion, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal([]byte(line), &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// check compares a message with what has become of it.
func (s *samples) check(t *testing.T, want *dynamicpb.Message, c conversion) {
	t.Helper()
	name := want.Descriptor().FullName()
	if c.Error != "" {
		t.Errorf("%s: %s", name, c.Error)
		return
	}
	if len(c.Created) != 0 {
		t.Errorf("%s: a new message has %x", name, c.Created)
	}
	if name == "fixture.json.enums.Holder" {
		// Only protobuf-es knows names of enum values in JSON.
		if !strings.Contains(c.JSON, `"named":"one"`) {
			t.Errorf("%s as JSON is %s", name, c.JSON)
		}
		c.JSON = strings.NewReplacer(`"one"`, "1", `"two \"quoted\"\n"`, "2").Replace(c.JSON)
	}
	for form, decode := range map[string]func(proto.Message) error{
		"binary": func(m proto.Message) error {
			return proto.UnmarshalOptions{Resolver: s.types}.Unmarshal(c.Binary, m)
		},
		"JSON": func(m proto.Message) error {
			return protojson.UnmarshalOptions{Resolver: s.types}.Unmarshal([]byte(c.JSON), m)
		},
		"binary from JSON": func(m proto.Message) error {
			return proto.UnmarshalOptions{Resolver: s.types}.Unmarshal(c.FromJSON, m)
		},
	} {
		got := dynamicpb.NewMessage(want.Descriptor())
		if err := decode(got); err != nil {
			t.Errorf("%s as %s: %v", name, form, err)
		} else if !proto.Equal(got, want) {
			t.Errorf("%s as %s is %v, want %v", name, form, got, want)
		}
	}
}
