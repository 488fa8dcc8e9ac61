package describe

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// An element is something to be printed in a file or message.
type element struct {
	descriptor protoreflect.Descriptor
	// nested holds the indexes, in the parent's list of messages, of the
	// messages that printing it declares: its own, or those of map fields and
	// groups, which have no declaration of their own.
	nested []int
}

func fileElements(file protoreflect.FileDescriptor) []element {
	implied := map[protoreflect.FullName]bool{}
	extensions := extensionElements(file.Extensions(), implied)
	return inOrder(file,
		messageList(file.Messages(), implied),
		enumElements(file.Enums()),
		serviceElements(file.Services()),
		extensions,
	)
}

func messageElements(md protoreflect.MessageDescriptor) []element {
	implied := map[protoreflect.FullName]bool{}
	members := memberElements(md, implied)
	extensions := extensionElements(md.Extensions(), implied)
	return inOrder(md.ParentFile(), members, extensions, messageList(md.Messages(), implied), enumElements(md.Enums()))
}

// memberElements returns fields and oneofs in the order of the fields.
func memberElements(md protoreflect.MessageDescriptor, implied map[protoreflect.FullName]bool) []element {
	var list []element
	for i := range md.Fields().Len() {
		f := md.Fields().Get(i)
		var nested []int
		if f.IsMap() || isGroup(f) {
			implied[f.Message().FullName()] = true
			nested = []int{f.Message().Index()}
		}
		oneof := f.ContainingOneof()
		switch {
		case oneof == nil || oneof.IsSynthetic():
			list = append(list, element{f, nested})
		case oneof.Fields().Get(0) == f:
			list = append(list, element{oneof, nested})
		default:
			last := &list[len(list)-1]
			last.nested = append(last.nested, nested...)
		}
	}
	return list
}

func extensionElements(extensions protoreflect.ExtensionDescriptors, implied map[protoreflect.FullName]bool) []element {
	var list []element
	for i := range extensions.Len() {
		x := extensions.Get(i)
		var nested []int
		if isGroup(x) {
			implied[x.Message().FullName()] = true
			nested = []int{x.Message().Index()}
		}
		list = append(list, element{x, nested})
	}
	return list
}

func messageList(messages protoreflect.MessageDescriptors, implied map[protoreflect.FullName]bool) []element {
	var list []element
	for i := range messages.Len() {
		if md := messages.Get(i); !implied[md.FullName()] && !md.IsMapEntry() {
			list = append(list, element{md, []int{i}})
		}
	}
	return list
}

func enumElements(enums protoreflect.EnumDescriptors) []element {
	var list []element
	for i := range enums.Len() {
		list = append(list, element{enums.Get(i), nil})
	}
	return list
}

func serviceElements(services protoreflect.ServiceDescriptors) []element {
	var list []element
	for i := range services.Len() {
		list = append(list, element{services.Get(i), nil})
	}
	return list
}

// inOrder merges lists so that each keeps its order, and so that messages are
// declared in the order of their indexes: compiling the result gives the same
// descriptors. Within that, elements stand as in the source, if that is known,
// and otherwise in the order of the lists.
func inOrder(file protoreflect.FileDescriptor, lists ...[]element) []element {
	var all []element
	locations := file.SourceLocations()
	declared := 0 // messages so far
	for {
		best, bestLine := -1, [2]int{}
		for i, list := range lists {
			if len(list) == 0 || (len(list[0].nested) > 0 && list[0].nested[0] > declared) {
				continue
			}
			location := locations.ByDescriptor(list[0].descriptor)
			line := [2]int{location.StartLine, location.StartColumn}
			known := location.Path != nil
			if best < 0 || (known && bestLine != [2]int{-1} && slices.Compare(line[:], bestLine[:]) < 0) {
				best, bestLine = i, line
				if !known {
					bestLine = [2]int{-1}
				}
			}
		}
		if best < 0 {
			return append(all, slices.Concat(lists...)...)
		}
		next := lists[best][0]
		lists[best] = lists[best][1:]
		all = append(all, next)
		for _, i := range next.nested {
			declared = max(declared, i+1)
		}
	}
}

// extendGroups joins neighbours that extend the same message.
func extendGroups(list []element) [][]element {
	var groups [][]element
	extendee := func(e element) protoreflect.FullName {
		if x, ok := e.descriptor.(protoreflect.FieldDescriptor); ok && x.IsExtension() {
			return x.ContainingMessage().FullName()
		}
		return ""
	}
	for _, e := range list {
		last := len(groups) - 1
		if last >= 0 && extendee(e) != "" && extendee(groups[last][0]) == extendee(e) {
			groups[last] = append(groups[last], e)
		} else {
			groups = append(groups, []element{e})
		}
	}
	return groups
}
