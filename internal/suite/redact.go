package suite

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"google.golang.org/grpc/metadata"

	"github.com/grpcx/grpcx/internal/invoke"
)

// redacted stands for a secret in reports.
const redacted = "***"

// secrets are values that no report may hold. Its methods may be called at once.
type secrets struct {
	mu       sync.RWMutex
	refs     map[string]string // shell variables, by value
	asked    map[string]string // variables of the environment that are no secrets so far, by value
	replacer *strings.Replacer // nil: to be made
}

func newSecrets() *secrets {
	return &secrets{refs: map[string]string{}, asked: map[string]string{}}
}

// note remembers a variable of the environment, for credential.
func (s *secrets) note(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[value] = name
}

// credential makes the value of sensitive metadata a secret, by the name of the
// variable of the environment that it comes from, if it does.
func (s *secrets) credential(key, value string) {
	s.mu.RLock()
	name, ok := s.asked[value]
	if scheme, rest := invoke.CutScheme(value); !ok && scheme != "" {
		if name, ok = s.asked[rest]; ok {
			value = rest
		}
	}
	s.mu.RUnlock()
	switch {
	case ok:
		s.add(name, value)
	case !s.within(value):
		s.add(s.freeName(variableName(key)), value)
	}
}

// maxNames bounds the variables of one key of metadata that commands tell apart.
const maxNames = 20

// freeName is name, or that with a number, if other secrets have it.
func (s *secrets) freeName(name string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	taken := map[string]bool{}
	for _, n := range s.refs {
		taken[n] = true
	}
	free := name
	for i := 2; taken[free] && i <= maxNames; i++ {
		free = fmt.Sprintf("%s_%d", name, i)
	}
	return free
}

// credentials makes secrets of the values of sensitive metadata.
func (s *secrets) credentials(md metadata.MD) {
	for key, values := range md {
		if !invoke.Sensitive(key) {
			continue
		}
		for _, v := range values {
			s.credential(key, v)
		}
	}
}

// hide is err without secrets in its text.
func (s *secrets) hide(err error) error {
	if text := err.Error(); s.within(text) {
		return &hidden{err, s.redact(text)}
	}
	return err
}

type hidden struct {
	err  error
	text string
}

func (h *hidden) Error() string { return h.text }
func (h *hidden) Unwrap() error { return h.err }

// add makes value a secret, which commands refer to as $NAME. With a prefix such
// as "Bearer " the rest is one by itself.
func (s *secrets) add(name, value string) {
	if value == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.refs[value]; !ok {
		s.refs[value] = name
		s.replacer = nil
	}
	scheme, rest := invoke.CutScheme(value)
	if scheme == "" {
		return
	}
	if _, known := s.refs[rest]; !known {
		s.refs[rest] = name + "_CREDENTIAL"
		s.replacer = nil
	}
}

// addValue makes the value of an expression a secret, and each string in it.
func (s *secrets) addValue(name string, v ref.Val) {
	switch x := v.(type) {
	case types.String:
		s.add(name, string(x))
	case types.Bytes:
		s.add(name, string(x))
		s.add(name, base64.StdEncoding.EncodeToString(x))
	case types.Bool, types.Null:
	case traits.Lister:
		for it := x.Iterator(); it.HasNext() == types.True; {
			s.addValue(name, it.Next())
		}
	case traits.Mapper:
		for it := x.Iterator(); it.HasNext() == types.True; {
			s.addValue(name, x.Get(it.Next()))
		}
	case *object:
		for fd := range fieldsOf(x.message) {
			s.addValue(name, x.schema.field(x.message, fd))
		}
	default:
		if text, err := plainText(v); err == nil {
			s.add(name, text)
		}
	}
}

// within reports whether text holds a secret.
func (s *secrets) within(text string) bool { return s.redact(text) != text }

// redact replaces secrets in text, also where they are encoded or quoted.
func (s *secrets) redact(text string) string {
	if text == "" {
		return text
	}
	s.mu.RLock()
	r := s.replacer
	empty := len(s.refs) == 0
	s.mu.RUnlock()
	if empty {
		return text
	}
	if r == nil {
		s.mu.Lock()
		var pairs []string
		for _, form := range s.forms() {
			pairs = append(pairs, form, redacted)
		}
		r = strings.NewReplacer(pairs...)
		s.replacer = r
		s.mu.Unlock()
	}
	return s.redactBeginnings(r.Replace(text))
}

// leastBeginning is how much of a long secret is one by itself: servers cut what
// they repeat.
const leastBeginning = 16

// redactBeginnings replaces the beginnings of long secrets. Of secrets that begin
// alike it is the longest that counts.
func (s *secrets) redactBeginnings(text string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ends := map[int]int{} // of a beginning, by its place
	for value := range s.refs {
		if len(value) < 2*leastBeginning {
			continue
		}
		for from := 0; ; {
			i := strings.Index(text[from:], value[:leastBeginning])
			if i < 0 {
				break
			}
			i += from
			end := leastBeginning
			for i+end < len(text) && end < len(value) && text[i+end] == value[end] {
				end++
			}
			ends[i] = max(ends[i], i+end)
			from = i + 1
		}
	}
	if len(ends) == 0 {
		return text
	}
	var b strings.Builder
	done := 0
	for _, start := range slices.Sorted(maps.Keys(ends)) {
		if start >= done {
			b.WriteString(text[done:start])
			b.WriteString(redacted)
		}
		done = max(done, ends[start])
	}
	b.WriteString(text[done:])
	return b.String()
}

// forms are the ways in which the secrets can be written, the longest first.
func (s *secrets) forms() []string {
	var all []string
	for value := range s.refs {
		all = append(all, value)
		for _, form := range encodings(value) {
			if form != value && form != "" {
				all = append(all, form)
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return slices.Compact(all)
}

// encodings are other ways to write a value: quoted, escaped, in base64 at each
// of the three offsets that a longer text can put it at, in hexadecimal.
func encodings(value string) []string {
	forms := []string{
		insideString(value),
		url.QueryEscape(value), url.PathEscape(value),
		strings.ReplaceAll(value, "'", `'\''`),
	}
	if len(value) < 4 {
		return forms // its encodings would be found in anything
	}
	forms = append(forms, hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value))))
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for offset := range 3 {
			encoded := encoding.EncodeToString([]byte(strings.Repeat("\x00", offset) + value))
			// The first characters hold bits of what stands before, the last
			// those of what comes after.
			start := []int{0, 2, 3}[offset]
			end := len(encoded)
			if (offset+len(value))%3 != 0 {
				end--
			}
			forms = append(forms, encoded[start:end])
		}
	}
	return forms
}

// cut splits text at the secrets in it, the longest first, and tells which
// variable stands for each.
func (s *secrets) cut(text string) (plain []string, refs []string) {
	return s.cutForms(text, func(value string) string { return value })
}

// cutJSON is cut for secrets between the quotes of JSON strings.
func (s *secrets) cutJSON(text string) (plain []string, refs []string) {
	return s.cutForms(text, insideString)
}

func insideString(value string) string {
	quoted := string(appendString(nil, value))
	return quoted[1 : len(quoted)-1]
}

func (s *secrets) cutForms(text string, form func(value string) string) (plain []string, refs []string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	plain = []string{text}
	values := make([]string, 0, len(s.refs))
	for value := range s.refs {
		values = append(values, value)
	}
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	for _, value := range values {
		for i := 0; i < len(plain); i++ {
			before, after, ok := strings.Cut(plain[i], form(value))
			if ok {
				plain = slices.Insert(plain, i+1, after)
				plain[i] = before
				refs = slices.Insert(refs, i, s.refs[value])
			}
		}
	}
	return plain, refs
}

// step redacts what a step's result holds.
func (s *secrets) step(r *StepResult) {
	r.Message = s.redact(r.Message)
	r.Reason = s.redact(r.Reason)
	for _, f := range r.Failures {
		for _, text := range []*string{&f.Expression, &f.Summary, &f.Got, &f.Want, &f.Diff, &f.Response, &f.Command} {
			*text = s.redact(*text)
		}
		for i := range f.Values {
			f.Values[i].Expression = s.redact(f.Values[i].Expression)
			f.Values[i].Text = s.redact(f.Values[i].Text)
		}
	}
}
