// Package yamltext reads YAML 1.2 into nodes, and knows the place of each in the
// text. Texts are hostile: their nesting is bounded, and how many values they have;
// aliases are left to those who follow them.
package yamltext

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"
)

// An Error is text that is no YAML, or more than is allowed.
type Error struct {
	Line, Column int // from 1, column in characters
	Message      string
}

// Error gives LINE:COLUMN: MESSAGE.
func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message) }

// Parse returns the root of the one document of text, nil if that has no content.
// Lists and maps are nested at most maxDepth deep in brackets, and as deep in
// lines. A text of more than 1,000,000 bytes has at most as many marks that begin or
// separate values. Line and Column of a node are where it begins, after its anchor if that
// comes first; they count from 1, Column in characters. Errors are *Error.
//
// Scalar tells what a scalar is, Tagged whether it has a tag, Target what an alias
// stands for.
func Parse(text []byte, maxDepth int) (root *yaml.Node, err error) {
	// The parser is not ours, and a text is no reason to end the program.
	defer func() {
		if recover() != nil {
			root, err = nil, &Error{1, 1, "the YAML cannot be parsed"}
		}
	}()
	if at := invalid(text); at >= 0 {
		return nil, errorAt(text, at, "not UTF-8")
	}
	if len(text) > maxMarks {
		if _, at := countMarks(text, maxMarks); at >= 0 {
			return nil, errorAt(text, at, "too many values: more than %d commas, colons, brackets, dashes and line breaks before this", maxMarks)
		}
	}
	m, err := masked(text)
	if err != nil {
		return nil, err
	}
	root, anchored, err := load(m.text, maxDepth)
	if err != nil {
		return nil, syntaxError(m.text, maxDepth, err)
	}
	if root != nil && (anchored || m.shown != nil) {
		newFinisher(m).finish(root)
	}
	return root, nil
}

// load parses all documents and returns the root of the one that has content, and
// whether there are anchors. The error is the parser's or an *Error.
func load(text []byte, maxDepth int) (root *yaml.Node, anchored bool, err error) {
	a := &anchors{}
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithPlugin(depthLimit(maxDepth), a))
	if err != nil {
		return nil, false, err
	}
	for {
		var document yaml.Node
		err := loader.Load(&document)
		if errors.Is(err, io.EOF) {
			return root, a.any, nil
		}
		if err != nil {
			return nil, false, err
		}
		n := document.Content[0]
		switch {
		case isNothing(n):
		case root != nil:
			return nil, false, &Error{n.Line, n.Column, "a second document begins here"}
		default:
			root = n
		}
	}
}

// isNothing tells a value that is left out.
func isNothing(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Style == 0 && n.Value == "" && n.Anchor == "" && !Tagged(n)
}

// Tagged tells a node that is written with a tag, its Tag.
func Tagged(n *yaml.Node) bool { return n.Style&yaml.TaggedStyle != 0 || n.Tag == "!" }

// Target is what an alias stands for, nil if no anchor before it has its name. It
// may contain the alias.
func Target(alias *yaml.Node) *yaml.Node {
	if alias.Alias.Line == 0 {
		return nil
	}
	return alias.Alias
}

// IsMerge tells the key whose value is merged into the map.
func IsMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Style == 0 && key.Value == "<<"
}

// depthLimit bounds what the parser descends into. Aliases are not its business:
// the parser follows none.
type depthLimit int

func (l depthLimit) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > int(l) {
		return fmt.Errorf("nested deeper than %d levels", int(l))
	}
	return nil
}

func (depthLimit) CheckAlias(int, int) error { return nil }

// anchors finds anchors as the parser does, but lets aliases of none pass: those
// who follow them know which names there are, and say so.
type anchors struct {
	nodes map[string]*yaml.Node
	any   bool
}

// NewAliasDataContext gives the anchors of the one text that a is used for.
func (a *anchors) NewAliasDataContext(yaml.AliasDataServices) (yaml.AliasDataContext, error) {
	return a, nil
}

func (a *anchors) BeginDocument() error {
	a.nodes = map[string]*yaml.Node{}
	return nil
}

func (a *anchors) DefineAnchor(name string, n *yaml.Node) error {
	a.nodes[name], a.any = n, true
	return nil
}

func (a *anchors) ResolveAlias(name string) (*yaml.Node, bool, error) {
	if n, ok := a.nodes[name]; ok {
		return n, true, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode}, true, nil
}

func (a *anchors) EndDocument() error { return nil }
