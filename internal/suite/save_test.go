package suite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAppend(t *testing.T) {
	r := Request{
		Name: "create a user", Method: "userservice.UserService/CreateUser",
		Target:   Target{Address: "127.0.0.1:1", Plaintext: true},
		Metadata: []Header{{"authorization", "Bearer very-secret"}, {"x-a", "1"}, {"x-a", "two words: yes"}},
		Messages: []string{`{"name":"Ada ${x}","roles":["a","true"],"metadata":{},"age":3,"nested":{"a":[{"b":null,"c":""}]}}`},
	}
	path := filepath.Join(t.TempDir(), "saved.yaml")
	for _, method := range []string{r.Method, "S/M"} {
		r.Method = method
		if err := Save(path, r); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "very-secret") {
		t.Errorf("a credential is saved:\n%s", text)
	}
	t.Logf("%s", text)
	got, err := Requests(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[1].Name != "create a user 2" || got[1].Method != "S/M" || got[1].Target.key() != r.Target.key() {
		t.Fatalf("requests are %+v", got)
	}
	// The credential is an expression, so the strings are as they are written.
	want := strings.ReplaceAll(r.Messages[0], "${", "$${")
	if diff := cmp.Diff([]string{want}, got[0].Messages); diff != "" {
		t.Error(diff)
	}
	if h := got[0].Metadata; len(h) != 3 || h[0].Value != "${env.AUTHORIZATION}" || h[2].Value != "two words: yes" {
		t.Errorf("metadata is %v", h)
	}
}

func TestAppendHidesCredentialsOfTheTarget(t *testing.T) {
	r := Request{Name: "a", Method: "S/M", Target: Target{Address: "h:1", Metadata: []Header{{"x-api-key", "very-secret${"}, {"x-t", "1"}}}}
	text, err := Append(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "very-secret") || !strings.Contains(string(text), `"${env.X_API_KEY}"`) {
		t.Errorf("the suite is\n%s", text)
	}
}

func TestRequestWithoutExpressions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "saved.yaml")
	r := Request{
		Name: "a", Method: "S/M", Target: Target{Address: "h:1", Metadata: []Header{{"x-t", "${z}"}}},
		Stream: true, Messages: []string{`{"a":"${x}"}`, `{}`}, Metadata: []Header{{"x-a", "$${y}"}},
	}
	if err := Save(path, r); err != nil {
		t.Fatal(err)
	}
	got, err := Requests(path)
	if err != nil {
		t.Fatal(err)
	}
	got[0].Position = Position{}
	if diff := cmp.Diff(r, got[0]); diff != "" {
		t.Error(diff)
	}
}

func TestAppendKeepsTheFile(t *testing.T) {
	r := Request{Name: "new", Method: "S/M", Target: Target{Address: "h:1"}}
	added := func(indent string) string { return indent + "- name: new\n" + indent + "  call: S/M\n" }
	for _, tc := range []struct{ name, before, after string }{
		{"comments", "# head\nversion: 1\ntarget: h:1 # here\ntests:\n  # first\n  - name: a # a\n    call: S/M\n\n# of teardown\nteardown:\n  - call: S/M\n", "\n# of teardown\nteardown:\n  - call: S/M\n"},
		{"a literal that ends in what looks like a comment", "version: 1\ntarget: h:1\ntests:\n  - name: a\n    call: S/M\n    expect: |\n      true\n      # no comment\n", ""},
		{"dashes at the margin", "version: 1\ntarget: h:1\ntests:\n- name: a\n  call: S/M\n", ""},
		{"no tests", "version: 1\ntarget: h:1\n", ""},
		{"tests without any", "version: 1\ntarget: h:1\ntests:\n", ""},
		{"line breaks that a literal keeps", "version: 1\ntarget: h:1\ntests:\n  - name: a\n    call: S/M\n    data:\n      name: |+\n        x\n\n\n# of teardown\n\nteardown:\n  - call: S/M\n", "# of teardown\n\nteardown:\n  - call: S/M\n"},
		{"line breaks that are all of a folded one", "version: 1\ntarget: h:1\ntests:\n  - name: a\n    call: S/M\n    data:\n      name: >+\n\n", ""},
		{"a literal that keeps no line breaks", "version: 1\ntarget: h:1\ntests:\n  - name: a\n    call: S/M\n    data:\n      name: |\n        x\n\n\n", "\n\n"},
		{"blanks that a literal ends in", "version: 1\ntarget: h:1\ntests:\n  - name: a\n    call: S/M\n    data:\n      name: |\n        x\n          \n", ""},
		{"the end of the document", "\uFEFF---\nversion: 1\ntarget: h:1\ntests:\n  - name: a\n    call: S/M\n\n... # end\n# after\n", "\n... # end\n# after\n"},
		{"no tests, and the end of the document", "version: 1\ntarget: h:1\n...\n", "...\n"},
		{"an empty document after", "version: 1\ntarget: h:1\ntests:\n  - name: a\n    call: S/M\n---\n", "---\n"},
		{"no line break at the end", "version: 1\ntarget: h:1\ntests:\n  - name: a\n    call: S/M", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Append([]byte(tc.before), r)
			if err != nil {
				t.Fatal(err)
			}
			indent := "  "
			if strings.Contains(tc.before, "\n- ") {
				indent = ""
			}
			before := strings.TrimSuffix(tc.before, tc.after)
			if !strings.HasSuffix(before, "\n") {
				before += "\n"
			}
			if !strings.Contains(before, "tests:") {
				before += "tests:\n"
			}
			if diff := cmp.Diff(before+added(indent)+tc.after, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAppendToAnEmptyList(t *testing.T) {
	const test = "  - name: new\n    call: S/M\n"
	for before, after := range map[string]string{
		"tests: [] # keep me\nversion: 1\ntarget: h:1\n":                "tests: # keep me\n" + test + "version: 1\ntarget: h:1\n",
		"version: 1\ntarget: h:1\ntests: [ ]# no comment":               "",
		"version: 1\ntarget: h:1\ntests: [ ]":                           "version: 1\ntarget: h:1\ntests:\n" + test,
		"\uFEFF\"tests\" : &x [] # é\nversion: 1\ntarget: h:1\n":        "\uFEFF\"tests\" : &x # é\n" + test + "version: 1\ntarget: h:1\n",
		"version: 1\ntarget: h:1\ntests:\n  [] # []\n":                  "version: 1\ntarget: h:1\ntests:\n" + test + " # []\n",
		"version: 1\ntarget: h:1\ntests: [\n]\n":                        "",
		"version: 1\ntarget: h:1\ntests: [ # ]\n]\n":                    "",
		"{version: 1, target: h:1, tests: []}\n":                        "",
		"{version: 1, target: h:1,\ntests: []\n}\n":                     "",
		"version: 1\rtarget: h:1\rtests: []\r":                          "",
		"version: 1\ntarget: h:1\ntests: [{name: a, call: S/M}] # []\n": "",
	} {
		got, err := Append([]byte(before), Request{Name: "new", Method: "S/M", Target: Target{Address: "h:1"}})
		if string(got) != after || (err != nil) != (after == "") {
			t.Errorf("%q becomes %q and %v, want %q", before, got, err, after)
		}
	}
}

// FuzzAppend adds to any text: what was there is there afterwards, and means the same.
func FuzzAppend(f *testing.F) {
	for _, s := range []string{
		"version: 1\ntarget: h:1\ntests:\n  - name: a\n    call: S/M\n    data:\n      a: |+\n        x\n\n\n# of teardown\nteardown:\n  - call: S/M\n...\n",
		"\uFEFFversion: 1\ntarget: h:1\n\"tests\": [ ] # é\nvars: {a: 1}\n---\n", "version: 1\ntarget: h:1\ntests:\n- name: a\n  call: S/M\n  data: {a: >-\n   \n }\n",
		"# x\n---\nversion: 1\r\ntarget: h:1\r\ntests:\r\n  - name: a\r\n    call: S/M\r\n    code: >+\r\n      OK\r\n     \r\n   # y\r\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		got, err := Append([]byte(text), Request{Name: "new", Method: "S/M", Target: Target{Address: "h:1"}})
		if err != nil || strings.TrimSpace(text) == "" {
			return
		}
		before, err := parseYAML(newSource("before", []byte(text)))
		if err != nil {
			t.Fatal(err)
		}
		after, err := parseYAML(newSource("after", got))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"tests": "[]"}
		for _, f := range before.fields {
			want[f.key.text] = string(appendJSON(nil, f.value))
		}
		have := map[string]string{}
		for _, f := range after.fields {
			if f.key.text == "tests" {
				f.value.items = f.value.items[:len(f.value.items)-1]
			}
			have[f.key.text] = string(appendJSON(nil, f.value))
		}
		if want["tests"] == "null" {
			want["tests"] = "[]"
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%q becomes %q: %s", text, got, diff)
		}
	})
}
