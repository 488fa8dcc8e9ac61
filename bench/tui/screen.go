package main

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/vt"
)

// screen is the text of a terminal's rows.
type screen []string

func read(e *vt.Emulator) screen {
	s := make(screen, e.Height())
	var row strings.Builder
	for y := range s {
		row.Reset()
		for x := range e.Width() {
			switch c := e.CellAt(x, y); {
			case c == nil:
				row.WriteByte(' ')
			default:
				row.WriteString(c.Content) // "" behind a wide character
			}
		}
		s[y] = row.String()
	}
	return s
}

func (s screen) has(text string) bool { return s.row(text) != "" }

// row returns the first row that contains text, "" for none.
func (s screen) row(text string) string {
	for _, r := range s {
		if strings.Contains(r, text) {
			return r
		}
	}
	return ""
}

// framed reports whether header, panes and bar are all there.
func (s screen) framed() bool {
	top, bottom := strings.TrimSpace(s[1]), strings.TrimSpace(s[len(s)-2])
	return strings.Contains(s[0], "grpcx") && strings.TrimSpace(s[len(s)-1]) != "" &&
		edges.MatchString(top) && edges.MatchString(bottom)
}

var (
	edges       = regexp.MustCompile(`^[┌╔└╚].*[┐╗┘╝]$`)
	selectedRow = regexp.MustCompile(`[│║]>← +(\d+) `)
	received    = regexp.MustCompile(`←(\d+) →\d+`)
)

// selected is the number of the selected message, 0 for none.
func (s screen) selected() int { return s.number(selectedRow) }

// received is how many messages the response counts.
func (s screen) received() int { return s.number(received) }

func (s screen) number(in *regexp.Regexp) int {
	for _, r := range s {
		if found := in.FindStringSubmatch(r); found != nil {
			n, _ := strconv.Atoi(found[1])
			return n
		}
	}
	return 0
}
