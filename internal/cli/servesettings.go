package cli

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/grpcx/grpcx/testserver"
)

// serveSettings is what `grpcx serve` can be told. The zero value is not ready;
// groups gives every field its default.
type serveSettings struct {
	listen        string
	allowInsecure bool
	storeFile     *secretFile
	adminPassword *secretFile
	signingKey    *secretFile
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
			{name: "allow-insecure", value: toggle(&o.allowInsecure), usage: "allow listening beyond the loopback interface, without TLS or authentication"},
			{name: "grace", value: period(&o.grace, 10*time.Second), usage: "time that calls under way have to end after a signal"},
		}},
		{"Data", []*setting{
			{name: "store", value: storeAddress(&c.Store, "memory"), usage: "`STORE` of the data: memory, or the name of an SQLite file"},
			{name: "store-file", value: o.storeFile, usage: "`FILE` that holds what --store takes, for addresses with a password"},
		}},
		{"Authentication", []*setting{
			{name: "admin-password-file", value: o.adminPassword, usage: "`FILE` with the password of the user admin"},
			{name: "signing-key-file", value: o.signingKey, usage: "`FILE` with the key, at least 32 bytes, that signs access tokens (default a random one)"},
			{name: "access-ttl", value: period(&c.AccessTTL, 15*time.Minute), usage: "how long an access token is valid"},
			{name: "refresh-ttl", value: period(&c.RefreshTTL, 7*24*time.Hour), usage: "how long a refresh token is valid"},
		}},
		{"Limits", []*setting{
			{name: "max-streams", value: count(&c.MaxStreams, 100, 1), usage: "`N`, the most calls at a time on a connection"},
			{name: "max-header-bytes", value: size(&c.MaxHeaderBytes, 16<<10), usage: "`BYTES` of the largest headers of a call"},
			{name: "max-message-bytes", value: size(&c.MaxMessageBytes, 4<<20), usage: "`BYTES` of the largest message to receive"},
			{name: "handshake-timeout", value: period(&c.HandshakeTimeout, 5*time.Second), usage: "time to set up a connection"},
			{name: "keepalive-min-time", value: period(&c.KeepaliveMinTime, 10*time.Second), usage: "least time between a client's pings; one that sends more is disconnected"},
		}},
		{"Logs", []*setting{
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
func (o *serveSettings) resolve(flags *pflag.FlagSet, groups []settingGroup, file string, lookupEnv func(string) (string, bool)) error {
	settingsFrom(flags, groups)
	if err := secretVariables(groups, lookupEnv); err != nil {
		return err
	}
	if err := documentVariables(groups, lookupEnv); err != nil {
		return err
	}
	if file != "" {
		if err := readConfig(file, groups); err != nil {
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
	return nil
}

// serverConfig reads the secrets and returns the configuration of the server.
func (o *serveSettings) serverConfig(groups []settingGroup) (testserver.Config, error) {
	cfg := o.server
	var err error
	if find(groups, "store").outdone != nil {
		if cfg.Store, err = o.storeFile.read(); err != nil {
			return cfg, fmt.Errorf("--store-file: %w", err)
		}
	}
	if cfg.AdminPassword, err = o.adminPassword.read(); err != nil {
		return cfg, fmt.Errorf("--admin-password-file: %w", err)
	}
	key, err := o.signingKey.read()
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
// system configure it: GRPC_HOST and GRPC_PORT.
func documentVariables(groups []settingGroup, lookupEnv func(string) (string, bool)) error {
	value := func(name string) string {
		v, _ := lookupEnv(name)
		return v
	}
	host, port := value("GRPC_HOST"), value("GRPC_PORT")
	listen := find(groups, "listen")
	if (host == "" && port == "") || listen.given() {
		return nil
	}
	defaultHost, defaultPort, _ := net.SplitHostPort(listen.value.String())
	var names []string
	if host == "" {
		host = defaultHost
	} else {
		names = append(names, "GRPC_HOST")
	}
	if port == "" {
		port = defaultPort
	} else {
		names = append(names, "GRPC_PORT")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return errors.New("environment variable GRPC_PORT: want a port, 0 to 65535")
	}
	listen.from = source{fromDocuments, strings.Join(names, " and ")}
	return listen.value.Set(net.JoinHostPort(strings.Trim(host, "[]"), port))
}
