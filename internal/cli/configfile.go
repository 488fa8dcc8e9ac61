package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/yamltext"
)

// Bounds of a configuration file.
const (
	maxConfig      = 64 << 10
	maxConfigDepth = 16
)

// yamlKind is a set of kinds of YAML node.
type yamlKind int

const (
	yamlText yamlKind = 1 << iota
	yamlNumber
	yamlBool
	yamlList
)

func (k yamlKind) String() string {
	var names []string
	for i, name := range []string{"text", "a number", "true or false", "a list"} {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " or ")
}

// configFile is a configuration file: a mapping from the names of settings to
// their values, in YAML.
type configFile struct {
	path  string
	lines []string
}

// readConfig sets the settings that a stronger source has not. Any error about
// the file's content is a *message.Error with its place.
func readConfig(ctx context.Context, path string, groups []settingGroup) error {
	b, err := readLimited(ctx, path, maxConfig)
	if err != nil {
		return err
	}
	return parseConfig(path, string(b), groups)
}

func parseConfig(path, content string, groups []settingGroup) error {
	f := &configFile{path: path, lines: strings.Split(strings.TrimPrefix(content, "\uFEFF"), "\n")}
	entries, err := f.entries(content)
	if err != nil {
		return err
	}
	settings := map[string]*setting{}
	for s := range eachSetting(groups) {
		settings[s.name] = s
	}
	seen := map[string]bool{}
	for i := 0; i < len(entries); i += 2 {
		key, value := entries[i], entries[i+1]
		s := settings[key.Value]
		if s == nil {
			e := f.errorf(key, 0, "unknown setting %s", strconv.Quote(shortened(key.Value)))
			e.Suggestion = message.Nearest(key.Value, func(yield func(string) bool) {
				for s := range eachSetting(groups) {
					if !yield(s.name) {
						return
					}
				}
			})
			return e
		}
		if seen[s.name] {
			return f.errorf(key, 0, "%s is set twice", s.name)
		}
		seen[s.name] = true
		if err := f.apply(s, key, value); err != nil {
			return err
		}
	}
	return nil
}

// entries are the keys and values of the file's one mapping, in turns.
func (f *configFile) entries(content string) ([]*yaml.Node, error) {
	root, err := yamltext.Parse([]byte(content), maxConfigDepth)
	if syntax, ok := errors.AsType[*yamltext.Error](err); ok {
		return nil, f.errorAt(syntax.Line, syntax.Column, 0, "%s", syntax.Message)
	}
	if err != nil {
		return nil, f.errorAt(1, 1, 0, "%v", err)
	}
	if root == nil {
		return nil, nil
	}
	if n := notPlain(root); n != nil {
		before, _, _ := strings.Cut(f.line(n.Line), f.rest(n.Line, n.Column))
		if head, _, ok := strings.Cut(before, "&"+n.Anchor); ok && n.Anchor != "" {
			n.Column = utf8.RuneCountInString(head) + 1
		}
		return nil, f.errorAt(n.Line, n.Column, 0, "anchors, aliases and tags are not for this file")
	}
	if root.Kind != yaml.MappingNode {
		return nil, f.errorf(root, 0, "want settings, NAME: VALUE")
	}
	return root.Content, nil
}

// notPlain is a node of n that has an anchor or a tag, or is an alias; nil: there
// is none.
func notPlain(n *yaml.Node) *yaml.Node {
	if n.Anchor != "" || n.Kind == yaml.AliasNode || yamltext.Tagged(n) {
		return n
	}
	for _, child := range n.Content {
		if found := notPlain(child); found != nil {
			return found
		}
	}
	return nil
}

// apply gives a setting the value of node, unless a stronger source did already;
// the value has to be sound all the same.
func (f *configFile) apply(s *setting, key, node *yaml.Node) error {
	nodes := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode && s.value.takes()&yamlList != 0 {
		nodes = node.Content
	}
	value := s.value
	if s.given() {
		value = value.spare()
	}
	for _, n := range nodes {
		text, kind := scalarOf(n)
		if kind&s.value.takes()&^yamlList == 0 {
			at := n
			if isNull(n) {
				at = key
			}
			return f.errorf(at, 0, "%s: want %s, got %s", s.name, wanted(s.value), kindOf(n))
		}
		if err := value.Set(text); err != nil {
			return f.invalid(s, n, err)
		}
	}
	if !s.given() {
		s.from = source{fromFile, fmt.Sprintf("%s:%d", f.path, key.Line)}
	}
	return nil
}

// invalid is about a value that does not parse. It points into the value where
// the cause does.
func (f *configFile) invalid(s *setting, n *yaml.Node, err error) error {
	offset, reason := 0, err.Error()
	if e, ok := errors.AsType[*message.Error](err); ok {
		reason = e.Msg
		if quote, ok := f.verbatim(n); ok {
			offset = quote + utf8.RuneCountInString(n.Value[:min(int(e.Offset), len(n.Value))])
		}
	}
	return f.errorf(n, offset, "%s: %s", s.name, reason)
}

func (f *configFile) line(n int) string {
	if n < 1 || n > len(f.lines) {
		return ""
	}
	return strings.TrimRight(f.lines[n-1], "\r")
}

// rest is a line from a column on.
func (f *configFile) rest(line, column int) string {
	runes := []rune(f.line(line))
	return string(runes[min(max(column-1, 0), len(runes)):])
}

// verbatim tells a scalar that stands in its line as it is, and how many characters
// the quote before it has, 0 or 1.
func (f *configFile) verbatim(n *yaml.Node) (quote int, ok bool) {
	rest := f.rest(n.Line, n.Column)
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 && rest != "" {
		quote = 1
	}
	block := n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	return quote, n.Kind == yaml.ScalarNode && !block && strings.HasPrefix(rest[quote:], n.Value)
}

// errorf is an error about what stands characters after the beginning of n. The
// line is shown up to the end of n, or to its first character if n is written in
// other words: what is after an unknown key may be a secret.
func (f *configFile) errorf(n *yaml.Node, after int, format string, args ...any) *message.Error {
	width := 1
	if quote, ok := f.verbatim(n); ok {
		width = quote + utf8.RuneCountInString(n.Value) + quote
	}
	return f.errorAt(n.Line, n.Column+after, max(width-after, 0), format, args...)
}

// errorAt is an error about a place; the line is shown up to width characters
// after it.
func (f *configFile) errorAt(line, column, width int, format string, args ...any) *message.Error {
	e := &message.Error{Source: f.path, Line: line, Col: column, Msg: fmt.Sprintf(format, args...)}
	runes := []rune(f.line(line))
	at := min(max(column-1, 0), len(runes))
	end := min(at+width, len(runes))
	e.Snippet, e.Caret = snippet(string(runes[:end]), len(string(runes[:at])))
	return e
}

// snippet is what surrounds line[at], and in which character of it that is.
func snippet(line string, at int) (text string, caret int) {
	const before, after = 60, 40
	head, tail := []rune(line[:at]), []rune(line[at:])
	if len(head) > before {
		head = append([]rune("…"), head[len(head)-before:]...)
	}
	if len(tail) > after {
		tail = append(tail[:after:after], '…')
	}
	return string(head) + string(tail), len(head)
}

// scalarOf is the text of a scalar and its kind, 0 for other nodes.
func scalarOf(n *yaml.Node) (string, yamlKind) {
	if n.Kind != yaml.ScalarNode {
		return "", 0
	}
	kinds := map[yamltext.Kind]yamlKind{
		yamltext.String: yamlText, yamltext.Int: yamlNumber, yamltext.Float: yamlNumber, yamltext.Bool: yamlBool,
	}
	kind, _ := yamltext.Scalar(n)
	return n.Value, kinds[kind]
}

func isNull(n *yaml.Node) bool {
	kind, _ := yamltext.Scalar(n)
	return n.Kind == yaml.ScalarNode && kind == yamltext.Null
}

// wanted names what v takes for an error.
func wanted(v settingValue) string {
	switch v.Type() {
	case "duration":
		return "a duration such as 10s"
	case "size":
		return "a number of bytes such as 4MiB"
	}
	return v.takes().String()
}

// kindOf names what n is for an error.
func kindOf(n *yaml.Node) string {
	switch _, kind := scalarOf(n); {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case kind != 0:
		return kind.String()
	}
	return "nothing; leave the line out for the default"
}

// yamlString is s as a value in YAML, in quotes unless nothing can be mistaken.
func yamlString(s string) string {
	plain := s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-", r)
	}) && strings.ContainsFunc(s[:1], func(r rune) bool { return r == '/' || r >= 'A' })
	if kind, _ := yamltext.Plain(s); plain && kind == yamltext.String {
		return s
	}
	return strconv.Quote(s)
}

// shortened keeps a name of the input from filling the screen.
func shortened(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
