package yamltext

import (
	"math/big"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Kind is what a scalar is by the core schema of YAML 1.2: dates, yes, no and
// numbers with underscores are strings.
type Kind byte

// The kinds of scalars.
const (
	String Kind = iota
	Null
	Bool
	Int
	Float // NaN and the infinities included
)

// Scalar returns the kind of a scalar and its value: numbers and booleans as JSON
// writes them, however large, what JSON has no number for as NaN, Infinity or
// -Infinity. Tags are not looked at.
func Scalar(n *yaml.Node) (Kind, string) {
	if n.Style&^yaml.TaggedStyle != 0 {
		return String, n.Value
	}
	return Plain(n.Value)
}

// Plain is Scalar for the text of a scalar without quotes.
func Plain(s string) (Kind, string) {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return Null, "null"
	case "true", "True", "TRUE":
		return Bool, "true"
	case "false", "False", "FALSE":
		return Bool, "false"
	case ".nan", ".NaN", ".NAN":
		return Float, "NaN"
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return Float, "Infinity"
	case "-.inf", "-.Inf", "-.INF":
		return Float, "-Infinity"
	}
	if strings.IndexByte("+-.0123456789", s[0]) < 0 {
		return String, s
	}
	if digits, ok := strings.CutPrefix(s, "0x"); ok {
		return basedInteger(s, digits, 16)
	}
	if digits, ok := strings.CutPrefix(s, "0o"); ok {
		return basedInteger(s, digits, 8)
	}
	return decimal(s)
}

// decimal reads [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?.
func decimal(s string) (Kind, string) {
	sign, rest := "", s
	switch s[0] {
	case '-':
		sign, rest = "-", s[1:]
	case '+':
		rest = s[1:]
	}
	kind, exponent := Int, ""
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		kind, rest, exponent = Float, rest[:i], rest[i:]
		if digits := strings.TrimLeft(exponent[1:], "+-"); len(exponent)-len(digits) > 2 || !isDigits(digits) || digits == "" {
			return String, s
		}
	}
	whole, fraction, point := strings.Cut(rest, ".")
	if whole+fraction == "" || !isDigits(whole) || !isDigits(fraction) {
		return String, s
	}
	if point {
		kind = Float
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return kind, sign + whole + fraction + exponent
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// basedInteger reads the unsigned digits of an integer.
func basedInteger(s, digits string, base int) (Kind, string) {
	if v, err := strconv.ParseUint(digits, base, 64); err == nil {
		return Int, strconv.FormatUint(v, 10)
	}
	if len(digits) > 64 || strings.ContainsAny(digits, "+-_") {
		return String, s
	}
	v, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return String, s
	}
	return Int, v.String()
}
