package message

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	yamllexer "github.com/goccy/go-yaml/lexer"
	yamlparser "github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// yamlConverter writes a YAML document as JSON.
type yamlConverter struct {
	out      []byte
	marks    []yamlMark
	anchors  map[string]ast.Node
	open     map[string]bool // anchors being expanded
	depth    int
	limit    int // of out: aliases can multiply a document
	maxDepth int
}

// yamlMark says where the JSON from off on comes from.
type yamlMark struct{ off, line, col int }

// convert writes doc, nothing if it has no content. Errors are *Error with
// line and column in doc.
func (c *yamlConverter) convert(doc []byte) (err error) {
	// The parser is not ours, and a message is no reason to end the program.
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Msg: "the YAML cannot be parsed", Line: 1, Col: 1}
		}
	}()
	tokens := yamllexer.Tokenize(string(doc))
	if err := c.checkDepth(tokens); err != nil {
		return err
	}
	file, err := yamlparser.Parse(tokens, 0)
	if err != nil {
		return yamlError(err)
	}
	var body ast.Node
	for _, d := range file.Docs {
		if d.Body == nil || d.Body.Type() == ast.DirectiveType {
			continue
		}
		if body != nil {
			return c.errorf(d.Body, "another document begins here without a \"---\" line")
		}
		body = d.Body
	}
	if body == nil {
		return nil
	}
	c.anchors = map[string]ast.Node{}
	c.open = map[string]bool{}
	return c.node(body)
}

// yamlError takes over a syntax error's message and place.
func yamlError(err error) error {
	e := &Error{Msg: "the YAML cannot be parsed", Line: 1, Col: 1, err: err}
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) {
		e.Msg = visible(syntax.Message)
		if syntax.Token != nil && syntax.Token.Position != nil {
			e.Line, e.Col = syntax.Token.Position.Line, syntax.Token.Position.Column
		}
	}
	return e
}

// checkDepth refuses what the parser would descend into too deeply: it has no
// limit of its own.
func (c *yamlConverter) checkDepth(tokens token.Tokens) error {
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
		if flow > c.maxDepth || inLine > c.maxDepth {
			return &Error{Msg: fmt.Sprintf("nested deeper than %d levels", c.maxDepth), Line: line, Col: t.Position.Column}
		}
	}
	return nil
}

func (c *yamlConverter) errorf(n ast.Node, format string, args ...any) error {
	e := &Error{Msg: fmt.Sprintf(format, args...), Line: 1, Col: 1}
	if t := n.GetToken(); t != nil && t.Position != nil {
		e.Line, e.Col = t.Position.Line, t.Position.Column
	}
	return e
}

// mark notes that what is written next comes from n.
func (c *yamlConverter) mark(n ast.Node) {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key // the token of a block mapping is its first colon
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		c.marks = append(c.marks, yamlMark{len(c.out), t.Position.Line, t.Position.Column})
	}
}

// node writes one value.
func (c *yamlConverter) node(n ast.Node) error {
	if c.depth > 4*c.maxDepth {
		return c.errorf(n, "nested deeper than %d levels", 4*c.maxDepth)
	}
	if len(c.out) > c.limit {
		return c.errorf(n, "aliases make the document longer than %d bytes", c.limit)
	}
	c.depth++
	defer func() { c.depth-- }()
	switch n := n.(type) {
	case *ast.MappingNode:
		c.mark(n)
		return c.mapping(n)
	case *ast.MappingValueNode:
		c.mark(n.Key)
		return c.mapping(&ast.MappingNode{BaseNode: n.BaseNode, Start: n.Start, Values: []*ast.MappingValueNode{n}})
	case *ast.SequenceNode:
		c.mark(n)
		c.out = append(c.out, '[')
		for i, v := range n.Values {
			if i > 0 {
				c.out = append(c.out, ',')
			}
			if err := c.node(v); err != nil {
				return err
			}
		}
		c.out = append(c.out, ']')
		return nil
	case *ast.AnchorNode:
		if n.Value == nil {
			return c.errorf(n, "the anchor has no value")
		}
		c.anchors[anchorName(n.Name)] = n.Value
		return c.node(n.Value)
	case *ast.AliasNode:
		return c.expand(n, c.node)
	}
	return c.scalar(n)
}

func anchorName(n ast.Node) string {
	if n == nil || n.GetToken() == nil {
		return ""
	}
	return n.GetToken().Value
}

// expand has use take what an alias stands for.
func (c *yamlConverter) expand(n *ast.AliasNode, use func(ast.Node) error) error {
	name := anchorName(n.Value)
	target := c.anchors[name]
	switch {
	case target == nil:
		return c.errorf(n, "unknown anchor %s", quote(name))
	case c.open[name]:
		return c.errorf(n, "anchor %s contains itself", quote(name))
	}
	c.open[name] = true
	defer delete(c.open, name)
	return use(target)
}

// mapping writes a mapping, its own keys before those that it merges in.
func (c *yamlConverter) mapping(n *ast.MappingNode) error {
	c.out = append(c.out, '{')
	m := yamlMapping{first: true}
	for _, v := range n.Values {
		if v.Key.IsMergeKey() {
			m.names = map[string]bool{}
		}
	}
	for _, v := range n.Values {
		if v.Key.IsMergeKey() {
			continue
		}
		if err := c.entry(&m, v, false); err != nil {
			return err
		}
	}
	for _, v := range n.Values {
		if !v.Key.IsMergeKey() {
			continue
		}
		if err := c.merge(&m, v.Value); err != nil {
			return err
		}
	}
	c.mark(n)
	c.out = append(c.out, '}')
	return nil
}

// yamlMapping is a mapping that is being written.
type yamlMapping struct {
	first bool
	names map[string]bool // written so far; nil: nothing is merged in
}

// entry writes one key and value. A merged key gives way to one that is there.
func (c *yamlConverter) entry(m *yamlMapping, v *ast.MappingValueNode, merged bool) error {
	name, err := c.key(v.Key)
	if err != nil {
		return err
	}
	if merged && m.names[name] {
		return nil
	}
	if m.names != nil {
		m.names[name] = true
	}
	if !m.first {
		c.out = append(c.out, ',')
	}
	m.first = false
	c.mark(v.Key)
	c.out = append(appendJSONString(c.out, name), ':')
	return c.node(v.Value)
}

// merge writes the entries of what stands after "<<:": a mapping, an alias of
// one, or a sequence of those.
func (c *yamlConverter) merge(m *yamlMapping, n ast.Node) error {
	if c.depth > 4*c.maxDepth {
		return c.errorf(n, "nested deeper than %d levels", 4*c.maxDepth)
	}
	c.depth++
	defer func() { c.depth-- }()
	switch n := n.(type) {
	case *ast.AliasNode:
		return c.expand(n, func(target ast.Node) error { return c.merge(m, target) })
	case *ast.AnchorNode:
		c.anchors[anchorName(n.Name)] = n.Value
		return c.merge(m, n.Value)
	case *ast.SequenceNode:
		for _, v := range n.Values {
			if err := c.merge(m, v); err != nil {
				return err
			}
		}
		return nil
	case *ast.MappingValueNode:
		return c.mergeValues(m, []*ast.MappingValueNode{n})
	case *ast.MappingNode:
		return c.mergeValues(m, n.Values)
	}
	return c.errorf(n, "want a mapping, or a sequence of mappings, after \"<<:\"")
}

func (c *yamlConverter) mergeValues(m *yamlMapping, values []*ast.MappingValueNode) error {
	for _, v := range values {
		if v.Key.IsMergeKey() {
			if err := c.merge(m, v.Value); err != nil {
				return err
			}
		} else if err := c.entry(m, v, true); err != nil {
			return err
		}
	}
	return nil
}

// key gives the member's name for a key, which must be a scalar.
func (c *yamlConverter) key(n ast.Node) (string, error) {
	switch k := n.(type) {
	case *ast.MappingKeyNode:
		if k.Value == nil {
			return "", c.errorf(n, "want a key")
		}
		return c.key(k.Value)
	case *ast.AnchorNode:
		c.anchors[anchorName(k.Name)] = k.Value
		return c.key(k.Value)
	case *ast.AliasNode:
		name := ""
		err := c.expand(k, func(target ast.Node) (err error) {
			name, err = c.key(target)
			return err
		})
		return name, err
	}
	s, err := c.resolve(n)
	if err != nil {
		return "", c.errorf(n, "want a scalar as a key")
	}
	return s.text, nil
}

// scalar writes a value that is neither mapping nor sequence.
func (c *yamlConverter) scalar(n ast.Node) error {
	s, err := c.resolve(n)
	if err != nil {
		return err
	}
	c.mark(n)
	if s.bare {
		c.out = append(c.out, s.text...)
	} else {
		c.out = appendJSONString(c.out, s.text)
	}
	return nil
}
