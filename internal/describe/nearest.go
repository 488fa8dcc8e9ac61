package describe

import (
	"cmp"
	"slices"
	"strings"
)

// nearest returns the names closest to the one given, at most three, and none
// that is far off. As many trailing parts of a name are compared as were given.
func nearest(given string, names []string) []string {
	const most = 3
	type candidate struct {
		name     string
		distance int
	}
	parts := strings.Count(given, ".") + 1
	limit := max(2, len(given)/3)
	var near []candidate
	for _, name := range names {
		tail := lastParts(strings.Replace(name, "/", ".", 1), parts)
		d := distance(strings.ToLower(given), strings.ToLower(tail), limit)
		if d <= limit {
			near = append(near, candidate{name, d})
		}
	}
	slices.SortFunc(near, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	var out []string
	for _, c := range near {
		if len(out) < most && !slices.Contains(out, c.name) {
			out = append(out, c.name)
		}
	}
	return out
}

func lastParts(name string, n int) string {
	i := len(name)
	for ; n > 0 && i >= 0; n-- {
		i = strings.LastIndexByte(name[:i], '.')
	}
	return name[i+1:]
}

// distance is the number of insertions, deletions, substitutions and swaps of
// neighbours that turn a into b, or some number above limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit || len(a) > 256 {
		return limit + 1
	}
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}
