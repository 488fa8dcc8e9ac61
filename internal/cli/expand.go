package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// expand replaces each ${NAME} by what quote makes of the environment variable of
// that name.
func (p *program) expand(s string, quote func(value string) (string, error)) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", errors.New("a ${ without its }")
		}
		value, ok := p.LookupEnv(name)
		if !ok {
			return "", fmt.Errorf("environment variable %s is not set", name)
		}
		value, err := quote(value)
		if err != nil {
			return "", fmt.Errorf("environment variable %s: %w", name, err)
		}
		b.WriteString(value)
		s = after
	}
}

// expandData expands a request in JSON: a value stands in it as it would between
// the quotes of a string. Where ${ is meant, JSON may say \u0024{.
func (p *program) expandData(data string) (string, error) {
	expanded, err := p.expand(data, insideString)
	if err != nil {
		return "", fmt.Errorf("--expand-data: %w", err)
	}
	return expanded, nil
}

// insideString is value between the quotes of a JSON string.
func insideString(value string) (string, error) {
	if !utf8.ValidString(value) {
		return "", errors.New("its value is not UTF-8")
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	return string(quoted[1 : len(quoted)-1]), nil
}
