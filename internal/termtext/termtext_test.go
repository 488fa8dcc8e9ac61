package termtext_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/grpcx/grpcx/internal/termtext"
)

func TestEscapes(t *testing.T) {
	tests := []struct{ name, in, line, text string }{
		{"clean text", "user 9 not found: é 漢 🙂", "user 9 not found: é 漢 🙂", "user 9 not found: é 漢 🙂"},
		{"empty", "", "", ""},
		{"layout", "a\n\tb", `a\n\tb`, "a\n\tb"},
		{"carriage return", "ok\rFAIL", `ok\rFAIL`, `ok\rFAIL`},
		{"terminal colours", "\x1b[31mred", `\x1b[31mred`, `\x1b[31mred`},
		{"NUL and DEL", "a\x00b\x7f", `a\x00b\x7f`, `a\x00b\x7f`},
		{"C1 control", "a\u009bb", `a\u009bb`, `a\u009bb`},
		{"bidi controls", "\u202eabc\u2066\u200f\u061c", `\u202eabc\u2066\u200f\u061c`, `\u202eabc\u2066\u200f\u061c`},
		{"separators", "a\u2028b\u2029", `a\u2028b\u2029`, `a\u2028b\u2029`},
		{"zero width and BOM", "a\u200b\ufeffb", `a\u200b\ufeffb`, `a\u200b\ufeffb`},
		{"tag character", "a\U000e0041", `a\U000e0041`, `a\U000e0041`},
		{"not UTF-8", "a\xffb\xc3", `a\xffb\xc3`, `a\xffb\xc3`},
		{"C1 as a lone byte", "\x9b31m", `\x9b31m`, `\x9b31m`},
		{"replacement character itself", "\ufffd", "\ufffd", "\ufffd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := termtext.Line(tt.in); got != tt.line {
				t.Errorf("Line(%q) = %q, want %q", tt.in, got, tt.line)
			}
			if got := termtext.Text(tt.in); got != tt.text {
				t.Errorf("Text(%q) = %q, want %q", tt.in, got, tt.text)
			}
		})
	}
}

func TestCleanTextCostsNothing(t *testing.T) {
	s := strings.Repeat("a clean line, é\n", 100)
	if n := testing.AllocsPerRun(10, func() { _ = termtext.Text(s) }); n != 0 {
		t.Errorf("%v allocations for clean text", n)
	}
}

func TestWriterJoinsSplitCharacters(t *testing.T) {
	const in = "é漢🙂\u202e\x1b\xff!\xf0\x9f"
	for size := 1; size <= len(in); size++ {
		var out bytes.Buffer
		w := termtext.NewWriter(&out)
		for b := []byte(in); len(b) > 0; {
			n := min(size, len(b))
			if got, err := w.Write(b[:n]); got != n || err != nil {
				t.Fatalf("Write = %d, %v", got, err)
			}
			b = b[n:]
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if want := termtext.Text(in); out.String() != want {
			t.Errorf("in pieces of %d: %q, want %q", size, out.String(), want)
		}
	}
}

func TestWriterReportsTheErrorBelow(t *testing.T) {
	if _, err := termtext.NewWriter(failing{}).Write([]byte("x")); err == nil {
		t.Error("no error")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, fmt.Errorf("closed") }

func TestJSONKeepsTheValue(t *testing.T) {
	in := "a\u202eb\u009b\U000e0041é\u2028\x7f"
	raw, err := json.Marshal(map[string]string{in: in})
	if err != nil {
		t.Fatal(err)
	}
	safe := termtext.JSON(raw)
	if s := string(safe); termtext.Text(s) != s {
		t.Errorf("unsafe characters left: %q", s)
	}
	var back map[string]string
	if err := json.Unmarshal(safe, &back); err != nil || back[in] != in {
		t.Errorf("%s reads back as %q, %v", safe, back, err)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[2J", "\u202e\u2066", "\xff\xfe", "a\r\nb", "\U000e0001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, out := range []string{termtext.Text(s), termtext.Line(s)} {
			if !utf8.ValidString(out) {
				t.Fatalf("%q is not UTF-8", out)
			}
			for _, r := range out {
				if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
					t.Fatalf("%q keeps %U", out, r)
				}
			}
		}
		if strings.ContainsAny(termtext.Line(s), "\n\t") {
			t.Fatalf("Line(%q) is not one line", s)
		}
	})
}

func BenchmarkText(b *testing.B) {
	clean := strings.Repeat("a clean line of output, é\n", 40)
	for name, s := range map[string]string{"clean": clean, "dirty": clean + "\x1b" + clean} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(s)))
			b.ReportAllocs()
			for b.Loop() {
				_ = termtext.Text(s)
			}
		})
	}
}

func ExampleLine() {
	fmt.Println(termtext.Line("not found\x1b[2J\u202e"))
	// Output: not found\x1b[2J\u202e
}
