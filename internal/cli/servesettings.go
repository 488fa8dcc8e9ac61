package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/grpcx/grpcx/testserver"
	"github.com/grpcx/grpcx/testserver/oneport"
)

// serveSettings is what `grpcx serve` can be told. The zero value is not ready;
// groups gives every field its default.
type serveSettings struct {
	listen        string
	allowInsecure bool
	storeFile     *secretFile
	adminPassword *secretFile
	signingKey    *secretFile
	dependencies  []dependency
	admin         string
	grace         time.Duration
	logLevel      string
	logFormat     string

	server testserver.Config // what settings say of it directly
}

// groups are all settings. A new one takes a line here; where it is not a field of
// server, it takes a field above and its use in serverConfig or serve.
func (o *serveSettings) groups() []settingGroup {
	c := &o.server
	o.storeFile, o.signingKey = newSecret(""), newSecret("")
	o.adminPassword = newSecret("GRPCX_ADMIN_PASSWORD")
	return []settingGroup{
		{"Listening", []*setting{
			{name: "listen", value: text(&o.listen, "127.0.0.1:50051"), usage: "`ADDRESS` to listen on, host:port or unix:/path"},
			{name: "allow-insecure", value: toggle(&o.allowInsecure), usage: "allow listening beyond the loopback interface without TLS or without required authentication"},
			{name: "tls-cert", value: text(&c.TLS.Cert, ""), usage: "PEM `FILE` with the certificate and its chain"},
			{name: "tls-key", value: text(&c.TLS.Key, ""), usage: "PEM `FILE` with the certificate's key"},
			{name: "tls-client-ca", value: text(&c.TLS.ClientCA, ""), usage: "PEM `FILE` with the authorities of clients' certificates"},
			{name: "client-auth", value: choice(&c.TLS.ClientAuth, "", "none", "request", "require"), usage: "`WHETHER` clients show certificates: none, request, require (default require with --tls-client-ca, else none)"},
			{name: "cors-origin", value: origins(&c.CORSOrigins), usage: "`ORIGIN` whose pages may call from a browser, * is any; may repeat (default pages of this machine)"},
			{name: "grace", value: period(&o.grace, 10*time.Second), usage: "time that calls under way have to end after a signal"},
		}},
		{"Data", []*setting{
			{name: "store", value: storeAddress(&c.Store, "memory"), usage: "`STORE` of the data: memory, the name of an SQLite file, or postgres://user@host/database"},
			{name: "store-file", value: o.storeFile, usage: "`FILE` that holds what --store takes, for addresses with a password"},
			{name: "files", value: text(&c.Files, ""), usage: "`FOLDER` of uploaded files (default beside the SQLite file, or a temporary one)"},
			{name: "max-file-bytes", value: size(&c.MaxFileBytes, 2<<30), usage: "`BYTES` of the largest file to take"},
			{name: "max-uploads", value: count(&c.MaxUploads, 100, 1), usage: "`N`, the most uploads at a time"},
		}},
		{"Authentication", []*setting{
			{name: "auth", value: choice(&c.Auth, testserver.AuthOptional, "optional", "required", "off"), usage: "`WHETHER` calls need credentials: optional, required, off"},
			{name: "identities", value: text(&c.Identities, ""), usage: "YAML `FILE` of users, API keys, certificates, signing keys and rules"},
			{name: "admin-password-file", value: o.adminPassword, usage: "`FILE` with the password of the user admin"},
			{name: "signing-key-file", value: o.signingKey, usage: "`FILE` with the key, at least 32 bytes, that signs access tokens (default keys that the store keeps)"},
			{name: "access-ttl", value: period(&c.AccessTTL, 15*time.Minute), usage: "how long an access token is valid"},
			{name: "refresh-ttl", value: period(&c.RefreshTTL, 7*24*time.Hour), usage: "how long a refresh token is valid"},
		}},
		{"Limits", []*setting{
			{name: "max-connections", value: count(&c.MaxConnections, oneport.DefaultMaxConnections, 1), usage: "`N`, the most connections"},
			{name: "max-calls", value: count(&c.MaxCalls, oneport.DefaultMaxCalls, 1), usage: "`N`, the most calls at a time over all connections"},
			{name: "max-streams", value: count(&c.MaxStreams, 100, 1), usage: "`N`, the most calls at a time on a connection"},
			{name: "max-header-bytes", value: size(&c.MaxHeaderBytes, 16<<10), usage: "`BYTES` of the largest headers of a call"},
			{name: "max-message-bytes", value: size(&c.MaxMessageBytes, 4<<20), usage: "`BYTES` of the largest message to receive"},
			{name: "handshake-timeout", value: period(&c.HandshakeTimeout, 5*time.Second), usage: "time to set up a connection"},
			{name: "keepalive-min-time", value: period(&c.KeepaliveMinTime, 10*time.Second), usage: "least time between a client's pings; one that sends more is disconnected"},
			{name: "rate-limit", value: number(&c.RateLimit.PerSecond, 0, 1e9), usage: "`N`, the calls a second of each client; 0 is no limit"},
			{name: "rate-burst", value: count(&c.RateLimit.Burst, 0, 0), usage: "`N`, the calls that a client may make at once; 0 is those of a second"},
		}},
		{"Operation", []*setting{
			{name: "dependency", value: dependencies(&o.dependencies), usage: "`NAME=URL`, or NAME@SERVICE=URL, of an HTTP endpoint that health depends on; may repeat"},
			{name: "admin", value: text(&o.admin, ""), usage: "`ADDRESS` of a port for /metrics, /healthz and /readyz"},
			{name: "pprof", value: toggle(&c.Profiling), usage: "serve /debug/pprof/ on the admin port"},
			{name: "otlp-endpoint", value: text(&c.Tracing.Endpoint, ""), usage: "`URL` of an OpenTelemetry collector that takes OTLP over gRPC"},
			{name: "trace-sample", value: number(&c.Tracing.Sample, 1, 1), usage: "`SHARE` of the traces to keep of those that begin here"},
			{name: "log-level", value: choice(&o.logLevel, "info", "debug", "info", "warn", "error"), usage: "least `LEVEL` to log: debug, info, warn, error"},
			{name: "log-format", value: choice(&o.logFormat, "text", "text", "json"), usage: "`FORMAT` of the log: text, json"},
		}},
		{"Faults", []*setting{
			{name: "fault", value: faults(&c.Faults), usage: "`FAULT` METHOD=CODE[:CHANCE],delay=DURATION[:CHANCE] makes calls fail or wait; may repeat"},
		}},
	}
}

// resolve completes the settings, whose flags and variables have been read, from
// the documents' variables and the configuration file, "" being none. The errors
// of what was set are usageErrors.
func (o *serveSettings) resolve(ctx context.Context, flags *pflag.FlagSet, groups []settingGroup, file string, lookupEnv func(string) (string, bool)) error {
	settingsFrom(flags, groups)
	if err := secretVariables(groups, lookupEnv); err != nil {
		return err
	}
	if err := documentVariables(groups, lookupEnv); err != nil {
		return err
	}
	if file != "" {
		if err := readConfig(ctx, file, groups); err != nil {
			return err
		}
	}
	return o.check(groups)
}

// check finds what is wrong with settings that are each in order.
func (o *serveSettings) check(groups []settingGroup) error {
	store, file := find(groups, "store"), find(groups, "store-file")
	switch {
	case o.storeFile.path == "":
	case store.given() && store.from.precedence == file.from.precedence:
		return fmt.Errorf("%s and %s: give one of them", store.from, file.from)
	case store.from.precedence > file.from.precedence:
		file.outdone = store
	default:
		store.outdone = file
	}
	c := &o.server
	switch {
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		return errors.New("tls-cert and tls-key: give both")
	case c.TLS.Cert == "" && (c.TLS.ClientCA != "" || c.TLS.ClientAuth != ""):
		return errors.New("tls-client-ca and client-auth: give tls-cert and tls-key too")
	case c.TLS.ClientCA == "" && c.TLS.ClientAuth != "" && c.TLS.ClientAuth != oneport.ClientAuthNone:
		return errors.New("client-auth: give tls-client-ca too")
	case c.Profiling && o.admin == "":
		return errors.New("pprof: give admin, the address of the port for it")
	case c.Tracing.Sample == 0:
		return errors.New("trace-sample: want more than 0; without otlp-endpoint there are no traces")
	}
	return nil
}

// serverConfig reads the secrets and returns the configuration of the server.
func (o *serveSettings) serverConfig(ctx context.Context, groups []settingGroup) (testserver.Config, error) {
	cfg := o.server
	for _, d := range o.dependencies {
		cfg.Dependencies = append(cfg.Dependencies, d.Dependency)
	}
	var err error
	if find(groups, "store").outdone != nil {
		if cfg.Store, err = o.storeFile.read(ctx); err != nil {
			return cfg, fmt.Errorf("--store-file: %w", err)
		}
	}
	if cfg.AdminPassword, err = o.adminPassword.read(ctx); err != nil {
		return cfg, fmt.Errorf("--admin-password-file: %w", err)
	}
	key, err := o.signingKey.read(ctx)
	if err != nil {
		return cfg, fmt.Errorf("--signing-key-file: %w", err)
	}
	if key != "" {
		cfg.SigningKey = []byte(key)
	}
	return cfg, nil
}

func find(groups []settingGroup, name string) *setting {
	for s := range eachSetting(groups) {
		if s.name == name {
			return s
		}
	}
	return nil
}

// secretVariables takes the secrets that are in variables.
func secretVariables(groups []settingGroup, lookupEnv func(string) (string, bool)) error {
	for s := range eachSetting(groups) {
		file, ok := s.value.(*secretFile)
		if !ok || file.variable == "" {
			continue
		}
		v, ok := lookupEnv(file.variable)
		switch {
		case !ok || v == "" || s.from.precedence == fromFlag:
		case s.from.precedence == fromEnvironment:
			return fmt.Errorf("environment variables %s and %s: give one of them", s.from, file.variable)
		default:
			file.inline = v
			s.from = source{fromEnvironment, file.variable}
		}
	}
	return nil
}

// documentVariables takes the variables by which the documents of the reference
// system configure it, and the one of OpenTelemetry.
func documentVariables(groups []settingGroup, lookupEnv func(string) (string, bool)) error {
	value := func(name string) string {
		v, _ := lookupEnv(name)
		return v
	}
	take := func(name, v, variables string) error {
		s := find(groups, name)
		if v == "" || s.given() {
			return nil
		}
		s.from = source{fromDocuments, variables}
		return s.value.Set(v)
	}
	if value("SSL_ENABLED") == "true" {
		ca := value("SSL_CA_PATH")
		err := errors.Join(take("tls-cert", value("SSL_CERT_PATH"), "SSL_CERT_PATH"),
			take("tls-key", value("SSL_KEY_PATH"), "SSL_KEY_PATH"), take("tls-client-ca", ca, "SSL_CA_PATH"))
		if find(groups, "tls-client-ca").from.precedence == fromDocuments {
			err = errors.Join(err, take("client-auth", "request", "SSL_CA_PATH"))
		}
		if err != nil {
			return err
		}
	}
	const otlp = "OTEL_EXPORTER_OTLP_ENDPOINT"
	if err := take("otlp-endpoint", value(otlp), otlp); err != nil {
		return err
	}
	return listenVariables(find(groups, "listen"), value("GRPC_HOST"), value("GRPC_PORT"))
}

// listenVariables takes GRPC_HOST and GRPC_PORT, either of which may be "".
func listenVariables(listen *setting, host, port string) error {
	if (host == "" && port == "") || listen.given() {
		return nil
	}
	defaultHost, defaultPort, err := net.SplitHostPort(listen.value.String())
	if err != nil {
		return err
	}
	if port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return errors.New("environment variable GRPC_PORT: want a port, 0 to 65535")
		}
	}
	switch {
	case host == "":
		listen.from = source{fromDocuments, "GRPC_PORT"}
	case port == "":
		listen.from = source{fromDocuments, "GRPC_HOST"}
	default:
		listen.from = source{fromDocuments, "GRPC_HOST and GRPC_PORT"}
	}
	return listen.value.Set(net.JoinHostPort(strings.Trim(cmp.Or(host, defaultHost), "[]"), cmp.Or(port, defaultPort)))
}
