package message

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v4"

	"github.com/grpcx/grpcx/internal/yamltext"
)

// yamlConverter writes a YAML document as JSON.
type yamlConverter struct {
	out      []byte
	marks    []yamlMark
	open     map[*yaml.Node]bool // anchors being expanded
	depth    int
	steps    int
	limit    int // of out, and of steps: aliases can multiply a document
	maxDepth int
}

// yamlMark says where the JSON from off on comes from.
type yamlMark struct{ off, line, col int }

// convert writes doc, nothing if it has no content. Errors are *Error with
// line and column in doc.
func (c *yamlConverter) convert(doc []byte) error {
	root, err := yamltext.Parse(doc, c.maxDepth)
	if err != nil {
		e := &Error{Msg: visible(err.Error()), Line: 1, Col: 1, err: err}
		if syntax, ok := errors.AsType[*yamltext.Error](err); ok {
			e.Msg, e.Line, e.Col = visible(syntax.Message), syntax.Line, syntax.Column
		}
		return e
	}
	if root == nil {
		return nil
	}
	c.open = map[*yaml.Node]bool{}
	return c.node(root)
}

func (c *yamlConverter) errorf(n *yaml.Node, format string, args ...any) error {
	return &Error{Msg: fmt.Sprintf(format, args...), Line: n.Line, Col: n.Column}
}

// mark notes that what is written next comes from n.
func (c *yamlConverter) mark(n *yaml.Node) {
	c.marks = append(c.marks, yamlMark{len(c.out), n.Line, n.Column})
}

// enter goes down one level; leave comes back.
func (c *yamlConverter) enter(n *yaml.Node) error {
	if c.depth > 4*c.maxDepth {
		return c.errorf(n, "nested deeper than %d levels", 4*c.maxDepth)
	}
	c.depth++
	return c.step(n)
}

// step bounds the work, which merged aliases can multiply without writing anything.
func (c *yamlConverter) step(n *yaml.Node) error {
	if c.steps++; c.steps > c.limit {
		return c.errorf(n, "aliases stand for more than %d values", c.limit)
	}
	return nil
}

func (c *yamlConverter) leave() { c.depth-- }

// node writes one value.
func (c *yamlConverter) node(n *yaml.Node) error {
	if len(c.out) > c.limit {
		return c.errorf(n, "aliases make the document longer than %d bytes", c.limit)
	}
	if err := c.enter(n); err != nil {
		return err
	}
	defer c.leave()
	switch n.Kind {
	case yaml.MappingNode:
		return c.mapping(n)
	case yaml.SequenceNode:
		return c.sequence(n)
	case yaml.AliasNode:
		return c.expand(n, c.node)
	}
	return c.scalar(n)
}

// checkTag refuses tags of a mapping or a sequence that are not its own.
func (c *yamlConverter) checkTag(n *yaml.Node, own string) error {
	if yamltext.Tagged(n) && n.Tag != own && n.Tag != "!" {
		return c.errorf(n, "tag %s is not supported", quote(n.Tag))
	}
	return nil
}

func (c *yamlConverter) sequence(n *yaml.Node) error {
	if err := c.checkTag(n, "!!seq"); err != nil {
		return err
	}
	c.mark(n)
	c.out = append(c.out, '[')
	for i, v := range n.Content {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		if err := c.node(v); err != nil {
			return err
		}
	}
	c.out = append(c.out, ']')
	return nil
}

// expand has use take what an alias stands for.
func (c *yamlConverter) expand(n *yaml.Node, use func(*yaml.Node) error) error {
	target := yamltext.Target(n)
	switch {
	case target == nil:
		return c.errorf(n, "unknown anchor %s", quote(n.Value))
	case c.open[target]:
		return c.errorf(n, "anchor %s contains itself", quote(n.Value))
	}
	c.open[target] = true
	defer delete(c.open, target)
	return use(target)
}

// mapping writes a mapping, its own keys before those that it merges in.
func (c *yamlConverter) mapping(n *yaml.Node) error {
	if err := c.checkTag(n, "!!map"); err != nil {
		return err
	}
	c.mark(n)
	c.out = append(c.out, '{')
	m := yamlMapping{first: true, keys: make(map[string]*yaml.Node, len(n.Content)/2)}
	var merge *yaml.Node // what stands after "<<:"
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !yamltext.IsMerge(key) {
			if err := c.entry(&m, key, value, false); err != nil {
				return err
			}
			continue
		}
		if merge != nil {
			return c.errorf(key, "mapping key %s already defined", quote(key.Value))
		}
		merge = value
	}
	if merge != nil {
		if err := c.merge(&m, merge); err != nil {
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
	keys  map[string]*yaml.Node // written so far
}

// entry writes one key and value. A merged key gives way to one that is there.
func (c *yamlConverter) entry(m *yamlMapping, k, v *yaml.Node, merged bool) error {
	if err := c.step(k); err != nil {
		return err
	}
	name, err := c.key(k)
	if err != nil {
		return err
	}
	if first := m.keys[name]; first != nil {
		if merged {
			return nil
		}
		return c.errorf(k, "mapping key %s already defined at [%d:%d]", quote(name), first.Line, first.Column)
	}
	m.keys[name] = k
	if !m.first {
		c.out = append(c.out, ',')
	}
	m.first = false
	c.mark(k)
	c.out = append(appendJSONString(c.out, name), ':')
	return c.node(v)
}

// merge writes the entries of what stands after "<<:": a mapping, an alias of
// one, or a sequence of those.
func (c *yamlConverter) merge(m *yamlMapping, n *yaml.Node) error {
	if err := c.enter(n); err != nil {
		return err
	}
	defer c.leave()
	switch n.Kind {
	case yaml.AliasNode:
		return c.expand(n, func(target *yaml.Node) error { return c.merge(m, target) })
	case yaml.SequenceNode:
		for _, v := range n.Content {
			if err := c.merge(m, v); err != nil {
				return err
			}
		}
		return nil
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			var err error
			if yamltext.IsMerge(n.Content[i]) {
				err = c.merge(m, n.Content[i+1])
			} else {
				err = c.entry(m, n.Content[i], n.Content[i+1], true)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return c.errorf(n, "want a mapping, or a sequence of mappings, after \"<<:\"")
}

// key gives the member's name for a key, which must be a scalar.
func (c *yamlConverter) key(n *yaml.Node) (name string, err error) {
	switch n.Kind {
	case yaml.ScalarNode:
		s, err := c.resolve(n)
		return s.text, err
	case yaml.AliasNode:
		err := c.expand(n, func(target *yaml.Node) (err error) {
			name, err = c.key(target)
			return err
		})
		return name, err
	}
	return "", c.errorf(n, "want a scalar as a key")
}

// scalar writes a value that is neither mapping nor sequence.
func (c *yamlConverter) scalar(n *yaml.Node) error {
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
