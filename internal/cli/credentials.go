package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/grpcx/grpcx/testserver"
)

// maxPassword is the most bytes of a password that the server takes.
const maxPassword = 1024

// newHashPasswordCommand is `grpcx serve hash-password`.
func newHashPasswordCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "hash-password",
		Short: "Hash a password for the file of --identities",
		Long: `Read a password, from a terminal without showing it, and print its hash as the
file of --identities has it in password_hash.`,
		Example: `  grpcx serve hash-password
  grpcx serve hash-password < password.txt`,
		Args: args(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			password, err := p.readPassword()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.Out, testserver.HashPassword(password))
			return err
		},
	}
}

// newAPIKeyCommand is `grpcx serve new-api-key`.
func newAPIKeyCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "new-api-key NAME",
		Short: "Make an API key and its entry for the file of --identities",
		Long: `Make an API key. The entry for api_keys in the file of --identities goes to
standard output; the key itself, which is kept nowhere else, to standard error.`,
		Example: `  grpcx serve new-api-key ci >> identities.yaml`,
		Args:    args(1, 1, "NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			key, hash := testserver.NewAPIKey()
			if _, err := fmt.Fprintf(p.Out, "  - name: %s\n    sha256: %s\n    roles: [api]\n", yamlString(args[0]), hash); err != nil {
				return err
			}
			_, err := fmt.Fprintf(p.Err, "* the key, for metadata x-api-key: %s\n", key)
			return err
		},
	}
}

// readPassword reads a line from standard input.
func (p *program) readPassword() (string, error) {
	var line []byte
	var err error
	if f, ok := p.In.(*os.File); ok && p.InTerminal {
		_, _ = fmt.Fprint(p.Err, "password: ")
		line, err = term.ReadPassword(int(f.Fd()))
		_, _ = fmt.Fprintln(p.Err)
	} else {
		line, err = io.ReadAll(io.LimitReader(p.In, maxPassword+3))
	}
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
	switch {
	case password == "":
		return "", errors.New("read password: it is empty")
	case strings.ContainsAny(password, "\n\x00"):
		return "", errors.New("read password: want one line")
	case len(password) > maxPassword:
		return "", fmt.Errorf("read password: longer than %d bytes", maxPassword)
	}
	return password, nil
}
