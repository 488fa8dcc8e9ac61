package suite_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/testserver"
)

// mistakes loads a file as it is and returns its problems, without its name.
func mistakes(tb testing.TB, s server, content string) []string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "suite.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	loaded, err := suite.Load(tb.Context(), suite.Config{Paths: []string{path}, Connect: s.connect, LookupEnv: env("HOME", "/")})
	loaded.Close()
	problems, ok := errors.AsType[suite.Problems](err)
	if !ok {
		if err != nil {
			tb.Fatal(err)
		}
		return nil
	}
	var out []string
	for _, p := range problems {
		out = append(out, strings.TrimPrefix(strings.TrimPrefix(p.Error(), p.Position.File), ":"))
	}
	return out
}

const (
	check = "  - name: a\n    call: grpc.health.v1.Health/Check\n"
	list  = "  - name: a\n    call: userservice.UserService/ListUsers\n"
)

func TestMistakesOfFiles(t *testing.T) {
	s := start(t, testserver.Config{})
	for _, tc := range []struct {
		name, body string
		want       []string // beginnings, in their order
	}{
		{
			"those of every phase at once",
			check + "    retry: often\n    expect: 'res.statu == \"SERVING\"'\n  - name: b\n    call: grpc.health.v1.Health/Chek\n    data: {x: 1}\n",
			[]string{`6:12: retry: want an integer or a map`, `7:18: grpc.health.v1.HealthCheckResponse has no field "statu"`, `9:11: there is no method`},
		},
		{
			"keys that are misspelt are not missing, too",
			"  - nname: a\n    cal: grpc.health.v1.Health/Check\n",
			[]string{`4:5: a test has no key "nname"; did you mean "name"?`, `5:5: a test has no key "cal"; did you mean "call"?`},
		},
		{"no steps", "  - name: c\n", []string{`4:5: test "c" has no steps`}},
		{"booleans of YAML 1.1", check + "    parallel: no\n    snapshot: yes\n", []string{
			`6:15: parallel: want a boolean, not a string; did you mean "false"?`,
			`7:15: snapshot: want a boolean or a map, not a string; did you mean "true"?`,
		}},
		{"numbers as names", "  - name: 012\n    call: grpc.health.v1.Health/Check\n  - name: 0x1\n    call: grpc.health.v1.Health/Check\n", []string{
			`4:11: name: want a string, not an integer; write it in quotes`, `6:11: name: want a string`,
		}},
		{"all of one request", "  - name: a\n    call: userservice.UserService/CreateUser\n    data: {nname: x, email: 5, roles: [1, 2]}\n", []string{
			`6:12: unknown field "nname"; did you mean "name"?`, `6:29: email: want string`, `6:40: roles[0]: want string`,
		}},
		{"metadata that cannot be sent", check + "    metadata: {x-bin: '?', x: \"a\\nb\", y: ä, z: '${env.HOME}'}\n", []string{
			`6:23: metadata x-bin: the value is not base64`, `6:31: metadata x: byte 2 of`, `6:42: metadata y: byte 1 of`,
		}},
		{"cases with one name", check + "    cases: [{case: x, v: 1}, {case: x, v: 2}]\n", []string{`6:30: another case is named "x"`}},
		{"case is no name", check + "    cases: [{x: a}, {x: b}]\n    data: { service: '${case.x}' }\n", []string{
			`7:25: there is no "case" here, only env, run, vars, x`,
		}},
		{
			"a capture with a mistake is no mistake of its users",
			"  - name: a\n    steps:\n      - {call: grpc.health.v1.Health/Check, capture: {st: res.statu}}\n      - {call: grpc.health.v1.Health/Check, expect: 'st == \"SERVING\"'}\n",
			[]string{`6:63: grpc.health.v1.HealthCheckResponse has no field "statu"`},
		},
		{"other languages", list + "    expect:\n      - msgs.size() = 3\n      - msgs.size() => 3\n      - msgs.size() > 1 and true\n      - '${msgs.size() > 1}'\n      - message =~ 'a'\n      - message == 'a\n", []string{
			`7:21: syntax: write == to compare`, `8:21: syntax: write >= or <= instead of =>`, `9:25: syntax: write && instead of and`,
			`10:10: syntax: an expression stands here by itself, without ${ and }`, `11:17: syntax: write TEXT.matches(REGEXP)`,
			`12:20: syntax: the string has no end`,
		}},
		{"names of other tools", list + "    expect: ['body.total == 1', 'status == \"OK\"', 'msgs.length() == 1', 'vars == 5', 'foo == 1']\n", []string{
			`6:15: there is no "body" here; did you mean "msgs"?`, `6:34: there is no "status" here; did you mean "code"?`,
			`6:57: there is no function "length"; did you mean "size"?`, `6:74: vars is no value by itself`,
			`6:87: there is no "foo" here, only code, details, elapsed, env, headers, message, msgs, run, trailers`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := mistakes(t, s, "version: 1\ntarget: server:1\ntests:\n"+tc.body)
			if len(got) != len(tc.want) {
				t.Fatalf("problems are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
			for i, want := range tc.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("problem %d is %q, want %q", i+1, got[i], want)
				}
			}
		})
	}
}

func TestEncodingsOfFiles(t *testing.T) {
	s := start(t, testserver.Config{})
	suiteText := "version: 1\ntarget: server:1\ntests:\n" + check
	wide := []byte{0xFF, 0xFE}
	for _, u := range utf16.Encode([]rune(suiteText)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for _, tc := range []struct{ name, content, want string }{
		{"byte order mark", "\uFEFF" + suiteText, ""},
		{"line ends of Windows", strings.ReplaceAll(suiteText, "\n", "\r\n"), ""},
		{"UTF-16", string(wide), " the file is UTF-16; save it as UTF-8"},
		{"too large", suiteText + "#" + strings.Repeat("x", 4<<20), " larger than 4 MiB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := strings.Join(mistakes(t, s, tc.content), "\n"); got != tc.want {
				t.Errorf("problems are %q, want %q", got, tc.want)
			}
		})
	}
}
