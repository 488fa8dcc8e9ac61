package suite

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/grpcx/grpcx/internal/termtext"
)

// A Problem is one thing wrong with a suite file, found before anything is called.
type Problem struct {
	Position   Position
	Message    string
	Suggestion string // the name that was probably meant, "" for none
	Snippet    string // the line, made safe for a terminal and cut to about 100 characters
	Caret      int    // characters of Snippet before what is wrong
}

// Error gives FILE:LINE:COL: MESSAGE; did you mean "SUGGESTION"?
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Position.String())
	b.WriteString(": ")
	b.WriteString(p.Message)
	if p.Suggestion != "" {
		fmt.Fprintf(&b, "; did you mean %q?", p.Suggestion)
	}
	return b.String()
}

// String gives FILE:LINE:COL, or FILE for a file as a whole.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problems are what is wrong with the files of a suite, in their order.
type Problems []*Problem

// Error gives every problem with its line and a caret, safe for a terminal.
func (ps Problems) Error() string {
	const most = 20
	var b strings.Builder
	for i, p := range ps {
		if i == most {
			fmt.Fprintf(&b, "\nand %d more", len(ps)-most)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(termtext.Text(p.Error()))
		if p.Snippet != "" {
			fmt.Fprintf(&b, "\n  %s\n  %s^", p.Snippet, strings.Repeat(" ", p.Caret))
		}
	}
	return b.String()
}

// problems collects what is wrong, so that it is told at once.
type problems struct{ list Problems }

// add notes a problem at a place; suggestion may be "".
func (ps *problems) add(at place, suggestion, format string, args ...any) {
	p := &Problem{Position: at.position(), Message: fmt.Sprintf(format, args...), Suggestion: suggestion}
	if at.source != nil {
		p.Snippet, p.Caret = at.source.snippet(at.line, at.column)
	}
	for _, q := range ps.list {
		if q.Position == p.Position && q.Message == p.Message {
			return // one place, met again by an alias
		}
	}
	ps.list = append(ps.list, p)
}

// err returns the problems as an error, nil if there are none.
func (ps *problems) err() error {
	if len(ps.list) == 0 {
		return nil
	}
	slices.SortStableFunc(ps.list, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.Position.File, b.Position.File),
			cmp.Compare(a.Position.Line, b.Position.Line), cmp.Compare(a.Position.Column, b.Position.Column))
	})
	return ps.list
}

// ErrNoTests reports that the files have no test, or that none was chosen.
var ErrNoTests = errors.New("no test matches")

// ErrNoVariable reports that a value is given for a variable that no file has.
var ErrNoVariable = errors.New("no file has a variable")
