package tui

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"
)

// entry is a request that was made, and how it went.
type entry struct {
	Time    time.Time `json:"time"`
	Outcome string    `json:"outcome"` // a status, NOT_FOUND
	Request Request   `json:"request"`
}

// Bounds of what is kept of one target.
const (
	maxHistory      = 200      // entries
	maxHistoryBytes = 1 << 20  // of the file
	maxEntryBytes   = 64 << 10 // larger requests are kept until the program ends
)

// history is what was sent to one target, the newest first. Its file has one JSON
// object a line, the newest last, and is for the user's eyes alone.
type history struct {
	path    string // "" for none
	entries []entry
}

// openHistory reads the history of this directory and target. What cannot be read
// is an error, and begins anew.
func openHistory(dir, target string) (history, error) {
	if dir == "" || target == "" {
		return history{}, nil
	}
	sum := sha256.Sum256([]byte(target))
	h := history{path: filepath.Join(dir, hex.EncodeToString(sum[:8])+".jsonl")}
	err := h.read()
	return h, err
}

// read takes the entries of the file; lines that make no sense are left out.
func (h *history) read() error {
	f, err := os.Open(h.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	scanner := bufio.NewScanner(io.LimitReader(f, 2*maxHistoryBytes))
	scanner.Buffer(nil, 2*maxEntryBytes)
	var entries []entry
	for scanner.Scan() {
		var e entry
		if json.Unmarshal(scanner.Bytes(), &e) == nil && e.Request.Method != "" {
			entries = append(entries, e)
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("read %s: %w", h.path, err)
	}
	slices.Reverse(entries)
	h.entries = entries[:min(len(entries), maxHistory)]
	return nil
}

// add puts an entry first and writes the file, with what another process has
// added to it in the meantime.
func (h *history) add(e entry) error {
	if h.path == "" {
		h.put(e)
		return nil
	}
	large := h.large()
	err := h.read()
	h.entries = append(large, h.entries...)
	h.put(e)
	return errors.Join(err, h.write())
}

func (h *history) put(e entry) {
	h.entries = slices.Insert(h.entries, 0, e)
	h.entries = h.entries[:min(len(h.entries), maxHistory)]
}

// large are the entries that the file does not have.
func (h *history) large() []entry {
	var large []entry
	for _, e := range h.entries {
		if line, err := json.Marshal(e); err != nil || len(line) > maxEntryBytes {
			large = append(large, e)
		}
	}
	return large
}

func (h *history) last() (Request, bool) {
	if len(h.entries) == 0 {
		return Request{}, false
	}
	return h.entries[0].Request, true
}

// write replaces the file, all of it or nothing.
func (h *history) write() error {
	var lines [][]byte
	size := 0
	for _, e := range h.entries {
		line, err := json.Marshal(e)
		if err != nil || len(line) > maxEntryBytes {
			continue
		}
		if size += len(line) + 1; size > maxHistoryBytes {
			break
		}
		lines = append(lines, append(line, '\n'))
	}
	slices.Reverse(lines)
	dir := filepath.Dir(h.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".history-*") // which is 0600
	if err != nil {
		return err
	}
	_, err = f.Write(bytes.Join(lines, nil))
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), h.path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// openHistory begins with the history of the target.
func (m *Model) openHistory() {
	var err error
	if m.history, err = openHistory(m.cfg.HistoryDir, m.link.target.Address); err != nil {
		m.say("history: " + m.explain(err))
	}
	m.listHistory()
}

// maxListed bounds the history in the tree; ctrl+r has all of it.
const maxListed = 20

const historySection = "History"

func (m *Model) listHistory() {
	m.tree.setSection(historySection, m.keptHistory(maxListed))
}

func (m *Model) keptHistory(limit int) []kept {
	var all []kept
	for _, e := range m.history.entries[:min(len(m.history.entries), limit)] {
		all = append(all, kept{name: methodName(e.Request.Method), note: e.Outcome + " " + m.ago(e.Time), request: e.Request})
	}
	return all
}

func methodName(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

// ago is how long ago t was, in one unit.
func (m *Model) ago(t time.Time) string {
	switch d := m.now().Sub(t); {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

func (m *Model) showHistory() tea.Cmd {
	var choices []choice
	for _, k := range m.keptHistory(maxHistory) {
		name := k.name
		if len(k.request.Messages) > 0 {
			name += "  " + k.request.Messages[0][:min(len(k.request.Messages[0]), 200)]
		}
		choices = append(choices, choice{name, k.note, func(m *Model) tea.Cmd { return m.take(k.request, false) }})
	}
	if choices == nil {
		m.say("nothing was sent to this server yet")
		return nil
	}
	m.overlay = newChooser("History", choices)
	return nil
}
