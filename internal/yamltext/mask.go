package yamltext

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"go.yaml.in/yaml/v4"
)

// mask is a text as the parser gets it. What the parser reads as YAML 1.1 has it, or
// not at all, is hidden from it: NEL, LS and PS are characters like others in YAML
// 1.2, and pairs of escapes such as \ud83d\ude00 are one character in JSON, which
// YAML contains. Noncharacters that the text does without stand for them, one for
// one, so that places stay what they are.
type mask struct {
	text      []byte
	high, low string            // stand for the \ of either escape
	shown     *strings.Replacer // gives back what is hidden; nil: nothing is
}

// maskPrefix begins the UTF-8 of U+FDD0 to U+FDEF, and of others.
const maskPrefix = "\xEF\xB7"

// masked hides what is to be hidden in text.
func masked(text []byte) (mask, error) {
	text = version11(text)
	odd := bytes.Contains(text, []byte("\u0085")) || bytes.Contains(text, []byte("\u2028")) || bytes.Contains(text, []byte("\u2029"))
	surrogates := bytes.Contains(text, []byte(`\ud`)) || bytes.Contains(text, []byte(`\uD`))
	if !odd && !surrogates {
		return mask{text: text}, nil
	}
	s := string(text)
	free := unusedNoncharacters(s, 5)
	if free == nil {
		return mask{}, &Error{1, 1, "the text has too many noncharacters, U+FDD0 to U+FDEF"}
	}
	nel, ls, ps, high, low := free[0], free[1], free[2], free[3], free[4]
	s = strings.NewReplacer("\u0085", nel, "\u2028", ls, "\u2029", ps).Replace(s)
	if surrogates {
		pair := regexp.MustCompile(`\\(u[dD][89abAB][0-9a-fA-F]{2})\\(u[dD][c-fC-F][0-9a-fA-F]{2})`)
		s = pair.ReplaceAllString(s, high+"${1}"+low+"${2}")
	}
	return mask{[]byte(s), high, low, strings.NewReplacer(nel, "\u0085", ls, "\u2028", ps, "\u2029", high, `\`, low, `\`)}, nil
}

// unusedNoncharacters are n characters that text has neither as they are nor as
// escapes, nil if there are not as many.
func unusedNoncharacters(text string, n int) []string {
	lower := strings.ToLower(text)
	var free []string
	for r := '\uFDD0'; r <= '\uFDEF'; r++ {
		if strings.ContainsRune(lower, r) || strings.Contains(lower, strconv.FormatInt(int64(r), 16)) {
			continue
		}
		if free = append(free, string(r)); len(free) == n {
			return free
		}
	}
	return nil
}

// unmask gives n the value that the text has.
func (m mask) unmask(n *yaml.Node) {
	if m.shown == nil || !strings.Contains(n.Value, maskPrefix) {
		return
	}
	s := n.Value
	if n.Style&yaml.DoubleQuotedStyle != 0 {
		var b strings.Builder
		for {
			head, rest, ok := strings.Cut(s, m.high)
			b.WriteString(head)
			if !ok {
				break
			}
			// uXXXX, the mask of the other one, uXXXX
			high, _ := strconv.ParseUint(rest[1:5], 16, 16)
			low, _ := strconv.ParseUint(rest[6+len(m.low):][:4], 16, 16)
			b.WriteRune(utf16.DecodeRune(rune(high), rune(low)))
			s = rest[10+len(m.low):]
		}
		s = b.String()
	}
	n.Value = m.shown.Replace(s)
}

// version11 is text with the version of its documents' directives, 1.2, as the one
// that the parser takes.
func version11(text []byte) []byte {
	if !bytes.Contains(text, []byte("%YAML")) {
		return text
	}
	text = slices.Clone(text)
	at := len(text) - len(bytes.TrimPrefix(text, []byte(byteOrderMark)))
	directives := true // may stand in this line
	for line := range bytes.Lines(text[at:]) {
		fields := bytes.Fields(line)
		switch {
		case len(fields) == 0 || fields[0][0] == '#':
		case bytes.HasPrefix(line, []byte("...")) && len(fields[0]) == 3:
			directives = true
		case line[0] != '%':
			directives = false
		case directives && len(fields) > 1 && string(fields[0]) == "%YAML" && string(fields[1]) == "1.2":
			copy(fields[1], "1.1")
		}
	}
	return text
}
