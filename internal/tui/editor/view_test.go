package editor

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the frames under testdata again")

// scenes are the states that are kept as frames under testdata.
func scenes(t *testing.T) map[string]*Model {
	fresh := newModel(t, "Tell", "")
	popup := at(t, "Ask", "{\n  \"age\": 1\n  |\n}")
	press(popup, `"s`)
	wrong := newModel(t, "Tell", "{\n  \"nam\": \"x\"\n}")
	if _, err := wrong.Messages(); err == nil {
		t.Fatal("the text is valid")
	}
	odd := newModel(t, "Tell", "{\n\t\"name\": \"\x1b[31m \u202e日本語 e\u0301\xff 👍🏽 👨\u200d👩\u200d👧 🇩🇪\", // \u0301\n}")
	form := at(t, "Ask", "{\n  \"displayName\": \"Ada\",\n  \"tags\": [\"a\", \"b\"],\n  \"places\": {\n    \"home\": {\n      \"street\": \"|x\"\n    }\n  }\n}")
	press(form, "<form>")
	writing := at(t, "Tell", "{\"name\": |\"Ada\"}")
	press(writing, "<form><enter>x")
	return map[string]*Model{"fresh": fresh, "popup": popup, "wrong": wrong, "odd": odd, "form": form, "writing": writing}
}

var sizes = [][2]int{{80, 24}, {40, 10}, {12, 4}}

func TestFrames(t *testing.T) {
	for name, m := range scenes(t) {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s %dx%d", name, size[0], size[1]), func(t *testing.T) {
				got := frame(t, m, size[0], size[1])
				x, y, visible := m.Cursor()
				got += fmt.Sprintf("\ncursor %d %d %t\n", x, y, visible)
				path := filepath.Join("testdata", fmt.Sprintf("%s-%dx%d.txt", name, size[0], size[1]))
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// Colours change nothing but colours, and without styles there is no escape.
func TestColours(t *testing.T) {
	for name, m := range scenes(t) {
		plain := m.View(60, 12, true)
		if strings.Contains(plain, "\x1b") {
			t.Errorf("%s: an escape without styles: %q", name, plain)
		}
		m.palette = newPalette(colours())
		m.touch()
		coloured := m.View(60, 12, true)
		if !strings.Contains(coloured, "\x1b[") {
			t.Errorf("%s: no colour", name)
		}
		if got := ansi.Strip(coloured); got != plain {
			t.Errorf("%s:\n%s\nwithout its colours, want\n%s", name, got, plain)
		}
	}
}

// What is shown can do nothing to a terminal but colour it.
func TestSafe(t *testing.T) {
	m := newModel(t, "Tell", "{\"name\": \"\x1b]52;c;YQ==\x07\x9b31m\u202e\u200b\u2028\x00\r\"}")
	for range 2 {
		for _, r := range m.View(200, 5, true) {
			if r != '\n' && (r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\u200b' || r == '\u2028') {
				t.Errorf("%U is shown", r)
			}
		}
		m.ToggleForm()
	}
	if s := m.Status(); strings.ContainsAny(s, "\x1b\x07\u202e") {
		t.Errorf("status %q", s)
	}
}

func TestCursorIsWhereTheTextIs(t *testing.T) {
	m := at(t, "Tell", "{\n  \"name\": \"日本|\"\n}")
	m.View(40, 10, true)
	if x, y, visible := m.Cursor(); x != 4+len(`  "name": "`)+4 || y != 1 || !visible {
		t.Errorf("cursor at %d, %d, %t", x, y, visible)
	}
	if m.View(40, 10, false); true {
		if _, _, visible := m.Cursor(); visible {
			t.Error("a cursor without the focus")
		}
	}
}

func TestScrolling(t *testing.T) {
	long := strings.Repeat("0123456789", 100)
	m := at(t, "Tell", "["+long+"|,\n"+strings.Repeat("1,\n", 200)+"2]")
	if got := frame(t, m, 40, 3); !strings.Contains(got, "6789,") || strings.Contains(got, "[0") {
		t.Errorf("the end of the long line is not in sight:\n%s", got)
	}
	press(m, "<ctrl+end>")
	if got := frame(t, m, 40, 3); !strings.Contains(got, "202 2]") {
		t.Errorf("the last line is not in sight:\n%s", got)
	}
	m.Update(tea.MouseWheelMsg{Button: tea.MouseWheelUp})
	if got := frame(t, m, 40, 3); strings.Contains(got, "202 2]") || !strings.Contains(got, "197 1,") {
		t.Errorf("the wheel did not scroll:\n%s", got)
	}
	if _, _, visible := m.Cursor(); visible {
		t.Error("the cursor is out of sight")
	}
	m.Update(tea.MouseClickMsg{X: 6, Y: 0})
	press(m, "x")
	if got := show(m); !strings.Contains(got, "1x|,\n") {
		t.Error("the click did not move the cursor")
	}
}

func TestBracketsMatch(t *testing.T) {
	m := at(t, "Tell", "|{\"address\": {}}")
	m.palette = newPalette(colours())
	bracket := m.palette[styleBracket].begin
	if got := strings.Count(m.View(60, 3, true), bracket); got != 2 {
		t.Errorf("%d brackets are marked", got)
	}
	press(m, "<right><right>")
	if got := strings.Count(m.View(60, 3, true), bracket); got != 0 {
		t.Errorf("%d brackets are marked away from them", got)
	}
}

// A frame that nothing changed costs nothing.
func TestFrameIsKept(t *testing.T) {
	m := newModel(t, "Ask", "")
	m.View(80, 24, true)
	if n := testing.AllocsPerRun(10, func() { m.View(80, 24, true) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
