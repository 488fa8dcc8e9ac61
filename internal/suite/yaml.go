package suite

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
)

// Limits of a file, against aliases that multiply and parsers that recurse.
const (
	maxDepth = 100     // of nested lists and maps
	maxNodes = 500_000 // with all aliases expanded
)

// parseYAML reads the one document of s. It returns nil for a file that is empty,
// and a *Problem for one that cannot be read.
func parseYAML(s *source) (n *node, err error) {
	// The parser is not ours, and a file is no reason to end the program.
	defer func() {
		if r := recover(); r != nil {
			n, err = nil, errAt(s.at(1, 1), "", "the YAML cannot be parsed")
		}
	}()
	text := s.text()
	if strings.HasPrefix(text, "\xFF\xFE") || strings.HasPrefix(text, "\xFE\xFF") {
		return nil, errAt(s.at(0, 0), "", "the file is UTF-16; save it as UTF-8")
	}
	if !utf8.ValidString(text) {
		return nil, errAt(s.at(invalidLine(s), 1), "", "this line is not UTF-8")
	}
	tokens := yamllexer.Tokenize(text)
	if p := tooDeep(s, tokens); p != nil {
		return nil, p
	}
	file, err := yamlparser.Parse(tokens, 0)
	if err != nil {
		return nil, syntaxProblem(s, err)
	}
	c := converter{source: s, anchors: map[string]*node{}, open: map[string]bool{}}
	for _, d := range file.Docs {
		if d.Body == nil || d.Body.Type() == ast.DirectiveType || d.Body.Type() == ast.CommentType {
			continue
		}
		if n != nil {
			return nil, errAt(c.place(d.Body), "", "a suite is one document; another one begins here")
		}
		if n, err = c.node(d.Body, 0); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func invalidLine(s *source) int {
	for i, l := range s.lines {
		if !utf8.ValidString(l) {
			return i + 1
		}
	}
	return 0
}

// syntaxProblem takes over the parser's message and place.
func syntaxProblem(s *source, err error) *Problem {
	line, column, message := 1, 1, "the YAML cannot be parsed"
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		message = syntax.Message
		if syntax.Token != nil && syntax.Token.Position != nil {
			line, column = syntax.Token.Position.Line, syntax.Token.Position.Column
		}
	}
	return errAt(s.at(line, column), "", "YAML: %s", message)
}

// tooDeep refuses what the parser would descend into too deeply: it has no limit
// of its own.
func tooDeep(s *source, tokens token.Tokens) *Problem {
	flow, line, inLine := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, inLine = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			inLine++
		}
		if flow > maxDepth || inLine > maxDepth || t.Position.IndentNum > 20*maxDepth {
			return errAt(s.at(line, t.Position.Column), "", "nested deeper than %d levels", maxDepth)
		}
	}
	return nil
}

// converter turns the parser's tree into nodes.
type converter struct {
	source  *source
	anchors map[string]*node
	open    map[string]bool // anchors whose node is being made
}

// place is where n begins.
func (c *converter) place(n ast.Node) place {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 { // its token is its first colon
			return c.place(m.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return c.place(m.Key)
	case *ast.AnchorNode:
		return c.place(m.Value)
	}
	t := n.GetToken()
	if t == nil || t.Position == nil {
		return c.source.at(1, 1)
	}
	return c.source.at(t.Position.Line, max(1, t.Position.Column))
}

func (c *converter) node(n ast.Node, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errAt(c.place(n), "", "nested deeper than %d levels", maxDepth)
	}
	switch v := n.(type) {
	case *ast.AnchorNode:
		return c.anchor(v, depth)
	case *ast.AliasNode:
		return c.alias(v)
	case *ast.MappingNode:
		return c.mapping(n, v.Values, depth)
	case *ast.MappingValueNode:
		return c.mapping(n, []*ast.MappingValueNode{v}, depth)
	case *ast.SequenceNode:
		out := &node{kind: listKind, at: c.place(n), size: 1}
		for _, item := range v.Values {
			child, err := c.node(item, depth+1)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, child)
			if err := c.grow(out, child, item); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *ast.TagNode:
		return nil, errAt(c.place(n), "", "tags such as %s are not used in suites", v.Start.Value)
	default:
		return c.scalar(n)
	}
}

// grow adds a child's size to its parent's.
func (c *converter) grow(parent, child *node, at ast.Node) error {
	parent.size += child.size
	if parent.size > maxNodes {
		return errAt(c.place(at), "", "more than %d values, aliases expanded", maxNodes)
	}
	return nil
}

func (c *converter) anchor(v *ast.AnchorNode, depth int) (*node, error) {
	name := v.Name.GetToken().Value
	c.open[name] = true
	n, err := c.node(v.Value, depth)
	delete(c.open, name)
	if err == nil {
		c.anchors[name] = n
	}
	return n, err
}

func (c *converter) alias(v *ast.AliasNode) (*node, error) {
	name := v.Value.GetToken().Value
	if c.open[name] {
		return nil, errAt(c.place(v), "", "alias *%s is within its own anchor", name)
	}
	n, ok := c.anchors[name]
	if !ok {
		return nil, errAt(c.place(v), nearest(name, keys(c.anchors)), "alias *%s has no anchor before it", name)
	}
	return n, nil
}

func (c *converter) mapping(n ast.Node, values []*ast.MappingValueNode, depth int) (*node, error) {
	out := &node{kind: mapKind, at: c.place(n), size: 1}
	var merged []*node
	for _, v := range values {
		value, err := c.node(v.Value, depth+1)
		if err != nil {
			return nil, err
		}
		if err := c.grow(out, value, v); err != nil {
			return nil, err
		}
		if v.Key.IsMergeKey() {
			maps := []*node{value}
			if value.kind == listKind {
				maps = value.items
			}
			for _, m := range maps {
				if m.kind != mapKind {
					return nil, errAt(m.at, "", "<< merges maps, this is %s", m.article())
				}
			}
			merged = append(merged, maps...)
			continue
		}
		key, err := c.key(v.Key)
		if err != nil {
			return nil, err
		}
		if out.get(key.text) != nil {
			return nil, errAt(key.at, "", "%q is here twice", key.text)
		}
		out.fields = append(out.fields, field{key, value})
	}
	for _, m := range merged { // what is here, and what was merged first, wins
		for _, f := range m.fields {
			if out.get(f.key.text) == nil {
				out.fields = append(out.fields, f)
			}
		}
	}
	return out, nil
}

func (c *converter) key(k ast.MapKeyNode) (*node, error) {
	var n ast.Node = k
	if m, ok := k.(*ast.MappingKeyNode); ok {
		n = m.Value
	}
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode, *ast.TagNode, *ast.AliasNode:
		return nil, errAt(c.place(n), "", "a key is a string")
	}
	key, err := c.node(n, 0)
	if err != nil {
		return nil, err
	}
	if key.kind == nullKind || key.kind == boolKind || key.kind == intKind || key.kind == floatKind {
		key = &node{kind: stringKind, at: key.at, text: n.GetToken().Value, size: 1}
	}
	return key, nil
}

func (c *converter) scalar(n ast.Node) (*node, error) {
	out := &node{at: c.place(n), size: 1}
	switch v := n.(type) {
	case *ast.NullNode:
		out.kind, out.text = nullKind, "null"
	case *ast.BoolNode:
		out.kind, out.text = boolKind, strconv.FormatBool(v.Value)
	case *ast.IntegerNode:
		out.kind, out.text = intKind, fmt.Sprint(v.Value)
	case *ast.FloatNode:
		out.kind, out.text = floatKind, jsonFloat(v.Value)
	case *ast.InfinityNode:
		out.kind, out.text = floatKind, jsonFloat(v.Value)
	case *ast.NanNode:
		out.kind, out.text = floatKind, "NaN"
	case *ast.StringNode:
		out.kind, out.text, out.style = stringKind, v.Value, styleOf(v.Token)
	case *ast.LiteralNode:
		out.kind, out.text, out.style = stringKind, v.Value.Value, blockStyle
	default:
		return nil, errAt(out.at, "", "%s is not used in suites", strings.ToLower(n.Type().String()))
	}
	return out, nil
}
