package testserver

import (
	"strings"
	"testing"
	"unicode/utf8"
)

const jwtLike = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.c2lnbmF0dXJl"

// secretTexts are texts whose secret parts all contain "s3cr" or are jwtLike.
var secretTexts = map[string]string{
	"bearer":                        "header Bearer s3cr3t-abc rejected",
	"bearer, odd case, two spaces":  "bEaReR  s3cr3t",
	"basic":                         "Basic YWRtaW46s3cr3t==",
	"token of a JSON web":           "cannot parse " + jwtLike + ": expired",
	"web token in brackets":         "[" + jwtLike + "]",
	"web token in a URL":            "GET /x?t=" + jwtLike,
	"web token cut short":           "token says eyJhbGciOiJIUzI1NiIsInMzY3Is3cr",
	"authorization header":          "Authorization: Bearer s3cr3t",
	"unknown scheme":                "authorization: Digest username=\"u\", response=\"s3cr3t\", s3cr3t",
	"cookie header":                 "Cookie: sid=s3cr1; theme=s3cr2",
	"set-cookie":                    "set-cookie: a=s3cr3t; Path=/",
	"api key header":                "x-api-key: s3cr3t",
	"API key in capitals":           "X-API-KEY:s3cr3t",
	"metadata as Go prints it":      "map[authorization:[Bearer s3cr3t] x-api-key:[s3cr3t]]",
	"metadata with several values":  "map[cookie:[a=s3cr1 b=s3cr2]]",
	"struct as Go prints it":        "{User:ada Password:s3cr3t}",
	"struct with types":             `Config{Password:"s3cr 3t", Host:"h"}`,
	"query string":                  "GET /login?user=ada&password=s3cr3t&x=1",
	"access token in a query":       "/?access_token=s3cr3t",
	"JSON":                          `{"user":"ada","password":"s3cr3t"}`,
	"JSON with spaces":              `{"password" : "s3cr 3t with spaces"}`,
	"JSON with an escaped quote":    `{"password":"s3cr\"s3cr","x":1}`,
	"JSON within a string":          `"{\"password\":\"s3cr3t\"}"`,
	"JSON number":                   `{"secret":12s3cr}`,
	"YAML":                          "password: s3cr3t",
	"prototext":                     `username:"ada" password:"s3cr3t"`,
	"prototext with a space":        `username:"ada"  password: "s3cr3t"`,
	"Ruby's arrow":                  `"password"=>"s3cr3t"`,
	"assignment":                    "password := s3cr3t",
	"environment":                   "PGPASSWORD=s3cr3t psql",
	"flag":                          "--admin-password=s3cr3t",
	"short names":                   "user=ada pwd=s3cr1 pass=s3cr2 passwd=s3cr3",
	"keys":                          "api_key=s3cr1 accessKey=s3cr2 private-key=s3cr3 signingKey: s3cr4",
	"AWS":                           "aws_secret_access_key = s3cr3t/+=",
	"token with a scheme":           "token=Bearer s3cr3t",
	"refresh token":                 "refresh_token: s3cr3t",
	"DSN in key words":              "host=db user=ada password=s3cr3t sslmode=disable",
	"DSN in key words, quoted":      `host=db password='s3cr \' s3cr' sslmode=disable`,
	"DSN":                           "connect postgres://ada:s3cr3t@db:5432/x: refused",
	"DSN with @ in the password":    "postgres://ada:s3cr@s3cr@db/x",
	"DSN with / in the password":    `parse "postgres://ada:s3cr/s3cr@db/x": invalid port ":s3cr" after host`,
	"such an error, quoted":         `error="parse \"postgres://ada:s3cr/s3cr@db/x\": invalid port \":s3cr\" after host"`,
	"DSN with a space":              "postgres://ada:s3cr s3cr@db/x",
	"DSN with a quote":              `postgres://ada:s3cr"s3cr@db/x`,
	"DSN without the rest":          "postgres://ada:s3cr",
	"user in a URL is a credential": "https://ghp_s3cr3t@github.com/x",
	"password in the DSN's query":   "postgres://db/x?user=ada&password=s3cr3t",
	"several on a line":             "password=s3cr1 token=s3cr2 postgres://a:s3cr3@h Bearer s3cr4",
	"private key":                   "-----BEGIN RSA PRIVATE KEY-----\ns3cr\ns3cr\n-----END RSA PRIVATE KEY-----",
	"private key without its end":   "-----BEGIN PRIVATE KEY-----s3cr",
	"after something redacted":      "password=[redacted] token=s3cr3t",
	"bad UTF-8":                     "password=\xff\xfes3cr3t\xff",
	"control characters":            "password=\x00s3cr3t",
	"bidi characters":               "password=\u202es3cr3t",
	"name in another's clothes":     "my.db.PASSWORD=s3cr3t",
	"JWT by its name":               "jwt=s3cr3t",
	"name beside the web token":     "token:" + jwtLike,
	"long value":                    "secret=" + strings.Repeat("s3cr", 5000),
}

func TestRedactTakesSecrets(t *testing.T) {
	for name, text := range secretTexts {
		t.Run(name, func(t *testing.T) {
			got := redact(text)
			if strings.Contains(got, "s3cr") || strings.Contains(got, jwtLike[:20]) {
				t.Errorf("%q became %q", text, got)
			}
			if again := redact(got); again != got {
				t.Errorf("%q, redacted again, became %q", got, again)
			}
		})
	}
}

func TestRedactLeavesTheRest(t *testing.T) {
	for _, text := range []string{
		"",
		"call",
		"user ada@example.com not found",
		"127.0.0.1:50051",
		"[::1]:50051",
		"/userservice.AuthService/RefreshToken",
		"listening on http://127.0.0.1:50051/path",
		"http://[::1]:4317 refused",
		"a token was refused",
		"key=value", "author: ada", "monkey: 1", "primary key: id",
		"invalid port", "the basic", "eyJ", "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
		"sqlite:///var/lib/grpcx/users.db",
		"elapsed=1.5ms code=OK",
		"ключ: значение=да",
	} {
		if got := redact(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestRedactKeepsWhatIsAround(t *testing.T) {
	for text, want := range map[string]string{
		"connect postgres://ada:pw@db:5432/x: refused":     "connect postgres://ada:[redacted]@db:5432/x: refused",
		`{"user":"ada","password":"pw","age":3}`:           `{"user":"ada","password":"[redacted]","age":3}`,
		"host=db password='a b' sslmode=disable":           "host=db password='[redacted]' sslmode=disable",
		"GET /?token=abc&page=2":                           "GET /?token=[redacted]&page=2",
		"Bearer abc, then":                                 "Bearer [redacted], then",
		"-----BEGIN PRIVATE KEY-----x-----END PRIVATE KEY": "-----BEGIN PRIVATE KEY-----[redacted]-----END PRIVATE KEY",
	} {
		if got := redact(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	for _, text := range secretTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := redact(text)
		if utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("%q became %q, which is not UTF-8", text, got)
		}
		// A secret is found wherever in a text it stands on a line of its own.
		if got := redact(text + "\npassword=s3cr3t\n"); strings.Contains(got, "\npassword=s3cr3t") {
			t.Errorf("%q before a password hides it", text)
		}
	})
}

func BenchmarkRedact(b *testing.B) {
	for name, text := range map[string]string{
		"peer":   "127.0.0.1:50051",
		"method": "/userservice.UserService/GetUser",
		"DSN":    "connect postgres://ada:pw@db:5432/x: refused",
		"worst":  strings.Repeat("://", maxLogText/3),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				redact(text)
			}
		})
	}
}
