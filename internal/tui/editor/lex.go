package editor

// A token is one lexeme of a line of JSON with comments. No token spans lines.
type token struct {
	kind     byte // '{', '}', '[', ']', ':', ',', or one of the kinds below
	from, to int  // bytes of the line
	closed   bool // of a text: it has its second quote
}

const (
	text    byte = '"' // a string, up to the end of the line if it is not closed
	word    byte = 'w' // a number, a literal, or anything else that is bare
	comment byte = '/' // up to the end of the line
)

// lex gives the first token of the line at or after at.
func lex(line string, at int) (t token, ok bool) {
	for at < len(line) && isSpace(line[at]) {
		at++
	}
	if at >= len(line) {
		return token{}, false
	}
	t = token{kind: line[at], from: at, to: at + 1}
	switch line[at] {
	case '{', '}', '[', ']', ':', ',':
	case '"':
		t.to, t.closed = endOfText(line, at)
	default:
		if startsComment(line, at) {
			return token{kind: comment, from: at, to: len(line)}, true
		}
		t.kind = word
		for t.to < len(line) && !endsWord(line, t.to) {
			t.to++
		}
	}
	return t, true
}

func endOfText(line string, at int) (end int, closed bool) {
	for i := at + 1; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			return i + 1, true
		}
	}
	return len(line), false
}

func startsComment(line string, at int) bool {
	return at+1 < len(line) && line[at] == '/' && line[at+1] == '/'
}

func endsWord(line string, at int) bool {
	switch c := line[at]; c {
	case '{', '}', '[', ']', ':', ',', '"':
		return true
	default:
		return isSpace(c) || startsComment(line, at)
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// tokenAt gives the token that a cursor at col writes on: the one around it, or
// the text or word that ends there, or else the one that begins there.
func tokenAt(line string, col int) (token, bool) {
	var last token
	found := false
	for t, ok := lex(line, 0); ok && t.from <= col; t, ok = lex(line, t.to) {
		if found && last.to == col && (last.kind == text || last.kind == word) {
			break
		}
		if col < t.to {
			return t, true
		}
		last, found = t, true
	}
	return last, found && last.to == col
}

// plain gives lines as JSON for a decoder: comments, and commas before a
// closing bracket, are blanks, so that every place stays what it was.
func plain(lines []string) []byte {
	size := 0
	for _, line := range lines {
		size += len(line) + 1
	}
	out := make([]byte, 0, size)
	comma := -1     // offset of the comma that was the last token
	var before byte // the kind of the token before that comma
	var latest byte // the kind of the last token
	for i, line := range lines {
		if i > 0 {
			out = append(out, '\n')
		}
		start := len(out)
		out = append(out, line...)
		for t, ok := lex(line, 0); ok; t, ok = lex(line, t.to) {
			switch t.kind {
			case comment:
				for j := start + t.from; j < len(out); j++ {
					out[j] = ' '
				}
				continue
			case ',':
				comma, before = start+t.from, latest
			case '}', ']':
				if latest == ',' && before != '{' && before != '[' && before != ',' {
					out[comma] = ' '
				}
			}
			latest = t.kind
		}
	}
	return out
}
