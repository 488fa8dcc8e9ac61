//go:build codegen

package live

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"testing"
)

// TestBrowser calls from a page in Chromium, which is of another origin than the
// servers.
func TestBrowser(t *testing.T) {
	chromium := findChromium(t)
	plain := newSite(t, false)
	dir := workplace(t)
	plain.generate(t, dir, "ts", "--runtime", "grpc-js")
	choose(t, dir, "multi")
	esbuild(t, dir, "page.ts", "--outfile=page.js")
	pages := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(pages.Close)

	for _, tt := range []struct {
		name, transport string
		secure          bool
	}{
		{name: "Connect with JSON", transport: "connect-json"},
		{name: "Connect", transport: "connect-binary"},
		{name: "gRPC-Web", transport: "grpc-web"},
		{name: "Connect over TLS", transport: "connect-binary", secure: true},
		{name: "gRPC-Web over TLS", transport: "grpc-web", secure: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, spki := plain, ""
			if tt.secure {
				s = newSite(t, true)
				spki = publicKeyHash(t, s.flags[1])
			}
			victim, control := s.victim(t)
			query := url.Values{
				"transport": {tt.transport}, "reference": {s.url(s.reference)}, "probe": {s.url(s.probe)},
				"victim": {s.url(victim)}, "control": {control},
			}
			runCases(t, 60, dir, "drive.js", chromium, spki, pages.URL+"/page.html?"+query.Encode())
		})
	}
}

func findChromium(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: run make codegen-live, which installs it", err)
	}
	return path
}

// publicKeyHash returns what Chromium knows the key of a certificate by.
func publicKeyHash(t *testing.T, certFile string) string {
	t.Helper()
	data, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}
