package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	yamllexer "github.com/goccy/go-yaml/lexer"
	yamlparser "github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/grpcx/grpcx/internal/message"
)

// Bounds of a configuration file: its parser has none of its own.
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
func readConfig(path string, groups []settingGroup) error {
	b, err := readLimited(path, maxConfig)
	if err != nil {
		return err
	}
	return parseConfig(path, string(b), groups)
}

func parseConfig(path, content string, groups []settingGroup) (err error) {
	f := &configFile{path: path, lines: strings.Split(content, "\n")}
	// The parser is not ours, and a file is no reason to end the program.
	defer func() {
		if recover() != nil {
			err = f.errorf(nil, 0, "the YAML cannot be parsed")
		}
	}()
	if !utf8.ValidString(content) {
		return f.errorf(nil, 0, "not UTF-8")
	}
	entries, err := f.entries(content)
	if err != nil {
		return err
	}
	settings := map[string]*setting{}
	for s := range eachSetting(groups) {
		settings[s.name] = s
	}
	seen := map[string]bool{}
	for _, entry := range entries {
		key := entry.Key.GetToken()
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
		if err := f.apply(s, key, entry.Value); err != nil {
			return err
		}
	}
	return nil
}

// entries are the keys and values of the file's one mapping.
func (f *configFile) entries(content string) ([]*ast.MappingValueNode, error) {
	tokens := yamllexer.Tokenize(content)
	depth := 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType:
			return nil, f.errorf(t, 0, "anchors, aliases and tags are not for this file")
		}
		if depth > maxConfigDepth || t.Position.Column > maxConfig {
			return nil, f.errorf(t, 0, "nested deeper than %d levels", maxConfigDepth)
		}
	}
	file, err := yamlparser.Parse(tokens, 0, yamlparser.AllowDuplicateMapKey())
	if err != nil {
		if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
			return nil, f.errorf(syntax.Token, 0, "%s", syntax.Message)
		}
		return nil, f.errorf(nil, 0, "the YAML cannot be parsed")
	}
	var body ast.Node
	for _, d := range file.Docs {
		switch {
		case d.Body == nil:
		case body != nil:
			return nil, f.errorf(tokenOr(d.Body, nil), 0, "a second document begins here")
		default:
			body = d.Body
		}
	}
	switch n := body.(type) {
	case nil:
		return nil, nil
	case *ast.CommentGroupNode:
		return nil, nil
	case *ast.MappingNode:
		return n.Values, nil
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, nil
	}
	return nil, f.errorf(body.GetToken(), 0, "want settings, NAME: VALUE")
}

// apply gives a setting the value of node, unless a stronger source did already;
// the value has to be sound all the same.
func (f *configFile) apply(s *setting, key *token.Token, node ast.Node) error {
	nodes := []ast.Node{node}
	if sequence, ok := node.(*ast.SequenceNode); ok && s.value.takes()&yamlList != 0 {
		nodes = sequence.Values
	}
	value := s.value
	if s.given() {
		value = value.spare()
	}
	for _, n := range nodes {
		text, kind := scalarOf(n)
		if kind&s.value.takes()&^yamlList == 0 {
			return f.errorf(tokenOr(n, key), 0, "%s: want %s, got %s", s.name, wanted(s.value), kindOf(n))
		}
		if err := value.Set(text); err != nil {
			return f.invalid(s, n, err)
		}
	}
	if !s.given() {
		s.from = source{fromFile, fmt.Sprintf("%s:%d", f.path, key.Position.Line)}
	}
	return nil
}

// invalid is about a value that does not parse. It points into the value where
// the cause does.
func (f *configFile) invalid(s *setting, n ast.Node, err error) error {
	t := n.GetToken()
	offset, reason := 0, err.Error()
	if e, ok := errors.AsType[*message.Error](err); ok {
		reason = e.Msg
		line := f.line(t.Position.Line)
		if at := strings.Index(line, t.Value); at >= 0 && t.Type != token.LiteralType && t.Type != token.FoldedType {
			offset = utf8.RuneCountInString(line[:at]) + utf8.RuneCountInString(t.Value[:min(int(e.Offset), len(t.Value))]) - (t.Position.Column - 1)
		}
	}
	return f.errorf(t, offset, "%s: %s", s.name, reason)
}

func (f *configFile) line(n int) string {
	if n < 1 || n > len(f.lines) {
		return ""
	}
	return strings.TrimRight(f.lines[n-1], "\r")
}

// errorf is an error about what stands characters after the beginning of t; nil
// is the beginning of the file. The line is shown up to the end of t: what is
// after an unknown key may be a secret.
func (f *configFile) errorf(t *token.Token, after int, format string, args ...any) *message.Error {
	e := &message.Error{Source: f.path, Line: 1, Col: 1, Msg: fmt.Sprintf(format, args...)}
	if t == nil || t.Position == nil {
		return e
	}
	e.Line, e.Col = t.Position.Line, t.Position.Column+after
	line := []rune(f.line(e.Line))
	end := min(len(line), t.Position.Column-1+utf8.RuneCountInString(strings.TrimSpace(t.Origin)))
	at := min(max(e.Col-1, 0), end)
	e.Snippet, e.Caret = snippet(string(line[:end]), len(string(line[:at])))
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
func scalarOf(n ast.Node) (string, yamlKind) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, yamlText
	case *ast.LiteralNode:
		return n.Value.Value, yamlText
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, yamlNumber
	case *ast.BoolNode:
		return n.GetToken().Value, yamlBool
	}
	return "", 0
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
func kindOf(n ast.Node) string {
	switch n.(type) {
	case nil, *ast.NullNode:
		return "nothing; leave the line out for the default"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	}
	if _, kind := scalarOf(n); kind != 0 {
		return kind.String()
	}
	return "something else"
}

// tokenOr is the token that n begins with, or else the key's.
func tokenOr(n ast.Node, key *token.Token) *token.Token {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key // the token of a block mapping is its first colon
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		n = m.Key
	}
	if n == nil || n.Type() == ast.NullType || n.GetToken() == nil {
		return key
	}
	return n.GetToken()
}

// yamlString is s as a value in YAML, in quotes unless nothing can be mistaken.
func yamlString(s string) string {
	plain := s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-", r)
	}) && strings.ContainsFunc(s[:1], func(r rune) bool { return r == '/' || r >= 'A' })
	if _, kind := scalarOf(parseScalar(s, plain)); plain && kind == yamlText {
		return s
	}
	return strconv.Quote(s)
}

// parseScalar is the node that a plain s is.
func parseScalar(s string, plain bool) ast.Node {
	if !plain {
		return nil
	}
	file, err := yamlparser.ParseBytes([]byte(s), 0)
	if err != nil || len(file.Docs) != 1 {
		return nil
	}
	return file.Docs[0].Body
}

// shortened keeps a name of the input from filling the screen.
func shortened(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
