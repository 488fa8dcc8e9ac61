package editor

import (
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

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
