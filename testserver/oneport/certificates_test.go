package oneport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/testdata/testcert"
)

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// served returns whose certificate the configuration has.
func served(t testing.TB, c *tls.Config) string {
	t.Helper()
	current, err := c.GetConfigForClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(current.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return cert.Subject.CommonName
}

func TestReload(t *testing.T) {
	ca, dir := testcert.New(t), t.TempDir()
	cert, key := dir+"/cert", dir+"/key"
	install := func(name string) {
		c, k := ca.Issue(name, time.Now().Add(time.Hour))
		copyFile(t, c, cert)
		copyFile(t, k, key)
	}
	install("first")
	now := time.Now()
	var reports []error
	c, err := LoadTLS(Files{
		Cert: cert, Key: key, ClientCA: ca.File, now: func() time.Time { return now },
		OnReload: func(err error) { reports = append(reports, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	check := func(when, name string, wantReports int) {
		t.Helper()
		if got := served(t, c); got != name || len(reports) != wantReports {
			t.Errorf("%s: %s, %v", when, got, reports)
		}
		reports = nil
	}
	check("at first", "first", 0)
	install("second")
	check("within the interval", "first", 0)
	now = now.Add(reloadInterval)
	check("after a change", "second", 1)
	now = now.Add(reloadInterval)
	check("after no change", "second", 0)

	third, thirdKey := ca.Issue("third", time.Now().Add(time.Hour))
	copyFile(t, third, cert)
	now = now.Add(reloadInterval)
	check("with the key of another", "second", 1)
	now = now.Add(reloadInterval)
	check("still with it", "second", 0)
	copyFile(t, thirdKey, key)
	now = now.Add(reloadInterval)
	check("with its key", "third", 1)

	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		now = now.Add(reloadInterval)
		served(t, c)
	}
	if len(reports) != 1 || reports[0] == nil || !strings.Contains(reports[0].Error(), key) {
		t.Errorf("without the key: %v", reports)
	}
	reports = nil
	copyFile(t, thirdKey, key)
	now = now.Add(reloadInterval)
	check("with the same key again", "third", 0)
}

func TestLoadTLSRefuses(t *testing.T) {
	ca := testcert.New(t)
	cert, key := ca.Issue("localhost", time.Now().Add(time.Hour))
	for name, c := range map[string]struct {
		files Files
		want  string
	}{
		"no key":            {Files{Cert: cert}, "go together"},
		"no such file":      {Files{Cert: cert, Key: "no-such.key"}, "no-such.key"},
		"not a certificate": {Files{Cert: key, Key: key}, key},
		"unknown mode":      {Files{Cert: cert, Key: key, ClientAuth: "maybe"}, `"maybe"`},
		"no authorities":    {Files{Cert: cert, Key: key, ClientAuth: ClientAuthRequire}, "authorities"},
		"empty authorities": {Files{Cert: cert, Key: key, ClientCA: key}, "no certificate"},
	} {
		if _, err := LoadTLS(c.files); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestClientCertificates asks for certificates in each way, on both sides.
func TestClientCertificates(t *testing.T) {
	ca, other := testcert.New(t), testcert.New(t)
	cert, key := ca.Issue("localhost", time.Now().Add(time.Hour))
	with := func(a *testcert.Authority) *tls.Config {
		c := &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}
		if a != nil {
			pair, err := tls.LoadX509KeyPair(a.Issue("somebody", time.Now().Add(time.Hour)))
			if err != nil {
				t.Fatal(err)
			}
			// Sent even if the server does not name its authority.
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		return c
	}
	for mode, want := range map[ClientAuth]struct{ none, good, bad string }{
		ClientAuthNone:    {"nobody", "nobody", "nobody"},
		ClientAuthRequest: {"nobody", "somebody", "refused"},
		ClientAuthRequire: {"refused", "somebody", "refused"},
		"":                {"refused", "somebody", "refused"},
	} {
		t.Run("mode "+string(mode), func(t *testing.T) {
			secure, err := LoadTLS(Files{Cert: cert, Key: key, ClientCA: ca.File, ClientAuth: mode})
			if err != nil {
				t.Fatal(err)
			}
			_, addr := start(t, Config{TLS: secure}, &service{unary: whoami})
			for who, c := range map[string]struct {
				secure *tls.Config
				want   string
			}{"none": {with(nil), want.none}, "good": {with(ca), want.good}, "bad": {with(other), want.bad}} {
				resp, err := native(t, addr, c.secure).UnaryCall(deadline(t), &grpc_testing.SimpleRequest{})
				got := resp.GetUsername()
				if status.Code(err) == codes.Unavailable {
					got = "refused"
				}
				if got != c.want {
					t.Errorf("%s certificate, gRPC: %q, %v, want %q", who, got, err, c.want)
				}
				for _, http2 := range []bool{false, true} {
					got := post(t, browser(t, http2, c.secure), "https://"+addr)
					if !strings.Contains(got, c.want) {
						t.Errorf("%s certificate, Connect, HTTP/2 %v: %q, want %q", who, http2, got, c.want)
					}
				}
			}
		})
	}
}

// whoami answers with the name on the certificate of the client.
func whoami(ctx context.Context, _ *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	p, _ := peer.FromContext(ctx)
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || info.SecurityLevel != credentials.PrivacyAndIntegrity {
		return nil, status.Errorf(codes.Internal, "peer %v, %T", p, p.AuthInfo)
	}
	if len(info.State.VerifiedChains) == 0 {
		return &grpc_testing.SimpleResponse{Username: "nobody"}, nil
	}
	return &grpc_testing.SimpleResponse{Username: info.State.VerifiedChains[0][0].Subject.CommonName}, nil
}

func TestSPIFFE(t *testing.T) {
	id := func(uris ...string) *url.URL {
		cert := &x509.Certificate{}
		for _, s := range uris {
			u, err := url.Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			cert.URIs = append(cert.URIs, u)
		}
		return spiffeID(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}})
	}
	if got := id("spiffe://example.org/service"); got == nil || got.Host != "example.org" {
		t.Errorf("sound id: %v", got)
	}
	for _, uris := range [][]string{
		nil, {"https://example.org/a"}, {"spiffe://example.org"}, {"spiffe:///a"}, {"spiffe:opaque"},
		{"spiffe://user@example.org/a"}, {"spiffe://example.org/a", "spiffe://example.org/b"},
		{"spiffe://" + strings.Repeat("a", 256) + "/a"}, {"spiffe://a/" + strings.Repeat("a", 2048)},
	} {
		if got := id(uris...); got != nil {
			t.Errorf("%v: %v", uris, got)
		}
	}
	if got := spiffeID(&tls.ConnectionState{}); got != nil {
		t.Error(got)
	}
}
