package tui

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecretsAreReferences(t *testing.T) {
	v := vault{
		secret: func(name string) bool {
			return strings.Contains(strings.ToLower(name), "password") || strings.Contains(name, "oken")
		},
		lookup: func(name string) (string, bool) { return `from "env"`, name == "SET" },
	}
	for _, tc := range []struct{ name, text, want string }{
		{"a field", `{"user":"a","password":"x"}`, `{"user":"a","password":"${env.PASSWORD}"}`},
		{"another value", `{"password":"y"}`, `{"password":"${env.PASSWORD_2}"}`},
		{"the same value", `{"password":"x"}`, `{"password":"${env.PASSWORD}"}`},
		{"camel case", `{"accessToken":"t"}`, `{"accessToken":"${env.ACCESS_TOKEN}"}`},
		{"a list", `{"passwords":["p","q"]}`, `{"passwords":["${env.PASSWORDS}","${env.PASSWORDS_2}"]}`},
		{"a page's token", `{"nextPageToken":"n"}`, `{"nextPageToken":"n"}`},
		{"empty, a number, a reference", `{"password":"","token":1,"oldPassword":"${env.SET}"}`, `{"password":"","token":1,"oldPassword":"${env.SET}"}`},
		{"quotes in it", `{"a\"b":"x","password":"a\"}"}`, `{"a\"b":"x","password":"${env.PASSWORD_3}"}`},
		{"a string alone", `"x"`, `"x"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := v.hideJSON(tc.text)
			if got != tc.want {
				t.Fatalf("%s, want %s", got, tc.want)
			}
			back, err := v.expandJSON(got)
			want := strings.ReplaceAll(tc.text, "${env.SET}", `from \"env\"`)
			if err != nil || back != want {
				t.Errorf("expanded %s, %v, want %s", back, err, want)
			}
		})
	}
	if _, err := v.expandJSON(`{"a":"${env.UNSET}"}`); err == nil {
		t.Error("want an error of a variable that is not set")
	}
	headers := v.hideHeaders([]Header{{"password", "Bearer s"}, {"x", "y"}})
	if diff := cmp.Diff([]Header{{"password", "Bearer ${env.PASSWORD_4}"}, {"x", "y"}}, headers); diff != "" {
		t.Error(diff)
	}
}

// TestSecretsBesideReferences holds that nothing of a secret is kept or shown because
// there is a reference in it, and that what is sent stays what it is.
func TestSecretsBesideReferences(t *testing.T) {
	environment := map[string]string{"SUFFIX": `-"end"`, "PASSWORD": "of the environment", "TOKEN": "t0ken"}
	for _, tc := range []struct{ name, value, want string }{
		{"a reference alone", "${env.TOKEN}", "${env.TOKEN}"},
		{"references alone", "${env.TOKEN}${env.SUFFIX}", "${env.TOKEN}${env.SUFFIX}"},
		{"a reference behind a scheme", "Bearer ${env.TOKEN}", "Bearer ${env.TOKEN}"},
		{"before a reference", "hunter2${env.SUFFIX}", "${env.PASSWORD_2}"},
		{"behind a reference", "${env.SUFFIX}hunter2", "${env.PASSWORD_2}"},
		{"between a scheme and a reference", "Bearer hunter2${env.SUFFIX}", "Bearer ${env.PASSWORD_2}"},
		{"beside the variable of its own name", "hunter2${env.PASSWORD}", "${env.PASSWORD_2}"},
		{"the value of the environment", "of the environment", "${env.PASSWORD}"},
		{"beside a variable that is not set", "hunter2${env.UNSET}", "${env.PASSWORD_2}"},
		{"beside what is left open", "hunter2${env.TOKEN", "${env.PASSWORD_2}"},
		{"a reference that is left open", "${env.hunter2", "${env.PASSWORD_2}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newModel(t.Context(), Config{
				Secret:    func(name string) bool { return name == "password" },
				LookupEnv: func(name string) (string, bool) { value, ok := environment[name]; return value, ok },
			})
			defer m.close()
			m.headers.list = []Header{{"password", tc.value}}
			before, failed := m.liveHeaders()
			shown := m.headers.shown(m.headers.list[0])
			if strings.Contains(shown, "hunter2") || (tc.want == tc.value) != strings.Contains(shown, tc.value) {
				t.Errorf("shown as %s", shown)
			}
			text := `{"password":"` + tc.value + `"}`
			if got, want := m.vault.hideJSON(text), `{"password":"`+tc.want+`"}`; got != want {
				t.Errorf("the field is kept as %s, want %s", got, want)
			}
			kept := m.vault.hideHeaders(m.headers.list)
			if diff := cmp.Diff([]Header{{"password", tc.want}}, kept); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
			m.headers.list = kept
			if after, err := m.liveHeaders(); failed == nil && (err != nil || after[0] != before[0]) {
				t.Errorf("%v is sent, and again %v, %v", before, after, err)
			}
		})
	}
}
