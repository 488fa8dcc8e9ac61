package describe

import (
	"iter"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// The functions here read files that no descriptor has been built from yet.
// Names in them are as they came and need not be valid.

func join(scope protoreflect.FullName, name string) protoreflect.FullName {
	if scope == "" {
		return protoreflect.FullName(name)
	}
	return scope + "." + protoreflect.FullName(name)
}

// topLevel yields the names that the file declares outside of messages and
// services; the values of its enums are among them.
func topLevel(file *descriptorpb.FileDescriptorProto) iter.Seq[protoreflect.FullName] {
	return func(yield func(protoreflect.FullName) bool) {
		pkg := protoreflect.FullName(file.GetPackage())
		for _, m := range file.GetMessageType() {
			if !yield(join(pkg, m.GetName())) {
				return
			}
		}
		for _, e := range file.GetEnumType() {
			if !yield(join(pkg, e.GetName())) {
				return
			}
			for _, v := range e.GetValue() {
				if !yield(join(pkg, v.GetName())) {
					return
				}
			}
		}
		for _, x := range file.GetExtension() {
			if !yield(join(pkg, x.GetName())) {
				return
			}
		}
		for _, s := range file.GetService() {
			if !yield(join(pkg, s.GetName())) {
				return
			}
		}
	}
}

// extensions yields every extension of the file, those in messages too.
func extensions(file *descriptorpb.FileDescriptorProto) iter.Seq2[protoreflect.FullName, *descriptorpb.FieldDescriptorProto] {
	return func(yield func(protoreflect.FullName, *descriptorpb.FieldDescriptorProto) bool) {
		pkg := protoreflect.FullName(file.GetPackage())
		for _, x := range file.GetExtension() {
			if !yield(join(pkg, x.GetName()), x) {
				return
			}
		}
		for name, m := range messages(file) {
			for _, x := range m.GetExtension() {
				if !yield(join(name, x.GetName()), x) {
					return
				}
			}
		}
	}
}

// messages yields every message of the file, outer ones first.
func messages(file *descriptorpb.FileDescriptorProto) iter.Seq2[protoreflect.FullName, *descriptorpb.DescriptorProto] {
	return func(yield func(protoreflect.FullName, *descriptorpb.DescriptorProto) bool) {
		eachMessage(protoreflect.FullName(file.GetPackage()), file.GetMessageType(), yield)
	}
}

func eachMessage(scope protoreflect.FullName, list []*descriptorpb.DescriptorProto, yield func(protoreflect.FullName, *descriptorpb.DescriptorProto) bool) bool {
	for _, m := range list {
		name := join(scope, m.GetName())
		if !yield(name, m) || !eachMessage(name, m.GetNestedType(), yield) {
			return false
		}
	}
	return true
}

// symbols yields every name that the file declares and a user may ask for.
// Map entries and methods are not among them.
func symbols(file *descriptorpb.FileDescriptorProto) iter.Seq[protoreflect.FullName] {
	return func(yield func(protoreflect.FullName) bool) {
		for name := range topLevel(file) {
			if !yield(name) {
				return
			}
		}
		for name, m := range messages(file) {
			if !m.GetOptions().GetMapEntry() && !messageSymbols(name, m, yield) {
				return
			}
		}
	}
}

func messageSymbols(name protoreflect.FullName, m *descriptorpb.DescriptorProto, yield func(protoreflect.FullName) bool) bool {
	for _, f := range m.GetField() {
		if !yield(join(name, f.GetName())) {
			return false
		}
	}
	for _, o := range m.GetOneofDecl() {
		if !yield(join(name, o.GetName())) {
			return false
		}
	}
	for _, x := range m.GetExtension() {
		if !yield(join(name, x.GetName())) {
			return false
		}
	}
	for _, n := range m.GetNestedType() {
		if !n.GetOptions().GetMapEntry() && !yield(join(name, n.GetName())) {
			return false
		}
	}
	for _, e := range m.GetEnumType() {
		if !yield(join(name, e.GetName())) {
			return false
		}
		for _, v := range e.GetValue() {
			if !yield(join(name, v.GetName())) {
				return false
			}
		}
	}
	return true
}
