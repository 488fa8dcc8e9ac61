package message

import (
	"strings"
	"testing"
)

// yamlDocuments are read as users.
var yamlDocuments = []string{
	"id: a\nroles: [x, y]\n---\nid: b\n",
	"- id: a\n- id: b\n",
	"x: &x {id: q}\nmanager: *x\n",
	"manager: &m\n  id: boss\nreports:\n- *m\n- <<: *m\n  age: 3\n",
	"a: &a [*a]\n",
	"id: |\n  two\n  lines\n",
	"%YAML 1.2\n---\nid: !!str 12\n...\n",
	"age: 0x1F\n", "? id\n: x\n", "", "---\n---\n", "# nothing\n", "\t", "id: \"\\ud83d\\ude00\"", "{", "&a", "*a", "!!x y", "[", "- - - -", "a: b: c", "'", "\"", "|", ">", "%", "@", "`",
}

func TestYAMLScalars(t *testing.T) {
	f := load(t)
	value := f.message(t, "google.protobuf.Value")
	for input, want := range map[string]string{
		"0x1F": "31", "0o17": "15", "017": "17", "1_000": `"1_000"`, "+12": "12", "-0": "-0", "1e3": "1000", ".5": "0.5", "1.": "1", "0b11": `"0b11"`,
		"12345678901234567890": "12345678901234567000", "yes": `"yes"`, "NO": `"NO"`, "on": `"on"`, "y": `"y"`, "True": "true", "FALSE": "false", "~": "null", "Null": "null",
		"2024-01-02": `"2024-01-02"`, "12:30:45": `"12:30:45"`, ".inf": `"Infinity"`, "-.INF": `"-Infinity"`, ".nan": `"NaN"`, "'12'": `"12"`, `"\u00e9\x41"`: `"éA"`, "'it''s'": `"it's"`,
		"!!str 12": `"12"`, "! 12": `"12"`, "!!binary aG k=": `"aGk="`, "!!int 12": "12", "|\n a\n  b\n": `"a\n b\n"`, ">-\n a\n b\n": `"a b"`, "[1, a, {b: c}]": `[1,"a",{"b":"c"}]`,
		"{1: a, true: b, 0x10: c, null: d}": `{"1":"a","16":"c","null":"d","true":"b"}`, "a: &x {b: 1}\nc: *x": `{"a":{"b":1},"c":{"b":1}}`,
		"x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}": `{"x":{"a":1,"b":2},"y":{"a":1,"b":3}}`, "a:": `{"a":null}`, "? a\n: b": `{"a":"b"}`,
		"x: &x {a: 1}\ny: &y {a: 2, c: 3}\nz: {<<: [*x, *y]}": `{"x":{"a":1},"y":{"a":2,"c":3},"z":{"a":1,"c":3}}`,
	} {
		wire := decodeOne(t, input, value, DecodeOptions{Format: YAML})
		got, err := NewEncoder(value, EncodeOptions{}).Append(nil, wire)
		if err != nil || strings.TrimSpace(string(got)) != want {
			t.Errorf("%q: got %s and %v, want %s", input, got, err, want)
		}
	}
	crowd := "[" + strings.Repeat("a,", 2<<20-9) + "]"
	for input, want := range map[string]string{
		"a: &a [*a]":              "in:1:8: anchor \"a\" contains itself",
		"*a":                      "in:1:1: unknown anchor \"a\"",
		"a: 1\na: 2":              `in:2:1: mapping key "a" already defined at [1:1]`,
		"a: !mine 1":              `in:1:4: tag "!mine" is not supported`,
		"a: {<<: 1}":              `in:1:9: want a mapping, or a sequence of mappings, after "<<:"`,
		strings.Repeat("[", 2000): "in:1:1001: nested deeper than 1000 levels",
		crowd:                     "in:1:2000001: too many values",
		laughs():                  "in:1:30: aliases make the document longer than",
	} {
		_, err := decodeAll(input, value, DecodeOptions{Format: YAML, Name: "in"})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %s", input, err, want)
		} else {
			checkError(t, err, input)
		}
	}
	t.Run("64 bits", func(t *testing.T) {
		scalars := f.message(t, "three.Scalars")
		wire := decodeOne(t, "uint64: 18446744073709551615\nint64: -9223372036854775808", scalars, DecodeOptions{Format: YAML})
		got, _ := NewEncoder(scalars, EncodeOptions{}).Append(nil, wire)
		if want := `{"int64":"-9223372036854775808","uint64":"18446744073709551615"}` + "\n"; string(got) != want {
			t.Errorf("got %s", got)
		}
	})
}

// laughs is a document whose aliases stand for a billion values.
func laughs() string {
	doc := "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
	for i := range 9 {
		ref := "*a" + string(rune('0'+i))
		doc += "a" + string(rune('1'+i)) + ": &a" + string(rune('1'+i)) + " [" + strings.Repeat(ref+", ", 9) + ref + "]\n"
	}
	return doc
}
