package message

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/grpcx/grpcx/internal/yamltext"
)

// yamlScalar is a scalar as JSON: a string, or text that stands for itself.
type yamlScalar struct {
	text string
	bare bool
}

// resolve gives what a scalar is by its tag, or else by the core schema.
func (c *yamlConverter) resolve(n *yaml.Node) (yamlScalar, error) {
	if !yamltext.Tagged(n) {
		return bareScalar(yamltext.Scalar(n)), nil
	}
	switch n.Tag {
	case "!!int", "!!float", "!!bool", "!!null", "!!timestamp":
		return bareScalar(yamltext.Scalar(n)), nil
	case "!!str", "!":
		return yamlScalar{text: n.Value}, nil
	case "!!binary":
		return yamlScalar{text: strings.Join(strings.Fields(n.Value), "")}, nil
	}
	return yamlScalar{}, c.errorf(n, "tag %s is not supported", quote(n.Tag))
}

// bareScalar is a scalar of a kind; JSON has no numbers for some values.
func bareScalar(kind yamltext.Kind, text string) yamlScalar {
	switch kind {
	case yamltext.Null, yamltext.Bool, yamltext.Int:
		return yamlScalar{text, true}
	case yamltext.Float:
		return yamlScalar{text, text != "NaN" && !strings.HasSuffix(text, "Infinity")}
	}
	return yamlScalar{text, false}
}
