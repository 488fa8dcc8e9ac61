package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpcx/grpcx/internal/message"
)

// expansion is a text in which variables of the environment stand for their values.
type expansion struct {
	given string
	text  string // with the values
	refs  []reference
}

// reference is a ${NAME} and what it stands for: given[at:end] and text[from:to].
type reference struct {
	name     string
	at, end  int
	from, to int
}

// expand replaces each ${NAME} by what quote makes of the environment variable of
// that name.
func (p *program) expand(s string, quote func(value string) (string, error)) (*expansion, error) {
	x := &expansion{given: s}
	var b strings.Builder
	for done := 0; ; {
		before, rest, found := strings.Cut(s[done:], "${")
		b.WriteString(before)
		if !found {
			x.text = b.String()
			return x, nil
		}
		name, _, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, errors.New("a ${ without its }")
		}
		value, ok := p.LookupEnv(name)
		if !ok {
			return nil, fmt.Errorf("environment variable %s is not set", name)
		}
		value, err := quote(value)
		if err != nil {
			return nil, fmt.Errorf("environment variable %s: %w", name, err)
		}
		r := reference{name: name, at: done + len(before), from: b.Len()}
		b.WriteString(value)
		done = r.at + len("${}") + len(name)
		r.end, r.to = done, b.Len()
		x.refs = append(x.refs, r)
	}
}

// expandData expands a request in JSON: a value stands in it as it would between
// the quotes of a string. Where ${ is meant, JSON may say \u0024{.
func (p *program) expandData(data string) (*expansion, error) {
	x, err := p.expand(data, insideString)
	if err != nil {
		return nil, fmt.Errorf("--expand-data: %w", err)
	}
	return x, nil
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

// conceal makes an error about the text one about what was given: values of the
// environment may be secrets, which errors do not show.
func (x *expansion) conceal(err error) error {
	e, ok := errors.AsType[*message.Error](err)
	if !ok || len(x.refs) == 0 {
		return err
	}
	c := &message.Error{Source: e.Source, Offset: e.Offset, Path: e.Path, Msg: e.Msg, Suggestion: e.Suggestion}
	if slices.ContainsFunc(x.refs, x.inKey) {
		c.Path = ""
	}
	begin, end := int(e.Offset), x.tokenEnd(int(e.Offset))
	for _, r := range x.refs {
		if r.from < end && r.to >= begin {
			c.Msg, c.Suggestion = "the value of ${"+r.name+"} does not fit here", ""
		}
	}
	at := x.givenAt(begin)
	c.Offset = int64(at)
	start := strings.LastIndexByte(x.given[:at], '\n') + 1
	c.Line, c.Col = 1+strings.Count(x.given[:at], "\n"), 1+utf8.RuneCountInString(x.given[start:at])
	line, _, _ := strings.Cut(x.given[start:], "\n")
	c.Snippet, c.Caret = snippet(line, at-start)
	return c
}

// inKey tells a reference in the name of a member. One that is in no string may be
// taken for one.
func (x *expansion) inKey(r reference) bool {
	for i := r.end; i < len(x.given); i++ {
		switch x.given[i] {
		case '\\':
			i++
		case '"':
			return strings.HasPrefix(strings.TrimLeft(x.given[i+1:], " \t\r\n"), ":")
		}
	}
	return false
}

// tokenEnd is where the JSON token ends that begins at begin of the text.
func (x *expansion) tokenEnd(begin int) int {
	rest := x.text[min(begin, len(x.text)):]
	end := strings.IndexAny(rest, ",:]} \t\r\n")
	if strings.HasPrefix(rest, `"`) {
		for end = 1; end < len(rest) && rest[end] != '"'; end++ {
			if rest[end] == '\\' {
				end++
			}
		}
	}
	if strings.HasPrefix(rest, `\`) { // of what is wrong in a string
		end = len(`\u0000`)
	}
	if end < 0 {
		end = len(rest)
	}
	return begin + min(end, len(rest))
}

// givenAt is the place in what was given of one in the text.
func (x *expansion) givenAt(at int) int {
	for i := len(x.refs) - 1; i >= 0; i-- {
		switch r := x.refs[i]; {
		case at >= r.to:
			return min(at-r.to+r.end, len(x.given))
		case at >= r.from:
			return r.at
		}
	}
	return min(at, len(x.given))
}
