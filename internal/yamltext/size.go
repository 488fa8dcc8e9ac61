package yamltext

import "encoding/json"

// maxMarks bounds the marks of a text. The parser needs up to 1.2 kB for each: it
// keeps all tokens of brackets that may turn out to be a key, and then a node for
// each value. A text of as many bytes never has more.
const maxMarks = 1_000_000

// countMarks counts what begins or separates values: commas, colons, brackets that
// open, line breaks, and dashes and question marks before blanks. A text has no more
// than three values for each mark, and one. Strings count as well, unless the text is
// JSON: to know others for certain takes a parser. It stops after most and returns
// the offset of the mark that is one too many, -1 if there is none.
func countMarks(text []byte, most int) (count, beyond int) {
	quotes := json.Valid(text) // then each one begins or ends a string
	quoted := false
	for i := 0; i < len(text); i++ {
		c, next := text[i], byte('\n')
		if i+1 < len(text) {
			next = text[i+1]
		}
		switch {
		case quotes && c == '"':
			quoted = !quoted
		case quoted:
			if c == '\\' {
				i++
			}
		case c == ',' || c == ':' || c == '[' || c == '{' || c == '\n',
			c == '\r' && next != '\n',
			(c == '-' || c == '?') && next <= ' ':
			if count == most {
				return count, i
			}
			count++
		}
	}
	return count, -1
}
