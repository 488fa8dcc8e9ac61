package suite

import (
	"errors"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/grpcx/grpcx/internal/yamltext"
)

// Limits of a file, against aliases that multiply and parsers that recurse.
const (
	maxDepth = 100     // of nested lists and maps
	maxNodes = 500_000 // with all aliases expanded
)

// parseYAML reads the one document of s. It returns nil for a file that is empty,
// and a *Problem for one that cannot be read.
func parseYAML(s *source) (*node, error) {
	text := s.text()
	if strings.HasPrefix(text, "\xFF\xFE") || strings.HasPrefix(text, "\xFE\xFF") {
		return nil, errAt(s.at(0, 0), "", "the file is UTF-16; save it as UTF-8")
	}
	root, err := yamltext.Parse([]byte(text), maxDepth)
	if err != nil {
		return nil, syntaxProblem(s, err)
	}
	if root == nil {
		return nil, nil
	}
	c := converter{source: s, names: map[string]bool{}, made: map[*yaml.Node]*node{}}
	return c.node(root, 0)
}

func syntaxProblem(s *source, err error) *Problem {
	if e, ok := errors.AsType[*yamltext.Error](err); ok {
		return errAt(s.at(e.Line, e.Column), "", "YAML: %s", e.Message)
	}
	return errAt(s.at(1, 1), "", "%v", err)
}

// converter turns the parser's tree into nodes.
type converter struct {
	source *source
	names  map[string]bool // of the anchors so far
	// made are the nodes with anchors; nil while one is being made.
	made map[*yaml.Node]*node
}

func (c *converter) place(n *yaml.Node) place { return c.source.at(n.Line, n.Column) }

func (c *converter) node(n *yaml.Node, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errAt(c.place(n), "", "nested deeper than %d levels", maxDepth)
	}
	if n.Kind == yaml.AliasNode {
		return c.alias(n)
	}
	if n.Anchor == "" {
		return c.value(n, depth)
	}
	c.names[n.Anchor] = true
	c.made[n] = nil
	out, err := c.value(n, depth)
	c.made[n] = out
	return out, err
}

func (c *converter) value(n *yaml.Node, depth int) (*node, error) {
	if yamltext.Tagged(n) {
		return nil, errAt(c.place(n), "", "tags such as %s are not used in suites", n.Tag)
	}
	switch n.Kind {
	case yaml.MappingNode:
		return c.mapping(n, depth)
	case yaml.SequenceNode:
		return c.sequence(n, depth)
	default:
		return c.scalar(n), nil
	}
}

func (c *converter) sequence(n *yaml.Node, depth int) (*node, error) {
	out := &node{kind: listKind, at: c.place(n), size: 1, items: make([]*node, 0, len(n.Content))}
	for _, item := range n.Content {
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
}

// grow adds a child's size to its parent's.
func (c *converter) grow(parent, child *node, at *yaml.Node) error {
	parent.size += child.size
	if parent.size > maxNodes {
		return errAt(c.place(at), "", "more than %d values, aliases expanded", maxNodes)
	}
	return nil
}

func (c *converter) alias(n *yaml.Node) (*node, error) {
	target := yamltext.Target(n)
	if target == nil {
		return nil, errAt(c.place(n), nearest(n.Value, keys(c.names)), "alias *%s has no anchor before it", n.Value)
	}
	if out := c.made[target]; out != nil {
		return out, nil
	}
	return nil, errAt(c.place(n), "", "alias *%s is within its own anchor", n.Value)
}

func (c *converter) mapping(n *yaml.Node, depth int) (*node, error) {
	out := &node{kind: mapKind, at: c.place(n), size: 1, fields: make([]field, 0, len(n.Content)/2)}
	keys := make(map[string]*node, len(n.Content)/2)
	var merged []*node
	for i := 0; i < len(n.Content); i += 2 {
		k := n.Content[i]
		value, err := c.node(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		if err := c.grow(out, value, k); err != nil {
			return nil, err
		}
		if yamltext.IsMerge(k) {
			if merged != nil {
				return nil, errAt(c.place(k), "", "%q is here twice", k.Value)
			}
			if merged, err = mergeable(value); err != nil {
				return nil, err
			}
			continue
		}
		key, err := c.key(k)
		if err != nil {
			return nil, err
		}
		if first := keys[key.text]; first != nil {
			return nil, errAt(key.at, "", "%q is here twice, first in line %d", key.text, first.at.line)
		}
		keys[key.text] = key
		out.fields = append(out.fields, field{key, value})
	}
	for _, m := range merged { // what is here, and what was merged first, wins
		for _, f := range m.fields {
			if keys[f.key.text] == nil {
				keys[f.key.text] = f.key
				out.fields = append(out.fields, f)
			}
		}
	}
	return out, nil
}

// mergeable are the maps that the value of a merge key is.
func mergeable(value *node) ([]*node, error) {
	maps := []*node{value}
	if value.kind == listKind {
		maps = value.items
	}
	for _, m := range maps {
		if m.kind != mapKind {
			return nil, errAt(m.at, "", "<< merges maps, this is %s", m.article())
		}
	}
	return maps, nil
}

func (c *converter) key(n *yaml.Node) (*node, error) {
	if n.Kind != yaml.ScalarNode || yamltext.Tagged(n) {
		return nil, errAt(c.place(n), "", "a key is a string")
	}
	key, err := c.node(n, 0)
	if err == nil && key.kind != stringKind {
		key = &node{kind: stringKind, at: key.at, text: n.Value, size: 1}
	}
	return key, err
}

func (c *converter) scalar(n *yaml.Node) *node {
	out := &node{kind: stringKind, at: c.place(n), size: 1, text: n.Value, style: styleOf(n)}
	kind, text := yamltext.Scalar(n)
	switch kind {
	case yamltext.Null:
		out.kind, out.text = nullKind, text
	case yamltext.Bool:
		out.kind, out.text = boolKind, text
	case yamltext.Int: // what 64 bits do not hold is a string
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			out.kind, out.text = intKind, strconv.FormatInt(i, 10)
		} else if u, err := strconv.ParseUint(text, 10, 64); err == nil {
			out.kind, out.text = intKind, strconv.FormatUint(u, 10)
		}
	case yamltext.Float:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			out.kind, out.text = floatKind, jsonFloat(f)
		}
	}
	return out
}
