package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/grpcx/grpcx/internal/tui"
)

// awkward are values that shells and JSON take for something else.
var awkward = map[string]string{
	"plain":        "hunter2",
	"quotes":       `it's "quoted" `,
	"backslashes":  `\ \\ \" \n \u0041 \`,
	"variables":    "$HOME ${HOME} $(id) `id` $$ $",
	"marks of sed": `& \& / [.*]`,
	"percents":     `%s %d %%`,
	"an option":    "-n",
	"a file":       "@/etc/passwd",
	"far":          "ünï \u2028 \u202e 😀",
}

// A copied command sends what stands for the secret, whatever that is.
func TestCopiedCommandsTakeAnyValue(t *testing.T) {
	o := &tuiOptions{flags: pflag.NewFlagSet("", pflag.ContinueOnError)}
	request := tui.Request{
		Address: "grpc://server:1", Method: "grpc.testing.TestService/UnaryCall", Headers: []tui.Header{{Name: "x-copy", Value: "v ${env.SECRET}"}},
		Messages: []string{`{"payload":{},"responseStatus":{"code":9,"message":"$${env.SECRET}\\${HOME}${env.SECRET}"}}`},
	}
	copied := func(tool tui.Tool) string {
		command, err := o.command(request, tool)
		if err != nil {
			t.Fatal(err)
		}
		return command
	}
	grpcx, grpcurl := copied(tui.Grpcx), copied(tui.Grpcurl)
	check := func(t *testing.T, value string, args []string, message string) {
		t.Helper()
		if want := "$" + value + `\${HOME}` + value; message != want {
			t.Errorf("%q was sent, want %q", message, want)
		}
		if header := args[slices.Index(args, "-H")+1]; header != "x-copy: v "+value {
			t.Errorf("the header is %q", header)
		}
	}
	sent := func(t *testing.T, data string) string {
		t.Helper()
		var body struct{ ResponseStatus struct{ Message string } }
		if err := json.Unmarshal([]byte(data), &body); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		return body.ResponseStatus.Message
	}
	expand := func(t *testing.T, env map[string]string, args []string) string {
		t.Helper()
		if !slices.Contains(args, "--expand-data") {
			t.Fatalf("the command is %q", args)
		}
		p := &program{Streams: Streams{LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}}
		data, err := p.expandData(args[slices.Index(args, "-d")+1])
		if err != nil {
			t.Fatal(err)
		}
		return data.text
	}
	for name, value := range awkward {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"SECRET": value, "PATH": "/usr/bin:/bin", "HOME": "/home"}
			args := words(t, env, grpcx)
			check(t, value, args, sent(t, expand(t, env, args)))
			args = words(t, env, grpcurl)
			check(t, value, args, sent(t, args[slices.Index(args, "-d")+1]))
		})
	}
	t.Run("line breaks", func(t *testing.T) {
		env := map[string]string{"SECRET": "a\n\tb\x01\r\n\n"}
		args := words(t, env, grpcx)
		check(t, env["SECRET"], args, sent(t, expand(t, env, args)))
	})
}

func TestExpandData(t *testing.T) {
	const body = `{"responseStatus":{"code":9,"message":"${V}"}}`
	for name, value := range awkward {
		t.Run(name, func(t *testing.T) {
			code, out := runMain(map[string]string{"V": value}, "", "call", "demo", "UnaryCall", "-o", "events", "--expand-data", "-d", body)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			var last struct{ Status struct{ Message string } }
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || code != exitStatus+9 || last.Status.Message != value {
				t.Errorf("exit code %d, %v\n%s", code, err, out)
			}
		})
	}
	for name, tc := range map[string]struct {
		code int
		want string
		env  map[string]string
		args []string
	}{
		"a variable that is not set":  {exitFailure, "--expand-data: environment variable V is not set", nil, []string{"-d", body}},
		"a value that is not UTF-8":   {exitFailure, "environment variable V: its value is not UTF-8", map[string]string{"V": "\xff"}, []string{"-d", body}},
		"without an end":              {exitFailure, "a ${ without its }", nil, []string{"-d", `{"a":"${V"}`[:9]}},
		"another format":              {exitUsage, "expands JSON, not yaml", nil, []string{"--format", "yaml", "-d", "a"}},
		"a value that names no file":  {exitFailure, "-d:1:1", map[string]string{"V": "@/etc/passwd"}, []string{"-d", "${V}"}},
		"what the variable is not in": {exitFailure, "connect to 127.0.0.1:99999", nil, []string{"-d", "{}"}},
	} {
		t.Run(name, func(t *testing.T) {
			address := "127.0.0.1:99999"
			if strings.HasPrefix(tc.want, "-d") {
				address = "demo"
			}
			code, out := runMain(tc.env, "", append([]string{"call", address, "UnaryCall", "--expand-data"}, tc.args...)...)
			if code != tc.code || !strings.Contains(out, tc.want) {
				t.Errorf("exit code %d, want %d and %q\n%s", code, tc.code, tc.want, out)
			}
		})
	}
}

func TestMistakesInExpandedDataHideValues(t *testing.T) {
	const secret = `s3cr"et`
	env := map[string]string{"PW": secret}
	for data, want := range map[string][]string{
		`{"nam":"${PW}"}`:                                    {`-d:1:2: unknown field "nam"`, `{"nam":"${PW}"}`, "   ^"},
		`{"name":"a","${PW}x":1}`:                            {"-d:1:13: the value of ${PW} does not fit here"},
		`{"name":"${PW}","email":3}`:                         {"-d:1:25: email: want string, got number 3", `{"name":"${PW}","email":3}`},
		`{"name":"a","age":"${PW}"}`:                         {"-d:1:19: age: the value of ${PW} does not fit here", `{"name":"a","age":"${PW}"}`},
		`{"name":"a","${PW}x":{"k":bad}}`:                    {"-d:1:27: want a value"},
		"{\n \"name\": \"${PW}\",\n \"email\": \"${PW}\" x}": {"-d:3:19: ", ` "email": "${PW}" x}`},
		`{"metadata":{"${PW}":1}}`:                           {"-d:1:"},
		`{"name":"${PW}`:                                     {"-d:1:"},
		`{"\"${PW}\"x":{"k":bad}}`:                           {"-d:1:"},
		`{"name":"\u00${PW}"}`:                               {"-d:1:10: name: the value of ${PW} does not fit here"},
	} {
		t.Run(data, func(t *testing.T) {
			args := []string{"call", "demo", "userservice.UserService/CreateUser", "--expand-data", "-d", data}
			if strings.Contains(data, "bad") { // in what no field is known of
				args = append(args, "--allow-unknown-fields")
			}
			code, out := runMain(env, "", args...)
			if code == 0 || strings.Contains(out, "s3cr") {
				t.Errorf("exit code %d:\n%s", code, out)
			}
			for _, w := range want {
				if !strings.Contains(out, w) {
					t.Errorf("%q is not in\n%s", w, out)
				}
			}
		})
	}
}
