package editor

import tea "charm.land/bubbletea/v2"

type form struct{ shown bool }

func (f *form) leave() {}

// ToggleForm shows the text as a form, or as text again.
func (m *Model) ToggleForm() tea.Cmd { return nil }
func (m *Model) toggleRow() tea.Cmd  { return nil }
func (m *Model) formCommand(name, text string) func() tea.Cmd {
	return nil
}
func (m *Model) formPaste(s string) tea.Cmd { return nil }
func (m *Model) formView() string           { return "" }
func (m *Model) formClick(y int) tea.Cmd    { return nil }
func (m *Model) moveRow(by int)             {}
