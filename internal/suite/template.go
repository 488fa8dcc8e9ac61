package suite

import (
	"strings"
	"unicode/utf8"
)

// part is a piece of a string: text, or an expression that stood in ${}.
type part struct {
	text   string
	isExpr bool
	offset int // in characters of the whole string, of the text or expression
}

// splitTemplate cuts a string at its ${...}; "$${" is a "${" that means nothing.
// It returns the offset, in characters, of a ${ that does not end, or -1.
func splitTemplate(s string) (parts []part, unclosed int) {
	var text strings.Builder
	start := 0 // offset of text in characters
	offset := 0
	flush := func() {
		if text.Len() > 0 {
			parts = append(parts, part{text: text.String(), offset: start})
			text.Reset()
		}
	}
	for s != "" {
		switch {
		case strings.HasPrefix(s, "$${"):
			text.WriteString("${")
			s, offset = s[3:], offset+3
		case strings.HasPrefix(s, "${"):
			flush()
			n := closing(s[2:])
			if n < 0 {
				return parts, offset
			}
			expr := s[2 : 2+n]
			parts = append(parts, part{text: expr, isExpr: true, offset: offset + 2})
			s, offset = s[2+n+1:], offset+2+utf8.RuneCountInString(expr)+1
			start = offset
		default:
			_, size := utf8.DecodeRuneInString(s)
			text.WriteString(s[:size])
			s, offset = s[size:], offset+1
		}
	}
	flush()
	return parts, -1
}

// closing returns the index of the } that ends an expression, -1 for none. Braces
// within the expression and its strings are the expression's.
func closing(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		case '"', '\'':
			raw := i > 0 && (s[i-1] == 'r' || s[i-1] == 'R')
			end := stringEnd(s[i+1:], c, raw)
			if end < 0 {
				return -1
			}
			i += end
		}
	}
	return -1
}

// stringEnd returns how many bytes of a CEL string follow its first quote, the last
// quote included; -1 for a string without an end.
func stringEnd(s string, quote byte, raw bool) int {
	q := string(quote)
	long := strings.HasPrefix(s, q+q)
	i := 0
	if long {
		q, i = q+q+q, 2
	}
	for ; i < len(s); i++ {
		if s[i] == '\\' && !raw {
			i++
			continue
		}
		if strings.HasPrefix(s[i:], q) {
			return i + len(q)
		}
	}
	return -1
}

// hasDollar reports whether a string is more than its characters.
func hasDollar(s string) bool { return strings.Contains(s, "${") }

// hasExpression reports whether a string of n holds an expression.
func hasExpression(n *node) bool {
	if n == nil {
		return false
	}
	if n.kind == stringKind && strings.Contains(n.text, "${") {
		parts, unclosed := splitTemplate(n.text)
		for _, p := range parts {
			if p.isExpr {
				return true
			}
		}
		return unclosed >= 0
	}
	for _, item := range n.items {
		if hasExpression(item) {
			return true
		}
	}
	for _, f := range n.fields {
		if hasExpression(f.value) {
			return true
		}
	}
	return false
}
