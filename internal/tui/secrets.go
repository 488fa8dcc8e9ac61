package tui

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/grpcx/grpcx/internal/invoke"
)

// A reference stands for the value of an environment variable: ${env.NAME}.
const (
	referenceStart = "${env."
	referenceEnd   = "}"
)

// variable is the environment variable that stands for the value of a header or a
// field of this name: accessToken and access-token are ACCESS_TOKEN.
func variable(name string) string {
	var b strings.Builder
	var before rune
	for _, r := range name {
		switch {
		case unicode.IsUpper(r) && unicode.IsLower(before):
			b.WriteByte('_')
			b.WriteRune(r)
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(unicode.ToUpper(r))
		default:
			b.WriteByte('_')
		}
		before = r
	}
	name = b.String()
	if name == "" || unicode.IsDigit(rune(name[0])) {
		name = "_" + name
	}
	return name
}

// vault tells what is secret, and knows the secrets that were typed: in what is
// kept and shown, references stand for them.
type vault struct {
	secret func(name string) bool
	lookup func(name string) (string, bool) // of the environment
	typed  map[string]string                // by the name of the variable that stands for it
}

// hide gives a value with a reference in the place of what is secret in it: all but
// the scheme of credentials. What is nothing but references stays; where they stand
// beside something else, the reference is to what they come to.
func (v *vault) hide(name, value string) string {
	scheme, secret := invoke.CutScheme(value)
	if onlyReferences(secret) {
		return value
	}
	if plain, err := v.expand(secret, func(s string) string { return s }); err == nil {
		secret = plain
	}
	return scheme + v.reference(name, secret)
}

// reference gives the reference that stands for a value from now on. A value that
// differs from another one of the same name, that of the environment too, has a
// variable of its own.
func (v *vault) reference(name, value string) string {
	base := variable(name)
	name = base
	for i := 2; i < maxSecrets; i++ {
		if known, ok := v.value(name); !ok || known == value {
			break
		}
		name = fmt.Sprintf("%s_%d", base, i)
	}
	if v.typed == nil {
		v.typed = map[string]string{}
	}
	v.typed[name] = value
	return referenceStart + name + referenceEnd
}

// maxSecrets bounds the secrets of one name.
const maxSecrets = 20

func (v *vault) value(name string) (string, bool) {
	if value, ok := v.typed[name]; ok {
		return value, true
	}
	return v.lookup(name)
}

// expand replaces each reference in s by what quote makes of its value. A
// variable that is not set is an error.
func (v *vault) expand(s string, quote func(string) string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, referenceStart)
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, closed := strings.Cut(rest, referenceEnd)
		if !closed {
			b.WriteString(referenceStart + rest)
			return b.String(), nil
		}
		value, ok := v.value(name)
		if !ok {
			return "", fmt.Errorf("expand %s%s%s: not set", referenceStart, name, referenceEnd)
		}
		b.WriteString(quote(value))
		s = after
	}
}

// expandJSON replaces the references in the strings of a JSON text.
func (v *vault) expandJSON(text string) (string, error) {
	return v.expand(text, func(value string) string {
		quoted, err := json.Marshal(value)
		if err != nil {
			return "" // cannot be: any string can be quoted
		}
		return string(quoted[1 : len(quoted)-1])
	})
}

// hideJSON puts references in the place of strings that are values of secret
// fields. text is JSON on one line, as an encoder writes it, and stays so.
func (v *vault) hideJSON(text string) string {
	var b strings.Builder
	var keys []string // the field of each object or list around this place
	key := ""
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '"':
			end := stringEnd(text, i)
			s := text[i:end]
			i = end
			if isKey(text, end) {
				key = unquote(s)
			} else if v.secretField(key) {
				plain := unquote(s)
				if hidden := v.hide(key, plain); hidden != plain {
					s = `"` + hidden + `"`
				}
			}
			b.WriteString(s)
			continue
		case '{', '[':
			keys = append(keys, key)
			if c == '{' {
				key = ""
			}
		case '}', ']':
			if n := len(keys); n > 0 {
				key, keys = keys[n-1], keys[:n-1]
			}
		}
		b.WriteByte(text[i])
		i++
	}
	return b.String()
}

// secretField is secret but for the tokens of pages, which open nothing.
func (v *vault) secretField(key string) bool {
	plain := strings.ToLower(strings.ReplaceAll(key, "_", ""))
	return key != "" && !strings.HasSuffix(plain, "pagetoken") && v.secret(key)
}

// stringEnd is the place after the string that begins at i.
func stringEnd(text string, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

func isKey(text string, end int) bool {
	return strings.HasPrefix(strings.TrimLeft(text[end:min(len(text), end+8)], " "), ":")
}

func unquote(s string) string {
	var plain string
	if json.Unmarshal([]byte(s), &plain) != nil {
		return s
	}
	return plain
}

// hideHeaders gives headers with references in the place of secrets.
func (v *vault) hideHeaders(headers []Header) []Header {
	var safe []Header
	for _, h := range headers {
		if v.secret(h.Name) {
			h.Value = v.hide(h.Name, h.Value)
		}
		safe = append(safe, h)
	}
	return safe
}

// onlyReferences reports whether there is nothing but references in s.
func onlyReferences(s string) bool {
	for s != "" {
		rest, ok := strings.CutPrefix(s, referenceStart)
		if !ok {
			return false
		}
		if _, s, ok = strings.Cut(rest, referenceEnd); !ok {
			return false
		}
	}
	return true
}
