package report

import (
	"slices"
	"strconv"
	"strings"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/termtext"
)

// frame shows one failure as lines for a font of one width:
//
//	   ┌─ expression is false  users.yaml:31:18
//	31 │ res.total == 4
//	   │     ╵
//	   │     3
//	   │ want  4
//	   │ got   3
//	   └─ again
//	   grpcx call ...
//
// Each line that holds text of strangers begins with the bar, which keeps it from
// being taken for a command by CI systems that read logs. Only the command stands
// free, to be copied whole.
type frame struct {
	paint
	gutter int // cells before the bar
	width  int // of the whole line; what is longer is not cut, but laid out more simply
	out    []string
}

// frameOf returns the lines of f, laid out for width cells.
func frameOf(f *suite.Failure, p paint, width int) []string {
	b := &frame{paint: p, gutter: 3, width: width}
	if n := len(strconv.Itoa(f.Position.Line + strings.Count(f.Expression, "\n"))); n >= b.gutter {
		b.gutter = n + 1
	}
	b.head(f)
	b.expression(f)
	b.wantGot(f)
	b.diff(f.Diff)
	b.block("response", f.Response)
	b.command(f.Command)
	return b.out
}

// once returns the failures of a step with what several of them show, the command
// and the response, left to the last.
func once(failures []*suite.Failure) []*suite.Failure {
	out := slices.Clone(failures)
	for i, f := range out[:max(0, len(out)-1)] {
		c, next := *f, failures[i+1]
		if c.Command == next.Command {
			c.Command = ""
		}
		if c.Response == next.Response {
			c.Response = ""
		}
		out[i] = &c
	}
	return out
}

func (b *frame) head(f *suite.Failure) {
	line := b.dim("┌─ ") + b.with("1;31", headline(f))
	if at := place(f.Position); at != "" {
		line += "  " + b.cyan(at)
	}
	b.out = append(b.out, strings.Repeat(" ", b.gutter)+line)
}

// bar adds a line behind the bar, with the number if it is one of a file.
func (b *frame) bar(number int, text string) {
	label := ""
	if number > 0 {
		label = strconv.Itoa(number) + " "
	}
	line := strings.Repeat(" ", b.gutter-len(label)) + b.dim(label+"│")
	if text != "" {
		line += " " + text
	}
	b.out = append(b.out, line)
}

func (b *frame) expression(f *suite.Failure) {
	if f.Expression == "" {
		return
	}
	text := lines(f.Expression)
	for i, line := range text {
		number := 0
		if f.Position.Line > 0 {
			number = f.Position.Line + i
		}
		b.bar(number, b.bold(line))
	}
	rest := telling(f.Values)
	if len(text) == 1 {
		var pinned []string
		if pinned, rest = pins(text[0], rest, b.width-b.gutter-2); len(pinned) > 0 {
			for i, line := range pinned {
				colour := b.yellow
				if i == 0 {
					colour = b.dim
				}
				b.bar(0, colour(line))
			}
		}
	}
	b.table(rest)
}

// table lists values that found no place under the expression.
func (b *frame) table(values []suite.Value) {
	if len(values) == 0 {
		return
	}
	wide := 0
	for _, v := range values {
		if n := columns(termtext.Line(v.Expression)); n <= 40 {
			wide = max(wide, n)
		}
	}
	b.bar(0, "")
	for _, v := range values {
		name := termtext.Line(v.Expression)
		pad := strings.Repeat(" ", max(0, wide-columns(name)))
		b.bar(0, name+pad+b.dim(" = ")+b.yellow(termtext.Line(v.Text)))
	}
}

func (b *frame) wantGot(f *suite.Failure) {
	if f.Got == "" && f.Want == "" {
		return
	}
	b.bar(0, "")
	b.pair("want", f.Want, b.green)
	b.pair("got", f.Got, b.red)
}

func (b *frame) pair(label, text string, colour func(string) string) {
	for i, line := range lines(text) {
		if i > 0 {
			label = ""
		}
		b.bar(0, b.dim(label+strings.Repeat(" ", 6-len(label)))+colour(line))
	}
}

func (b *frame) diff(text string) {
	if text == "" {
		return
	}
	b.bar(0, "")
	b.bar(0, b.dim("- wanted  + got"))
	for _, line := range lines(text) {
		switch {
		case strings.HasPrefix(line, "-"):
			line = b.green(line)
		case strings.HasPrefix(line, "+"):
			line = b.red(line)
		}
		b.bar(0, line)
	}
}

func (b *frame) block(label, text string) {
	if text == "" {
		return
	}
	b.bar(0, "")
	b.bar(0, b.dim(label))
	for _, line := range lines(text) {
		b.bar(0, line)
	}
}

// command ends the frame.
func (b *frame) command(text string) {
	pad := strings.Repeat(" ", b.gutter)
	if text == "" {
		b.out = append(b.out, pad+b.dim("└─"))
		return
	}
	b.out = append(b.out, pad+b.dim("└─ run it again"))
	all := lines(text)
	for _, line := range all {
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			all = []string{"$ " + termtext.Line(text)} // GitHub would take the line for a command
			break
		}
	}
	for _, line := range all {
		b.out = append(b.out, pad+line)
	}
}
