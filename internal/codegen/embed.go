package codegen

import (
	"encoding/base64"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// fileCall is the expression that makes the descriptor of the file from its
// serialized form.
func (e *emitter) fileCall() []any {
	call := []any{genFunc("fileDesc"), "(", quote(embedded(e.file.embedded))}
	for i, dep := range e.file.deps {
		if i == 0 {
			call = append(call, ", [")
		} else {
			call = append(call, ", ")
		}
		call = append(call, e.schema(dep))
	}
	if len(e.file.deps) > 0 {
		call = append(call, "]")
	}
	return append(call, ")")
}

// embedded returns the file in base64, without what the runtime can restore: the
// imports, which generated code has as such, the comments and the JSON names
// that follow from the rule.
func embedded(f *descriptorpb.FileDescriptorProto) string {
	f = proto.CloneOf(f)
	f.Dependency, f.SourceCodeInfo = nil, nil
	stripJSONNames(f.GetMessageType())
	// Fails only on missing required fields, which are allowed, and invalid
	// UTF-8, of which unmarshalling left none.
	b, _ := proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(f)
	return base64.RawStdEncoding.EncodeToString(b)
}

func stripJSONNames(messages []*descriptorpb.DescriptorProto) {
	for _, m := range messages {
		for _, f := range m.GetField() {
			if f.GetJsonName() == camelCase(f.GetName()) {
				f.JsonName = nil
			}
		}
		stripJSONNames(m.GetNestedType())
	}
}
