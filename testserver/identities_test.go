package testserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// A hash of "password" and of "key", and a signing key, of no other use.
const (
	someHash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	someSum  = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"
	someKey  = "c29tZSBzaWduaW5nIGtleSBvZiAzMiBieXRlcyBvciBtb3Jl"
)

func knownMethod(method string) bool { return method == "/userservice.UserService/GetUser" }

func TestParseIdentities(t *testing.T) {
	ids, err := parseIdentities([]byte(`# who may call
users:
  - username: ada
    password_hash: `+someHash+`
  - username: grace
    password_hash: "`+someHash+`"
    user_id: 7
    roles: [admin, user]
api_keys:
  - name: ci
    sha256: `+someSum+`
    roles: []
    expires: 2027-01-31T00:00:00Z
certificates:
  - uri: spiffe://example.org/ci
    user_id: ci
signing_keys:
  - `+someKey+`
rules:
  userservice.UserService/GetUser: [auditor]
`), knownMethod)
	if err != nil {
		t.Fatal(err)
	}
	if u := ids.users["ada"]; u.UserID != "ada" || strings.Join(u.Roles, " ") != "user" || u.hash != someHash {
		t.Errorf("%+v", u)
	}
	if u := ids.users["grace"]; u.UserID != "7" || strings.Join(u.Roles, " ") != "admin user" || u.proof == ids.users["ada"].proof {
		t.Errorf("%+v", u)
	}
	sum, err := hex.DecodeString(someSum)
	if err != nil {
		t.Fatal(err)
	}
	if k := ids.apiKeys[[32]byte(sum)]; k.UserID != "ci" || k.Roles == nil || len(k.Roles) != 0 || k.expires.Year() != 2027 {
		t.Errorf("%+v", k)
	}
	if id := ids.certs["uri spiffe://example.org/ci"]; id.UserID != "ci" || strings.Join(id.Roles, " ") != "api" {
		t.Errorf("%+v", id)
	}
	if len(ids.signing) != 1 || string(ids.signing[0].secret) != "some signing key of 32 bytes or more" {
		t.Errorf("%d signing keys", len(ids.signing))
	}
	if r := ids.rules["/userservice.UserService/GetUser"]; strings.Join(r, " ") != "auditor" {
		t.Error(r)
	}
	for _, empty := range []string{"", "# nothing\n", "---\n", "null\n", "users: []\n", "{}"} {
		if ids, err := parseIdentities([]byte(empty), knownMethod); err != nil || len(ids.users) != 0 {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

func TestWrongIdentities(t *testing.T) {
	const secret = "hunter2hunter2"
	for text, want := range map[string]string{
		"userz: []":                                    `1:1: unknown key "userz", want one of api_keys, certificates, rules, signing_keys, users`,
		"users: {}":                                    `1:8: want a sequence`,
		"- users":                                      `1:1: want a mapping`,
		"users:\n  - ada":                              `2:5: want a mapping`,
		"users:\n  - username: ada":                    `2:5: a user needs a username and a password_hash`,
		"users:\n  - password: " + secret:              `2:5: unknown key "password", want one of password_hash, roles, user_id, username`,
		"users:\n  - username: [a]":                    `2:15: want a text`,
		"users:\n  - username: true":                   `2:15: want a text`,
		"users:\n  - username:":                        `2:14: want a text`,
		"users:\n  - username: ''":                     `2:15: want 1 to 256 bytes of text`,
		`users: [{username: "a\u0000"}]`:               `1:20: want 1 to 256 bytes of text`,
		"users: [{username: a, username: b":            `1:`,
		"users:\n- username: a\n  username: b\n":       `3:3: key username is here for the second time`,
		"users:\n- password_hash: " + secret:           `2:18: want a hash that begins with $argon2id$v=19$m=19456,t=2,p=1$`,
		"users:\n- password_hash: " + someHash[:60]:    `2:18: want a salt of 8 to 64 bytes and a key of 32 bytes`,
		"users:\n- password_hash: " + someHash + "!":   `2:18: want salt and key of the hash in base64`,
		"users:\n- roles: admin":                       `2:10: want a sequence`,
		"users:\n- roles: [a, a]":                      `2:14: want at most 32 roles, each once`,
		"api_keys:\n- name: ci\n  sha256: " + secret:   `3:11: want 64 hexadecimal digits`,
		"api_keys:\n- name: ci":                        `2:3: an API key needs a name and a sha256`,
		"api_keys:\n- name: ci\n  key: " + secret:      `3:3: unknown key "key"`,
		"api_keys:\n- name: ci\n  expires: tomorrow":   `3:12: want a time such as 2027-01-31T00:00:00Z`,
		"certificates:\n- user_id: a":                  `2:3: a certificate needs one of uri, dns and common_name`,
		"certificates:\n- {dns: a, uri: b}":            `2:3: a certificate needs one of`,
		"certificates:\n- dns: a\n- dns: a":            `3:3: dns a is here for the second time`,
		"signing_keys:\n- " + secret + "!":             `2:3: want a key of at least 32 bytes in base64`,
		"signing_keys:\n- aHVudGVyMmh1bnRlcjI=":        `2:3: signing key: 14 bytes, want at least 32`,
		"rules:\n  userservice.UserService/Nope: [a]":  `2:3: unknown method "userservice.UserService/Nope"`,
		"rules:\n  userservice.UserService/GetUser: a": `2:36: want a sequence`,
		"rules:\n  [a]: [b]":                           `2:`,
		"users: &x []\napi_keys: *x":                   `1:8: want a sequence`,
		"<<: {users: []}":                              `1:1: want a plain key`,
		"users: !!seq []":                              `1:8: want a sequence`,
		"users: []\n---\nusers: []":                    `3:1: a second document begins here`,
		"users: [" + secret:                            `1:`,
		"\tusers:":                                     `1:`,
		"users: \"" + secret:                           `1:`,
		strings.Repeat("[", 100_000):                   `1:33: nested too deeply`,
		strings.Repeat("- ", 100_000):                  `nested too deeply`,
		"users:\n- {username: a, password_hash: '" + someHash + "'}\n- {username: a, password_hash: '" + someHash + "'}": `3:3: username a is here for the second time`,
		"api_keys:\n- {name: a, sha256: " + someSum + "}\n- {name: b, sha256: " + someSum + "}":                          `3:3: the key is that of a`,
		"rules:\n  userservice.UserService/GetUser: [a]\n  /userservice.UserService/GetUser: [a]":                        `3:3: method /userservice.UserService/GetUser is here for the second time`,
	} {
		_, err := parseIdentities([]byte(text), knownMethod)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", shorten(text), err, want)
			continue
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error shows the secret: %v", text, err)
		}
	}
}

func TestIdentitiesFileIsCheckedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("users:\n  - nope\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, bytes.Repeat([]byte("#\n"), maxIdentityFile/2+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): "none.yaml: no such file",
		dir:                             "not a regular file",
		bad:                             "bad.yaml:2:5: want a mapping",
		big:                             "big.yaml: more than 4194304 bytes",
	} {
		s, err := New(Config{Identities: path})
		if err == nil {
			_ = s.Shutdown(withDeadline(t))
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

func TestBrokenIdentitiesFileLeavesThoseBefore(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	ids := newIdentities(t, "api_keys:", apiKeyLine("ci", "k3y", ""))
	cc := dial(t, Start(t, Config{Identities: ids.path, Logger: slog.New(slog.NewTextHandler(&log, nil))}))
	for _, broken := range []string{"users: [", "users: nope"} {
		before := strings.Count(log.String(), "identities not loaded")
		ids.write(broken)
		eventually(t, "the fault is logged", func() bool { return strings.Count(log.String(), "identities not loaded") > before })
		if err := getUser(t, cc, "x-api-key", "k3y"); err != nil {
			t.Error(err)
		}
	}
	for i := range 2 {
		ids.write("api_keys:", apiKeyLine("ci", "k3y", ""))
		eventually(t, "the return is logged", func() bool { return strings.Count(log.String(), "identities loaded") == i+1 })
		if err := os.Remove(ids.path); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the loss is logged", func() bool { return strings.Count(log.String(), "no such file") == i+1 })
	}
	if err := getUser(t, cc, "x-api-key", "k3y"); err != nil {
		t.Error(err)
	}
	ids.write("api_keys:", apiKeyLine("ci", "n3w", ""))
	took := eventually(t, "the new key is good", func() bool { return getUser(t, cc, "x-api-key", "n3w") == nil })
	t.Logf("loaded after %v", took)
	wantReason(t, getUser(t, cc, "x-api-key", "k3y"), codes.Unauthenticated, "API_KEY_INVALID")
	if n := strings.Count(log.String(), "no such file"); n != 2 {
		t.Errorf("the two losses were logged %d times", n)
	}
	if regexp.MustCompile(`k3y|n3w|[0-9a-f]{64}`).MatchString(log.String()) {
		t.Errorf("a key is in the log:\n%s", log.String())
	}
}

func TestNewAPIKey(t *testing.T) {
	key, sum := NewAPIKey()
	other, _ := NewAPIKey()
	want := sha256.Sum256([]byte(key))
	if hex.EncodeToString(want[:]) != sum || key == other || !regexp.MustCompile(`^grpcx_[\w-]{43}$`).MatchString(key) {
		t.Errorf("key %s, hash %s", key, sum)
	}
	ids := newIdentities(t, "api_keys:", "  - name: ci", "    sha256: "+sum)
	cc := dial(t, Start(t, Config{Auth: AuthRequired, Identities: ids.path}))
	if err := getUser(t, cc, "x-api-key", key); err != nil {
		t.Error(err)
	}
	wantReason(t, getUser(t, cc, "x-api-key", sum), codes.Unauthenticated, "API_KEY_INVALID")
}

func TestSigningKeysChangeWithoutRestart(t *testing.T) {
	t.Parallel()
	key := func(c string) string {
		return "  - " + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(c, 32)))
	}
	ids := newIdentities(t, "signing_keys:", key("a"))
	s := Start(t, Config{Identities: ids.path})
	cc := dial(t, s)
	c := pb.NewAuthServiceClient(cc)
	good := func(pair *pb.LoginResponse) bool {
		return getUser(t, cc, "authorization", "Bearer "+pair.GetAccessToken()) == nil
	}
	change := func(keys ...string) {
		t.Helper()
		before := s.auth.identities()
		ids.write(append([]string{"signing_keys:"}, keys...)...)
		eventually(t, "the file is read", func() bool { return s.auth.identities() != before })
	}
	old := login(t, c)
	change(key("b"), key("a"))
	young := login(t, c)
	if !good(old) || !good(young) {
		t.Error("a token of a key that is there is refused")
	}
	change(key("b"))
	eventually(t, "a token of a key that was taken out is refused", func() bool { return !good(old) })
	if !good(young) {
		t.Error("a token of the other key is refused")
	}
}

func FuzzIdentities(f *testing.F) {
	f.Add("users:\n  - username: ada\n    password_hash: " + someHash + "\n    roles: [user]\n")
	f.Add("api_keys:\n  - {name: ci, sha256: " + someSum + ", expires: 2027-01-31T00:00:00Z}\n")
	f.Add("certificates: [{uri: 'spiffe://example.org/ci'}, {dns: a}, {common_name: b}]\n")
	f.Add("signing_keys: ['" + someKey + "']\nrules: {userservice.UserService/GetUser: ['*']}\n")
	f.Add("a: &a [*a]\n<<: *a\n? [x]\n: !!binary |\n  aGk=\n--- >\n x\n")
	f.Add("{\"users\": [{\"username\": \"\\u0000\"}]}")
	place := regexp.MustCompile(`^\d+:\d+: .`)
	f.Fuzz(func(t *testing.T, text string) {
		begin := time.Now()
		ids, err := parseIdentities([]byte(text), knownMethod)
		if err != nil {
			if !place.MatchString(err.Error()) || strings.ContainsAny(err.Error(), "\n\x00\x1b") {
				t.Errorf("error %q", err)
			}
			return
		}
		for name, u := range ids.users {
			if name == "" || u.UserID == "" || u.proof == "" || badHash(u.hash) != "" {
				t.Errorf("user %q: %+v", name, u)
			}
		}
		for _, k := range ids.signing {
			if len(k.secret) < minSigningKey {
				t.Errorf("signing key of %d bytes", len(k.secret))
			}
		}
		if d := time.Since(begin); d > 10*time.Second {
			t.Errorf("took %v", d)
		}
	})
}
