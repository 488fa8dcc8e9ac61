package cli

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/testserver"
)

var update = flag.Bool("update", false, "write the table of settings into docs/server.md")

// settingsOf resolves settings as `grpcx serve` does, from variables, a file's
// content and arguments.
func settingsOf(t testing.TB, env map[string]string, file string, args ...string) (*serveSettings, []settingGroup, error) {
	t.Helper()
	p := &program{Streams: Streams{LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}}
	o := &serveSettings{}
	groups := o.groups()
	cmd := &cobra.Command{Use: "serve"}
	registerSettings(cmd, groups)
	if err := cmd.ParseFlags(args); err != nil {
		return o, groups, err
	}
	if err := p.flagsFromEnvironment(cmd); err != nil {
		return o, groups, err
	}
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "server.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return o, groups, o.resolve(t.Context(), cmd.Flags(), groups, path, p.LookupEnv)
}

func TestSettingsReachTheServer(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o, groups, err := settingsOf(t, map[string]string{
		"GRPCX_FAULT":         "a.B=INTERNAL\n\n  a.C=delay=1s\n",
		"GRPCX_ACCESS_TTL":    "90",
		"GRPCX_MAX_STREAMS":   "12",
		"GRPCX_REFRESH_TTL":   "",
		"GRPCX_HANDSHAKE_TTL": "no setting of ours",
	}, "max-message-bytes: 1048576\nsigning-key-file: "+secret+"\n", "--admin-password-file", secret, "--keepalive-min-time=1500ms", "--allow-insecure")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := o.serverConfig(t.Context(), groups)
	if err != nil {
		t.Fatal(err)
	}
	want := testserver.Config{
		Auth: "optional", MaxFileBytes: 2 << 30, MaxUploads: 100, MaxConnections: 500, MaxCalls: 500,
		Tracing: testserver.Tracing{Sample: 1},
		Store:   "memory", AdminPassword: "correct horse", SigningKey: []byte("correct horse"),
		AccessTTL: 90 * time.Second, RefreshTTL: 7 * 24 * time.Hour,
		Faults:     []testserver.Fault{{Method: "a.B", Code: 13}, {Method: "a.C", Delay: time.Second}},
		MaxStreams: 12, MaxHeaderBytes: 16 << 10, MaxMessageBytes: 1 << 20,
		HandshakeTimeout: 5 * time.Second, KeepaliveMinTime: 1500 * time.Millisecond,
	}
	if diff := cmp.Diff(want, cfg, cmp.FilterPath(unexported, cmp.Ignore())); diff != "" {
		t.Error(diff)
	}
	if !o.allowInsecure || o.grace != 10*time.Second {
		t.Errorf("allow-insecure %v, grace %v", o.allowInsecure, o.grace)
	}
}

func unexported(p cmp.Path) bool {
	field, ok := p.Last().(cmp.StructField)
	return ok && !token.IsExported(field.Name())
}

// values are the settings as text; those that another one is in the place of have none.
func values(groups []settingGroup) map[string]string {
	all := map[string]string{}
	for s := range eachSetting(groups) {
		if s.outdone == nil {
			all[s.name] = s.value.String()
		}
	}
	return all
}

// Every setting can be written and read again, whatever its value.
func TestPrintedSettingsAreAFile(t *testing.T) {
	given := map[string]string{
		"listen": "unix:/run/a b#c: d\t\"\u00e9\u202e\x01", "allow-insecure": "true", "grace": "1h0m1s", "store": "true",
		"access-ttl": "1ns", "refresh-ttl": "100000h", "max-streams": "4294967295", "max-header-bytes": "1",
		"max-message-bytes": "3GiB", "handshake-timeout": "1.5", "keepalive-min-time": "60", "log-level": "DEBUG", "log-format": "json",
		"fault": "a.B=UNAVAILABLE:0.25,message=\"a, \u00e9\\n: - #\"", "admin-password-file": "- x", "signing-key-file": "null",
		"store-file": "1e3", "tls-cert": "a.pem", "tls-key": "~", "tls-client-ca": "*", "client-auth": "Request",
		"cors-origin": "https://example.com\n*", "files": "!x", "max-file-bytes": "5GiB", "max-uploads": "3", "auth": "required",
		"identities": "%x", "max-connections": "10", "max-calls": "20", "rate-limit": "0.000001", "rate-burst": "5",
		"dependency": "mail@a.B+c.D=http://127.0.0.1:1/x?y=z", "admin": "[::1]:9090", "pprof": "true",
		"otlp-endpoint": "http://localhost:4317", "trace-sample": "0.25",
	}
	var args []string
	o := &serveSettings{}
	for s := range eachSetting(o.groups()) {
		v, ok := given[s.name]
		if !ok {
			t.Errorf("no case for %s", s.name)
		}
		if s.name != "store-file" {
			args = append(args, "--"+s.name+"="+v)
		}
	}
	for _, args := range [][]string{nil, args, {"--store-file=" + given["store-file"]}} {
		_, groups, err := settingsOf(t, nil, "", args...)
		if err != nil {
			t.Fatal(err)
		}
		var printed bytes.Buffer
		if err := printConfig(&printed, groups); err != nil {
			t.Fatal(err)
		}
		_, groupsAgain, err := settingsOf(t, nil, printed.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, printed.String())
		}
		if diff := cmp.Diff(values(groups), values(groupsAgain)); diff != "" {
			t.Errorf("%s\n%s", diff, printed.String())
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "1024": 1024, "1KiB": 1 << 10, "4MiB": 4 << 20, "3GiB": 3 << 30} {
		n, err := parseSize(text)
		if err != nil || n != want {
			t.Errorf("%s: %d, %v; want %d", text, n, err, want)
		}
	}
	for _, text := range []string{"", "KiB", "-1", "1.5MiB", "4MB", "9999999999GiB", "9223372036854775808"} {
		if n, err := parseSize(text); err == nil {
			t.Errorf("%q: %d", text, n)
		}
	}
	var small uint32
	if err := size(&small, 1).Set("4GiB"); err == nil {
		t.Errorf("4GiB in 32 bits: %d", small)
	}
}

func TestStoreAddressWithoutPassword(t *testing.T) {
	for address, want := range map[string]string{
		"memory":                               "memory",
		"users.db":                             "users.db",
		"sqlite:///var/users.db":               "sqlite:///var/users.db",
		"postgres://db/grpcx":                  "postgres://db/grpcx",
		"postgres://ada:hunter2@db:5432/grpcx": "postgres://ada@db:5432/grpcx",
		"postgres://db/x?password=hunter2":     "postgres://db/x",
		"postgres://db/x?sslpassword=hunter2&sslmode=disable": "postgres://db/x?sslmode=disable",
		"postgres://ada:hun ter2@db/%zz":                      "postgres://...",
	} {
		got := withoutPassword(address)
		if got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// FuzzConfigFile reads any bytes as a configuration file: it is read, or the error
// has a place in it, and what was read can be printed and read again.
func FuzzConfigFile(f *testing.F) {
	for _, content := range []string{
		"listen: 127.0.0.1:0\ngrace: 3 # s\n", "{grace: 1s, fault: [a.B=ABORTED]}", "fault:\n- \"*=ABORTED,message=\\\"a\\\"\"\n",
		"---\nstore: |\n  a\n  b\n...\n", "? listen\n: >-\n  x\n", "grace: [[[[", "a: &x\nb: *x\n<<: *x", "store: 'it''s'\r\nlog-level: \"debug\"", "\xff", "%YAML 1.2\n---\n!!str listen: x",
	} {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content string) {
		groups := new(serveSettings).groups()
		if err := parseConfig("server.yaml", content, groups); err != nil {
			e, ok := errors.AsType[*message.Error](err)
			if !ok || e.Line < 1 || e.Col < 1 || e.Caret < 0 {
				t.Fatalf("%#v", err)
			}
			return
		}
		var printed bytes.Buffer
		if err := printConfig(&printed, groups); err != nil {
			t.Fatal(err)
		}
		again := new(serveSettings).groups()
		if err := parseConfig("printed.yaml", printed.String(), again); err != nil {
			t.Fatalf("%v\n%s", err, printed.String())
		}
		if diff := cmp.Diff(values(groups), values(again)); diff != "" {
			t.Fatalf("%s\n%s", diff, printed.String())
		}
	})
}

// TestSettingsInTheDocument keeps the table of docs/server.md what the settings
// are; -update writes it.
func TestSettingsInTheDocument(t *testing.T) {
	const path, begin, end = "../../docs/server.md", "<!-- settings -->\n", "<!-- /settings -->\n"
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(document), begin)
	table, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no %q and %q", path, begin, end)
	}
	want := settingsTable(new(serveSettings).groups())
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("out of date; go test ./internal/cli -run %s -update\n%s", t.Name(), diff)
	}
}

func settingsTable(groups []settingGroup) string {
	var b strings.Builder
	for _, g := range groups {
		fmt.Fprintf(&b, "### %s\n\n| flag and key | variable | default | |\n| --- | --- | --- | --- |\n", g.title)
		for _, s := range g.settings {
			names := variable(s.name)
			if file, ok := s.value.(*secretFile); ok && file.variable != "" {
				names += "`, or `" + file.variable + "` with the secret itself"
			} else {
				names += "`"
			}
			initial := s.value.String()
			if initial != "" {
				initial = "`" + initial + "`"
			}
			fmt.Fprintf(&b, "| `%s` | `%s | %s | %s |\n", s.name, names, initial, strings.ReplaceAll(s.usage, "|", "\\|"))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
