package response

import "strings"

// of returns the paint of a line that is no JSON.
func (p *paints) of(k kind) paint {
	switch k {
	case titleLine:
		return p.title
	case dimLine:
		return p.dim
	case okLine:
		return p.ok
	case warnLine:
		return p.warn
	case errorLine:
		return p.bad
	}
	return p.plain
}

// json paints the bytes from..to of a line of JSON, which may be cut off anywhere.
func (p *paints) json(text string, from, to int) string {
	if p.key.before == "" && p.text.before == "" && p.literal.before == "" {
		return text[from:to]
	}
	var b strings.Builder
	b.Grow(2 * (to - from))
	for at := 0; at < to; {
		end, style := p.token(text, at)
		if end > from {
			b.WriteString(style.on(text[max(at, from):min(end, to)]))
		}
		at = end
	}
	return b.String()
}

// token returns the end of the token at this place, and its paint.
func (p *paints) token(text string, at int) (end int, style paint) {
	switch c := text[at]; {
	case c == '"':
		end = at + 1
		for end < len(text) && text[end] != '"' {
			if text[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end+1, len(text))
		if rest := strings.TrimLeft(text[end:], " "); strings.HasPrefix(rest, ":") {
			return end, p.key
		}
		return end, p.text
	case literal(c):
		end = at + 1
		for end < len(text) && literal(text[end]) {
			end++
		}
		return end, p.literal
	}
	end = at + 1
	for end < len(text) && text[end] != '"' && !literal(text[end]) {
		end++
	}
	return end, p.plain
}

// literal reports whether c is of a number, true, false or null.
func literal(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '-' || c == '.' || c == '+' || c == 'E'
}
