package response

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// cluster returns the length in bytes and the width in cells of the first
// character of s, which is not empty, with all that combines with it.
func cluster(s string) (length, width int) {
	// Nothing in ASCII combines with what is before it.
	if s[0] < 0x80 && (len(s) == 1 || s[1] < 0x80) {
		return 1, 1
	}
	c, w := ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
	return max(1, len(c)), w
}

// prefix returns how many bytes of s fit into width cells, and the cells that they
// fill. s is safe for a terminal and has no line breaks.
func prefix(s string, width int) (length, cells int) {
	for length < len(s) {
		n, w := cluster(s[length:])
		if cells+w > width {
			break
		}
		length += n
		cells += w
	}
	return length, cells
}

// fit cuts s to width cells, its end marked by "…", and returns the cells filled.
func fit(s string, width int) (fitted string, cells int) {
	if width <= 0 {
		return "", 0
	}
	length, cells := prefix(s, width)
	if length == len(s) {
		return s, cells
	}
	length, cells = prefix(s, width-1)
	return s[:length] + "…", cells + 1
}

// pad cuts or fills s to exactly width cells.
func pad(s string, width int) string {
	s, cells := fit(s, width)
	return s + strings.Repeat(" ", max(0, width-cells))
}

// size is a number of bytes for people.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%dB", n)
	}
	v, unit := float64(n)/1024, 0
	for v >= 1000 && unit < len(units)-1 {
		v /= 1024
		unit++
	}
	if v < 10 {
		return fmt.Sprintf("%.1f%ciB", v, units[unit])
	}
	return fmt.Sprintf("%.0f%ciB", v, units[unit])
}

// seconds is a moment of a call.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3fs", d.Seconds()) }

// span is a length of time, with three digits that matter.
func span(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return d.String()
	case d < time.Millisecond:
		return fmt.Sprintf("%.3gµs", float64(d)/float64(time.Microsecond))
	case d < time.Second:
		return fmt.Sprintf("%.3gms", float64(d)/float64(time.Millisecond))
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}
