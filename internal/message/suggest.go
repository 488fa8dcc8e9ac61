package message

import "iter"

// Nearest gives the name that was probably meant by name, "" when none is near
// enough: about a third of its letters may differ.
func Nearest(name string, names iter.Seq[string]) string {
	const longest = 64
	if len(name) > longest {
		return ""
	}
	name = fold(name)
	best, distance := "", max(1, len(name)/3)+1
	for candidate := range names {
		if len(candidate) > longest {
			continue
		}
		folded := fold(candidate)
		if d := editDistance(name, folded); d < distance && 2*d <= max(len(name), len(folded)) {
			best, distance = candidate, d
		}
	}
	return best
}

// fold makes spellings alike that people confuse: case and underscores.
func fold(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != '_' && c != '-' {
			b = append(b, c)
		}
	}
	return string(b)
}

// editDistance counts the insertions, deletions, substitutions and
// transpositions of neighbours between a and b.
func editDistance(a, b string) int {
	rows := [3][]int{}
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
	}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
