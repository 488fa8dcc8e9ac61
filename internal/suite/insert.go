package suite

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/grpcx/grpcx/internal/yamltext"
)

var errTestsInBrackets = errors.New("its tests are written in [ ]: write them as a list of lines")

// insertTest puts a test, its lines not indented, at the end of the list of tests.
func insertTest(text []byte, test string) ([]byte, error) {
	const byteOrderMark = "\uFEFF"
	body, marked := strings.CutPrefix(string(text), byteOrderMark)
	if !strings.HasSuffix(body, "\n") {
		body += "\n"
	}
	if strings.Contains(strings.ReplaceAll(body, "\r\n", ""), "\r") {
		return nil, errors.New("its lines end in carriage returns: end them in line feeds")
	}
	root, err := yamltext.Parse([]byte(body), maxDepth)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(body, "\n"), "\n")
	lines[len(lines)-1] += "\n"
	lines, at, indent, err := openTests(lines, root)
	if err != nil {
		return nil, err
	}
	margin := strings.Repeat(" ", indent)
	var b strings.Builder
	if marked {
		b.WriteString(byteOrderMark)
	}
	b.WriteString(strings.Join(lines[:at], ""))
	for i, l := range strings.SplitAfter(strings.TrimSuffix(test, "\n"), "\n") {
		b.WriteString(margin)
		if i == 0 {
			b.WriteString("- ")
		} else {
			b.WriteString("  ")
		}
		b.WriteString(l)
	}
	b.WriteString("\n")
	b.WriteString(strings.Join(lines[at:], ""))
	return []byte(b.String()), nil
}

// openTests is a suite's lines with a list of tests, before which line the next item
// of that goes, and how far its dash is indented. root is what the lines say, nil for
// nothing.
func openTests(lines []string, root *yaml.Node) (opened []string, at, indent int, err error) {
	if root == nil || root.Kind != yaml.MappingNode || root.Style&yaml.FlowStyle != 0 {
		return nil, 0, 0, errors.New("it is not written as lines of KEY: VALUE")
	}
	at, indent = documentEnd(lines, root), 2
	i := 0
	for i < len(root.Content) && root.Content[i].Value != "tests" {
		i += 2
	}
	if i == len(root.Content) {
		return slices.Insert(lines, at, "tests:\n"), at + 1, indent, nil
	}
	tests := root.Content[i+1]
	switch {
	case tests.Kind != yaml.SequenceNode:
	case tests.Style&yaml.FlowStyle == 0:
		indent = tests.Column - 1
	case len(tests.Content) > 0:
		return nil, 0, 0, errTestsInBrackets
	default:
		if err := dropBrackets(lines, tests); err != nil {
			return nil, 0, 0, err
		}
	}
	if i+2 < len(root.Content) {
		at = root.Content[i+2].Line - 1
	}
	// Comments before the next key are that key's.
	for at > 0 && (isBlank(lines[at-1]) || isOuterComment(lines[at-1], indent)) {
		at--
	}
	for keepsLineBreaks(tests) && at < len(lines) && isBlank(lines[at]) {
		at++
	}
	return lines, at, indent, nil
}

// documentEnd is the index of the line that ends the document of root, or the number
// of lines.
func documentEnd(lines []string, root *yaml.Node) int {
	for i := root.Line - 1; i < len(lines); i++ {
		first, _, _ := strings.Cut(strings.TrimRight(strings.ReplaceAll(lines[i], "\t", " "), "\r\n"), " ")
		if first == "..." || first == "---" {
			return i
		}
	}
	return len(lines)
}

// dropBrackets leaves an empty list without its brackets.
func dropBrackets(lines []string, list *yaml.Node) error {
	line := []rune(lines[list.Line-1])
	before, rest := string(line[:list.Column-1]), string(line[list.Column-1:])
	inner, after, ok := strings.Cut(strings.TrimPrefix(rest, "["), "]")
	if !ok || !isBlank(inner) {
		return errTestsInBrackets
	}
	lines[list.Line-1] = strings.TrimRight(before, " ") + after
	return nil
}

// keepsLineBreaks tells a node that ends in a block scalar to which the blank lines
// after it belong.
func keepsLineBreaks(n *yaml.Node) bool {
	for len(n.Content) > 0 {
		n = n.Content[len(n.Content)-1]
	}
	if n.Kind != yaml.ScalarNode || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		return false
	}
	content := strings.TrimRight(n.Value, " \t\n")
	return n.Value == "\n" || len(n.Value)-len(content) > 1
}

func isBlank(line string) bool { return strings.TrimSpace(line) == "" }

func isOuterComment(line string, indent int) bool {
	rest := strings.TrimLeft(line, " ")
	return strings.HasPrefix(rest, "#") && len(line)-len(rest) <= indent
}
