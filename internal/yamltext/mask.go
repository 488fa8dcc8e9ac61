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

// What the parser reads as YAML 1.1 has it, or not at all, is hidden from it:
// NEL, LS and PS are characters like others in YAML 1.2, and pairs of escapes such
// as \ud83d\ude00 are one character in JSON, which YAML contains. Noncharacters
// stand for them, one for one, so that places stay what they are.
const (
	maskNEL, maskLS, maskPS = "\uFDD0", "\uFDD1", "\uFDD2"
	maskHigh, maskLow       = "\uFDD3", "\uFDD4" // for the \ of either escape
	maskPrefix              = "\xEF\xB7"
)

// mask is a text as the parser gets it.
type mask struct {
	text []byte
	any  bool // something is hidden
}

func masked(text []byte) mask {
	text = version11(text)
	odd := bytes.Contains(text, []byte("\u0085")) || bytes.Contains(text, []byte("\xE2\x80"))
	surrogates := bytes.Contains(text, []byte(`\ud`)) || bytes.Contains(text, []byte(`\uD`))
	if !odd && !surrogates || bytes.Contains(text, []byte(maskPrefix)) {
		return mask{text: text}
	}
	s := strings.NewReplacer("\u0085", maskNEL, "\u2028", maskLS, "\u2029", maskPS).Replace(string(text))
	if surrogates {
		pair := regexp.MustCompile(`\\(u[dD][89abAB][0-9a-fA-F]{2})\\(u[dD][c-fC-F][0-9a-fA-F]{2})`)
		s = pair.ReplaceAllString(s, maskHigh+"${1}"+maskLow+"${2}")
	}
	return mask{[]byte(s), true}
}

// unmask gives n the value that the text has.
func (m mask) unmask(n *yaml.Node) {
	if !m.any || !strings.Contains(n.Value, maskPrefix) {
		return
	}
	s := n.Value
	if n.Style&yaml.DoubleQuotedStyle != 0 {
		var b strings.Builder
		for {
			head, rest, ok := strings.Cut(s, maskHigh)
			b.WriteString(head)
			if !ok {
				break
			}
			// uXXXX, the mask of the other one, uXXXX
			high, _ := strconv.ParseUint(rest[1:5], 16, 16)
			low, _ := strconv.ParseUint(rest[6+len(maskLow):][:4], 16, 16)
			b.WriteRune(utf16.DecodeRune(rune(high), rune(low)))
			s = rest[10+len(maskLow):]
		}
		s = b.String()
	}
	n.Value = strings.NewReplacer(maskNEL, "\u0085", maskLS, "\u2028", maskPS, "\u2029", maskHigh, `\`, maskLow, `\`).Replace(s)
}

// version11 is text with the version of its directive, 1.2, as the one that the
// parser takes.
func version11(text []byte) []byte {
	at := len(text) - len(bytes.TrimPrefix(text, []byte(byteOrderMark)))
	for at < len(text) {
		line, _, _ := bytes.Cut(text[at:], []byte("\n"))
		fields := bytes.Fields(line)
		switch {
		case len(fields) == 0 || fields[0][0] == '#':
		case line[0] != '%':
			return text
		case len(fields) > 1 && string(fields[0]) == "%YAML" && string(fields[1]) == "1.2":
			i := at + bytes.Index(line, fields[1])
			return slices.Concat(text[:i], []byte("1.1"), text[i+len("1.2"):])
		}
		at += len(line) + 1
	}
	return text
}
