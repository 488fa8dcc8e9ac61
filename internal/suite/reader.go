package suite

import (
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/grpcx/grpcx/internal/invoke"
)

// entry is a key that a map of a suite file may have, and what takes its value.
type entry struct {
	key  string
	take func(*node)
}

// reader takes values out of nodes and notes what is wrong with them.
type reader struct{ *problems }

// object hands the values of n to the entries, in their order. what is n's name
// in problems.
func (r *reader) object(n *node, what string, entries ...entry) bool {
	if !r.is(n, what, mapKind) {
		return false
	}
	for _, f := range n.fields {
		if !slices.ContainsFunc(entries, func(e entry) bool { return e.key == f.key.text }) {
			r.add(f.key.at, nearest(f.key.text, names(entries)), "%s has no key %q", what, f.key.text)
		}
	}
	for _, e := range entries {
		if v := n.get(e.key); v != nil {
			e.take(v)
		}
	}
	return true
}

// lacks reports whether n has no key of this name, nor one that is meant to be it.
func lacks(n *node, key string) bool {
	for _, f := range n.fields {
		if f.key.text == key || nearest(f.key.text, slices.Values([]string{key})) != "" {
			return false
		}
	}
	return true
}

func names(entries []entry) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, e := range entries {
			if !yield(e.key) {
				return
			}
		}
	}
}

// is checks the kind of n, and notes a problem if it is none of the kinds.
func (r *reader) is(n *node, what string, kinds ...kind) bool {
	if slices.Contains(kinds, n.kind) {
		return true
	}
	want, suggestion := "", ""
	for i, k := range kinds {
		if i > 0 {
			want += " or "
		}
		want += (&node{kind: k}).article()
	}
	not := n.article()
	switch {
	case slices.Contains(kinds, boolKind) && n.kind == stringKind:
		suggestion = booleanOf(n.text)
	case slices.Equal(kinds, []kind{stringKind}) && (n.kind == boolKind || n.kind == intKind || n.kind == floatKind):
		not += "; write it in quotes"
	}
	r.add(n.at, suggestion, "%s: want %s, not %s", what, want, not)
	return false
}

// booleanOf is the boolean that a word was in YAML 1.1, "" for none.
func booleanOf(word string) string {
	switch strings.ToLower(word) {
	case "yes", "y", "on", "true":
		return "true"
	case "no", "n", "off", "false":
		return "false"
	}
	return ""
}

func (r *reader) string(n *node, what string) string {
	if !r.is(n, what, stringKind) {
		return ""
	}
	return n.text
}

// name takes a string that must not be empty.
func (r *reader) name(n *node, what string) string {
	s := r.string(n, what)
	if s == "" && n.kind == stringKind {
		r.add(n.at, "", "%s is empty", what)
	}
	return s
}

func (r *reader) bool(n *node, what string) bool {
	return r.is(n, what, boolKind) && n.bool()
}

// oneOrMore takes a list, or one value in its place.
func (r *reader) oneOrMore(n *node) []*node {
	switch n.kind {
	case listKind:
		return n.items
	case nullKind:
		return nil
	default:
		return []*node{n}
	}
}

// strings takes a list of strings that are not empty, or one of them.
func (r *reader) strings(n *node, what string) []*node {
	var out []*node
	for _, item := range r.oneOrMore(n) {
		if r.name(item, what) != "" {
			out = append(out, item)
		}
	}
	return out
}

// count takes an integer from least on.
func (r *reader) count(n *node, what string, least, most int) int {
	if !r.is(n, what, intKind) {
		return least
	}
	v, err := strconv.Atoi(n.text)
	if err != nil || v < least || v > most {
		r.add(n.at, "", "%s: want a number from %d to %d", what, least, most)
		return least
	}
	return v
}

// duration takes "250ms", or a number of seconds.
func (r *reader) duration(n *node, what string) time.Duration {
	if !r.is(n, what, stringKind, intKind, floatKind) {
		return 0
	}
	if n.kind == stringKind {
		d, err := time.ParseDuration(n.text)
		if err == nil && d > 0 {
			return d
		}
	} else if s, err := strconv.ParseFloat(n.text, 64); err == nil && s > 0 && s <= math.MaxInt64/1e9 {
		return time.Duration(s * float64(time.Second))
	}
	r.add(n.at, "", "%s: want a time such as 250ms, 2s or 1m30s", what)
	return 0
}

// codes takes a status code by name or number, or a list of them.
func (r *reader) codes(n *node) []codes.Code {
	var out []codes.Code
	for _, item := range r.oneOrMore(n) {
		if !r.is(item, "code", stringKind, intKind) {
			continue
		}
		if item.kind == intKind {
			if v, err := strconv.ParseUint(item.text, 10, 8); err == nil && v < uint64(len(invoke.CodeNames())) {
				out = append(out, codes.Code(v))
				continue
			}
		} else if i := slices.Index(invoke.CodeNames(), item.text); i >= 0 {
			out = append(out, codes.Code(i))
			continue
		}
		r.add(item.at, nearest(item.text, slices.Values(invoke.CodeNames())), "%s is not a status code", item.text)
	}
	return out
}
