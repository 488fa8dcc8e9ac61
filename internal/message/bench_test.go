package message

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

const flatJSON = `{"id":"0190b6a4-55c2-7000-8000-000000000001","name":"Ada Lovelace","email":"ada@example.com","age":36,"created":"1714561234567","active":true,"score":99.25,"status":"ACTIVE","token":"c2VjcmV0IHRva2Vu","flags":4096}` + "\n"

// nestedJSON is about 2 KiB.
func nestedJSON() string {
	user := `{"id":"0190b6a4-55c2-7000-8000-000000000001","displayName":"Ada Lovelace","email":"ada@example.com","age":36,"active":true,"createdAt":"2024-05-01T12:34:56.789Z","roles":["admin","user","auditor"],"metadata":{"department":"engines","floor":"3"},"status":"ACTIVE"`
	return user + `,"manager":` + user + `},"reports":[` + strings.Repeat(user+"},", 4) + user + `}]}` + "\n"
}

// benchmarks runs use for the flat and the nested message.
func benchmarks(b *testing.B, use func(b *testing.B, md protoreflect.MessageDescriptor, text, wire []byte)) {
	f := load(b)
	for _, c := range []struct{ name, message, text string }{
		{"flat", "three.Flat", flatJSON},
		{"nested", "three.User", nestedJSON()},
	} {
		b.Run(c.name, func(b *testing.B) {
			md := f.message(b, c.message)
			wire := decodeOne(b, c.text, md, DecodeOptions{})
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			use(b, md, []byte(c.text), wire)
		})
	}
}

// endless repeats a text for ever.
type endless struct {
	text []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], e.text[e.at:])
		n += c
		e.at = (e.at + c) % len(e.text)
	}
	return n, nil
}

func BenchmarkDecodeJSON(b *testing.B) {
	benchmarks(b, func(b *testing.B, md protoreflect.MessageDescriptor, text, _ []byte) {
		d := NewDecoder(&endless{text: text}, md, DecodeOptions{})
		for b.Loop() {
			if _, err := d.Next(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkDecodeProtojson is what BenchmarkDecodeJSON is measured against.
func BenchmarkDecodeProtojson(b *testing.B) {
	benchmarks(b, func(b *testing.B, md protoreflect.MessageDescriptor, text, _ []byte) {
		for b.Loop() {
			m := dynamicpb.NewMessage(md)
			if err := protojson.Unmarshal(text, m); err != nil {
				b.Fatal(err)
			}
			if _, err := (proto.MarshalOptions{Deterministic: true}).Marshal(m); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEncodeJSON(b *testing.B) {
	benchmarks(b, func(b *testing.B, md protoreflect.MessageDescriptor, _, wire []byte) {
		e := NewEncoder(md, EncodeOptions{})
		var out []byte
		for b.Loop() {
			var err error
			if out, err = e.Append(out[:0], wire); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkEncodeProtojson is what BenchmarkEncodeJSON is measured against.
func BenchmarkEncodeProtojson(b *testing.B) {
	benchmarks(b, func(b *testing.B, md protoreflect.MessageDescriptor, _, wire []byte) {
		var out []byte
		for b.Loop() {
			m := dynamicpb.NewMessage(md)
			err := proto.Unmarshal(wire, m)
			if err == nil {
				out, err = protojson.MarshalOptions{}.MarshalAppend(out[:0], m)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEncodeYAML(b *testing.B) {
	benchmarks(b, func(b *testing.B, md protoreflect.MessageDescriptor, _, wire []byte) {
		e := NewEncoder(md, EncodeOptions{Format: YAML})
		for b.Loop() {
			if _, err := e.Append(nil, wire); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDecodeBinary(b *testing.B) {
	benchmarks(b, func(b *testing.B, md protoreflect.MessageDescriptor, _, wire []byte) {
		text, err := NewEncoder(md, EncodeOptions{Format: Binary}).Append(nil, wire)
		if err != nil {
			b.Fatal(err)
		}
		d := NewDecoder(io.Reader(&endless{text: bytes.Clone(text)}), md, DecodeOptions{Format: Binary})
		for b.Loop() {
			if _, err := d.Next(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
