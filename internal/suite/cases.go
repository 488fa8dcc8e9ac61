package suite

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/cel-go/common/types"
)

// Limits of a file of cases.
const (
	maxCaseFile = 16 << 20
	maxCases    = 100_000
)

// caseKey is the column that names a case; without it they are numbered.
const caseKey = "case"

// row is one case: a name and values for variables.
type row struct {
	name   string
	at     place
	values *node // a map
}

// caseRows reads the cases of a test.
func (l *loader) caseRows(n *node) []row {
	var maps []*node
	before := len(l.list)
	if n.kind == listKind {
		maps = n.items
	} else {
		maps = l.caseFile(n)
	}
	if len(maps) == 0 && len(l.list) == before {
		l.add(n.at, "", "cases is empty")
	}
	if len(maps) > maxCases {
		l.add(n.at, "", "more than %d cases", maxCases)
		return nil
	}
	var out []row
	names := map[string]bool{}
	r := reader{l.problems}
	for i, m := range maps {
		if !r.is(m, "a case", mapKind) {
			continue
		}
		name := strconv.Itoa(i + 1)
		if given := m.get(caseKey); given != nil && given.text != "" {
			name = given.text
		}
		if names[name] {
			l.add(m.at, "", "another case is named %q", name)
		}
		names[name] = true
		for _, f := range maps[0].fields {
			if m.get(f.key.text) == nil {
				l.add(m.at, "", "case %s has no %q, as case 1 has", name, f.key.text)
			}
		}
		out = append(out, row{name, m.at, m})
	}
	return out
}

// caseFile reads a CSV file, whose first line names the columns, or a file with
// one JSON object a line.
func (l *loader) caseFile(n *node) []*node {
	path := relativeTo(n.at.source, n.text)
	text, err := readCapped(path, maxCaseFile)
	if err != nil {
		l.add(n.at, "", "%v", err)
		return nil
	}
	l.paths = append(l.paths, path)
	s := newSource(path, text)
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".csv":
		return l.csvCases(s, text)
	case ".jsonl", ".ndjson":
		return l.jsonCases(s)
	default:
		l.add(n.at, "", "cases are in files that end in .csv or .jsonl, not %q", ext)
		return nil
	}
}

func (l *loader) csvCases(s *source, text []byte) []*node {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))))
	var header []string
	var out []*node
	for {
		record, err := r.Read()
		if err == io.EOF {
			return out
		}
		if err != nil {
			line, column := 1, 1
			if e, ok := errors.AsType[*csv.ParseError](err); ok {
				line, column, err = e.Line, e.Column, e.Err
			}
			l.add(s.at(line, column), "", "%v", err)
			return nil
		}
		if header == nil {
			header = record
			continue
		}
		m := &node{kind: mapKind, size: 1}
		for i, value := range record {
			line, column := r.FieldPos(i)
			at := s.at(line, column)
			if i == 0 {
				m.at = at
			}
			key := &node{kind: stringKind, at: s.at(1, 1), text: strings.TrimSpace(header[i]), size: 1}
			cell := &node{kind: stringKind, at: at, text: strings.ReplaceAll(value, "${", "$${"), size: 1}
			m.fields = append(m.fields, field{key, cell})
		}
		out = append(out, m)
	}
}

// jsonCases reads one JSON object a line.
func (l *loader) jsonCases(s *source) []*node {
	var out []*node
	for i, line := range s.lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		n, err := jsonNode(d, s.at(i+1, 1), 0)
		if err == nil && d.More() {
			err = errors.New("more than one value")
		}
		if err != nil {
			l.add(s.at(i+1, 1), "", "want a JSON object: %v", err)
			return nil
		}
		out = append(out, n)
	}
	return out
}

// jsonNode reads one value. A ${ in data means nothing.
func jsonNode(d *json.Decoder, at place, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	n := &node{at: at, size: 1}
	switch v := t.(type) {
	case nil:
		n.kind, n.text = nullKind, "null"
	case bool:
		n.kind, n.text = boolKind, strconv.FormatBool(v)
	case string:
		n.kind, n.text = stringKind, strings.ReplaceAll(v, "${", "$${")
	case json.Number:
		n.kind, n.text = floatKind, v.String()
		if _, err := strconv.ParseInt(n.text, 10, 64); err == nil {
			n.kind = intKind
		}
	case json.Delim:
		n.kind = listKind
		if v == '{' {
			n.kind = mapKind
		}
		for d.More() {
			var key *node
			if n.kind == mapKind {
				if key, err = jsonNode(d, at, depth+1); err != nil {
					return nil, err
				}
			}
			value, err := jsonNode(d, at, depth+1)
			if err != nil {
				return nil, err
			}
			if key == nil {
				n.items = append(n.items, value)
			} else {
				n.fields = append(n.fields, field{key, value})
			}
		}
		_, err = d.Token()
	}
	return n, err
}

// bindRow makes the values of a case variables.
func (l *loader) bindRow(r row, v *values, sc *scope) (*values, map[string]binding) {
	out := v.child()
	bindings := map[string]binding{}
	for _, f := range r.values.fields {
		if f.key.text == caseKey {
			continue
		}
		value, b, ok := l.constant(f.value, v, sc)
		if !ok {
			value, b = types.NullValue, binding{typ: types.DynType}
		}
		out.names[f.key.text], out.names["vars."+f.key.text] = value, value
		bindings[f.key.text] = b
	}
	return out, bindings
}
