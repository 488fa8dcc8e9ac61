package editor

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/termtext"
)

// maxItems is how many completions are offered at once.
const maxItems = 200

// An item is one completion. What it says is not yet safe for a terminal.
type item struct {
	label  string // what stands in the list and is compared with what is typed
	also   string // another name for it that may be typed
	detail string // its type
	about  string // the first sentence of its comment
	insert string // in place of what is typed; ‸ is where the cursor goes
	more   bool   // the next thing to write can be completed at once
	last   bool   // offered after all others
	rank   int
}

// caret marks in item.insert where the cursor goes. It is no character that a
// name of the schema can have.
const caret = "‸"

// items gives what can be written in a context, best first.
func (m *Model) items(c context) []item {
	var all []item
	switch {
	case c.isKey:
		all = m.keys(c)
	default:
		all = m.values(c)
	}
	typed := strings.ToLower(c.typed)
	if i := strings.LastIndexByte(typed, ','); i >= 0 && c.fieldMask() {
		typed = typed[i+1:]
	}
	matching := all[:0]
	for _, it := range all {
		if it.rank = rank(it, typed); it.rank < rankNone {
			matching = append(matching, it)
		}
	}
	slices.SortStableFunc(matching, func(a, b item) int {
		if a.last != b.last {
			if b.last {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.rank, b.rank)
	})
	return matching[:min(len(matching), maxItems)]
}

const (
	rankStart = iota
	rankAlso
	rankPart
	rankLetters
	rankNone
)

// rank says how well an item fits what is typed, in lower case.
func rank(it item, typed string) int {
	label := strings.ToLower(it.label)
	switch {
	case strings.HasPrefix(label, typed):
		return rankStart
	case it.also != "" && strings.HasPrefix(strings.ToLower(it.also), typed):
		return rankAlso
	case strings.Contains(label, typed):
		return rankPart
	case len(typed) > 1 && hasLetters(label, typed):
		return rankLetters
	}
	return rankNone
}

// hasLetters reports whether s has the letters of part in their order.
func hasLetters(s, part string) bool {
	for _, r := range part {
		i := strings.IndexRune(s, r)
		if i < 0 {
			return false
		}
		s = s[i+len(string(r)):]
	}
	return true
}

// keys gives the fields that can yet be set.
func (m *Model) keys(c context) []item {
	md := c.within.message
	var items []item
	if !c.within.object() {
		if md == nil || c.within.list || c.within.entries || special(md) != "Any" {
			return nil
		}
		md = m.anyType(c.in)
		if !m.has(c, "@type") {
			items = append(items, item{label: "@type", detail: "type URL", insert: `"@type": ` + caret, more: true})
		}
		if md == nil || special(md) != "" {
			return items
		}
	}
	taken, oneofs := m.taken(c, md)
	for i := range md.Fields().Len() {
		f := md.Fields().Get(i)
		if taken[f.Number()] {
			continue
		}
		it := item{
			label:  f.JSONName(),
			also:   string(f.Name()),
			detail: ofField(f).typeName(),
			about:  firstSentence(f),
		}
		if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
			it.detail += ", oneof " + string(o.Name())
			if sibling := oneofs[o.FullName()]; sibling != "" {
				it.detail += ": " + sibling + " is set"
				it.last = true
			}
		}
		value, more := m.emptyValue(ofField(f))
		it.insert, it.more = quote(f.JSONName())+": "+value, more
		items = append(items, it)
	}
	return items
}

// taken tells which fields of md the object sets, leaving out the member being
// written, and by which of them a oneof is.
func (m *Model) taken(c context, md protoreflect.MessageDescriptor) (map[protoreflect.FieldNumber]bool, map[protoreflect.FullName]string) {
	fields, oneofs := map[protoreflect.FieldNumber]bool{}, map[protoreflect.FullName]string{}
	t := m.tree()
	for i := range t.children(c.in) {
		if i == c.member || !t.nodes[i].named {
			continue
		}
		f := m.fieldNamed(md, m.nameOf(i))
		if f == nil {
			continue
		}
		fields[f.Number()] = true
		if o := f.ContainingOneof(); o != nil {
			oneofs[o.FullName()] = f.JSONName()
		}
	}
	return fields, oneofs
}

func (m *Model) has(c context, name string) bool {
	t := m.tree()
	for i := range t.children(c.in) {
		if i != c.member && t.nodes[i].named && m.nameOf(i) == name {
			return true
		}
	}
	return false
}

// firstSentence gives the first sentence of what is written above a
// declaration.
func firstSentence(d protoreflect.Descriptor) string {
	const longest = 200
	if d.ParentFile() == nil {
		return ""
	}
	s := d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments
	s = strings.Join(strings.Fields(s[:min(len(s), 4*longest)]), " ")
	if i := strings.Index(s, ". "); i >= 0 {
		s = s[:i+1]
	}
	return s[:snap(s, min(len(s), longest))]
}

// quote makes JSON of a text, safe for a terminal.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return `""` // cannot be: any string can be quoted
	}
	return string(termtext.JSON(bytes.TrimSuffix(b.Bytes(), []byte("\n"))))
}
