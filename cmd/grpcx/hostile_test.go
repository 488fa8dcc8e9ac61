package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
)

// poison has one of each kind of character that a terminal obeys.
const poison = "\x1b]0;owned\x07\x1b[31m\x7f\u009b31m\u202egpj\u2066\u200b\u2028\ufeff\r\x00"

// poisonArgument is poison without the NUL, which no argument can have.
var poisonArgument = strings.TrimSuffix(poison, "\x00")

// TestHostileServer lets a server put poison wherever it may choose text, and
// looks for it in everything that grpcx writes for people.
func TestHostileServer(t *testing.T) {
	address := serveHostile(t)
	for _, args := range [][]string{
		{"list", "--plaintext", address},
		{"list", "--plaintext", address, "-l"},
		{"list", "--plaintext", address, "-o", "json"},
		{"describe", "--plaintext", address},
		{"describe", "--plaintext", address, "hostile.Hostile", "-r"},
		{"describe", "--plaintext", address, "hostile.Message", "-o", "json"},
		{"describe", "--plaintext", address, "hostile.Message", "--template"},
		{"describe", "--plaintext", address, "hostile.Hostile", "--command"},
		{"describe", "--plaintext", address, "Nothing"},
		{"call", "--plaintext", address, "Answer"},
		{"call", "--plaintext", address, "Answer", "-vv"},
		{"call", "--plaintext", address, "Answer", "-o", "pretty"},
		{"call", "--plaintext", address, "Answer", "-o", "text"},
		{"call", "--plaintext", address, "Answer", "-o", "yaml"},
		{"call", "--plaintext", address, "Answer", "-o", "events"},
		{"call", "--plaintext", address, "Answer", "--jq", "."},
		{"call", "--plaintext", address, "Fail", "-v"},
		{"call", "--plaintext", address, "Fail", "--format-error"},
		{"call", "--plaintext", address, "Fail", "-o", "events"},
		{"call", "--plaintext", address, "Anser"},
		{"call", "--plaintext", address, "Answer", "-d", `{"x":1}`},
		{"health", "--plaintext", address, poisonArgument},
		{"health", "--plaintext", address, "--list"},
		{"health", "--plaintext", address, "--all", "-o", "json"},
	} {
		t.Run(args[0]+" "+strings.Join(args[3:], " "), func(t *testing.T) {
			output := string(combined(t, args...))
			if answered := args[0] == "call" && (args[3] == "Answer" || args[3] == "Fail") && !slices.Contains(args, "-d"); answered && !strings.Contains(output, "owned") {
				t.Errorf("the poison did not get through: %q", output)
			}
			if strings.Contains(output, "hunter2") && !slices.Contains(args, "events") {
				t.Errorf("a cookie got through: %q", output)
			}
			for _, r := range output {
				if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028') {
					t.Fatalf("raw %U in %q", r, output)
				}
			}
		})
	}
}

// combined runs grpcx and returns all that it wrote, whatever its exit code.
func combined(tb testing.TB, args ...string) []byte {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = append([]string{"grpcx"}, args...)
	cmd.Env = append(os.Environ(), "GORACE="+noRaceSleep)
	output, _ := cmd.CombinedOutput()
	return output
}

// serveHostile serves hostile.Hostile by reflection, and poison by everything.
func serveHostile(tb testing.TB) string {
	tb.Helper()
	file := hostileFile()
	descriptor, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		tb.Fatal(err)
	}
	files := new(protoregistry.Files)
	if err := files.RegisterFile(descriptor); err != nil {
		tb.Fatal(err)
	}
	any, err := protoregistry.GlobalFiles.FindFileByPath("google/protobuf/any.proto")
	if err != nil {
		tb.Fatal(err)
	}
	if err := files.RegisterFile(any); err != nil {
		tb.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(answerHostile))
	grpc_reflection_v1.RegisterServerReflectionServer(server, reflection.NewServerV1(reflection.ServerOptions{
		Services: hostileServices{}, DescriptorResolver: files,
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	tb.Cleanup(server.Stop)
	return l.Addr().String()
}

// hostileServices lists a service that is there, and one whose name is poison.
type hostileServices struct{}

func (hostileServices) GetServiceInfo() map[string]grpc.ServiceInfo {
	// gRPC refuses invalid UTF-8 in a string field, so the poison is valid.
	return map[string]grpc.ServiceInfo{"hostile.Hostile": {}, "hostile." + poison: {}}
}

func hostileFile() *descriptorpb.FileDescriptorProto {
	text := descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum()
	message := descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
	one := descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()
	method := func(name string) *descriptorpb.MethodDescriptorProto {
		return &descriptorpb.MethodDescriptorProto{Name: &name, InputType: proto.String(".hostile.Message"), OutputType: proto.String(".hostile.Message")}
	}
	comment := proto.String(poison + " */ message Forged {}\n" + poison)
	return &descriptorpb.FileDescriptorProto{
		Name: proto.String("hostile.proto"), Package: proto.String("hostile"), Syntax: proto.String("proto2"),
		Dependency: []string{"google/protobuf/any.proto"},
		MessageType: []*descriptorpb.DescriptorProto{{
			Name: proto.String("Message"),
			Field: []*descriptorpb.FieldDescriptorProto{
				{Name: proto.String("text"), Number: proto.Int32(1), Type: text, Label: one, JsonName: proto.String(poison), DefaultValue: proto.String(poison)},
				{Name: proto.String("any"), Number: proto.Int32(2), Type: message, Label: one, TypeName: proto.String(".google.protobuf.Any")},
			},
		}},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name: proto.String("Hostile"), Method: []*descriptorpb.MethodDescriptorProto{method("Answer"), method("Fail")},
		}},
		SourceCodeInfo: &descriptorpb.SourceCodeInfo{Location: []*descriptorpb.SourceCodeInfo_Location{
			{Path: []int32{4, 0}, Span: []int32{1, 1, 1}, LeadingComments: comment, TrailingComments: comment, LeadingDetachedComments: []string{*comment}},
			{Path: []int32{4, 0, 2, 0}, Span: []int32{2, 1, 1}, LeadingComments: comment, TrailingComments: comment},
			{Path: []int32{6, 0}, Span: []int32{3, 1, 1}, LeadingComments: comment},
			{Path: []int32{6, 0, 2, 0}, Span: []int32{4, 1, 1}, LeadingComments: comment},
		}},
	}
}

// answerHostile answers every method: Fail with a poisoned status, any other
// with a poisoned message, both with poisoned metadata.
func answerHostile(_ any, st grpc.ServerStream) error {
	if err := st.SetHeader(metadata.Pairs("poison-bin", poison, "set-cookie", "hunter2")); err != nil {
		return err
	}
	st.SetTrailer(metadata.Pairs("poison-trailer-bin", poison))
	wrapped := &anypb.Any{TypeUrl: "type.googleapis.com/" + poison, Value: []byte(poison)}
	method, _ := grpc.MethodFromServerStream(st)
	if strings.HasSuffix(method, "/Fail") {
		return status.FromProto(&spb.Status{Code: int32(codes.Internal), Message: poison, Details: []*anypb.Any{wrapped}}).Err()
	}
	// A hostile.Message on the wire is a string in field 1 and an Any in 2.
	encoded, err := proto.Marshal(wrapped)
	if err != nil {
		return err
	}
	answer := append([]byte{1<<3 | 2, byte(len(poison))}, poison...)
	answer = append(append(answer, 2<<3|2, byte(len(encoded))), encoded...)
	message := new(emptypb.Empty)
	message.ProtoReflect().SetUnknown(answer)
	return st.SendMsg(message)
}
