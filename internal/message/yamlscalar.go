package message

import (
	"math/big"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// yamlScalar is a scalar as JSON: a string, or text that stands for itself.
type yamlScalar struct {
	text string
	bare bool
}

// resolve gives what a scalar is by the core schema of YAML 1.2: dates, yes, no
// and numbers with underscores are strings.
func (c *yamlConverter) resolve(n ast.Node) (yamlScalar, error) {
	if n == nil {
		return yamlScalar{"null", true}, nil
	}
	switch n := n.(type) {
	case *ast.LiteralNode:
		return yamlScalar{n.Value.Value, false}, nil
	case *ast.TagNode:
		return c.tagged(n)
	case *ast.StringNode:
		if t := n.Token.Type; t == token.SingleQuoteType || t == token.DoubleQuoteType {
			return yamlScalar{n.Value, false}, nil
		}
		return plainScalar(n.Value), nil
	case *ast.NullNode:
		return yamlScalar{"null", true}, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return plainScalar(n.GetToken().Value), nil
	case *ast.MergeKeyNode:
		return yamlScalar{"<<", false}, nil
	}
	return yamlScalar{}, c.errorf(n, "want a value")
}

// tagged reads a scalar of the type that its tag gives.
func (c *yamlConverter) tagged(n *ast.TagNode) (yamlScalar, error) {
	tag := n.Start.Value
	switch tag {
	case "!!int", "!!float", "!!bool", "!!null", "!!timestamp":
		return c.resolve(n.Value)
	case "!!str", "!!binary", "!":
	default:
		return yamlScalar{}, c.errorf(n, "tag %s is not supported", quote(tag))
	}
	s := yamlScalar{}
	switch v := n.Value.(type) {
	case nil, *ast.NullNode:
		if v != nil && v.GetToken().Type != token.ImplicitNullType {
			s.text = v.GetToken().Value
		}
	case *ast.LiteralNode, *ast.StringNode:
		if str, ok := v.(*ast.StringNode); ok {
			s.text = str.Value
		} else {
			s.text = v.(*ast.LiteralNode).Value.Value
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		s.text = v.GetToken().Value
	default:
		return s, c.errorf(n, "want a scalar after %s", tag)
	}
	if tag == "!!binary" {
		s.text = strings.Join(strings.Fields(s.text), "")
	}
	return s, nil
}

// plainScalar resolves the text of a plain scalar.
func plainScalar(s string) yamlScalar {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return yamlScalar{"null", true}
	case "true", "True", "TRUE":
		return yamlScalar{"true", true}
	case "false", "False", "FALSE":
		return yamlScalar{"false", true}
	case ".nan", ".NaN", ".NAN":
		return yamlScalar{"NaN", false}
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return yamlScalar{"Infinity", false}
	case "-.inf", "-.Inf", "-.INF":
		return yamlScalar{"-Infinity", false}
	}
	if number, ok := plainNumber(s); ok {
		return yamlScalar{number, true}
	}
	return yamlScalar{s, false}
}

// plainNumber writes a number of the core schema as a JSON number.
func plainNumber(s string) (string, bool) {
	if strings.HasPrefix(s, "0x") {
		return basedInteger(s[2:], 16)
	}
	if strings.HasPrefix(s, "0o") {
		return basedInteger(s[2:], 8)
	}
	sign, rest := "", s
	switch {
	case strings.HasPrefix(s, "-"):
		sign, rest = "-", s[1:]
	case strings.HasPrefix(s, "+"):
		rest = s[1:]
	}
	exponent := ""
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		rest, exponent = rest[:i], rest[i:]
	}
	whole, frac, _ := strings.Cut(rest, ".")
	if whole+frac == "" {
		return "", false
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if frac != "" {
		frac = "." + frac
	}
	number := sign + whole + frac + exponent
	return number, validNumber([]byte(number))
}

// basedInteger writes the unsigned digits of an integer in decimal.
func basedInteger(digits string, base int) (string, bool) {
	if len(digits) > 64 || strings.ContainsAny(digits, "+-_") {
		return "", false
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return "", false
	}
	return n.String(), true
}
