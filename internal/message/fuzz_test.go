package message

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// fuzzTypes are the types that fuzzed input is read as, chosen by its first
// argument.
var fuzzTypes = []string{
	"three.Scalars", "three.Repeated", "three.Maps", "three.Choice", "three.Known", "three.User", "three.Hostile",
	"two.Legacy", "two.Tree", "edition.Featured", "google.protobuf.Value", "google.protobuf.Any",
}

func fuzzType(t testing.TB, f *fixtures, n byte) protoreflect.MessageDescriptor {
	return f.message(t, fuzzTypes[int(n)%len(fuzzTypes)])
}

func seedJSON(f *testing.F) *fixtures {
	fx := load(f)
	for i, name := range fuzzTypes {
		for _, input := range messages[name] {
			f.Add(byte(i), input)
		}
	}
	known := fx.message(f, "three.Known")
	for i := range known.Fields().Len() {
		for j := i; j < len(values); j += 17 {
			f.Add(byte(4), `{"`+known.Fields().Get(i).JSONName()+`":`+values[j]+`}`)
		}
	}
	return fx
}

// FuzzJSONDecode holds reading and writing JSON against protojson, and writing
// then reading against itself.
func FuzzJSONDecode(f *testing.F) {
	fx := seedJSON(f)
	f.Fuzz(func(t *testing.T, n byte, input string) {
		md := fuzzType(t, fx, n)
		compareDecode(t, fx, md, input, true)
		wire := compareDecode(t, fx, md, input, false)
		if wire == nil {
			return
		}
		compareEncode(t, fx, md, wire)
		for _, format := range []Format{JSON, Pretty, Text, YAML} {
			roundTrip(t, fx, md, wire, format)
		}
	})
}

// FuzzWire writes any wire bytes in every format, and reads them back.
func FuzzWire(f *testing.F) {
	fx := load(f)
	for i, name := range fuzzTypes {
		for _, input := range messages[name] {
			all, _ := decodeAll(input, fx.message(f, name), DecodeOptions{Types: fx.types})
			for _, wire := range all {
				f.Add(byte(i), wire)
			}
		}
	}
	f.Add(byte(0), []byte("\x72\x02\xff\xfe"))                                 // invalid UTF-8 in Scalars.string
	f.Add(byte(4), []byte("\x12\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f")) // a Timestamp out of range
	f.Add(byte(4), []byte("\x0a\x06\x0a\x01x\x12\x01\xff"))                    // an Any of unknown type
	f.Add(byte(4), []byte("\x32\x00"))                                         // a Value of nothing
	f.Fuzz(func(t *testing.T, n byte, wire []byte) {
		md := fuzzType(t, fx, n)
		compareEncode(t, fx, md, wire)
		for _, format := range []Format{JSON, Pretty, Text, YAML, Binary} {
			roundTrip(t, fx, md, wire, format)
		}
	})
}

// roundTrip writes wire and checks that nothing in it can move a terminal, and
// that it reads back as the same message where nothing was lost.
func roundTrip(t *testing.T, f *fixtures, md protoreflect.MessageDescriptor, wire []byte, format Format) {
	t.Helper()
	e := NewEncoder(md, EncodeOptions{Format: format, Types: f.types})
	text, err := e.Append(nil, wire)
	if err != nil {
		return
	}
	two, err := e.Append(bytes.Clone(text), wire)
	if err != nil {
		t.Fatal(err)
	}
	m := dynamicpb.NewMessage(md)
	if format != Binary {
		for _, r := range strings.ReplaceAll(string(two), "\x1e\n", "") {
			if r != '\n' && needsEscape(r) {
				t.Fatalf("%s has %U unescaped: %q", format, r, text)
			}
		}
	}
	if e.Loss() != (Loss{}) && !(e.Loss().Opaque > 0 && e.Loss() == Loss{Opaque: e.Loss().Opaque} && format != Text) {
		return
	}
	if (proto.UnmarshalOptions{Resolver: f.types}).Unmarshal(wire, m) != nil {
		return // required fields are missing
	}
	if hasUnreadable(m) {
		return
	}
	in := format
	if in == Pretty {
		in = JSON
	}
	all, err := decodeAll(string(two), md, DecodeOptions{Format: in, Types: f.types})
	if err != nil {
		t.Fatalf("%s of %x does not read back: %v\n%s", format, wire, err, two)
	}
	if len(all) != 2 {
		t.Fatalf("%s of %x reads back as %d messages, want 2\n%s", format, wire, len(all), two)
	}
	want, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range all {
		if !bytes.Equal(f.normal(t, md, got), normalAnys(t, f, md, want)) {
			t.Fatalf("%s of %x reads back as %x:\n%s", format, want, got, two)
		}
	}
}

func drain(d *Decoder) error {
	for {
		if _, err := d.Next(); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
	}
}

// FuzzYAML reads any YAML without a panic, and its errors have a place.
func FuzzYAML(f *testing.F) {
	fx := seedJSON(f)
	for _, doc := range yamlDocuments {
		f.Add(byte(5), doc)
	}
	f.Fuzz(func(t *testing.T, n byte, input string) {
		fuzzText(t, fx, n, input, YAML)
	})
}

// FuzzText reads any text without a panic, and its errors have a place.
func FuzzText(f *testing.F) {
	fx := load(f)
	for _, s := range []string{"", "id: 'x'\x1eid: \"y\"\x1e", "# c\n", "manager { id: \"\\u202e\" }", "id:", "nope: 1", "\x1e\x1e", "any { [x/grpcx.test.three.User] { id: 'a' } }"} {
		f.Add(byte(5), s)
		f.Add(byte(4), s)
	}
	f.Fuzz(func(t *testing.T, n byte, input string) {
		fuzzText(t, fx, n, input, Text)
	})
}

func fuzzText(t *testing.T, f *fixtures, n byte, input string, format Format) {
	md := fuzzType(t, f, n)
	d := NewDecoder(strings.NewReader(input), md, DecodeOptions{Format: format, Types: f.types, Name: "in", Array: n%2 == 0})
	for {
		wire, err := d.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			checkError(t, err, input)
			return
		}
		for _, out := range []Format{JSON, YAML, Text} {
			roundTrip(t, f, md, wire, out)
		}
	}
}

// FuzzBinary reads any bytes without a panic.
func FuzzBinary(f *testing.F) {
	fx := load(f)
	for _, s := range []string{"", "\x00", "\x00\x00", "\x02\x08\x01", "\x05\x08", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x80", "\x80\x00", "\x01\x08"} {
		f.Add(byte(0), []byte(s))
	}
	f.Fuzz(func(t *testing.T, n byte, input []byte) {
		d := NewDecoder(bytes.NewReader(input), fuzzType(t, fx, n), DecodeOptions{Format: Binary, Types: fx.types, MaxBytes: 1 << 16})
		if err := drain(d); err != nil && !strings.Contains(err.Error(), "byte offset") {
			t.Fatalf("%x: %v names no offset", input, err)
		}
	})
}
