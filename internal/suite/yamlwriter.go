package suite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/grpcx/grpcx/internal/invoke"
)

// yamlWriter writes the few forms of YAML that suites are made of.
type yamlWriter struct {
	out     []byte
	literal bool // ${ in values is no expression, and has to be escaped
}

func (w *yamlWriter) line(depth int, s string) {
	w.out = fmt.Appendf(w.out, "%s%s\n", strings.Repeat("  ", depth), s)
}

func (w *yamlWriter) pair(depth int, key, value string) {
	w.line(depth, quoted(key)+": "+w.text(value))
}

func (w *yamlWriter) text(s string) string {
	if w.literal {
		s = strings.ReplaceAll(s, "${", "$${")
	}
	return quoted(s)
}

// target writes what differs from the zero target, as a string if that says it. Its
// strings may hold expressions; literal is about its metadata.
func (w *yamlWriter) target(depth int, t Target) {
	rest := t
	rest.Address, rest.Plaintext = "", false
	if rest.key() == (&Target{}).key() && (depth == 0 || !t.Plaintext) && !t.Plaintext {
		w.line(depth, "target: "+quoted(t.Address))
		return
	}
	w.line(depth, "target:")
	for _, p := range []struct{ key, value string }{
		{"address", t.Address}, {"cacert", t.CACert}, {"cert", t.Cert}, {"key", t.Key},
		{"authority", t.Authority}, {"servername", t.ServerName},
	} {
		if p.value != "" {
			w.line(depth+1, p.key+": "+quoted(p.value))
		}
	}
	for _, p := range []struct {
		key   string
		value bool
	}{{"plaintext", t.Plaintext}, {"insecure", t.Insecure}, {"use_reflection", t.UseReflection}} {
		if p.value {
			w.line(depth+1, p.key+": true")
		}
	}
	for _, p := range []struct {
		key    string
		values []string
	}{{"proto", t.Protos}, {"import_path", t.ImportPaths}, {"protoset", t.Protosets}} {
		if len(p.values) > 0 {
			w.line(depth+1, p.key+":")
			for _, v := range p.values {
				w.line(depth+2, "- "+quoted(v))
			}
		}
	}
	if len(t.Metadata) > 0 {
		w.line(depth+1, "metadata:")
		w.headers(depth+2, t.Metadata)
	}
}

// headers writes metadata; credentials become references to the environment.
func (w *yamlWriter) headers(depth int, headers []Header) {
	written := map[string]bool{}
	for _, h := range headers {
		name := strings.ToLower(h.Name)
		if written[name] {
			continue
		}
		written[name] = true
		if invoke.Sensitive(name) && (w.literal || !strings.Contains(h.Value, "${")) {
			w.line(depth, quoted(name)+": "+quoted("${env."+variableName(name)+"}"))
			continue
		}
		var values []string
		for _, other := range headers {
			if strings.EqualFold(other.Name, name) {
				values = append(values, w.text(other.Value))
			}
		}
		if len(values) == 1 {
			w.line(depth, quoted(name)+": "+values[0])
		} else {
			w.line(depth, quoted(name)+": ["+strings.Join(values, ", ")+"]")
		}
	}
}

// value writes a JSON text as the value of a key.
func (w *yamlWriter) value(depth int, key string, text []byte) {
	w.line(depth, quoted(key)+":")
	w.json(depth+1, text)
}

// item writes a JSON text as an item of a list.
func (w *yamlWriter) item(depth int, text []byte) {
	w.line(depth, "-")
	w.json(depth+1, text)
}

// json writes a JSON text after a line that ends in a key or a dash. What is not
// JSON is written as a string.
func (w *yamlWriter) json(depth int, text []byte) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	before := len(w.out)
	if err := w.token(d, depth); err == nil {
		if _, err := d.Token(); err == io.EOF {
			return
		}
	}
	w.out = w.out[:before]
	w.scalar(w.text(string(text)))
}

// scalar writes s behind what stands on the last line.
func (w *yamlWriter) scalar(s string) {
	w.out = append(bytes.TrimSuffix(w.out, []byte("\n")), " "+s+"\n"...)
}

func (w *yamlWriter) token(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch v := t.(type) {
	case json.Delim:
		return w.container(d, depth, v)
	case string:
		w.scalar(w.text(v))
	case nil:
		w.scalar("null")
	default:
		w.scalar(fmt.Sprint(v))
	}
	return nil
}

func (w *yamlWriter) container(d *json.Decoder, depth int, open json.Delim) error {
	if !d.More() {
		w.scalar(string(open) + map[json.Delim]string{'{': "}", '[': "]"}[open])
	}
	for d.More() {
		if open == '[' {
			w.line(depth, "-")
		} else {
			key, err := d.Token()
			if err != nil {
				return err
			}
			w.line(depth, quoted(fmt.Sprint(key))+":")
		}
		if err := w.token(d, depth+1); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// quoted writes s as YAML does, without quotes where it means s all the same.
func quoted(s string) string {
	plain := regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./@-]*( [A-Za-z0-9_./@-]+)*$`)
	word := regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null|nan|inf|infinity)$`)
	if plain.MatchString(s) && !word.MatchString(s) {
		return s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always is JSON
	text := strings.TrimSuffix(b.String(), "\n")
	return strings.NewReplacer("\uFFFE", `\ufffe`, "\uFFFF", `\uffff`).Replace(text) // which YAML has not
}
