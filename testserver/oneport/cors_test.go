package oneport

import (
	"net/http"
	"strings"
	"testing"
)

func TestOrigins(t *testing.T) {
	for _, c := range []struct {
		configured  []string
		origin      string
		allowed     bool
		credentials bool
	}{
		{nil, "http://localhost:3000", true, false},
		{nil, "https://app.localhost", true, false},
		{nil, "http://127.0.0.1", true, false},
		{nil, "http://127.9.9.9:80", true, false},
		{nil, "http://[::1]:8080", true, false},
		{nil, "https://example.com", false, false},
		{nil, "https://localhost.example.com", false, false},
		{nil, "https://example.com/localhost", false, false},
		{nil, "http://notlocalhost", false, false},
		{nil, "null", false, false},
		{nil, "file://localhost", false, false},
		{[]string{}, "http://localhost:3000", false, false},
		{[]string{"*"}, "https://example.com", true, false},
		{[]string{"*"}, "null", true, false},
		{[]string{"https://App.example.com/"}, "https://app.example.com", true, true},
		{[]string{"https://app.example.com"}, "http://app.example.com", false, false},
		{[]string{"https://app.example.com"}, "https://app.example.com:8443", false, false},
		{[]string{"*", "https://app.example.com"}, "https://app.example.com", true, true},
		{[]string{"*", "https://app.example.com"}, "https://example.com", true, false},
	} {
		o := newOrigins(c.configured)
		if allowed, credentials := o.allowed(c.origin); allowed != c.allowed || credentials != c.credentials {
			t.Errorf("%v: %s is allowed: %v, with credentials: %v", c.configured, c.origin, allowed, credentials)
		}
	}
}

func TestCORS(t *testing.T) {
	_, addr := start(t, Config{CORSOrigins: []string{"https://app.example.com"}}, &service{unary: echoStatus})
	send := func(t *testing.T, method, origin string, headers ...string) http.Header {
		t.Helper()
		req, err := http.NewRequestWithContext(deadline(t), method, "http://"+addr+"/grpc.testing.TestService/UnaryCall", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, err := browser(t, false, nil).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		resp.Header.Set("Status", resp.Status)
		return resp.Header
	}
	want := func(t *testing.T, h http.Header, pairs ...string) {
		t.Helper()
		for i := 0; i < len(pairs); i += 2 {
			if got := strings.Join(h.Values(pairs[i]), ", "); got != pairs[i+1] {
				t.Errorf("%s: %q, want %q", pairs[i], got, pairs[i+1])
			}
		}
	}
	t.Run("preflight", func(t *testing.T) {
		h := send(t, http.MethodOptions, "https://app.example.com", "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "content-type,x-user", "Access-Control-Request-Private-Network", "true")
		want(t, h, "Status", "204 No Content", "Access-Control-Allow-Origin", "https://app.example.com",
			"Access-Control-Allow-Methods", "POST, GET", "Access-Control-Allow-Headers", "content-type,x-user",
			"Access-Control-Max-Age", "7200", "Access-Control-Allow-Credentials", "true",
			"Access-Control-Allow-Private-Network", "true")
		if vary := strings.Join(h.Values("Vary"), ", "); !strings.Contains(vary, "Origin") || !strings.Contains(vary, "Access-Control-Request-Headers") {
			t.Errorf("Vary: %q", vary)
		}
	})
	t.Run("preflight of another", func(t *testing.T) {
		h := send(t, http.MethodOptions, "https://evil.example.com", "Access-Control-Request-Method", "POST", "Access-Control-Request-Private-Network", "true")
		want(t, h, "Access-Control-Allow-Origin", "", "Access-Control-Allow-Methods", "", "Access-Control-Allow-Private-Network", "")
	})
	t.Run("call", func(t *testing.T) {
		h := send(t, http.MethodPost, "https://app.example.com", "Content-Type", "application/json")
		want(t, h, "Status", "200 OK", "Access-Control-Allow-Origin", "https://app.example.com", "Vary", "Origin")
		for _, name := range []string{"Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin", "X-Header", "Trailer-X-Trailer", "Content-Type"} {
			if !strings.Contains(h.Get("Access-Control-Expose-Headers"), name) {
				t.Errorf("%s is not exposed: %q", name, h.Get("Access-Control-Expose-Headers"))
			}
		}
	})
	t.Run("gRPC-Web in text, unknown and without a body", func(t *testing.T) {
		h := send(t, http.MethodPost, "https://app.example.com", "Content-Type", "application/grpc-web-text")
		want(t, h, "Access-Control-Allow-Origin", "https://app.example.com", "Content-Type", "application/grpc-web-text")
		if h.Get("Access-Control-Expose-Headers") == "" {
			t.Error("nothing is exposed")
		}
	})
	t.Run("call of another", func(t *testing.T) {
		h := send(t, http.MethodPost, "https://evil.example.com", "Content-Type", "application/json")
		want(t, h, "Access-Control-Allow-Origin", "", "Access-Control-Expose-Headers", "", "Vary", "Origin")
	})
}
