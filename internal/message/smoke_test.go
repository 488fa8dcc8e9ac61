package message

import (
	"fmt"
	"testing"
)

func TestSmoke(t *testing.T) {
	f := load(t)
	md := f.message(t, "three.User")
	for _, in := range []string{`{"id":"a","displayName":"x","created_at":"2024-01-02T03:04:05.5Z","roles":["a","b"],"metadata":{"k":"v"},"status":"ACTIVE","manager":{"age":3}}`, "{\"emial\":1}", "{\n \"roles\":[\"a\",12]}", `{"status":"ACTVE"}`, `{"manager":{"metadata":{"x":1}}}`, `{"roles":["a",]}`, `{'a':1}`, `{"id":"a" "x"}`} {
		for _, fm := range []Format{JSON, YAML} {
			w, err := decodeAll(in, md, DecodeOptions{Name: "stdin", Format: fm, Types: f.types})
			fmt.Println(len(w), err)
			if e, ok := err.(*Error); ok {
				fmt.Printf("%s\n%*s^\n", e.Snippet, e.Caret, "")
			}
			for _, b := range w {
				for _, o := range []Format{JSON, Pretty, Text, YAML} {
					out, err := NewEncoder(md, EncodeOptions{Format: o}).Append(nil, b)
					fmt.Println(string(out), err)
				}
				v, err := NewEncoder(md, EncodeOptions{}).Value(b)
				fmt.Println(v, err)
			}
		}
	}
}
