package editor

import (
	"math/rand/v2"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

var seeds = []string{
	"", "{", "{}", `{"`, "{\n  \"displayName\": \"A\",\n  \"homes\": [{\"street\": \"\"}, {\n // \"x\": {\n // }\n}]\n}", `{"extra": {"@type": "type.googleapis.com/test.Address", "st`,
	"[[[[", "}}}}", `{"a" "b" : , : [ } ]`, "\"\\", "{\"side\": S", "{\"counts\": {\"k\":", "//", "{//\n}", "\x1b[0m\u202e\u0301\xff\r\n\t🇩🇪", `{"mask": "a,`, "{'a': 1}", "{\"age\": 1} {\"age\": 2}",
}

// Whatever the text and wherever the cursor, there is an answer, and what it
// offers can be accepted and taken back.
func FuzzContext(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, uint(len(s)))
		f.Add(s, uint(len(s)/2))
	}
	md := method(f, "Ask")
	f.Fuzz(func(t *testing.T, s string, offset uint) {
		if len(s) > 1<<12 {
			return
		}
		m := New(Options{})
		m.SetMethod(md, nil, s+" ")
		text := m.Text()
		m.buffer.moveTo(m.buffer.clamp(endOf(place{}, text[:offset%uint(len(text)+1)])))
		checkTree(t, m)
		m.Complete()
		checkFrame(t, m.View(40, 6, true), 40, 6)
		if m.Completing() {
			press(m, "<tab>")
			checkTree(t, m)
			m.Undo()
		}
		if m.Text() != text {
			t.Fatalf("accepted and undone: %q, want %q", m.Text(), text)
		}
		m.ToggleField()
		m.Undo()
		if m.Text() != text {
			t.Fatalf("toggled and undone: %q, want %q", m.Text(), text)
		}
		m.ToggleForm()
		checkFrame(t, m.View(40, 6, true), 40, 6)
		press(m, "<enter>1<enter>")
	})
}

// checkTree fails when a node is not where its parent and its sibling let it be.
func checkTree(t *testing.T, m *Model) {
	t.Helper()
	tree := m.tree()
	for i := range tree.nodes {
		last := tree.nodes[i].value.from
		for j := range tree.children(int32(i)) {
			n := &tree.nodes[j]
			if n.parent != int32(i) || n.from.less(last) || n.end().less(n.from) || i > 0 && tree.nodes[i].value.to.less(n.end()) {
				t.Fatalf("node %d %+v in %+v of %q", j, n, tree.nodes[i], m.Text())
			}
			m.textOf(n.value)
			last = n.end()
		}
	}
}

// Whatever is pressed at whatever size, no frame is larger than its pane, and
// undoing everything gives the first text again.
func FuzzKeys(f *testing.F) {
	for i := range 8 {
		f.Add(uint64(i), 200)
	}
	md := method(f, "Ask")
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := New(Options{Styles: colours()})
		m.SetMethod(md, nil, seeds[r.IntN(len(seeds))])
		first := m.Text()
		for range min(max(n, 0), 400) {
			randomKey(r, m)
			if r.IntN(4) == 0 {
				w, h := 1+r.IntN(60), 1+r.IntN(20)
				checkFrame(t, m.View(w, h, r.IntN(8) > 0), w, h)
				if x, y, visible := m.Cursor(); visible && (x < 0 || x >= w || y < 0 || y >= h) {
					t.Fatalf("cursor at %d, %d in %dx%d", x, y, w, h)
				}
			}
			if len(m.form.rows) > 0 && r.IntN(20) == 0 {
				if wire, err := m.Messages(); err != nil && wire != nil {
					t.Fatal("messages and an error")
				}
			}
		}
		checkTree(t, m)
		if size := len(m.Text()); size != m.buffer.size {
			t.Fatalf("%d bytes, counted %d", size, m.buffer.size)
		}
		for m.buffer.undo() {
			continue
		}
		if m.Text() != first {
			t.Fatalf("all undone: %q, want %q", m.Text(), first)
		}
	})
}

var someKeys = strings.Fields("up down left right home end pgup pgdown enter tab esc backspace delete space ctrl+left ctrl+right ctrl+home ctrl+end ctrl+k ctrl+u ctrl+w alt+d ctrl+h insert shift+tab")

var someTexts = []string{"{", "}", "[", "]", "\"", ":", ",", "a", "d", "s", "1", "/", "\\", " ", "+", "-", "é", "日", "e\u0301", "\u0301", "👍🏽", "🏽", "\u200d", "\u202e", "🇩", "\x1b", "ﷺ", "𒐫", "한", "ᄒ", "नि"}

func randomKey(r *rand.Rand, m *Model) {
	switch n := r.IntN(40); {
	case n < 15:
		m.Update(keyNamed(someKeys[r.IntN(len(someKeys))]))
	case n < 32:
		s := someTexts[r.IntN(len(someTexts))]
		m.Update(tea.KeyPressMsg{Code: []rune(s)[0], Text: s})
	case n == 32:
		m.Update(paste(seeds[r.IntN(len(seeds))]))
	case n == 33:
		m.Undo()
	case n == 34:
		m.Redo()
	case n == 35:
		m.ToggleField()
	case n == 36:
		m.ToggleForm()
	case n == 37:
		m.Complete()
	case n == 38:
		m.Update(tea.MouseClickMsg{X: r.IntN(60), Y: r.IntN(20)})
	default:
		m.Update(tea.MouseWheelMsg{Button: []tea.MouseButton{tea.MouseWheelUp, tea.MouseWheelDown, tea.MouseWheelLeft, tea.MouseWheelRight}[r.IntN(4)]})
	}
}

// A plain text with a cursor, counted in bytes, to compare the buffer with.
type plainText struct {
	s  string
	at int
}

func (p *plainText) replace(from, to int, s string) {
	p.s, p.at = p.s[:from]+s+p.s[to:], from+len(s)
}

func FuzzBuffer(f *testing.F) {
	for i := range 8 {
		f.Add(uint64(i))
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 2))
		var b buffer
		b.set("one\ntwo\n\nfour")
		want := plainText{s: b.text()}
		states := []string{want.s}
		offset := func(p place) int { return len(b.slice(place{}, p)) }
		for range 200 {
			if r.IntN(3) == 0 {
				b.moveTo(b.clamp(place{r.IntN(len(b.lines) + 1), r.IntN(12)}))
			}
			from, to := b.at, b.clamp(place{r.IntN(len(b.lines)), r.IntN(8)})
			if r.IntN(2) == 0 {
				to = from
			}
			if to.less(from) {
				from, to = to, from
			}
			s := []string{"", "a", "bc ", "\n", "x\ny", "\n\n\n", "日e\u0301"}[r.IntN(7)]
			want.replace(offset(from), offset(to), s)
			b.past.open = false
			b.replace(from, to, s)
			if b.text() != want.s || offset(b.at) != want.at || b.size != len(want.s) {
				t.Fatalf("%q with the cursor at %d, want %q at %d", b.text(), offset(b.at), want.s, want.at)
			}
			if from != to || s != "" {
				states = append(states, want.s)
			}
		}
		for i := len(states) - 2; i >= 0; i-- {
			if b.undo(); b.text() != states[i] {
				t.Fatalf("undone: %q, want %q", b.text(), states[i])
			}
		}
		for _, s := range states[1:] {
			if b.redo(); b.text() != s {
				t.Fatalf("redone: %q, want %q", b.text(), s)
			}
		}
	})
}

// Moves go through the same characters in both directions.
func FuzzCharacters(f *testing.F) {
	for _, s := range append(seeds, someTexts...) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line := split(s)[0]
		var starts []int
		for i := 0; i < len(line); i = after(line, i) {
			starts = append(starts, i)
		}
		at := len(line)
		for i := len(starts) - 1; i >= 0; i-- {
			if at = before(line, at); at != starts[i] {
				t.Fatalf("%q: back at byte %d, want %d", line, at, starts[i])
			}
		}
		for _, i := range starts {
			if c := colAt(line, cellOf(line, i)); c != i {
				t.Fatalf("%q: byte %d is shown at cell %d, which is of byte %d", line, i, cellOf(line, i), c)
			}
		}
	})
}
