package report

import (
	"slices"
	"strings"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/termtext"
)

const (
	maxPins    = 8
	maxPinText = 48 // cells
)

// pin is a value that hangs under the place of the expression that it belongs to.
type pin struct {
	column int // from 0, in cells
	text   string
}

// pins draws values under an expression of one line, and returns those that have
// no place in it or are too long for limit cells:
//
//	res.user.email == vars.email
//	         ╵             ╵
//	         │             "ci@example.com"
//	         "ada@example.com"
func pins(expression string, values []suite.Value, limit int) (drawn []string, rest []suite.Value) {
	var all []pin
	for _, v := range values {
		text := termtext.Line(v.Text)
		at := anchor(expression, termtext.Line(v.Expression))
		if v.Expression == expression {
			continue // that it is false is what the failure says
		}
		taken := slices.ContainsFunc(all, func(p pin) bool { return p.column == at })
		if at < 0 || taken || len(all) == maxPins || columns(text) > maxPinText || at+columns(text) > limit {
			rest = append(rest, v)
			continue
		}
		all = append(all, pin{at, text})
	}
	if len(all) == 0 {
		return nil, rest
	}
	slices.SortFunc(all, func(a, b pin) int { return a.column - b.column })
	drawn = append(drawn, hang(all, "╵"))
	for i := len(all) - 1; i >= 0; i-- {
		stems := hang(all[:i], "│")
		drawn = append(drawn, stems+strings.Repeat(" ", all[i].column-columns(stems))+all[i].text)
	}
	return drawn, rest
}

// telling returns values without the long ones of which a member is among them.
func telling(values []suite.Value) []suite.Value {
	return slices.DeleteFunc(slices.Clone(values), func(v suite.Value) bool {
		return len(v.Text) > maxPinText && slices.ContainsFunc(values, func(other suite.Value) bool {
			member, ok := strings.CutPrefix(other.Expression, v.Expression+".")
			end := 0
			for end < len(member) && isName(member[end]) {
				end++
			}
			return ok && !strings.HasPrefix(member[end:], "(") // a method tells less than what it is called on
		})
	})
}

// hang draws sign in the column of each pin.
func hang(all []pin, sign string) string {
	var b strings.Builder
	at := 0
	for _, p := range all {
		b.WriteString(strings.Repeat(" ", p.column-at) + sign)
		at = p.column + 1
	}
	return b.String()
}

// anchor returns the cell of expression under which the value of part belongs:
// where the last name in it begins, for of "a.b" and "a.b(c)" it is b that one
// looks at. It returns -1 if expression has no such part.
func anchor(expression, part string) int {
	for from := 0; part != ""; {
		i := strings.Index(expression[from:], part)
		if i < 0 {
			break
		}
		i += from
		if whole(expression, i, i+len(part)) {
			return columns(expression[:i+lastName(part)])
		}
		from = i + 1
	}
	return -1
}

// whole reports whether s[i:j] does not begin or end within a name or a number.
func whole(s string, i, j int) bool {
	before := i > 0 && (isName(s[i-1]) || s[i-1] == '.') && isName(s[i])
	after := j < len(s) && isName(s[j]) && isName(s[j-1])
	return !before && !after
}

// lastName returns where the last member selected in part begins, 0 if it selects
// none at its outer level.
func lastName(part string) int {
	depth, last := 0, 0
	for i := 0; i < len(part); i++ {
		switch c := part[i]; {
		case c == '"' || c == '\'':
			i = closing(part, i)
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case depth == 0 && c == ' ':
			return 0 // an operator: the value is that of the whole
		case depth == 0 && c == '.' && i+1 < len(part) && isName(part[i+1]) && (i == 0 || !isDigit(part[i-1])):
			last = i + 1
		}
	}
	return last
}

// closing returns where the string that begins at s[i] ends.
func closing(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\':
			j++
		case s[i]:
			return j
		}
	}
	return len(s)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isName(c byte) bool {
	return c == '_' || isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}
