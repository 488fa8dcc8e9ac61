package editor

import (
	"slices"
	"strings"
	"testing"
)

func TestComplete(t *testing.T) {
	for _, c := range []struct{ name, before, keys, after string }{
		{"a field by its first letters", "{|}", `"dis<enter>`, `{"displayName": "|"}`},
		{"by tab without a letter", "{|}", `"<tab>`, `{"displayName": "|"}`},
		{"by its name in the schema", "{|}", `"display_n<enter>`, `{"displayName": "|"}`},
		{"without a quote", "{|}", `disp<enter>`, `{"displayName": "|"}`},
		{"the second one", "{|}", `"co<down><enter>`, `{"score": |}`},
		{"enter without a choice breaks the line", "{|}", `"<enter>`, "{\"\"\n|}"},
		{"esc closes", "{|}", `"dis<esc><enter>`, "{\"dis\"\n|}"},
		{"the key alone where a value is there", `{"|": 5}`, `ag<enter>`, `{"age"|: 5}`},
		{"an unclosed name", "{\n  |\n  \"age\": 1\n}", `"d<delete>is<enter>`, "{\n  \"displayName\": \"|\",\n  \"age\": 1\n}"},
		{"commas around it", "{\n  \"age\": 1\n  |\n  \"big\": 1\n}", `"dis<enter>x`, "{\n  \"age\": 1,\n  \"displayName\": \"x|\",\n  \"big\": 1\n}"},
		{"a number", "{|}", `"age<enter>7`, `{"age": 7|}`},
		{"a number before others", `{| "big": 1}`, `"age<enter>7`, `{"age": 7|, "big": 1}`},
		{"a bool", "{|}", `"act<tab><tab>`, `{"active": true|}`},
		{"false by a letter", "{|}", `"act<tab>f<enter>`, `{"active": false|}`},
		{"an enum", "{|}", `"side<enter><down><tab>`, `{"side": "SIDE_BUY"|}`},
		{"an enum by a part of its name", `{"side": |}`, `"sell<enter>`, `{"side": "SIDE_SELL"|}`},
		{"an enum in its quotes", `{"side": "|"}`, `sell<enter>`, `{"side": "SIDE_SELL"|}`},
		{"elements of a list of enums", "{|}", `"sides<enter>"b<enter>, "sell<enter>`, `{"sides": ["SIDE_BUY", "SIDE_SELL"|]}`},
		{"a message", "{|}", `"address<enter>`, `{"address": {|}}`},
		{"a field of a message", "{|}", `"address<enter>"zip<enter>`, `{"address": {"zipCode": "|"}}`},
		{"a message within itself", `{"parent": {"parent": {|}}}`, `"ra<enter>`, `{"parent": {"parent": {"rank": |}}}`},
		{"a list of messages", "{|}", `"homes<enter><tab>"st<enter>`, `{"homes": [{"street": "|"}]}`},
		{"values of a map", `{"places": {"a": {|}}}`, `"st<enter>`, `{"places": {"a": {"street": "|"}}}`},
		{"now", "{|}", `"born<enter><tab>`, `{"born": "2026-03-04T12:30:15Z"|}`},
		{"today", `{"born": |}`, `"tod<enter>`, `{"born": "2026-03-04T00:00:00Z"|}`},
		{"a duration", "{|}", `"wait<enter><tab>`, `{"wait": "1s"|}`},
		{"a wrapper", "{|}", `"nick<enter>`, `{"nick": "|"}`},
		{"paths of a field mask", "{|}", `"mask<enter>str<enter>,cou<enter>`, `{"mask": "street,country|"}`},
		{"the type of an any", "{|}", `"extra<enter>"@<tab>"addr<enter>`, `{"extra": {"@type": "type.googleapis.com/test.Address"|}}`},
		{"after a broken line", "{\n  \"age\": ,\n  }}]\n  |", `"x`, "{\n  \"age\": ,\n  }}]\n  \"x|\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := at(t, "Ask", c.before)
			press(m, c.keys)
			if got := show(m); got != c.after {
				t.Errorf("%q then %s: %q, want %q", c.before, c.keys, got, c.after)
			}
		})
	}
}

func TestOffered(t *testing.T) {
	for _, c := range []struct {
		name, before string
		want         []string
	}{
		{"not what is set", `{"street": "", |}`, []string{"zipCode", "country"}},
		{"not what is set below", `{| "street": ""}`, []string{"zipCode", "country"}},
		{"not what is set by its other name", `{"zip_code": "", |}`, []string{"street", "country"}},
		{"keys of a map", `{"counts": {|}}`, nil},
		{"values of text", `{"displayName": "|"}`, nil},
		{"values of bool", `{"active": |}`, []string{"true", "false"}},
		{"values of bool within its word", `{"active": t|rue}`, []string{"true"}},
		{"in a comment", `{ // |` + "\n}", nil},
		{"behind a text", `{"displayName"|}`, nil},
		{"at the top", `|`, []string{"{ }"}},
		{"in an unknown field", `{"what": {|}}`, nil},
		{"in a known any", `{"extra": {"@type": "type.googleapis.com/google.protobuf.EnumValue", |}}`, []string{"name", "number", "options"}},
		{"beside another member of the oneof", `{"email": "", "pho|"}`, []string{"phone"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := c.before
			if strings.Contains(before, "street") || strings.Contains(before, "zip") {
				before = `{"address": ` + before + "}"
			}
			m := at(t, "Ask", before)
			press(m, "<complete>")
			if got := labels(m); !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, want %q", before, got, c.want)
			}
		})
	}
	t.Run("what is said of it", func(t *testing.T) {
		m := at(t, "Ask", `{"email": "", |}`)
		press(m, "<complete>")
		first, last := m.popup.items[0], m.popup.items[len(m.popup.items)-1]
		if first.detail != "string" || first.about != "The name in full." {
			t.Errorf("%+v", first)
		}
		if last.label != "letter" || last.detail != "Address, oneof contact: email is set" {
			t.Errorf("%+v", last)
		}
	})
	t.Run("a stream takes a list at the top", func(t *testing.T) {
		m := at(t, "Feed", `[{"name": ""}, {|}]`)
		press(m, "<complete>")
		if got := labels(m); len(got) != 5 || got[0] != "name" {
			t.Errorf("%q", got)
		}
	})
}
