package editor

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

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

// emptyValue gives a value to begin with, with a caret in it, and whether what
// belongs there can be completed.
func (m *Model) emptyValue(s slot) (value string, more bool) {
	switch {
	case s.entries:
		return "{" + caret + "}", false
	case s.list:
		return "[" + caret + "]", true
	}
	if s.message != nil {
		switch special(s.message) {
		case "", "Any", "Struct":
			return "{" + caret + "}", true
		case "ListValue":
			return "[" + caret + "]", false
		case "Timestamp", "Duration":
			return caret, true
		case "FieldMask":
			return `"` + caret + `"`, true
		}
	}
	f := s.unwrap()
	if f == nil {
		return caret, false
	}
	switch f.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		return `"` + caret + `"`, false
	case protoreflect.EnumKind, protoreflect.BoolKind:
		return caret, true
	}
	return caret, false
}

// values gives what can be written as a value.
func (m *Model) values(c context) []item {
	s := c.want
	switch {
	case c.within.message != nil && special(c.within.message) == "Any" && c.member >= 0 && m.nameOf(c.member) == "@type":
		return m.anyTypes()
	case s.entries:
		return []item{{label: "{ }", detail: s.typeName(), insert: "{" + caret + "}"}}
	case s.list && s.field != nil:
		return []item{{label: "[ ]", detail: s.typeName(), insert: "[" + caret + "]", more: true}}
	case s.message != nil:
		switch special(s.message) {
		case "", "Any", "Struct":
			return []item{{label: "{ }", detail: string(s.message.Name()), about: firstSentence(s.message), insert: "{" + caret + "}", more: true}}
		case "Timestamp":
			now := m.options.Now().UTC()
			day := now.Truncate(24 * time.Hour)
			return []item{stamp("now", now.Truncate(time.Second)), stamp("today", day), stamp("tomorrow", day.AddDate(0, 0, 1))}
		case "Duration":
			return quotedItems("Duration", "1s", "0.5s", "30s", "60s", "3600s")
		case "FieldMask":
			return m.paths(c)
		}
	}
	f := s.unwrap()
	if f == nil {
		return nil
	}
	if f.Kind() == protoreflect.BoolKind {
		return []item{{label: "true", detail: "bool", insert: "true" + caret}, {label: "false", detail: "bool", insert: "false" + caret}}
	}
	return enumItems(f.Enum())
}

func enumItems(ed protoreflect.EnumDescriptor) []item {
	if ed == nil || ed.IsPlaceholder() {
		return nil
	}
	var items []item
	for i := range ed.Values().Len() {
		v := ed.Values().Get(i)
		items = append(items, item{
			label:  string(v.Name()),
			detail: "= " + strconv.Itoa(int(v.Number())),
			about:  firstSentence(v),
			insert: quote(string(v.Name())) + caret,
		})
	}
	return items
}

func stamp(label string, t time.Time) item {
	s := t.Format(time.RFC3339)
	return item{label: s, also: label, detail: label, insert: quote(s) + caret}
}

func quotedItems(detail string, values ...string) []item {
	var items []item
	for _, v := range values {
		items = append(items, item{label: v, detail: detail, insert: quote(v) + caret})
	}
	return items
}

func (c *context) fieldMask() bool {
	return c.want.message != nil && special(c.want.message) == "FieldMask"
}

// paths gives the fields that a FieldMask may name: those of the messages
// beside it.
func (m *Model) paths(c context) []item {
	before := ""
	if i := strings.LastIndexByte(c.typed, ','); i >= 0 {
		before = c.typed[:i+1]
	}
	var items []item
	for i := range max(0, fieldCount(c.within)) {
		md := known(c.within.message.Fields().Get(i).Message())
		if md == nil || special(md) != "" || c.within.message.Fields().Get(i).Cardinality() == protoreflect.Repeated {
			continue
		}
		for j := range md.Fields().Len() {
			f := md.Fields().Get(j)
			if strings.Contains(","+before, ","+f.JSONName()+",") {
				continue
			}
			items = append(items, item{
				label: f.JSONName(), also: string(f.Name()), detail: "path of " + string(md.Name()),
				about: firstSentence(f), insert: `"` + before + f.JSONName() + caret + `"`,
			})
		}
	}
	return items
}

func fieldCount(s slot) int {
	if !s.object() {
		return 0
	}
	return s.message.Fields().Len()
}

// anyTypes gives the messages of the method's file and of what it imports.
func (m *Model) anyTypes() []item {
	const most = 1000
	var items []item
	var add func(mds protoreflect.MessageDescriptors)
	add = func(mds protoreflect.MessageDescriptors) {
		for i := 0; i < mds.Len() && len(items) < most; i++ {
			md := mds.Get(i)
			if md.IsMapEntry() {
				continue
			}
			items = append(items, item{
				label: string(md.FullName()), also: "type.googleapis.com/" + string(md.FullName()), detail: "message",
				about: firstSentence(md), insert: quote("type.googleapis.com/"+string(md.FullName())) + caret,
			})
			add(md.Messages())
		}
	}
	seen := map[string]bool{}
	queue := []protoreflect.FileDescriptor{m.method.ParentFile(), m.method.Input().ParentFile()}
	for len(queue) > 0 && len(items) < most {
		fd := queue[0]
		queue = queue[1:]
		if fd == nil || seen[fd.Path()] || fd.IsPlaceholder() {
			continue
		}
		seen[fd.Path()] = true
		add(fd.Messages())
		for i := range fd.Imports().Len() {
			queue = append(queue, fd.Imports().Get(i).FileDescriptor)
		}
	}
	return items
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
