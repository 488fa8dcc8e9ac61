package message

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"unicode"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

func TestOwnForms(t *testing.T) {
	f := load(t)
	known := f.message(t, "three.Known")
	for _, c := range []struct {
		name string
		wire []byte
		json string
		loss Loss
		back bool // reads back
	}{
		{"any of unknown type", anyWire("type.googleapis.com/x.Y", "\x01\xff"), `{"any":{"@type":"type.googleapis.com/x.Y","@value":"Af8="}}`, Loss{Opaque: 1}, true},
		{"any that does not parse", anyWire("x/grpcx.test.three.User", "\xff"), `{"any":{"@type":"x/grpcx.test.three.User","@value":"/w=="}}`, Loss{Opaque: 1}, true},
		{"any without type", anyWire("", "\x01"), `{"any":{"@type":"","@value":"AQ=="}}`, Loss{Opaque: 1}, true},
		{"any whose type has a field @type", anyWire("x/grpcx.test.three.Hostile", "\x12\x01x"), `{"any":{"@type":"x/grpcx.test.three.Hostile","@value":"EgF4"}}`, Loss{Opaque: 1}, true},
		{"any with an impossible timestamp", anyWire("x/google.protobuf.Timestamp", "\x10\x80\x94\xeb\xdc\x03"), `{"any":{"@type":"x/google.protobuf.Timestamp","@value":"EICU69wD"}}`, Loss{Opaque: 1}, true},
		{"impossible timestamp", []byte("\x12\x06\x10\x80\x94\xeb\xdc\x03"), `{"timestamp":{"nanos":1000000000}}`, Loss{Odd: 1}, false},
		{"duration of two signs", []byte("\x1a\x0d\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), `{"duration":{"seconds":"1","nanos":-1}}`, Loss{Odd: 1}, false},
		{"mask that has no JSON form", []byte("\x22\x05\x0a\x03a__"), `{"mask":{"paths":["a__"]}}`, Loss{Odd: 1}, false},
		{"value of nothing", []byte("\x32\x00"), `{"value":null}`, Loss{Odd: 1}, false},
		{"infinite value", append([]byte("\x32\x09\x11"), protowire.AppendFixed64(nil, math.Float64bits(math.Inf(1)))...), `{"value":"Infinity"}`, Loss{Odd: 1}, false},
		{"unknown fields", []byte("\xf8\x7f\x01\xfa\x7f\x01x\x3a\x02\x98\x06"), "", Loss{}, false},
		{"unknown fields that parse", []byte("\xf8\x7f\x01\xfa\x7f\x01x"), `{}`, Loss{Unknown: 2}, false},
		{"invalid UTF-8 in depth", []byte("\xc2\x01\x0e\x0a\x01k\x12\x09\x0a\x03x/y\x12\x02\xff\xfe"), `{"anyMap":{"k":{"@type":"x/y","@value":"//4="}}}`, Loss{Opaque: 1}, true},
		{"invalid UTF-8", []byte("\x8a\x01\x04\x0a\x02a\xff"), `{"string":"a` + "\ufffd" + `"}`, Loss{Strings: 1}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := NewEncoder(known, EncodeOptions{Types: f.types})
			got, err := e.Append(nil, c.wire)
			if c.json == "" {
				if err == nil {
					t.Fatalf("got %s, want an error", got)
				}
				return
			}
			if err != nil || string(got) != c.json+"\n" {
				t.Fatalf("got %s and %v, want %s", got, err, c.json)
			}
			if e.Loss() != c.loss {
				t.Errorf("got %+v, want %+v", e.Loss(), c.loss)
			}
			if !c.back {
				return
			}
			if back := decodeOne(t, string(got), known, DecodeOptions{Types: f.types}); !bytes.Equal(back, c.wire) {
				t.Errorf("reads back as %x, want %x", back, c.wire)
			}
		})
	}
	t.Run("invalid UTF-8 in groups, maps and lists", func(t *testing.T) {
		tree := f.message(t, "two.Tree")
		wire := []byte("\x2b\x32\x02\xffa\x2c\x42\x07\x08\x01\x12\x03\x0a\x01\xfe\x12\x03\x0a\x01b")
		scalars := f.message(t, "three.Maps")
		e := NewEncoder(tree, EncodeOptions{})
		got, err := e.Append(nil, wire)
		if want := "{\"children\":[{\"name\":\"b\"}],\"leaf\":{\"s\":\"\ufffda\"},\"byNumber\":{\"1\":{\"name\":\"\ufffd\"}}}\n"; err != nil || string(got) != want || e.Loss().Strings != 2 {
			t.Errorf("proto2: got %s, %v, %+v", got, err, e.Loss())
		}
		e = NewEncoder(scalars, EncodeOptions{})
		got, err = e.Append(nil, []byte("\x6a\x08\x0a\x01\xff\x12\x03\x72\x01\xff\xf8\x7f\x01"))
		if want := "{\"messages\":{\"\ufffd\":{\"string\":\"\ufffd\"}}}\n"; err != nil || string(got) != want || e.Loss() != (Loss{Strings: 2, Unknown: 1}) {
			t.Errorf("proto3: got %s, %v, %+v", got, err, e.Loss())
		}
		if got, n := repairUTF8(wire, tree, noTypes(nil)); n != 2 || len(got) < len(wire) {
			t.Errorf("repaired %d strings: %x", n, got)
		}
	})
	t.Run("url that is no name", func(t *testing.T) {
		for _, url := range []string{"\x1b[31m/grpcx.test.three.User", "\"\"/grpcx.test.three.User", "\n]/grpcx.test.three.User", "%\u202e/grpcx.test.three.User", "/grpcx.test.three.User", "a//grpcx.test.three.User", "-/grpcx.test.three.User"} {
			for _, format := range []Format{JSON, Text, YAML} {
				wire := anyWire(url, "\x20\x01")
				text, err := NewEncoder(known, EncodeOptions{Types: f.types, Format: format}).Append(nil, wire)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range string(text) {
					if r != '\n' && needsEscape(r) {
						t.Errorf("%s: %U in %q", format, r, text)
					}
				}
				if back := decodeOne(t, string(text), known, DecodeOptions{Types: f.types, Format: format}); !bytes.Equal(back, wire) {
					t.Errorf("%s of %q reads back as %x:\n%s", format, url, back, text)
				}
			}
		}
	})
	t.Run("any within any within ...", func(t *testing.T) {
		wire := []byte("\x0a\x01a")
		for range 200 {
			inner := protowire.AppendTag(nil, 1, protowire.BytesType)
			inner = protowire.AppendString(inner, "x/google.protobuf.Any")
			inner = protowire.AppendTag(inner, 2, protowire.BytesType)
			wire = protowire.AppendBytes(inner, wire)
		}
		anyType := f.message(t, "google.protobuf.Any")
		for _, format := range []Format{JSON, Text} {
			text, err := NewEncoder(anyType, EncodeOptions{Types: f.types, Format: format}).Append(nil, wire)
			if err != nil {
				t.Fatal(err)
			}
			if back := decodeOne(t, string(text), anyType, DecodeOptions{Types: f.types, Format: format}); !bytes.Equal(back, wire) {
				t.Errorf("%s reads back as other bytes", format)
			}
		}
	})
	t.Run("content beside @value", func(t *testing.T) {
		_, err := decodeAll(`{"any":{"@type":"x/y.Z","@value":"AQ==","a":1}}`, known, DecodeOptions{Types: f.types})
		if err == nil || !strings.Contains(err.Error(), `"a" stands beside the "@value"`) {
			t.Error(err)
		}
	})
	t.Run("resolver that fails", func(t *testing.T) {
		_, err := decodeAll(`{"any":{"@type":"x/y.Z"}}`, known, DecodeOptions{Types: &failing{}})
		if err == nil || !strings.Contains(err.Error(), `find type "x/y.Z": no such luck`) {
			t.Error(err)
		}
	})
}

func TestOutputIsBounded(t *testing.T) {
	f := load(t)
	tree := f.message(t, "two.Tree")
	deep := func(levels int, leaf []byte) []byte {
		for range levels {
			leaf = protowire.AppendBytes([]byte{0x12}, leaf) // children
		}
		return leaf
	}
	wide := bytes.Repeat([]byte{0x12, 0}, 10000)
	tooDeep, muchTooDeep, deepAndWide := deep(1500, nil), deep(12000, nil), deep(500, wide)
	for _, format := range []Format{JSON, Pretty, Text, YAML} {
		t.Run(string(format), func(t *testing.T) {
			e := NewEncoder(tree, EncodeOptions{Format: format})
			if out, err := e.Append([]byte("kept"), tooDeep); err == nil || string(out) != "kept" {
				t.Errorf("1500 levels: %d bytes, %v", len(out), err)
			}
			out, err := e.Append(nil, deepAndWide)
			if err != nil {
				t.Fatal(err)
			}
			if most := 300 * len(wide); len(out) > most {
				t.Errorf("500 levels and 10000 leaves are %d bytes, want at most %d", len(out), most)
			}
			if _, err := e.Append(nil, muchTooDeep); err == nil {
				t.Error("12000 levels are no error")
			}
			if _, err := e.Append(nil, []byte{0xff}); err == nil || !strings.HasPrefix(err.Error(), "decode grpcx.test.two.Tree: ") {
				t.Error(err)
			}
		})
	}
}

func TestFormats(t *testing.T) {
	f := load(t)
	user := f.message(t, "three.User")
	wire := decodeOne(t, `{"displayName":"a b","age":-1,"active":true,"metadata":{"true":"x: y"},"roles":["no","\u001b[31m\u202e\udb40\udc01","3"],"manager":{},"reports":[{"id":"r","roles":["q"]}]}`, user, DecodeOptions{})
	for _, c := range []struct {
		name string
		o    EncodeOptions
		want string
	}{
		{"json", EncodeOptions{}, `{"displayName":"a b","age":-1,"active":true,"roles":["no","\u001b[31m\u202e\udb40\udc01","3"],"metadata":{"true":"x: y"},"manager":{},"reports":[{"id":"r","roles":["q"]}]}
`},
		{"jsonl with proto names", EncodeOptions{Format: JSONL, ProtoNames: true}, `{"display_name":"a b","age":-1,"active":true,"roles":["no","\u001b[31m\u202e\udb40\udc01","3"],"metadata":{"true":"x: y"},"manager":{},"reports":[{"id":"r","roles":["q"]}]}
`},
		{"pretty", EncodeOptions{Format: Pretty}, `{
  "displayName": "a b",
  "age": -1,
  "active": true,
  "roles": [
    "no",
    "\u001b[31m\u202e\udb40\udc01",
    "3"
  ],
  "metadata": {
    "true": "x: y"
  },
  "manager": {},
  "reports": [
    {
      "id": "r",
      "roles": [
        "q"
      ]
    }
  ]
}
`},
		{"yaml", EncodeOptions{Format: YAML}, `displayName: a b
age: -1
active: true
roles:
  - "no"
  - "\u001b[31m\u202e\U000e0001"
  - "3"
metadata:
  "true": "x: y"
manager: {}
reports:
  - id: r
    roles:
      - q
`},
		{"text", EncodeOptions{Format: Text}, `display_name: "a b"
age: -1
active: true
roles: "no"
roles: "\x1b[31m\u202e\U000e0001"
roles: "3"
metadata: {
  key: "true"
  value: "x: y"
}
manager: {}
reports: {
  id: "r"
  roles: "q"
}
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := NewEncoder(user, c.o)
			got, err := e.Append(nil, wire)
			if err != nil || string(got) != c.want {
				t.Errorf("got %v\n%s\nwant\n%s", err, got, c.want)
			}
			again, err := e.Append(nil, wire)
			separator := map[Format]string{YAML: "---\n", Text: "\x1e\n"}[c.o.Format]
			if err != nil || string(again) != separator+c.want {
				t.Errorf("the second message: got %v\n%q", err, again)
			}
		})
	}
	t.Run("color", func(t *testing.T) {
		got, err := NewEncoder(user, EncodeOptions{Format: Pretty, Color: true}).Append(nil, []byte("\x0a\x01a\x20\x01"))
		want := "{\n  \x1b[34;1m\"id\"\x1b[0m: \x1b[32m\"a\"\x1b[0m,\n  \x1b[34;1m\"age\"\x1b[0m: \x1b[36m1\x1b[0m\n}\n"
		if err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	})
	t.Run("empty", func(t *testing.T) {
		for format, want := range map[Format]string{JSON: "{}\n", Pretty: "{}\n", YAML: "{}\n", Text: "# empty message\n", Binary: "\x00"} {
			if got, err := NewEncoder(user, EncodeOptions{Format: format}).Append(nil, nil); err != nil || string(got) != want {
				t.Errorf("%s: got %q, %v, want %q", format, got, err, want)
			}
		}
	})
	t.Run("unknown format", func(t *testing.T) {
		if _, err := NewEncoder(user, EncodeOptions{Format: "xml"}).Append(nil, nil); err == nil {
			t.Error("no error")
		}
	})
	t.Run("response without a required field", func(t *testing.T) {
		got, err := NewEncoder(f.message(t, "two.Legacy"), EncodeOptions{}).Append(nil, []byte("\x10\x01"))
		if err != nil || string(got) != "{\"count\":1}\n" {
			t.Errorf("got %s, %v", got, err)
		}
	})
}

func TestNeedsEscapeKnowsUnicode(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if want := unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp); needsEscape(r) != want {
			t.Errorf("%U: got %v", r, !want)
		}
	}
}

func TestValue(t *testing.T) {
	f := load(t)
	md := f.message(t, "three.Known")
	wire := decodeOne(t, `{"int64":"5","double":1.5,"null":null,"list":[1,-1,1e300,true,null,"x",{}],"any":{"@type":"x/grpcx.test.three.User","age":3}}`, md, DecodeOptions{Types: f.types})
	for _, format := range []Format{JSON, Pretty, YAML, Text} {
		v, err := NewEncoder(md, EncodeOptions{Types: f.types, Format: format, Color: true}).Value(wire)
		if err != nil {
			t.Fatal(err)
		}
		m := v.(map[string]any)
		list := m["list"].([]any)
		if m["int64"] != "5" || m["double"] != 1.5 || list[0] != 1 || list[1] != -1 || list[2] != 1e300 || list[3] != true || list[4] != nil || list[5] != "x" ||
			m["any"].(map[string]any)["age"] != 3 {
			t.Errorf("%s: got %#v", format, v)
		}
	}
}

type failing struct{ protoregistry.Types }

func (failing) FindMessageByURL(string) (protoreflect.MessageType, error) {
	return nil, errors.New("no such luck")
}

func (failing) FindExtensionByNumber(protoreflect.FullName, protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	return nil, protoregistry.NotFound
}

// anyWire gives a Known whose any has a type and value.
func anyWire(url, value string) []byte {
	var a []byte
	if url != "" {
		a = protowire.AppendString(protowire.AppendTag(a, 1, protowire.BytesType), url)
	}
	a = protowire.AppendString(protowire.AppendTag(a, 2, protowire.BytesType), value)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), a)
}
