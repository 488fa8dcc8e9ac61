package message

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// appendYAML writes m as a document in block style.
func (e *Encoder) appendYAML(dst []byte, m protoreflect.Message) ([]byte, error) {
	text, err := e.appendJSON(nil, m)
	if err != nil {
		return dst, err
	}
	if e.second {
		dst = append(dst, "---\n"...)
	}
	p := yamlPrinter{lexer: lexer{source: parsedSource(text)}, out: dst}
	p.document()
	return p.out, nil
}

// parsedSource gives a source of text that is all there.
func parsedSource(text []byte) source {
	s := newSource(nil, len(text))
	s.buf, s.err = text, io.EOF
	return s
}

// yamlPrinter turns JSON that a printer wrote, and so valid, into YAML.
type yamlPrinter struct {
	lexer
	out []byte
}

func (p *yamlPrinter) document() {
	if c := p.next(); c == '{' || c == '[' {
		p.block(0, true)
		return
	}
	p.scalar()
	p.out = append(p.out, '\n')
}

// block writes the object or array at hand with its lines indented, and ends
// the last line. The place is either at the beginning of an indented line or,
// after a key, at the end of its line.
func (p *yamlPrinter) block(indent int, atLine bool) {
	closing := p.next() + 2 // ASCII: '{' and '}', '[' and ']'
	start := p.pos
	p.pos++
	if p.next() == closing || indent > maxIndent {
		p.pos = start
		if !atLine {
			p.out = append(p.out, ' ')
		}
		p.flow()
		p.out = append(p.out, '\n')
		return
	}
	if !atLine {
		p.out = append(p.out, '\n')
	}
	for first := true; p.another(closing); first = false {
		if !first || !atLine {
			p.out = append(p.out, spaces[:2*indent]...)
		}
		if closing == '}' {
			p.string(true)
			p.next()
			p.pos++
			p.out = append(p.out, ':')
			p.nested(indent+1, false)
		} else {
			p.out = append(p.out, '-', ' ')
			p.nested(indent+1, true)
		}
	}
}

// another moves to the next member or element, or past the end.
func (p *yamlPrinter) another(closing byte) bool {
	switch p.next() {
	case closing:
		p.pos++
		return false
	case ',':
		p.pos++
		p.next()
	}
	return true
}

// nested writes the value after a key or dash.
func (p *yamlPrinter) nested(indent int, atLine bool) {
	if c := p.next(); c == '{' || c == '[' {
		p.block(indent, atLine)
		return
	}
	if !atLine {
		p.out = append(p.out, ' ')
	}
	p.scalar()
	p.out = append(p.out, '\n')
}

// flow writes the value at hand on the line.
func (p *yamlPrinter) flow() {
	c := p.next()
	if c != '{' && c != '[' {
		p.scalar()
		return
	}
	p.out = append(p.out, c)
	p.pos++
	for first := true; p.another(c + 2); first = false {
		if !first {
			p.out = append(p.out, ',', ' ')
		}
		if c == '{' {
			p.string(true)
			p.next()
			p.pos++
			p.out = append(p.out, ':', ' ')
		}
		p.flow()
	}
	p.out = append(p.out, c+2)
}

func (p *yamlPrinter) scalar() {
	if p.next() == '"' {
		p.string(false)
		return
	}
	p.out = append(p.out, p.word()...)
}

// string writes the string at hand, plain where nobody could take it for
// anything else.
func (p *yamlPrinter) string(key bool) {
	b, err := p.str()
	if err != nil {
		panic("message: the printer wrote invalid JSON: " + err.Error())
	}
	s := string(b)
	if isPlain(s, key) {
		p.out = append(p.out, s...)
		return
	}
	p.out = append(p.out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			p.out = append(p.out, '\\', byte(r))
		case r == '\n':
			p.out = append(p.out, '\\', 'n')
		case r == '\t':
			p.out = append(p.out, '\\', 't')
		case r == '\r':
			p.out = append(p.out, '\\', 'r')
		case needsEscape(r) && r <= 0xffff, r == 0xfffe, r == 0xffff: // YAML has not the last two
			p.out = appendEscape(p.out, r)
		case needsEscape(r):
			p.out = fmt.Appendf(p.out, `\U%08x`, r)
		default:
			p.out = utf8.AppendRune(p.out, r)
		}
	}
	p.out = append(p.out, '"')
}

// isPlain reports whether s reads back as the same string without quotes, in
// YAML 1.1 too: words of letters, digits and a little punctuation that begin
// with a letter and are no name of another value.
func isPlain(s string, key bool) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_' && key:
		case i > 0 && ('0' <= c && c <= '9' || c == '_' || c == '-' || c == '.' || c == '/' || c == '@'):
		case i > 0 && !key && c == ' ' && i+1 < len(s) && s[i+1] != ' ':
		default:
			return false
		}
	}
	switch strings.ToLower(s) {
	case "", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity":
		return false
	}
	return true
}
