package suite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/grpcx/grpcx/internal/message"
)

// SnapshotMode says what becomes of snapshots.
type SnapshotMode int

// The modes.
const (
	WriteNewSnapshots SnapshotMode = iota // compare; those that are not there yet are written
	CompareSnapshots                      // compare; one that is not there is a failure
	UpdateSnapshots                       // write all
)

// snapshots are those of one suite file, beside it. Its methods may be called at
// once.
type snapshots struct {
	path string
	mode SnapshotMode

	mu      sync.Mutex
	known   map[string]json.RawMessage // by test and step, as they were read
	changed map[string]json.RawMessage
}

// snapshotFile is the form of the file.
type snapshotFile struct {
	Version   int                        `json:"version"`
	Snapshots map[string]json.RawMessage `json:"snapshots"`
}

// snapshotPath is where the snapshots of the suite at path are: NAME.snap.json, and
// NAME.yml.snap.json of NAME.yml, which may be there beside NAME.yaml.
func snapshotPath(path string) string {
	return strings.TrimSuffix(path, ".yaml") + ".snap.json"
}

func openSnapshots(path string, mode SnapshotMode) (*snapshots, error) {
	const most = 64 << 20
	s := &snapshots{path: snapshotPath(path), mode: mode, known: map[string]json.RawMessage{}, changed: map[string]json.RawMessage{}}
	text, err := readCapped(s.path, most)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	var f snapshotFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("read %s: %w", displayName(s.path), err)
	}
	if f.Version != 1 {
		return nil, fmt.Errorf("read %s: version %d is not known; this is version 1", displayName(s.path), f.Version)
	}
	if f.Snapshots != nil {
		s.known = f.Snapshots
	}
	return s, nil
}

// compare returns the difference between a snapshot and got, "" for none.
func (s *snapshots) compare(key string, got []byte) (difference string, missing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.known[key]
	if s.mode == UpdateSnapshots || !ok && s.mode == WriteNewSnapshots {
		s.changed[key] = got
		return "", false
	}
	if !ok {
		return "", true
	}
	var want bytes.Buffer
	if json.Indent(&want, known, "", "  ") != nil {
		return "", true
	}
	if want.String() == string(got) {
		return "", false
	}
	return lineDiff(want.String(), string(got)), false
}

// save writes the file if something has changed. whole says that every snapshot of
// the suite has been met: UpdateSnapshots drops the others.
func (s *snapshots) save(whole bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	differs := false
	if whole && s.mode == UpdateSnapshots {
		for key := range s.known {
			if _, met := s.changed[key]; !met {
				delete(s.known, key)
				differs = true
			}
		}
	}
	for key, text := range s.changed {
		var before, after bytes.Buffer
		if json.Compact(&after, text) != nil {
			continue
		}
		if json.Compact(&before, s.known[key]) != nil || !bytes.Equal(before.Bytes(), after.Bytes()) {
			differs = true
		}
		s.known[key] = text
	}
	if !differs {
		return nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(snapshotFile{1, s.known}); err != nil {
		return fmt.Errorf("write %s: %w", displayName(s.path), err)
	}
	return writeFile(s.path, b.Bytes())
}

// snapshot is what a call's snapshot is: its response, or the list of them, as
// indented JSON with the names of the schema, without what is ignored.
func (c *call) snapshot(runID string, s *secrets) ([]byte, error) {
	output := c.plan.method.Output()
	encoder := message.NewEncoder(output, message.EncodeOptions{Types: c.plan.conn.compiler.schema.resolver, ProtoNames: true})
	ignore := make([]string, len(c.plan.spec.snapshot.ignore))
	for i, n := range c.plan.spec.snapshot.ignore {
		ignore[i] = n.text
	}
	all := make([]any, 0, len(c.kept))
	for _, wire := range c.kept {
		v, err := encoder.Value(wire)
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		v = without(v, ignore, nil)
		all = append(all, replaceStrings(v, func(text string) string {
			// What differs from run to run is what the run is called.
			return strings.ReplaceAll(s.redact(text), runID, "${run.id}")
		}))
	}
	var v any = all
	if !c.plan.method.IsStreamingServer() {
		v = nil
		if len(all) > 0 {
			v = all[0]
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// without drops the fields of these names: wherever they are, or, of a name with
// dots, where the path from the top leads.
func without(v any, ignore []string, path []string) any {
	switch x := v.(type) {
	case map[string]any:
		for key, value := range x {
			inner := append(slices.Clone(path), key)
			if slices.Contains(ignore, key) || slices.Contains(ignore, strings.Join(inner, ".")) {
				delete(x, key)
				continue
			}
			x[key] = without(value, ignore, inner)
		}
	case []any:
		for i := range x {
			x[i] = without(x[i], ignore, path)
		}
	}
	return v
}

func replaceStrings(v any, replace func(string) string) any {
	switch x := v.(type) {
	case string:
		return replace(x)
	case map[string]any:
		out := make(map[string]any, len(x))
		for k := range x {
			out[replace(k)] = replaceStrings(x[k], replace)
		}
		return out
	case []any:
		for i := range x {
			x[i] = replaceStrings(x[i], replace)
		}
	}
	return v
}
