package suite

import (
	"bytes"
	"encoding/json"
)

// appendJSON writes n as JSON, its strings as they are written.
func appendJSON(dst []byte, n *node) []byte {
	switch n.kind {
	case listKind:
		dst = append(dst, '[')
		for i, item := range n.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, item)
		}
		return append(dst, ']')
	case mapKind:
		dst = append(dst, '{')
		for i, f := range n.fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, f.key.text), ':')
			dst = appendJSON(dst, f.value)
		}
		return append(dst, '}')
	case stringKind:
		return appendString(dst, n.text)
	case floatKind:
		return appendNumber(dst, n.text)
	default:
		return append(dst, n.text...)
	}
}

// appendNumber writes a number, one that JSON does not have as a string.
func appendNumber(dst []byte, number string) []byte {
	if !isFinite(number) {
		return appendString(dst, number)
	}
	return append(dst, number...)
}

func appendString(dst []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always is JSON
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
