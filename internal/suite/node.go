package suite

import (
	"fmt"
	"math"
	"strconv"
)

// kind is what a node of a file is.
type kind string

const (
	nullKind   kind = "null"
	boolKind   kind = "boolean"
	intKind    kind = "integer"
	floatKind  kind = "number"
	stringKind kind = "string"
	listKind   kind = "list"
	mapKind    kind = "map"
)

// node is a value of a suite file. An alias is the very node of its anchor, with
// the anchor's place; merge keys are merged. Nodes are shared and never changed.
type node struct {
	kind   kind
	at     place
	text   string // of a scalar: its value; of numbers as JSON writes them
	items  []*node
	fields []field
	size   int // nodes within, aliases expanded, itself included

	// What is needed to find a place within the text of a string.
	style scalarStyle
}

// field is an entry of a map.
type field struct {
	key   *node
	value *node
}

// get returns the value of a key, nil for none.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for _, f := range n.fields {
		if f.key.text == key {
			return f.value
		}
	}
	return nil
}

// bool returns the value of a boolean.
func (n *node) bool() bool { return n.text == "true" }

// article is the kind with its article, for problems.
func (n *node) article() string {
	switch n.kind {
	case nullKind:
		return "nothing"
	case intKind:
		return "an integer"
	default:
		return "a " + string(n.kind)
	}
}

// jsonFloat writes a number as the protobuf JSON mapping has it.
func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// isFinite tells numbers that JSON has from those that it writes as strings.
func isFinite(number string) bool {
	switch number {
	case "NaN", "Infinity", "-Infinity":
		return false
	}
	return true
}

func errAt(at place, suggestion, format string, args ...any) *Problem {
	var ps problems
	ps.add(at, suggestion, "%s", fmt.Sprintf(format, args...))
	return ps.list[0]
}
