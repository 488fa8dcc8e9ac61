package editor

import (
	"fmt"
	"strings"
	"testing"
)

// body gives a text of so many lines.
func body(lines int) string {
	var s strings.Builder
	s.WriteString("{\n  \"homes\": [\n")
	for i := range lines / 4 {
		fmt.Fprintf(&s, "    {\n      \"street\": \"Long Street %d, second floor\",\n      \"zipCode\": \"%05d\"\n    },\n", i, i)
	}
	s.WriteString("    {}\n  ]\n}")
	return s.String()
}

// A key that writes, with completions, and the frame after it.
func benchmarkKey(b *testing.B, text string, at place) {
	m := newModel(b, "Ask", text)
	m.palette = newPalette(colours())
	m.buffer.moveTo(at)
	m.View(200, 50, true)
	keys := []string{"a", "d", "<backspace>", "<backspace>"}
	for i := 0; b.Loop(); i++ {
		press(m, keys[i%len(keys)])
		m.View(200, 50, true)
	}
}

func BenchmarkKey2000(b *testing.B) { benchmarkKey(b, body(2000), place{1003, 17}) }

// A key at the place of a name, which is completed.
func BenchmarkKey2000Completing(b *testing.B) {
	text := body(2000)
	benchmarkKey(b, strings.Replace(text, "  \"homes\"", "  \"\",\n  \"homes\"", 1), place{1, 3})
}

func BenchmarkKey1MB(b *testing.B) { benchmarkKey(b, body(40_000), place{20_003, 17}) }

func BenchmarkKey1MBOneLine(b *testing.B) {
	text := strings.ReplaceAll(body(40_000), "\n", "")
	benchmarkKey(b, text, place{0, strings.Index(text[len(text)/2:], `"street"`) + len(text)/2 + 12})
}

func BenchmarkCheck2000(b *testing.B) {
	m := newModel(b, "Ask", body(2000))
	for b.Loop() {
		if _, problem := m.reader().read(m.buffer.lines); problem != nil {
			b.Fatal(problem)
		}
	}
}
