package describe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	rpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// scripted is a reflection server that does as the function says.
type scripted func(rpb.ServerReflection_ServerReflectionInfoServer) error

func (f scripted) ServerReflectionInfo(s rpb.ServerReflection_ServerReflectionInfoServer) error {
	return f(s)
}

// answering is a reflection server with one answer a request.
func answering(answer func(*rpb.ServerReflectionRequest) *rpb.ServerReflectionResponse) scripted {
	return func(s rpb.ServerReflection_ServerReflectionInfoServer) error {
		for {
			request, err := s.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := s.Send(answer(request)); err != nil {
				return err
			}
		}
	}
}

func filesAnswer(files ...*descriptorpb.FileDescriptorProto) *rpb.ServerReflectionResponse {
	answer := new(rpb.FileDescriptorResponse)
	for _, file := range files {
		raw, err := proto.Marshal(file)
		if err != nil {
			panic(err)
		}
		answer.FileDescriptorProto = append(answer.FileDescriptorProto, raw)
	}
	return &rpb.ServerReflectionResponse{MessageResponse: &rpb.ServerReflectionResponse_FileDescriptorResponse{FileDescriptorResponse: answer}}
}

func notFoundAnswer() *rpb.ServerReflectionResponse {
	return &rpb.ServerReflectionResponse{MessageResponse: &rpb.ServerReflectionResponse_ErrorResponse{
		ErrorResponse: &rpb.ErrorResponse{ErrorCode: int32(codes.NotFound), ErrorMessage: "none"},
	}}
}

func listAnswer(names ...string) *rpb.ServerReflectionResponse {
	list := new(rpb.ListServiceResponse)
	for _, name := range names {
		list.Service = append(list.Service, &rpb.ServiceResponse{Name: name})
	}
	return &rpb.ServerReflectionResponse{MessageResponse: &rpb.ServerReflectionResponse_ListServicesResponse{ListServicesResponse: list}}
}

func scriptedSource(t testing.TB, server scripted, o ReflectionOptions) *Reflection {
	return reflect(t, dialServer(t, func(s *grpc.Server) { rpb.RegisterServerReflectionServer(s, server) }), o)
}

// serving answers by these files, each without its imports.
func serving(files ...*descriptorpb.FileDescriptorProto) scripted {
	return answering(func(request *rpb.ServerReflectionRequest) *rpb.ServerReflectionResponse {
		if request.GetListServices() != "" {
			var names []string
			for _, file := range files {
				for _, sd := range file.GetService() {
					names = append(names, string(join(protoreflect.FullName(file.GetPackage()), sd.GetName())))
				}
			}
			return listAnswer(names...)
		}
		for _, file := range files {
			if request.GetFileByFilename() == file.GetName() && file.GetName() != "" {
				return filesAnswer(file)
			}
			for name := range topLevel(file) {
				if string(name) == request.GetFileContainingSymbol() {
					return filesAnswer(file)
				}
			}
		}
		return notFoundAnswer()
	})
}

func TestHostileServers(t *testing.T) {
	service := file(t, `name: "s.proto" package: "p" dependency: "i.proto" message_type { name: "M" } service { name: "S" method { name: "Do" input_type: ".p.M" output_type: ".p.M" } }`)
	always := func(response *rpb.ServerReflectionResponse) scripted {
		return answering(func(*rpb.ServerReflectionRequest) *rpb.ServerReflectionResponse { return response })
	}
	var endless atomic.Int64
	tests := []struct {
		name   string
		server scripted
		want   string // in the error of Find("p.S"); "": it is found
	}{
		{"answer of the wrong kind", always(listAnswer("p.S")), "answered another question"},
		{"empty answer", always(&rpb.ServerReflectionResponse{}), "answered another question"},
		{"no files", always(filesAnswer()), "0 files that do not declare it"},
		{"another file", always(filesAnswer(file(t, `name: "x.proto"`))), "1 files that do not declare it"},
		{"not a descriptor", always(&rpb.ServerReflectionResponse{MessageResponse: &rpb.ServerReflectionResponse_FileDescriptorResponse{
			FileDescriptorResponse: &rpb.FileDescriptorResponse{FileDescriptorProto: [][]byte{{0xff}}}}}), "not a file descriptor"},
		{"conflicting files", always(filesAnswer(service, file(t, `name: "s.proto"`))), "came twice with different contents"},
		{"import cycle", serving(service, file(t, `name: "i.proto" dependency: "s.proto"`)), "import cycle"},
		{"self-import", serving(service, file(t, `name: "i.proto" dependency: "i.proto"`)), "import cycle"},
		{"missing import", serving(service), ""},
		{"error with code OK", always(&rpb.ServerReflectionResponse{MessageResponse: &rpb.ServerReflectionResponse_ErrorResponse{ErrorResponse: &rpb.ErrorResponse{}}}), "not found"},
		{"error with a strange code", always(&rpb.ServerReflectionResponse{MessageResponse: &rpb.ServerReflectionResponse_ErrorResponse{ErrorResponse: &rpb.ErrorResponse{ErrorCode: -5}}}), "not found"},
		{"denied", always(&rpb.ServerReflectionResponse{MessageResponse: &rpb.ServerReflectionResponse_ErrorResponse{ErrorResponse: &rpb.ErrorResponse{ErrorCode: 7, ErrorMessage: "no"}}}), "PermissionDenied"},
		{"imports without end", answering(func(request *rpb.ServerReflectionRequest) *rpb.ServerReflectionResponse {
			if request.GetFileContainingSymbol() != "" {
				return filesAnswer(service)
			}
			return filesAnswer(&descriptorpb.FileDescriptorProto{Name: proto.String(request.GetFileByFilename()), Dependency: []string{fmt.Sprintf("%d.proto", endless.Add(1))}})
		}), "more than 50 files"},
		{"missing imports without end", answering(func(request *rpb.ServerReflectionRequest) *rpb.ServerReflectionResponse {
			if request.GetFileContainingSymbol() == "" {
				return notFoundAnswer()
			}
			many := proto.Clone(service).(*descriptorpb.FileDescriptorProto)
			for i := range 1000 {
				many.Dependency = append(many.Dependency, fmt.Sprintf("%d.proto", i))
			}
			return filesAnswer(many)
		}), "more than 164 questions"},
		{"import names that are no names", serving(func() *descriptorpb.FileDescriptorProto {
			odd := proto.Clone(service).(*descriptorpb.FileDescriptorProto)
			odd.Dependency = []string{strings.Repeat("x", 100_000), "\xff", "\x1b[2J"}
			return odd
		}()), ""},
		{"too many bytes", always(filesAnswer(&descriptorpb.FileDescriptorProto{Name: proto.String("s.proto"), Package: proto.String(strings.Repeat("p", 200_000))})), "larger than max"},
		{"invalid descriptor", serving(file(t, `name: "s.proto" package: "p" service { name: "S" } message_type { name: "\033[31m" }`)), `file "s.proto"`},
		{"stream that ends", scripted(func(rpb.ServerReflection_ServerReflectionInfoServer) error { return nil }), "ended the reflection stream"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := scriptedSource(t, tt.server, ReflectionOptions{MaxBytes: 100 << 10, MaxFiles: 50, Timeout: 20 * time.Second})
			if tt.name == "import names that are no names" {
				r.client.maxBytes, r.maxBytes = 1<<20, 1<<20
			}
			_, err := r.Find(t.Context(), "p.S")
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("error %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestMissingImportIsNamedWhereItIsNeeded(t *testing.T) {
	r := scriptedSource(t, serving(file(t, `name: "s.proto" package: "p" dependency: "types.proto" service { name: "S" method { name: "Do" input_type: ".t.In" output_type: ".t.Out" } }`)), ReflectionOptions{})
	_, err := FindMethod(t.Context(), r, "Do")
	if err == nil || !strings.Contains(err.Error(), "t.In") || !strings.Contains(err.Error(), `"types.proto"`) {
		t.Errorf("error %v does not name what is missing", err)
	}
}

func TestFileUnderAnotherPath(t *testing.T) {
	service := file(t, `name: "api/s.proto" package: "p" dependency: "api/types.proto" service { name: "S" method { name: "Do" input_type: ".p.M" output_type: ".p.M" } }`)
	types := file(t, `name: "types.proto" package: "p" message_type { name: "M" }`)
	r := scriptedSource(t, answering(func(request *rpb.ServerReflectionRequest) *rpb.ServerReflectionResponse {
		if request.GetFileContainingSymbol() == "p.S" {
			return filesAnswer(service)
		}
		return filesAnswer(types)
	}), ReflectionOptions{})
	if _, err := FindMethod(t.Context(), r, "p.S/Do"); err != nil {
		t.Error(err)
	}
}

func TestSilentServerTimesOut(t *testing.T) {
	var asked atomic.Int32
	silent := scripted(func(s rpb.ServerReflection_ServerReflectionInfoServer) error {
		for {
			if _, err := s.Recv(); err != nil {
				return nil //nolint:nilerr // the client has gone
			}
			asked.Add(1)
		}
	})
	r := scriptedSource(t, silent, ReflectionOptions{Timeout: 50 * time.Millisecond})
	_, err := r.Services(t.Context())
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "reflection: no answer within 50ms") {
		t.Errorf("error %v", err)
	}
	if _, err := r.Types().FindMessageByName("a.B"); !errors.Is(err, protoregistry.NotFound) {
		t.Errorf("type: %v", err)
	}
	for i := range 1000 {
		_, _ = r.Types().FindMessageByName(protoreflect.FullName(fmt.Sprintf("a.B%d", i)))
	}
	if n := asked.Load(); n > 2 {
		t.Errorf("a server that does not answer was asked %d times", n)
	}
}

func TestCallersDoNotWaitForEachOther(t *testing.T) {
	silent := scripted(func(s rpb.ServerReflection_ServerReflectionInfoServer) error {
		<-s.Context().Done()
		return nil
	})
	r := scriptedSource(t, silent, ReflectionOptions{})
	first := make(chan error, 1)
	go func() { _, err := r.Services(t.Context()); first <- err }()
	ctx, cancel := context.WithCancelCause(t.Context())
	mine := errors.New("interrupted")
	cancel(mine)
	if _, err := r.Find(ctx, "a.B"); !errors.Is(err, mine) {
		t.Errorf("error %v, want the caller's own cause", err)
	}
	_ = r.Close()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("after Close: %v", err)
	}
}

func TestBrokenStreamIsReopened(t *testing.T) {
	shop := compiled(t).(*static).pool
	var streams atomic.Int64
	whole := serving(shop.files()...)
	// One answer a stream: every further question needs a new one.
	stingy := scripted(func(s rpb.ServerReflection_ServerReflectionInfoServer) error {
		streams.Add(1)
		return whole(&oneAnswer{ServerReflection_ServerReflectionInfoServer: s})
	})
	r := scriptedSource(t, stingy, ReflectionOptions{})
	if _, err := FindMethod(t.Context(), r, "shop.v1.Catalog/Get"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Services(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := streams.Load(); n < 3 {
		t.Errorf("%d streams", n)
	}
}

type oneAnswer struct {
	rpb.ServerReflection_ServerReflectionInfoServer
	answered bool
}

func (s *oneAnswer) Recv() (*rpb.ServerReflectionRequest, error) {
	if s.answered {
		return nil, status.Error(codes.Unavailable, "restarting")
	}
	s.answered = true
	return s.ServerReflection_ServerReflectionInfoServer.Recv()
}
