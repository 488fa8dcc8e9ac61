package suite

import (
	"slices"
	"strconv"
	"strings"

	"github.com/google/cel-go/common/types"
)

// Suites repeat expressions that differ in a name or a number alone. Parsing one
// takes fifty times as long as all the rest, so those of one pattern are compiled
// once, with variables where the literals are.

// literalPrefix begins the names of these variables.
const literalPrefix = "__"

// pattern is an expression without its literals.
type pattern struct {
	text     string
	literals []any // types.String and types.Int
}

// patternOf takes the literals out of an expression: whole numbers, and strings
// without escapes. It returns false for an expression in which a literal is more
// than its value.
func patternOf(text string) (pattern, bool) {
	for _, special := range []string{"duration", "timestamp", "matches", "env", literalPrefix, "//", `\`, `'''`, `"""`} {
		if strings.Contains(text, special) {
			return pattern{}, false
		}
	}
	var s pattern
	var b strings.Builder
	for i := 0; i < len(text); {
		n := 1
		switch c := text[i]; {
		case c == '"' || c == '\'':
			end := strings.IndexByte(text[i+1:], c)
			if end < 0 || i > 0 && isWord(text[i-1]) { // r"..." and b"..."
				return pattern{}, false
			}
			n = end + 2
			s.literals = append(s.literals, types.String(text[i+1:i+1+end]))
		case isWord(c):
			for i+n < len(text) && (isWord(text[i+n]) || c <= '9' && text[i+n] == '.') {
				n++
			}
			v, err := strconv.ParseInt(text[i:i+n], 10, 64)
			if err != nil || text[i] == '0' && n > 1 || i > 0 && (text[i-1] == '-' || text[i-1] == '.') {
				b.WriteString(text[i : i+n])
				i += n
				continue
			}
			s.literals = append(s.literals, types.Int(v))
		default:
			b.WriteByte(c)
			i++
			continue
		}
		b.WriteString(literalName(len(s.literals) - 1))
		i += n
	}
	s.text = b.String()
	return s, len(s.literals) > 0
}

func isWord(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= 0x80
}

func literalName(i int) string { return literalPrefix + strconv.Itoa(i) }

// constraint says that a literal is the name of an enum's value.
type constraint struct {
	literal string // name of its variable
	enum    *enumNames
}

// byPattern compiles an expression like one of the same pattern that has been
// compiled before. It returns nil where there is none, or where the expression
// may have mistakes, which are told of its own text.
func (c *compiler) byPattern(n *node, text string, sc *scope) *compiled {
	s, ok := patternOf(text)
	if !ok {
		return nil
	}
	key := sc.signature() + "\x00" + s.text
	known, seen := c.patterns[key]
	if !seen {
		c.patterns[key] = nil // compiled when there is a second one
		return nil
	}
	if known == nil {
		known = c.compilePattern(n, s, sc)
		c.patterns[key] = known
	}
	if !known.fits(s) {
		return nil
	}
	out := *known
	out.literals = s.values()
	return &out
}

// compilePattern compiles a pattern; one that cannot be compiled fits nothing.
func (c *compiler) compilePattern(n *node, s pattern, sc *scope) *compiled {
	sc = sc.clone()
	for i, v := range s.literals {
		t := types.StringType
		if _, ok := v.(types.Int); ok {
			t = types.IntType
		}
		sc.names[literalName(i)] = binding{typ: t}
	}
	before := c.list
	out := c.check(n, s.text, 0, sc)
	c.list = before
	if out == nil {
		return &compiled{}
	}
	out.uses = slices.DeleteFunc(out.uses, func(name string) bool { return strings.HasPrefix(name, literalPrefix) })
	out.pattern = s
	return out
}

// fits reports whether the literals of s have the types and names that e wants.
func (e *compiled) fits(s pattern) bool {
	if e.plan == nil {
		return false
	}
	for i, v := range s.literals {
		_, isString := v.(types.String)
		if _, wantString := e.pattern.literals[i].(types.String); isString != wantString {
			return false
		}
	}
	values := s.values()
	return !slices.ContainsFunc(e.constraints, func(c constraint) bool {
		name, ok := values[c.literal].(types.String)
		return !ok || !slices.Contains(c.enum.values, string(name))
	})
}

func (s pattern) values() map[string]any {
	out := make(map[string]any, len(s.literals))
	for i, v := range s.literals {
		out[literalName(i)] = v
	}
	return out
}
