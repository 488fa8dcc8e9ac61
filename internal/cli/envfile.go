package cli

import (
	"context"
	"fmt"
	"strings"
)

// maxEnvFile bounds a file of variables.
const maxEnvFile = 1 << 20

// environment looks variables up in the files of --env-file, the last first, and
// then in the environment.
func (o *suiteOptions) environment(ctx context.Context) (func(string) (string, bool), error) {
	vars := map[string]string{}
	for _, path := range o.envFiles {
		if err := readEnvFile(ctx, path, vars); err != nil {
			return nil, err
		}
	}
	return func(name string) (string, bool) {
		if v, ok := vars[name]; ok {
			return v, true
		}
		return o.LookupEnv(name)
	}, nil
}

// readEnvFile adds the variables of a file to vars: NAME=VALUE lines, comments
// that begin with #, values in single quotes (as they are) or double quotes (with
// \n, \" and \\). Errors do not repeat values.
func readEnvFile(ctx context.Context, path string, vars map[string]string) error {
	text, err := readLimited(ctx, path, maxEnvFile)
	if err != nil {
		return fmt.Errorf("read variables: %w", err)
	}
	for n, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		name = strings.TrimSpace(name)
		if !ok || !isVariableName(name) {
			return fmt.Errorf("%s:%d: want NAME=VALUE", path, n+1)
		}
		if vars[name], ok = envValue(strings.TrimSpace(value)); !ok {
			return fmt.Errorf("%s:%d: the value of %s has a quote without its end", path, n+1, name)
		}
	}
	return nil
}

func isVariableName(s string) bool {
	for i, c := range s {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// envValue takes the quotes off a value, or the comment behind one without.
func envValue(s string) (string, bool) {
	if s == "" || s[0] != '\'' && s[0] != '"' {
		value, _, _ := strings.Cut(s, " #")
		return strings.TrimSpace(value), true
	}
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			return b.String(), true
		case c == '\\' && quote == '"' && i+1 < len(s):
			i++
			b.WriteString(unescaped(s[i]))
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// unescaped is what a character behind a backslash stands for.
func unescaped(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case '"', '\\', '$':
		return string(c)
	}
	return `\` + string(c)
}
