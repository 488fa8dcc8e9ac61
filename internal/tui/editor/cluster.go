package editor

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/grpcx/grpcx/internal/termtext"
)

// tabCells is how wide a tab is shown, wherever it stands.
const tabCells = 2

// maxCluster is how many bytes of one character are shown together: a base
// with a hundred accents is shown as several.
const maxCluster = 64

// cluster takes the first character of s as its reader sees it: how many bytes
// it has, what to show for it, and the cells that this covers, at least one.
// What is shown is safe for a terminal. s must not be empty.
func cluster(s string) (size int, shown string, cells int) {
	if c := s[0]; c >= 0x20 && c < 0x7f && (len(s) == 1 || s[1] < utf8.RuneSelf) {
		return 1, s[:1], 1
	}
	if s[0] == '\t' {
		return 1, strings.Repeat(" ", tabCells), tabCells
	}
	r, size := utf8.DecodeRuneInString(s)
	if safe := termtext.Line(s[:size]); safe != s[:size] {
		return size, safe, len(safe)
	}
	if joins(r) {
		return size, codePoint(r), len(codePoint(r))
	}
	seq, cells := ansi.FirstGraphemeCluster(s[:min(len(s), maxCluster)], ansi.GraphemeWidth)
	size = len(seq)
	for i, r := range seq {
		if i > 0 && (r == utf8.RuneError || termtext.Line(string(r)) != string(r)) {
			seq, size = seq[:i], i
			cells = ansi.StringWidth(seq)
			break
		}
	}
	if size == 0 || cells == 0 {
		_, size = utf8.DecodeRuneInString(s)
		return size, codePoint(r), len(codePoint(r))
	}
	return size, seq, cells
}

// joins reports whether r would be drawn onto the character before it.
func joins(r rune) bool {
	return unicode.In(r, unicode.Mn, unicode.Me) || r >= 0x1f3fb && r <= 0x1f3ff
}

func codePoint(r rune) string {
	const digits = "0123456789abcdef"
	b := []byte(`\u`)
	for shift := 20; shift >= 0; shift -= 4 {
		if shift < 16 || r>>shift > 0 {
			b = append(b, digits[r>>shift&0xf])
		}
	}
	return string(b)
}

// cellOf gives the cell at which the byte at col is shown, from 0.
func cellOf(line string, col int) int {
	cell := 0
	for i := 0; i < col && i < len(line); {
		size, _, cells := cluster(line[i:])
		if i+size > col {
			break
		}
		i += size
		cell += cells
	}
	return cell
}

// colAt gives the byte of the character shown at cell, and the line's length
// behind its end.
func colAt(line string, cell int) int {
	at := 0
	for i := 0; i < len(line); {
		size, _, cells := cluster(line[i:])
		if at+cells > cell {
			return i
		}
		i += size
		at += cells
	}
	return len(line)
}

// after gives the byte behind the character at col.
func after(line string, col int) int {
	if col >= len(line) {
		return len(line)
	}
	size, _, _ := cluster(line[col:])
	return col + size
}

// before gives the first byte of the character that ends at col.
func before(line string, col int) int {
	if col <= 0 {
		return 0
	}
	if c := line[col-1]; c >= 0x20 && c < 0x7f {
		return col - 1
	}
	// Characters are found forwards only: begin where one surely begins.
	from := col - 1
	for from > 0 && col-from < 2*maxCluster && line[from-1] >= utf8.RuneSelf {
		from--
	}
	if from > 0 && line[from-1] < utf8.RuneSelf {
		from--
	}
	for from < col {
		next := after(line, from)
		if next >= col {
			break
		}
		from = next
	}
	return from
}

// snap gives col, or, within a character, its first byte.
func snap(line string, col int) int {
	if start := before(line, col); col < len(line) && after(line, start) != col {
		return start
	}
	return col
}
