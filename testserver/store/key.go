package store

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// key returns what stands for s where case does not matter: strings that differ
// only in case, by Unicode's simple folding, or in how their characters are
// composed have the same key.
func key(s string) string {
	return norm.NFC.String(strings.Map(foldRune, norm.NFD.String(s)))
}

// foldRune returns one rune for all that fold to each other, such as k, K and
// the Kelvin sign.
func foldRune(r rune) rune {
	if r < unicode.MaxASCII {
		return unicode.ToLower(r)
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return unicode.ToLower(least)
}
