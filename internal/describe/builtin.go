package describe

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	// Imported for the files of google.protobuf and google.rpc that they register.
	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // google/rpc/error_details.proto
	_ "google.golang.org/genproto/googleapis/rpc/status"     // google/rpc/status.proto
	_ "google.golang.org/protobuf/types/descriptorpb"
	_ "google.golang.org/protobuf/types/known/anypb"
	_ "google.golang.org/protobuf/types/known/apipb"
	_ "google.golang.org/protobuf/types/known/durationpb"
	_ "google.golang.org/protobuf/types/known/emptypb"
	_ "google.golang.org/protobuf/types/known/fieldmaskpb"
	_ "google.golang.org/protobuf/types/known/sourcecontextpb"
	_ "google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	_ "google.golang.org/protobuf/types/known/typepb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"
)

// builtinFile returns the file of google.protobuf or google.rpc that is linked
// in under this path, or nil. Whatever else is linked in (the reference
// server's schema, say) stays hidden: it is not the schema of the target.
func builtinFile(path string) protoreflect.FileDescriptor {
	if !strings.HasPrefix(path, "google/protobuf/") && !strings.HasPrefix(path, "google/rpc/") {
		return nil
	}
	file, err := protoregistry.GlobalFiles.FindFileByPath(path)
	if err != nil {
		return nil
	}
	return file
}

// builtinPath returns the built-in file that declares name, or "".
func builtinPath(name protoreflect.FullName) string {
	if !strings.HasPrefix(string(name), "google.protobuf.") && !strings.HasPrefix(string(name), "google.rpc.") {
		return ""
	}
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil || builtinFile(d.ParentFile().Path()) == nil {
		return ""
	}
	return d.ParentFile().Path()
}
