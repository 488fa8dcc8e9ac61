package editor

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// choose goes to the row of a field, given with the fields around it.
func choose(t *testing.T, m *Model, path ...string) {
	t.Helper()
	at := 0
	for i, r := range m.rows() {
		if r.depth == at && r.label == path[at] {
			if at++; at == len(path) {
				m.form.chosen = i
				return
			}
		}
	}
	t.Fatalf("no row %q in\n%s", path, m.View(80, 40, true))
}

func TestForm(t *testing.T) {
	for _, c := range []struct {
		name, before string
		row          []string
		keys, after  string
	}{
		{"a value is written", "{\n  \"displayName\": \"Ada\" // whom\n}", []string{"displayName"}, "<enter> L<enter>", "{\n  \"displayName\": \"Ada L\" // whom\n}"},
		{"quotes are escaped", `{"displayName": ""}`, []string{"displayName"}, `<enter>say "hi"<enter>`, `{"displayName": "say \"hi\""}`},
		{"escapes may be typed", `{"displayName": ""}`, []string{"displayName"}, `<enter>a\nb<enter>`, `{"displayName": "a\nb"}`},
		{"esc leaves it", `{"age": 1}`, []string{"age"}, "<enter>2<esc>", `{"age": 1}`},
		{"what was not changed is left", `{"age": 1e0}`, []string{"age"}, "<enter><enter>", `{"age": 1e0}`},
		{"a number", `{"age": 1}`, []string{"age"}, "<enter>2<tab>", `{"age": 12}`},
		{"what is no number stays checkable", `{"age": 1}`, []string{"age"}, "<enter>,x<enter>", `{"age": "1,x"}`},
		{"a field that is not set", `{}`, []string{"age"}, "<enter><backspace>5<enter>", "{\n  \"age\": 5\n}"},
		{"a second field", `{"age": 1}`, []string{"big"}, "<enter><backspace>5<enter>", `{"age": 1, "big": 5}`},
		{"in an empty text", ``, []string{"displayName"}, "<enter>x<enter>", "{\n  \"displayName\": \"x\"\n}"},
		{"out of its comment", "{\n  \"age\": 1\n  // \"rank\": 3 // how high\n}", []string{"rank"}, "<enter>4<enter>", "{\n  \"age\": 1,\n  \"rank\": 34 // how high\n}"},
		{"behind comments", "{\n  \"age\": 1 // years\n  // end\n}", []string{"rank"}, "<space>", "{\n  \"age\": 1, // years\n  \"rank\": 0\n  // end\n}"},
		{"before comments", "{ // all\n  // end\n}", []string{"age"}, "<space>", "{ // all\n  \"age\": 0\n  // end\n}"},
		{"unset goes into a comment", "{\n  \"age\": 1,\n  \"big\": 2\n}", []string{"age"}, "<space>", "{\n  // \"age\": 1,\n  \"big\": 2\n}"},
		{"a bool", "{\n  \"active\": false\n}", []string{"active"}, "<enter>", "{\n  \"active\": true\n}"},
		{"an enum forth", "{\n  \"side\": \"SIDE_BUY\"\n}", []string{"side"}, "<right>", "{\n  \"side\": \"SIDE_SELL\"\n}"},
		{"an enum around", "{\n  \"side\": 0\n}", []string{"side"}, "<left>", "{\n  \"side\": \"SIDE_SELL\"\n}"},
		{"a message opens", "{}", []string{"address"}, "<enter><down><enter>x<enter>", "{\n  \"address\": {\n    \"street\": \"\",\n    \"zipCode\": \"x\"\n    // \"country\": \"\"\n  }\n}"},
		{"an element", `{"tags": ["a"]}`, []string{"tags"}, "<enter>b<enter>", `{"tags": ["a", "b"]}`},
		{"elements after elements", `{"tags": []}`, []string{"tags"}, "+a<enter>+b<enter>", `{"tags": ["a", "b"]}`},
		{"an element of an unset list", `{}`, []string{"tags"}, "+a<enter>", "{\n  \"tags\": [\"a\"]\n}"},
		{"an element that is a message", `{"homes": []}`, []string{"homes"}, "+<down><enter>x<enter>", "{\"homes\": [\n  {\n    \"street\": \"x\",\n    \"zipCode\": \"\"\n    // \"country\": \"\"\n  }\n]}"},
		{"an element goes", `{"tags": ["a", "b", "c"]}`, []string{"tags", "[1]"}, "-", `{"tags": ["a", "c"]}`},
		{"the last element goes with its comma", `{"tags": ["a", "b"]}`, []string{"tags", "[1]"}, "<delete>", `{"tags": ["a"]}`},
		{"an element on its own line", "{\"tags\": [\n  \"a\", // one\n  \"b\"\n]}", []string{"tags", "[0]"}, "-", "{\"tags\": [\n  \"b\"\n]}"},
		{"an entry", `{"counts": {"a": 1}}`, []string{"counts"}, "<enter>b<enter><backspace>2<enter>", `{"counts": {"a": 1, "b": 2}}`},
		{"an entry goes", `{"counts": {"a": 1, "b": 2}}`, []string{"counts", "a"}, "-", `{"counts": {"b": 2}}`},
		{"a stamp", `{"born": "x"}`, []string{"born"}, "<enter><ctrl+u>2026-01-01T00:00:00Z<enter>", `{"born": "2026-01-01T00:00:00Z"}`},
		{"free JSON", `{"free": {}}`, []string{"free"}, `<enter><ctrl+u>{"a": [1]}<enter>`, `{"free": {"a": [1]}}`},
		{"what is not JSON is refused", `{"free": {}}`, []string{"free"}, `<enter><ctrl+u>}<enter><esc>`, `{"free": {}}`},
		{"a missing value", "{\n  \"age\":\n}", []string{"age"}, "<enter>3<enter>", "{\n  \"age\": 3\n}"},
		{"typing begins to write", `{"displayName": "Ada"}`, []string{"displayName"}, "Bob<enter>", `{"displayName": "Bob"}`},
		{"typing sets a field", `{}`, []string{"age"}, "5<enter>", "{\n  \"age\": 5\n}"},
		{"typing a number below zero", `{"age": 1}`, []string{"age"}, "-5<enter>", `{"age": -5}`},
		{"typing does nothing to a list", `{"tags": ["a"]}`, []string{"tags"}, "x<enter><esc>", `{"tags": ["a", ""]}`},
		{"the form is left with what was typed", `{"age": 1}`, []string{"age"}, "23<form>", `{"age": 23}`},
		{"the next row with what was typed", `{"name": "a", "age": 1}`, []string{"age"}, "5<prev>", `{"name": "a", "age": 5}`},
		{"another member of the oneof", "{\n  \"email\": \"a\"\n}", []string{"phone"}, "<enter>1<enter>", "{\n  // \"email\": \"a\",\n  \"phone\": \"1\"\n}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newModel(t, "Ask", "{}")
			m.SetText(c.before)
			press(m, "<form>")
			choose(t, m, c.row...)
			press(m, c.keys)
			if got := m.Text(); got != c.after {
				t.Errorf("%s\nbecame\n%s\nwant\n%s", c.before, got, c.after)
			}
			checkFrame(t, m.View(60, 10, true), 60, 10)
			for range 20 {
				m.Undo()
			}
			if got := m.Text(); got != "{}" {
				t.Errorf("all undone: %s", got)
			}
		})
	}
}

func TestPasteOverTheTemplate(t *testing.T) {
	const message = "{\"name\": \"Ada\"}\n"
	m := newModel(t, "Tell", "")
	template := m.Text()
	m.Update(paste(message))
	if got := m.Text(); got != message {
		t.Errorf("a message: %s", got)
	}
	m.Undo()
	if got := m.Text(); got != template {
		t.Errorf("undone: %s", got)
	}
	m.Restart()
	m.Update(paste("Ada"))
	if got := m.Text(); got != strings.Replace(template, `""`, `"Ada"`, 1) {
		t.Errorf("a value: %s", got)
	}
	m.Update(paste(message))
	if got := m.Text(); !strings.Contains(got, "Ada{") {
		t.Errorf("a message, after something was written: %s", got)
	}
	for _, c := range []struct{ name, at string }{
		{"at the start", "{"}, {"at another value", `"age": `}, {"in a comment", `// "note"`}, {"at the end", "SIDE_SELL\n}"},
	} {
		m := newModel(t, "Tell", "")
		before, _, ok := strings.Cut(m.Text(), c.at)
		if !ok {
			t.Fatalf("no %q in %s", c.at, m.Text())
		}
		m.buffer.moveTo(endOf(place{}, before+c.at))
		m.Update(paste(message))
		if got := m.Text(); got != message {
			t.Errorf("a message %s: %s", c.name, got)
		}
	}
	m = newModel(t, "Ask", "")
	before, _, _ := strings.Cut(m.Text(), `"homes": [`)
	m.buffer.moveTo(endOf(place{}, before+`"homes": [`))
	m.Update(paste(`{"street": "x"}`))
	if got := m.Text(); !strings.Contains(got, `"homes": [{"street": "x"}]`) {
		t.Errorf("an element of a list: %s", got)
	}
}

func TestFormFollowsTheText(t *testing.T) {
	m := at(t, "Ask", "{\n  \"age\": 1,\n  \"address\": {\n    \"street\": |\"x\"\n  }\n}")
	press(m, "<form>")
	if r, _ := m.row(); r.label != "street" {
		t.Errorf("row %q is chosen", r.label)
	}
	choose(t, m, "age")
	press(m, "<form>x")
	if got := show(m); !strings.Contains(got, `"age": x|1`) {
		t.Errorf("the cursor is not at the chosen field: %s", got)
	}
}

func TestFormOfManyMessages(t *testing.T) {
	m := newModel(t, "Feed", "{\"age\": 1}\n{\"age\": 2}")
	press(m, "<form>")
	choose(t, m, "message 2", "age")
	press(m, "<enter>0<enter>")
	if got := m.Text(); got != "{\"age\": 1}\n{\"age\": 20}" {
		t.Error(got)
	}
}

func TestFormMouse(t *testing.T) {
	m := newModel(t, "Tell", "{\"name\": \"a\", \"age\": 1}")
	press(m, "<form>")
	m.View(60, 10, true)
	m.Update(tea.MouseClickMsg{X: 3, Y: 1})
	if r, _ := m.row(); r.label != "age" {
		t.Fatalf("row %q is chosen", r.label)
	}
	m.Update(tea.MouseClickMsg{X: 3, Y: 1})
	if !m.Completing() {
		t.Fatal("a second click does not begin to write")
	}
	m.Update(paste("7\n"))
	press(m, "<enter>")
	if got := m.Text(); got != `{"name": "a", "age": "17"}` && got != `{"name": "a", "age": 17}` {
		t.Error(got)
	}
	m.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	if r, _ := m.row(); r.label != "side" {
		t.Errorf("row %q is chosen", r.label)
	}
}

func TestProblemInTheForm(t *testing.T) {
	m := newModel(t, "Ask", "{\"age\": 1, \"address\": {\"street\": 1}}")
	if _, err := m.Messages(); err == nil {
		t.Fatal("valid")
	}
	press(m, "<form>")
	if got := frame(t, m, 60, 40); strings.Count(got, "!") != 1 || !strings.Contains(got, "!   street") {
		t.Errorf("the wrong rows are marked:\n%s", got)
	}
}

func TestMessagesHoldWhatIsBeingWritten(t *testing.T) {
	m := newModel(t, "Tell", `{"name": "a", "age": 1}`)
	press(m, "<form>")
	choose(t, m, "name")
	press(m, "Ada")
	if _, err := m.Messages(); err != nil || m.Text() != `{"name": "Ada", "age": 1}` {
		t.Errorf("%s: %v", m.Text(), err)
	}
	t.Run("what cannot be a value", func(t *testing.T) {
		m := newModel(t, "Ask", `{"free": {}}`)
		press(m, "<form>")
		choose(t, m, "free")
		press(m, "}")
		if _, err := m.Messages(); err == nil || !m.form.writing() {
			t.Errorf("%s: %v", m.Text(), err)
		}
	})
}

func TestFormLeftWithAProblem(t *testing.T) {
	m := newModel(t, "Tell", `{"age": 1}`)
	press(m, "<form>")
	choose(t, m, "age")
	press(m, "x")
	settle(m, m.ToggleForm())
	if m.Problem() == nil {
		t.Errorf("no problem in %s", m.Text())
	}
}
