package message

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

func TestErrorsNamePlacePathAndCause(t *testing.T) {
	f := load(t)
	for _, c := range []struct{ name, message, input, want, snippet string }{
		{"unknown field", "three.User", `{"emial":"a"}`, `in:1:2: unknown field "emial"; did you mean "email"?`, `{"emial":"a"}`},
		{"unknown field of another spelling", "three.User", `{"DisplayName":"a"}`, `in:1:2: unknown field "DisplayName"; did you mean "displayName"?`, ""},
		{"unknown field like nothing", "three.User", `{"zzz":1}`, `in:1:2: unknown field "zzz" in grpcx.test.three.User`, ""},
		{"element", "three.User", "{\n  \"roles\": [\"a\",\n    12]}", `in:3:5: roles[1]: want string, got number 12`, "    12]}"},
		{"nested", "three.User", `{"manager":{"reports":[{},{"age":"x"}]}}`, `in:1:34: manager.reports[1].age: want int32, got string "x"`, ""},
		{"map value", "three.User", `{"metadata":{"a.b":true}}`, `in:1:20: metadata["a.b"]: want string, got true`, ""},
		{"map key", "three.Maps", `{"int32s":{"x":"y"}}`, `in:1:12: int32s: want a map key that is int32, got "x"`, ""},
		{"as typed", "three.User", `{"display_name":1}`, `in:1:17: display_name: want string, got number 1`, ""},
		{"enum value", "three.User", `{"status":"ACTVE"}`, `in:1:11: status: unknown Status "ACTVE"; did you mean "ACTIVE"?`, ""},
		{"enum value like nothing", "three.User", `{"status":"Q"}`, `in:1:11: status: unknown Status "Q"; it has STATUS_UNSPECIFIED, ACTIVE, INACTIVE, SUSPENDED`, ""},
		{"range", "three.User", `{"age":2147483648}`, `in:1:8: age: want int32, got number 2147483648: out of range`, ""},
		{"fraction", "three.User", `{"age":1.5}`, `in:1:8: age: want int32, got number 1.5: not an integer`, ""},
		{"base64", "three.Scalars", `{"bytes":"a*b="}`, `in:1:10: bytes: want bytes as a base64 string, got "a*b=": invalid at byte 1`, ""},
		{"timestamp", "three.User", `{"createdAt":"yesterday"}`, `in:1:14: createdAt: want a timestamp like "2006-01-02T15:04:05Z", got string "yesterday": not in RFC 3339`, ""},
		{"day", "three.User", `{"createdAt":"2024-02-30T00:00:00Z"}`, `in:1:14: createdAt: want a timestamp like "2006-01-02T15:04:05Z", got string "2024-02-30T00:00:00Z": day out of range`, ""},
		{"duration", "three.Known", `{"duration":"5m"}`, `in:1:13: duration: want a duration like "1.5s", got string "5m": want the suffix "s"`, ""},
		{"field mask", "three.Known", `{"mask":"display_name"}`, `in:1:9: mask: field mask path "display_name" must be in lowerCamelCase; did you mean "displayName"?`, ""},
		{"oneof", "three.Choice", `{"text":"a","number":1}`, `in:1:13: number: another member of oneof choice is already set`, ""},
		{"duplicate", "three.User", `{"displayName":"a","display_name":"b"}`, `in:1:20: duplicate field "display_name" ("displayName" is the same field)`, ""},
		{"required", "two.Legacy", `{"id":"a","child":{"count":1}}`, `in:1:19: child: missing required field "id"`, ""},
		{"extension", "two.Legacy", `{"id":"a","[grpcx.test.two.extension_message]":{"n":"x"}}`, `in:1:53: [grpcx.test.two.extension_message].n: want int32, got string "x"`, ""},
		{"any", "three.Known", `{"any":{"@type":"x/nope.Nope","a":1}}`, `in:1:17: any."@type": unknown type "x/nope.Nope"`, ""},
		{"inside any", "three.Known", `{"any":{"@type":"x/grpcx.test.three.User","age":"x"}}`, `in:1:49: any.age: want int32, got string "x"`, ""},
		{"trailing comma", "three.User", "{\"age\":1,\n}", `in:2:1: want a field name in double quotes, got "}" (JSON has no trailing commas)`, "}"},
		{"comment", "three.User", "{ // c\n}", `in:1:3: want "}" or a field name in double quotes, got "/" (JSON has no comments)`, ""},
		{"single quotes", "three.User", `{'age':1}`, `in:1:2: want "}" or a field name in double quotes, got "'" (JSON strings take double quotes)`, ""},
		{"cut", "three.User", `{"age":1`, `in:1:9: the input ends inside an object`, ""},
		{"line break in a string", "three.User", "{\"id\":\"a\nb\"}", `in:1:9: id: the string is not closed on its line: write a line break in it \n`, ""},
		{"half a surrogate pair", "three.User", `{"id":"\ud83d"}`, `in:1:8: id: \ud83d is half of a surrogate pair`, ""},
		{"not an object", "three.User", `[1]`, `in:1:1: want an object (grpcx.test.three.User), got an array`, ""},
		{"columns are characters", "three.User", `{"id":"äöü","age":"x"}`, `in:1:19: age: want int32, got string "x"`, ""},
		{"in a later message", "three.User", "{\"age\":1}\n{\"age\":2} {\"age\":\"x\"}", `in:2:18: age: want int32, got string "x"`, `{"age":2} {"age":"x"}`},
		{"hostile text", "three.User", "{\"\u202e\x7f\":1}", `in:1:2: unknown field "\u202e\x7f" in grpcx.test.three.User`, `{"\u202e\x7f":1}`},
		{"long line", "three.User", `{"id":"` + strings.Repeat("x", 300) + `","age":"y","email":"` + strings.Repeat("z", 300) + `"}`,
			`in:1:316: age: want int32, got string "y"`, "…" + strings.Repeat("x", 52) + `","age":"y","email":"` + strings.Repeat("z", 27) + "…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := decodeAll(c.input, f.message(t, c.message), DecodeOptions{Types: f.types, Name: "in"})
			checkError(t, err, c.input)
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
			var e *Error
			if errors.As(err, &e); c.snippet != "" && e.Snippet != c.snippet {
				t.Errorf("got  snippet %q\nwant %q", e.Snippet, c.snippet)
			}
		})
	}
}

func TestReadsNoFurtherThanTheMessage(t *testing.T) {
	f := load(t)
	for _, c := range []struct {
		name   string
		format Format
		array  bool
		pieces []string // each holds exactly one message
	}{
		{"json", JSON, false, []string{`{"age":1}`, "\n{\"age\":2}", ` {"age": 3 }`}},
		{"array", JSON, true, []string{`[ {"age":1}`, `,{"age":2}`, `, {"age":3}`}},
		{"text", Text, false, []string{"age: 1\x1e", "age: 2\n\x1e", "age:3\x1e"}},
		{"yaml", YAML, false, []string{"age: 1\n---\n", "age: 2\n...\n", "age: 3\n--- \n"}},
		{"binary", Binary, false, []string{"\x02\x20\x01", "\x02\x20\x02", "\x02\x20\x03"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w := io.Pipe()
			defer w.Close()
			d := NewDecoder(r, f.message(t, "three.User"), DecodeOptions{Format: c.format, Array: c.array})
			for i, piece := range c.pieces {
				type next struct {
					wire []byte
					err  error
				}
				got := make(chan next, 1)
				go func() {
					wire, err := d.Next()
					got <- next{wire, err}
				}()
				for _, b := range []byte(piece) {
					if _, err := w.Write([]byte{b}); err != nil {
						t.Fatal(err)
					}
				}
				select {
				case n := <-got:
					if want := []byte{0x20, byte(i + 1)}; n.err != nil || !bytes.Equal(n.wire, want) {
						t.Fatalf("message %d: got %x, %v, want %x", i, n.wire, n.err, want)
					}
				case <-time.After(time.Minute):
					t.Fatalf("message %d is not returned when its last byte has arrived", i)
				}
			}
		})
	}
}

func TestStreams(t *testing.T) {
	f := load(t)
	for _, c := range []struct {
		name, message, input string
		o                    DecodeOptions
		want                 int // messages
		err                  string
	}{
		{"nothing", "three.User", " \n ", DecodeOptions{}, 0, ""},
		{"touching", "three.User", `{}{}{}`, DecodeOptions{}, 3, ""},
		{"array is no message", "three.User", `[{},{}]`, DecodeOptions{}, 0, "in:1:1: want an object (grpcx.test.three.User), got an array"},
		{"array", "three.User", `[{},{}] {} [] [{}]`, DecodeOptions{Array: true}, 4, ""},
		{"array without comma", "three.User", `[{} {}]`, DecodeOptions{Array: true}, 1, `in:1:5: want "," or "]", got "{"`},
		{"array with a trailing comma", "three.User", `[{},]`, DecodeOptions{Array: true}, 1, `in:1:5: want a value, got "]" (JSON has no trailing commas)`},
		{"open array", "three.User", `[{},{}`, DecodeOptions{Array: true}, 2, "in:1:7: the input ends inside an array of messages"},
		{"array of a list type is the message", "google.protobuf.ListValue", `[1] [2]`, DecodeOptions{Array: true}, 2, ""},
		{"array of arrays", "three.User", `[[{}]]`, DecodeOptions{Array: true}, 0, "in:1:2: want an object (grpcx.test.three.User), got an array"},
		{"good before bad", "three.User", `{} {} x`, DecodeOptions{}, 2, `in:1:7: want an object (grpcx.test.three.User), got "x"`},
		{"too long", "three.User", `{} {"id":"` + strings.Repeat("x", 100) + `"}`, DecodeOptions{MaxBytes: 64}, 1, "in:1:4: id: the message is longer than 64 bytes"},
		{"as long as allowed", "three.User", strings.Repeat(`{"id":"`+strings.Repeat("x", 55)+`"}`, 9), DecodeOptions{MaxBytes: 64}, 9, ""},
		{"long white space", "three.User", strings.Repeat(" ", 1<<20) + "{}", DecodeOptions{MaxBytes: 64}, 1, ""},
		{"deep", "two.Tree", strings.Repeat(`{"children":[`, 900) + strings.Repeat(`]}`, 900), DecodeOptions{}, 1, ""},
		{"deeper than an own limit", "google.protobuf.Value", `[[[]]]`, DecodeOptions{MaxDepth: 2}, 0, "in:1:3: [0][0]: nested deeper than 2 messages"},
		{"unknown and deep", "three.User", `{"x":` + strings.Repeat(`[`, 2000) + strings.Repeat(`]`, 2000) + `}`, DecodeOptions{AllowUnknown: true}, 0, "in:1:1005: x: nested deeper than 1000 messages"},
		{"text separators", "three.User", "age: 1\x1e\x1eage: 2\x1e\n", DecodeOptions{Format: Text}, 3, ""},
		{"text comment is a message", "three.User", "# empty message\n", DecodeOptions{Format: Text}, 1, ""},
		{"text error in a later message", "three.User", "age: 1\x1e\nid: 'x'\nemial: 2", DecodeOptions{Format: Text}, 1, "in:3:1: unknown field: emial"},
		{"yaml documents", "three.User", "---\nid: a\n---\n---\nid: b\n...\n# end\n", DecodeOptions{Format: YAML}, 2, ""},
		{"yaml sequence", "three.User", "- id: a\n- {id: b}\n---\n[]\n---\n- id: c\n", DecodeOptions{Format: YAML, Array: true}, 3, ""},
		{"yaml error in a later document", "three.User", "id: a\n---\nid: b\nroles:\n  - x\n  - 12\n", DecodeOptions{Format: YAML}, 1, "in:6:5: roles[1]: want string, got number 12"},
		{"yaml syntax", "three.User", "id: a\n---\nid: [\n", DecodeOptions{Format: YAML}, 1, "in:3:5: the [ has no ]"},
		{"yaml too long", "three.User", "id: " + strings.Repeat("x", 100), DecodeOptions{Format: YAML, MaxBytes: 64}, 0, "in:1:1: the message is longer than 64 bytes"},
		{"binary", "three.User", "\x02\x20\x01\x00\x02\x20\x02", DecodeOptions{Format: Binary}, 3, ""},
		{"binary cut in a message", "three.User", "\x00\x05\x20\x01", DecodeOptions{Format: Binary}, 1, "in: message 2 at byte offset 1 is cut short: 2 of 5 bytes"},
		{"binary cut in a length", "three.User", "\x80", DecodeOptions{Format: Binary}, 0, "in: message 1 at byte offset 0 is cut short in its length"},
		{"binary too long", "three.User", "\xff\x7f", DecodeOptions{Format: Binary, MaxBytes: 64}, 0, "in: message 1 at byte offset 0 is 16383 bytes long, longer than 64"},
		{"binary of another type", "three.User", "\x01\x08", DecodeOptions{Format: Binary}, 0, "in: message 1 at byte offset 0 is no valid grpcx.test.three.User: cannot parse invalid wire-format data"},
		{"format", "three.User", "", DecodeOptions{Format: "xml"}, 0, `input format "xml": want json, text, yaml or binary`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Name = "in"
			for _, r := range []io.Reader{strings.NewReader(c.input), iotest.OneByteReader(strings.NewReader(c.input)), iotest.DataErrReader(strings.NewReader(c.input))} {
				d := NewDecoder(r, f.message(t, c.message), c.o)
				n := 0
				_, err := d.Next()
				for ; err == nil; _, err = d.Next() {
					n++
				}
				got := err.Error()
				if errors.Is(err, io.EOF) {
					got = ""
				}
				if n != c.want || got != c.err {
					t.Errorf("got %d messages and %q, want %d and %q", n, got, c.want, c.err)
				}
				if _, again := d.Next(); !errors.Is(again, err) {
					t.Errorf("Next returns %v after %v", again, err)
				}
			}
		})
	}
}

func TestReadErrorIsWrapped(t *testing.T) {
	f := load(t)
	cause := errors.New("boom")
	for _, format := range []Format{JSON, Text, YAML, Binary} {
		r := io.MultiReader(strings.NewReader("\x02"), iotest.ErrReader(cause))
		if format != Binary {
			r = io.MultiReader(strings.NewReader(`{"id":"a`), iotest.ErrReader(cause))
		}
		_, err := NewDecoder(r, f.message(t, "three.User"), DecodeOptions{Format: format, Name: "in"}).Next()
		if !errors.Is(err, cause) || !strings.HasPrefix(err.Error(), "in:") {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestTypesThatNoFormatCarries(t *testing.T) {
	f := load(t)
	if _, err := NewDecoder(strings.NewReader("{}"), protoreflect.MessageDescriptor(placeholder{f.message(t, "three.User")}), DecodeOptions{}).Next(); err == nil {
		t.Error("a type whose definition is missing is no error")
	}
}

type placeholder struct{ protoreflect.MessageDescriptor }

func (placeholder) IsPlaceholder() bool { return true }
