package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"google.golang.org/grpc/metadata"

	"github.com/grpcx/grpcx/internal/pipe"
)

// addHeader adds one -H argument to md: 'name: value', or @file with one such
// line each. Errors name the header and never repeat its value.
func (c *connection) addHeader(ctx context.Context, p *program, md metadata.MD, line string) error {
	path, isFile := strings.CutPrefix(line, "@")
	if !isFile {
		return c.addLine(p, md, line)
	}
	data, err := pipe.Within(ctx, func() ([]byte, error) { return p.pipes.readFile(path) })
	if err != nil {
		return fmt.Errorf("read metadata: %w", err)
	}
	for n, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := c.addLine(p, md, line); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n+1, err)
		}
	}
	return nil
}

// pipes keeps what was read from files that can be read only once. Its methods may
// be called at once.
type pipes struct {
	mu   sync.Mutex
	read map[string][]byte
}

func (s *pipes) readFile(path string) ([]byte, error) {
	if info, err := os.Stat(path); err != nil || info.Mode().IsRegular() {
		return os.ReadFile(path)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if data, ok := s.read[path]; ok {
		return data, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if s.read == nil {
		s.read = map[string][]byte{}
	}
	s.read[path] = data
	return data, nil
}

func (c *connection) addLine(p *program, md metadata.MD, line string) error {
	name, value, _ := strings.Cut(line, ":")
	name = strings.ToLower(strings.TrimSpace(name))
	value = strings.TrimSpace(value)
	if err := checkHeaderName(name); err != nil {
		return err
	}
	if c.expandHeaders {
		x, err := p.expand(value, func(v string) (string, error) { return v, nil })
		if err != nil {
			return fmt.Errorf("metadata %s: %w", name, err)
		}
		value = x.text
	}
	if strings.HasSuffix(name, "-bin") {
		raw, err := decodeBase64(value)
		if err != nil {
			return fmt.Errorf("metadata %s: the value is not base64, as -bin metadata must be", name)
		}
		value = raw
	} else if i := strings.IndexFunc(value, func(r rune) bool { return r < 0x20 || r > 0x7e }); i >= 0 {
		return fmt.Errorf("metadata %s: byte %d of the value is not printable ASCII; name it %s-bin and give base64", name, i+1, name)
	}
	md.Append(name, value)
	return nil
}

// checkHeaderName follows the gRPC over HTTP/2 specification, "Custom-Metadata".
func checkHeaderName(name string) error {
	if name == "" {
		return errors.New("metadata: want 'name: value', the name is missing")
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.' {
			return fmt.Errorf("metadata %q: a name has letters, digits, '-', '_' and '.'", name)
		}
	}
	switch name {
	case "user-agent":
		return errors.New("metadata user-agent: use --user-agent")
	case "grpc-timeout":
		return errors.New("metadata grpc-timeout: use --timeout")
	case "grpc-encoding", "grpc-accept-encoding":
		return fmt.Errorf("metadata %s: use --compress", name)
	case "content-type", "te", "connection", "host":
		return fmt.Errorf("metadata %s: belongs to the protocol and cannot be set", name)
	}
	if strings.HasPrefix(name, "grpc-") && name != "grpc-trace-bin" && name != "grpc-tags-bin" && name != "grpc-previous-rpc-attempts" {
		return fmt.Errorf("metadata %s: names that begin with grpc- belong to the protocol", name)
	}
	return nil
}

// decodeBase64 takes the standard and the URL alphabet, padded or not.
func decodeBase64(s string) (string, error) {
	s = strings.TrimRight(s, "=")
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		encoding = base64.RawURLEncoding
	}
	raw, err := encoding.DecodeString(s)
	return string(raw), err
}
