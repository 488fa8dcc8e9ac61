package message

import (
	"strconv"
	"strings"
)

// Value gives a message, as wire bytes, as what its JSON form is: nil, bool,
// int, float64, string, []any, map[string]any. 64-bit integers are strings, as
// in JSON; a number that is an integer and fits is an int.
func (e *Encoder) Value(wire []byte) (any, error) {
	e.loss = Loss{}
	if e.err != nil {
		return nil, e.err
	}
	m, err := e.message(wire)
	if err != nil {
		return nil, err
	}
	indent, color := e.json.indent, e.json.color
	e.json.indent, e.json.color = false, false
	text, err := e.appendJSON(nil, m)
	e.json.indent, e.json.color = indent, color
	if err != nil {
		return nil, err
	}
	l := lexer{source: parsedSource(text)}
	return l.value()
}

// value reads any value of JSON that a printer wrote.
func (l *lexer) value() (any, error) {
	switch c := l.next(); c {
	case '{':
		object := map[string]any{}
		l.pos++
		for first := true; ; first = false {
			done, err := l.member(first)
			if done || err != nil {
				return object, err
			}
			b, err := l.str()
			if err != nil {
				return nil, err
			}
			name := string(b)
			if err := l.colon(); err != nil {
				return nil, err
			}
			if object[name], err = l.value(); err != nil {
				return nil, err
			}
		}
	case '[':
		array := []any{}
		l.pos++
		for first := true; ; first = false {
			done, err := l.element(first)
			if done || err != nil {
				return array, err
			}
			v, err := l.value()
			if err != nil {
				return nil, err
			}
			array = append(array, v)
		}
	case '"':
		b, err := l.str()
		return string(b), err
	case 't':
		return true, l.literal("true")
	case 'f':
		return false, l.literal("false")
	case 'n':
		return nil, l.literal("null")
	}
	w, err := l.number()
	if err != nil {
		return nil, err
	}
	s := string(w)
	if !strings.ContainsAny(s, ".eE") && s != "-0" {
		if n, err := strconv.Atoi(s); err == nil {
			return n, nil
		}
	}
	return strconv.ParseFloat(s, 64)
}
