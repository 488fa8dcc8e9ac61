package testserver

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	yamllexer "github.com/goccy/go-yaml/lexer"
	yamlparser "github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const maxYAMLDepth = 32

// yamlError says what is wrong at a place of a document, without quoting what
// stands there: it may be a secret.
type yamlError struct {
	line, column int
	reason       string
}

func (e *yamlError) Error() string { return fmt.Sprintf("%d:%d: %s", e.line, e.column, e.reason) }

func yamlErrorf(n ast.Node, format string, args ...any) error {
	e := &yamlError{line: 1, column: 1, reason: fmt.Sprintf(format, args...)}
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key // the token of a block mapping is its first colon
	}
	if n != nil {
		if t := n.GetToken(); t != nil && t.Position != nil {
			e.line, e.column = t.Position.Line, t.Position.Column
		}
	}
	return e
}

// parseYAML returns the only document of text, nil if there is none. It has no
// anchors, aliases, tags or merge keys: what reads it knows plain mappings,
// sequences and scalars only.
func parseYAML(text []byte) (body ast.Node, err error) {
	// The parser is not ours, and a file is no reason to end the program.
	defer func() {
		if p := recover(); p != nil {
			body, err = nil, &yamlError{1, 1, "the YAML cannot be parsed"}
		}
	}()
	tokens := yamllexer.Tokenize(string(text))
	if err := checkYAMLDepth(tokens); err != nil {
		return nil, err
	}
	file, err := yamlparser.Parse(tokens, 0, yamlparser.AllowDuplicateMapKey())
	if err != nil {
		e := &yamlError{1, 1, "the YAML cannot be parsed"}
		if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok && syntax.Token != nil && syntax.Token.Position != nil {
			e.line, e.column = syntax.Token.Position.Line, syntax.Token.Position.Column
		}
		return nil, e
	}
	for _, d := range file.Docs {
		if d.Body == nil {
			continue
		}
		if body != nil {
			return nil, yamlErrorf(d.Body, "a second document begins here")
		}
		body = d.Body
	}
	return body, nil
}

// checkYAMLDepth refuses what the parser would descend into too deeply: it has
// no limit of its own.
func checkYAMLDepth(tokens token.Tokens) error {
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
		if flow > maxYAMLDepth || inLine > maxYAMLDepth || t.Position.IndentNum > 2*maxYAMLDepth {
			return &yamlError{line, t.Position.Column, "nested too deeply"}
		}
	}
	return nil
}

// yamlFields calls the function of each key of a mapping with its value. Unknown
// keys and keys that come twice are errors.
func yamlFields(n ast.Node, fields map[string]func(ast.Node) error) error {
	seen := map[string]bool{}
	return yamlEntries(n, func(key string, k, v ast.Node) error {
		read, ok := fields[key]
		switch {
		case !ok:
			return yamlErrorf(k, "unknown key %q, want one of %s", shorten(key), strings.Join(sortedKeys(fields), ", "))
		case seen[key]:
			return yamlErrorf(k, "key %s is here for the second time", key)
		}
		seen[key] = true
		return read(v)
	})
}

// yamlEntries calls each for every entry of a mapping, in order.
func yamlEntries(n ast.Node, each func(key string, k, v ast.Node) error) error {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return yamlErrorf(n, "want a mapping")
	}
	for _, v := range values {
		key, err := yamlText(v.Key)
		if err != nil {
			return yamlErrorf(v.Key, "want a plain key")
		}
		if err := each(key, v.Key, v.Value); err != nil {
			return err
		}
	}
	return nil
}

// yamlItems calls each for every item of a sequence, in order.
func yamlItems(n ast.Node, each func(ast.Node) error) error {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		return yamlErrorf(n, "want a sequence")
	}
	for _, item := range list.Values {
		if err := each(item); err != nil {
			return err
		}
	}
	return nil
}

// yamlText returns a scalar as it is written; a number needs no quotes.
func yamlText(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, nil
	}
	return "", yamlErrorf(n, "want a text")
}

// yamlInto returns a reader of a text that check, if any, has nothing against.
func yamlInto(to *string, check func(string) string) func(ast.Node) error {
	return func(n ast.Node) error {
		text, err := yamlText(n)
		if err != nil {
			return err
		}
		if reason := check(text); reason != "" {
			return yamlErrorf(n, "%s", reason)
		}
		*to = text
		return nil
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
