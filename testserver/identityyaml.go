package testserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

const (
	maxYAMLDepth = 32
	tooDeep      = "nested too deeply"
)

// yamlError says what is wrong at a place of a document, without quoting what
// stands there: it may be a secret.
type yamlError struct {
	line, column int
	reason       string
}

func (e *yamlError) Error() string { return fmt.Sprintf("%d:%d: %s", e.line, e.column, e.reason) }

func yamlErrorf(n *yaml.Node, format string, args ...any) error {
	return &yamlError{n.Line, n.Column, fmt.Sprintf(format, args...)}
}

// yamlDepth bounds what the parser descends into.
type yamlDepth struct{}

func (yamlDepth) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > maxYAMLDepth {
		return errors.New(tooDeep)
	}
	return nil
}

func (yamlDepth) CheckAlias(int, int) error { return nil }

// parseYAML returns the only document of text, nil if there is none. Those who read
// it know plain mappings, sequences and scalars only: no anchors, aliases, tags and
// merge keys.
func parseYAML(text []byte) (body *yaml.Node, err error) {
	// The parser is not ours, and a file is no reason to end the program.
	defer func() {
		if p := recover(); p != nil {
			body, err = nil, &yamlError{1, 1, "the YAML cannot be parsed"}
		}
	}()
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithPlugin(yamlDepth{}))
	if err != nil {
		return nil, err
	}
	for {
		var document yaml.Node
		err := loader.Load(&document)
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return nil, yamlSyntaxError(err)
		}
		n := document.Content[0]
		switch {
		case n.Tag == "!!null":
		case body != nil:
			return nil, yamlErrorf(n, "a second document begins here")
		default:
			body = n
		}
	}
}

// yamlSyntaxError is about text that is no YAML. The parser's message may quote it.
func yamlSyntaxError(err error) error {
	e := &yamlError{1, 1, "the YAML cannot be parsed"}
	if syntax, ok := errors.AsType[*yaml.LoadError](err); ok {
		e.line, e.column = max(1, syntax.Mark.Line), max(1, syntax.Mark.Column)
		if syntax.Message == tooDeep {
			e.reason = syntax.Message
		}
	}
	return e
}

// isPlain tells a value of a kind that has no anchor and no tag.
func isPlain(n *yaml.Node, kind yaml.Kind) bool {
	return n.Kind == kind && n.Anchor == "" && n.Style&yaml.TaggedStyle == 0
}

// yamlFields calls the function of each key of a mapping with its value. Unknown
// keys and keys that come twice are errors.
func yamlFields(n *yaml.Node, fields map[string]func(*yaml.Node) error) error {
	seen := map[string]bool{}
	return yamlEntries(n, func(key string, k, v *yaml.Node) error {
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
func yamlEntries(n *yaml.Node, each func(key string, k, v *yaml.Node) error) error {
	if !isPlain(n, yaml.MappingNode) {
		return yamlErrorf(n, "want a mapping")
	}
	for i := 0; i < len(n.Content); i += 2 {
		k := n.Content[i]
		key, err := yamlText(k)
		if err != nil {
			return yamlErrorf(k, "want a plain key")
		}
		if err := each(key, k, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// yamlItems calls each for every item of a sequence, in order.
func yamlItems(n *yaml.Node, each func(*yaml.Node) error) error {
	if !isPlain(n, yaml.SequenceNode) {
		return yamlErrorf(n, "want a sequence")
	}
	for _, item := range n.Content {
		if err := each(item); err != nil {
			return err
		}
	}
	return nil
}

// yamlText returns a scalar as it is written; a number needs no quotes.
func yamlText(n *yaml.Node) (string, error) {
	if isPlain(n, yaml.ScalarNode) {
		switch n.Tag {
		case "!!str", "!!int", "!!float", "!!timestamp":
			return n.Value, nil
		}
	}
	return "", yamlErrorf(n, "want a text")
}

// yamlInto returns a reader of a text that check, if any, has nothing against.
func yamlInto(to *string, check func(string) string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
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
