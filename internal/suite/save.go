package suite

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Request is a call that a suite file keeps: a test of one call.
type Request struct {
	Name     string
	Target   Target // as written: paths relative to the file, expressions not evaluated
	Method   string // pkg.Service/Method
	Metadata []Header
	Messages []string      // JSON, one a message
	Stream   bool          // Messages are a client's stream, however many there are
	Timeout  time.Duration // 0: none given
	// Expressions says that strings of messages and metadata, the target's too, may
	// hold ${...}, which only a run gives a value, and that "$${" stands for "${".
	// Otherwise they mean what they say. The target's other strings may hold
	// expressions in any case.
	Expressions bool
	Position    Position // where the file has it
}

// Header is one line of metadata; the value of a "-bin" key is base64.
type Header struct{ Name, Value string }

// Requests lists the tests of one call that the file at path has, those of the
// files that it includes too. A file with mistakes is a Problems.
func Requests(path string) ([]Request, error) {
	var ps problems
	f := readFile(path, &ps)
	if err := ps.err(); err != nil {
		return nil, err
	}
	return f.requests(), nil
}

func (f *file) requests() []Request {
	var out []Request
	for _, t := range f.tests {
		if len(t.steps) != 1 || t.cases != nil {
			continue
		}
		s := t.steps[0]
		r := Request{Name: t.name, Method: s.call.text, Target: s.target.written(), Position: t.at.position()}
		if s.timeout != f.timeout {
			r.Timeout = s.timeout
		}
		r.Metadata = headersWritten(s.metadata)
		messages := []*node{}
		switch {
		case s.data != nil && s.data.kind == listKind:
			r.Stream = true
			messages = s.data.items
		case s.data != nil:
			messages = append(messages, s.data)
		}
		for _, a := range s.actions {
			if a.kind == sendAction {
				messages = append(messages, a.data)
			}
			r.Stream = true
		}
		for _, m := range messages {
			r.Messages = append(r.Messages, string(appendJSON(nil, m)))
			r.Expressions = r.Expressions || hasExpression(m)
		}
		out = append(out, r.unescaped())
	}
	return out
}

// unescaped is r with its strings as they mean, if none holds an expression.
func (r Request) unescaped() Request {
	for _, headers := range [][]Header{r.Metadata, r.Target.Metadata} {
		for _, h := range headers {
			r.Expressions = r.Expressions || hasExpression(&node{kind: stringKind, text: h.Value})
		}
	}
	if r.Expressions {
		return r
	}
	for _, headers := range [][]Header{r.Metadata, r.Target.Metadata} {
		for i, h := range headers {
			headers[i].Value = strings.ReplaceAll(h.Value, "$${", "${")
		}
	}
	for i, m := range r.Messages {
		r.Messages[i] = strings.ReplaceAll(m, "$${", "${")
	}
	return r
}

// headersWritten are headers as the file has them.
func headersWritten(headers []header) []Header {
	var out []Header
	for _, h := range headers {
		for _, v := range h.values {
			out = append(out, Header{h.key.text, v.text})
		}
	}
	return out
}

// written is the target as the file has it.
func (t *targetSpec) written() Target {
	text := func(n *node) string {
		if n == nil {
			return ""
		}
		return n.text
	}
	texts := func(ns []*node) (out []string) {
		for _, n := range ns {
			out = append(out, n.text)
		}
		return out
	}
	return Target{
		Metadata: headersWritten(t.metadata),
		Address:  text(t.address), Plaintext: t.plaintext, Insecure: t.insecure,
		CACert: text(t.caCert), Cert: text(t.cert), Key: text(t.key),
		Authority: text(t.authority), ServerName: text(t.serverName),
		Protos: texts(t.protos), ImportPaths: texts(t.importPaths), Protosets: texts(t.protosets),
		UseReflection: t.useReflection,
	}
}

// Save adds r to the file at path, which is made if it is not there.
func Save(path string, r Request) error {
	text, err := readCapped(path, maxFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if text, err = Append(text, r); err != nil {
		return fmt.Errorf("save in %s: %w", displayName(path), err)
	}
	return writeFile(path, text)
}

// writeFile replaces the file at path, all of it or nothing.
func writeFile(path string, text []byte) error {
	failed := func(err error) error { return fmt.Errorf("write %s: %w", displayName(path), plainPathError(err)) }
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return failed(err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return failed(err)
	}
	return nil
}

// Append adds r to the suite that text is, "" for a new one, as the last of its
// tests, and leaves everything else as it is. Credentials in metadata become
// references to the environment. A name that is taken gets a number.
func Append(text []byte, r Request) ([]byte, error) {
	var ps problems
	count := 0
	var target Target
	if len(bytes.TrimSpace(text)) == 0 {
		text = newSuite(r.Target, r.Expressions)
		target = r.Target
	} else {
		f := parseFile(newSource("suite", text), &ps)
		if err := ps.err(); err != nil {
			return nil, err
		}
		count = len(f.tests)
		if f.target != nil {
			target = f.target.written()
		}
		r.Name = freeName(f.tests, r.Name)
	}
	out, err := insertTest(text, r.yaml(target))
	if err != nil {
		return nil, err
	}
	f := parseFile(newSource("suite", out), &ps)
	if err := ps.err(); err != nil {
		return nil, err
	}
	if len(f.tests) != count+1 || f.tests[count].name != r.Name {
		return nil, errors.New("the file's tests are written in a way that nothing can be added to")
	}
	return out, nil
}

// newSuite is a suite without tests.
func newSuite(t Target, expressions bool) []byte {
	w := yamlWriter{literal: !expressions}
	w.line(0, "version: 1")
	w.target(0, t)
	w.line(0, "tests:")
	return w.out
}

func freeName(tests []*test, name string) string {
	taken := map[string]bool{}
	for _, t := range tests {
		taken[t.name] = true
	}
	free := name
	for i := 2; taken[free]; i++ {
		free = fmt.Sprintf("%s %d", name, i)
	}
	return free
}

// yaml is r as an item of tests, its lines not indented. target is the file's own.
func (r *Request) yaml(target Target) string {
	w := yamlWriter{literal: !r.Expressions}
	w.pair(0, "name", r.Name)
	if r.Target.key() != target.key() {
		w.target(0, r.Target)
	}
	w.pair(0, "call", r.Method)
	if len(r.Metadata) > 0 {
		w.line(0, "metadata:")
		w.headers(1, r.Metadata)
	}
	if r.Timeout > 0 {
		w.pair(0, "timeout", r.Timeout.String())
	}
	switch {
	case r.Stream:
		w.line(0, "data:")
		for _, m := range r.Messages {
			w.item(1, []byte(m))
		}
		if len(r.Messages) == 0 {
			w.out = append(w.out[:len(w.out)-1], " []\n"...)
		}
	case len(r.Messages) > 0:
		w.value(0, "data", []byte(r.Messages[0]))
	}
	return string(w.out)
}
