package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/grpcx/grpcx/internal/pipe"
	"github.com/grpcx/grpcx/testserver/store"
)

// secretFile is a setting whose value is a secret. It is read from a file, or it
// is in a variable; it is never given on a command line, which others can see, and
// never shown.
type secretFile struct {
	path     string
	variable string // that may hold the secret itself; "" for none
	inline   string // what it held
}

// newSecret is a setting that is the path of a file with a secret.
func newSecret(variable string) *secretFile { return &secretFile{variable: variable} }

func (s *secretFile) String() string      { return s.path }
func (s *secretFile) Set(v string) error  { s.path = v; return nil }
func (s *secretFile) spare() settingValue { return &secretFile{} }
func (s *secretFile) Type() string        { return "string" }
func (s *secretFile) takes() yamlKind     { return yamlText }
func (s *secretFile) yaml() string        { return yamlString(s.path) }

// maxSecret bounds a file with a secret.
const maxSecret = 64 << 10

// read returns the secret without the line break that editors leave at its end,
// and "" if there is none.
func (s *secretFile) read(ctx context.Context) (string, error) {
	if s.inline != "" || s.path == "" {
		return s.inline, nil
	}
	b, err := readLimited(ctx, s.path, maxSecret)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if secret == "" {
		return "", fmt.Errorf("read %s: the file is empty", s.path)
	}
	return secret, nil
}

// readLimited reads a file of at most limit bytes, until ctx ends.
func readLimited(ctx context.Context, path string, limit int64) ([]byte, error) {
	return pipe.Within(ctx, func() ([]byte, error) { return readAll(path, limit) })
}

func readAll(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, errors.Unwrap(err))
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("read %s: larger than %s", path, formatSize(limit))
	}
	return b, nil
}

// withoutPassword is the address of a store as it may be shown.
func withoutPassword(address string) string { return store.Redacted(address) }

// hasPassword reports whether the address of a store holds what
// withoutPassword leaves out.
func hasPassword(address string) bool { return withoutPassword(address) != address }
