package suite

import (
	"iter"
	"maps"
	"slices"

	"github.com/grpcx/grpcx/internal/message"
)

// nearest is the name that was probably meant, "" for none.
func nearest(name string, names iter.Seq[string]) string { return message.Nearest(name, names) }

// keys gives the keys of a map in order, so that suggestions do not vary.
func keys[V any](m map[string]V) iter.Seq[string] {
	return slices.Values(slices.Sorted(maps.Keys(m)))
}
