package describe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	rpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// dialServer serves what setup registers on loopback and connects to it.
func dialServer(t testing.TB, setup func(*grpc.Server), options ...grpc.ServerOption) *grpc.ClientConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	setup(server)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	cc, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cc.Close()
		server.Stop()
		<-served
	})
	return cc
}

func reflect(t testing.TB, cc grpc.ClientConnInterface, o ReflectionOptions) *Reflection {
	r := NewReflection(t.Context(), cc, o)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// counter counts streams by method, and messages received on them.
type counter struct {
	mu       sync.Mutex
	streams  []string
	requests []string
}

func (c *counter) intercept(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	c.mu.Lock()
	c.streams = append(c.streams, info.FullMethod)
	c.mu.Unlock()
	return next(srv, &countedStream{ss, c})
}

type countedStream struct {
	grpc.ServerStream
	counter *counter
}

func (s *countedStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if err == nil {
		s.counter.mu.Lock()
		defer s.counter.mu.Unlock()
		s.counter.requests = append(s.counter.requests, fmt.Sprint(m))
	}
	return err
}

func (c *counter) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.requests
	c.requests = nil
	return out
}

// shopServer serves the fixtures by grpc-go's own reflection.
func shopServer(t testing.TB, c *counter, register func(*grpc.Server, reflection.ServerOptions)) *grpc.ClientConn {
	source := compiled(t)
	return sourceServer(t, c, source, register)
}

func sourceServer(t testing.TB, c *counter, source Source, register func(*grpc.Server, reflection.ServerOptions)) *grpc.ClientConn {
	pool := source.(*static).pool
	names, err := source.Services(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files := new(protoregistry.Files)
	types := new(protoregistry.Types)
	for _, raw := range pool.files() {
		fd, err := pool.findFile(raw.GetName())
		if err != nil {
			t.Fatal(err)
		}
		if err := files.RegisterFile(fd); err != nil {
			t.Fatal(err)
		}
		registerExtensions(types, fd)
	}
	return dialServer(t, func(s *grpc.Server) {
		register(s, reflection.ServerOptions{Services: serviceList(names), DescriptorResolver: files, ExtensionResolver: types})
	}, grpc.StreamInterceptor(c.intercept))
}

type serviceList []protoreflect.FullName

func (l serviceList) GetServiceInfo() map[string]grpc.ServiceInfo {
	info := map[string]grpc.ServiceInfo{}
	for _, name := range l {
		info[string(name)] = grpc.ServiceInfo{}
	}
	return info
}

func registerV1(s *grpc.Server, o reflection.ServerOptions) {
	rpb.RegisterServerReflectionServer(s, reflection.NewServerV1(o))
}

func registerV1Alpha(s *grpc.Server, o reflection.ServerOptions) {
	grpc_reflection_v1alpha.RegisterServerReflectionServer(s, reflection.NewServer(o))
}

func TestReflectionLoadsOnlyWhatIsNeeded(t *testing.T) {
	var c counter
	r := reflect(t, shopServer(t, &c, registerV1), ReflectionOptions{})
	names, err := r.Services(t.Context())
	if err != nil || !slices.Equal(names, []protoreflect.FullName{"shop.v1.Catalog"}) {
		t.Fatalf("services %v, %v", names, err)
	}
	if got := c.take(); len(got) != 1 {
		t.Errorf("listing asked %q", got)
	}
	methods, err := Methods(t.Context(), r, "shop.v1.Catalog")
	if err != nil || len(methods) != 4 || methods[1] != (MethodInfo{Name: "List", Input: "shop.v1.ListRequest", Output: "shop.v1.Item", ServerStreaming: true}) || !methods[3].Deprecated {
		t.Errorf("methods %+v, %v", methods, err)
	}
	if got := c.take(); len(got) > 1 {
		t.Errorf("listing methods asked %q", got)
	}
	md, err := FindMethod(t.Context(), r, "Catalog/Get")
	if err != nil || md.FullName() != "shop.v1.Catalog.Get" {
		t.Fatalf("method %v, %v", md, err)
	}
	if md.Input().IsPlaceholder() || md.ParentFile().Path() != "shop/v1/shop.proto" {
		t.Errorf("method of %v", md.ParentFile())
	}
	asked := strings.Join(c.take(), "\n")
	if strings.Contains(asked, "edition.proto") || strings.Contains(asked, "google/protobuf") {
		t.Errorf("it asked for what it does not need:\n%s", asked)
	}
	if len(c.streams) != 1 || c.streams[0] != methodV1 {
		t.Errorf("streams %q", c.streams)
	}
	again, err := r.Find(t.Context(), "shop.v1.Catalog.Get")
	if err != nil || again != protoreflect.Descriptor(md) {
		t.Errorf("the second time it is %v, %v", again, err)
	}
	if got := c.take(); len(got) != 0 {
		t.Errorf("what is known was asked for again: %q", got)
	}
	if text := md.ParentFile().SourceLocations().ByDescriptor(md).LeadingComments; text != " Get returns one item.\n" {
		t.Errorf("comment %q", text)
	}
}

func TestReflectionFallsBackToV1Alpha(t *testing.T) {
	for _, code := range []codes.Code{codes.Unimplemented, codes.Unavailable, codes.NotFound, codes.Internal, codes.PermissionDenied, codes.Unknown} {
		t.Run(code.String(), func(t *testing.T) {
			var c counter
			source := compiled(t)
			cc := sourceServer(t, &c, source, func(s *grpc.Server, o reflection.ServerOptions) {
				registerV1Alpha(s, o)
				if code != codes.Unimplemented {
					rpb.RegisterServerReflectionServer(s, scripted(func(rpb.ServerReflection_ServerReflectionInfoServer) error { return status.Error(code, "no") }))
				}
			})
			r := reflect(t, cc, ReflectionOptions{})
			if _, err := r.Services(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Find(t.Context(), "shop.v1.Catalog"); err != nil {
				t.Fatal(err)
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			if n := len(c.streams); n > 2 || c.streams[n-1] != methodV1Alpha {
				t.Errorf("streams %q; want the version that worked to be remembered", c.streams)
			}
		})
	}
}

func TestNoReflection(t *testing.T) {
	r := reflect(t, dialServer(t, func(*grpc.Server) {}), ReflectionOptions{})
	for range 2 {
		_, err := r.Services(t.Context())
		if !errors.Is(err, ErrNoReflection) || status.Code(err) != codes.Unimplemented || !strings.HasPrefix(err.Error(), "reflection: ") {
			t.Errorf("error %v", err)
		}
	}
	denied := reflect(t, dialServer(t, func(s *grpc.Server) {
		rpb.RegisterServerReflectionServer(s, scripted(func(rpb.ServerReflection_ServerReflectionInfoServer) error {
			return status.Error(codes.PermissionDenied, "who are you")
		}))
	}), ReflectionOptions{})
	if _, err := denied.Services(t.Context()); errors.Is(err, ErrNoReflection) || status.Code(err) != codes.PermissionDenied {
		t.Errorf("error %v, want what v1 said", err)
	}
}

func TestRefusedConnectionFailsAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	cc, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cc.Close() }()
	begin := time.Now()
	_, err = reflect(t, cc, ReflectionOptions{}).Services(t.Context())
	if status.Code(err) != codes.Unavailable || errors.Is(err, ErrNoReflection) {
		t.Errorf("error %v", err)
	}
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("it took %v", d)
	}
}

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
	silent := scripted(func(s rpb.ServerReflection_ServerReflectionInfoServer) error {
		<-s.Context().Done()
		return nil
	})
	r := scriptedSource(t, silent, ReflectionOptions{Timeout: 50 * time.Millisecond})
	_, err := r.Services(t.Context())
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "reflection: no answer within 50ms") {
		t.Errorf("error %v", err)
	}
	if _, err := r.Types().FindMessageByName("a.B"); !errors.Is(err, protoregistry.NotFound) {
		t.Errorf("type: %v", err)
	}
	begin := time.Now()
	for i := range 1000 {
		_, _ = r.Types().FindMessageByName(protoreflect.FullName(fmt.Sprintf("a.B%d", i)))
	}
	if d := time.Since(begin); d > time.Second {
		t.Errorf("types that nobody answers for took %v", d)
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

func TestReflectionTypes(t *testing.T) {
	var c counter
	r := reflect(t, shopServer(t, &c, registerV1), ReflectionOptions{})
	types := r.Types()
	if _, err := types.FindMessageByURL("type.googleapis.com/google.rpc.RetryInfo"); err != nil || len(c.take()) != 0 {
		t.Errorf("built-in type: %v, or the server was asked", err)
	}
	for range 3 {
		if _, err := types.FindMessageByName("shop.v1.None"); !errors.Is(err, protoregistry.NotFound) {
			t.Errorf("error %v", err)
		}
	}
	if got := c.take(); len(got) > 2 {
		t.Errorf("what the server does not know was asked for again and again: %q", got)
	}
	mt, err := types.FindMessageByURL("example.com/x/shop.v1.Legacy")
	if err != nil {
		t.Fatal(err)
	}
	raw := []byte{0xa2, 0x06, 1, 'n', 0x0b, 0x12, 0, 0x0c, 0x20, 0} // extension 100, group 1, field 4
	m := mt.New()
	if err := (proto.UnmarshalOptions{Resolver: types, AllowPartial: true}).Unmarshal(raw, m.Interface()); err != nil {
		t.Fatal(err)
	}
	note, err := types.FindExtensionByName("shop.v1.note")
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Get(note.TypeDescriptor()).String(); got != "n" {
		t.Errorf("extension %q, unknown %x", got, m.GetUnknown())
	}
	for range 3 {
		if _, err := types.FindExtensionByNumber("shop.v1.Legacy", 199); !errors.Is(err, protoregistry.NotFound) {
			t.Errorf("error %v", err)
		}
	}
	d := find[protoreflect.MessageDescriptor](t, r, "shop.v1.Legacy")
	if d != m.Descriptor() {
		t.Error("one name has two descriptors")
	}
	_ = dynamicpb.NewMessage(d)
}

func TestMetadataGoesWithTheStream(t *testing.T) {
	got := make(chan metadata.MD, 2)
	r := scriptedSource(t, func(s rpb.ServerReflection_ServerReflectionInfoServer) error {
		md, _ := metadata.FromIncomingContext(s.Context())
		got <- md
		return answering(func(*rpb.ServerReflectionRequest) *rpb.ServerReflectionResponse { return listAnswer("b.B", "a.A", "a.A", "\x1b[2J") })(s)
	}, ReflectionOptions{Metadata: metadata.Pairs("authorization", "Bearer t")})
	names, err := r.Services(t.Context())
	if err != nil || !slices.Equal(names, []protoreflect.FullName{"a.A", "b.B"}) {
		t.Errorf("services %q, %v; want them sorted, once, and valid", names, err)
	}
	if md := <-got; !slices.Equal(md.Get("authorization"), []string{"Bearer t"}) {
		t.Errorf("metadata %v", md)
	}
}

func TestConcurrentLookups(t *testing.T) {
	var c counter
	r := reflect(t, shopServer(t, &c, registerV1), ReflectionOptions{})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if i%2 == 0 {
				if _, err := FindMethod(t.Context(), r, "Get"); err != nil {
					t.Error(err)
				}
				return
			}
			if _, err := r.Types().FindMessageByName("shop.v1.Item"); err != nil {
				t.Error(err)
			}
			if _, err := r.Types().FindExtensionByNumber("shop.v1.Legacy", 100); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// manyMethods returns a source of so many services in files of their own, each
// with so many methods, importing files further files.
func manyMethods(t testing.TB, services, methods, imports int) Source {
	set := new(descriptorpb.FileDescriptorSet)
	var deps []string
	for i := range imports {
		f := file(t, fmt.Sprintf(`name: "dep%d.proto" package: "big" message_type { name: "D%d" }`, i, i))
		set.File = append(set.File, f)
		deps = append(deps, f.GetName())
	}
	for i := range services {
		f := file(t, fmt.Sprintf(`name: "s%d.proto" package: "big" message_type { name: "M%d" } service { name: "S%d" }`, i, i, i))
		f.Dependency = deps
		for j := range methods {
			name := proto.String(fmt.Sprintf(".big.M%d", i))
			f.Service[0].Method = append(f.Service[0].Method, &descriptorpb.MethodDescriptorProto{Name: proto.String(fmt.Sprintf("Do%d", i*methods+j)), InputType: name, OutputType: name})
		}
		set.File = append(set.File, f)
	}
	source, err := NewSet(set)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func TestThreeThousandMethods(t *testing.T) {
	var c counter
	source := manyMethods(t, 30, 100, 20)
	r := reflect(t, sourceServer(t, &c, source, registerV1), ReflectionOptions{})
	if names, err := r.Services(t.Context()); err != nil || len(names) != 30 {
		t.Fatalf("%d services, %v", len(names), err)
	}
	if got := c.take(); len(got) != 1 {
		t.Errorf("listing 30 services asked %d questions", len(got))
	}
	if methods, err := Methods(t.Context(), r, "big.S3"); err != nil || len(methods) != 100 {
		t.Fatalf("%d methods, %v", len(methods), err)
	}
	if got := c.take(); len(got) != 1 {
		t.Errorf("listing one service asked %d questions", len(got))
	}
	if _, err := r.Find(t.Context(), "big.S7"); err != nil {
		t.Fatal(err)
	}
	// grpc-go sends the imports along with the file.
	if got := c.take(); len(got) > 2 {
		t.Errorf("finding one service asked %d questions: %q", len(got), got)
	}
	if md, err := FindMethod(t.Context(), r, "Do2999"); err != nil || md.FullName() != "big.S29.Do2999" {
		t.Fatalf("method %v, %v", md, err)
	}
	if got := c.take(); len(got) > 30 {
		t.Errorf("a suffix over 3,000 methods asked %d questions", len(got))
	}
}

func BenchmarkReflectionFind(b *testing.B) {
	var c counter
	cc := sourceServer(b, &c, manyMethods(b, 1, 10, 30), registerV1)
	for b.Loop() {
		r := NewReflection(b.Context(), cc, ReflectionOptions{})
		if _, err := r.Find(b.Context(), "big.S0"); err != nil {
			b.Fatal(err)
		}
		_ = r.Close()
	}
}

func BenchmarkSuffixOf3000Methods(b *testing.B) {
	var c counter
	cc := sourceServer(b, &c, manyMethods(b, 30, 100, 20), registerV1)
	for b.Loop() {
		r := NewReflection(b.Context(), cc, ReflectionOptions{})
		if _, err := FindMethod(b.Context(), r, "Do2999"); err != nil {
			b.Fatal(err)
		}
		_ = r.Close()
	}
}

func FuzzReflectionResponse(f *testing.F) {
	for _, fd := range []protoreflect.FileDescriptor{rpb.File_grpc_reflection_v1_reflection_proto, descriptorpb.File_google_protobuf_descriptor_proto} {
		raw, err := proto.Marshal(protodesc.ToFileDescriptorProto(fd))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for _, file := range compiled(f).(*static).pool.files() {
		raw, err := proto.Marshal(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		file := new(descriptorpb.FileDescriptorProto)
		if proto.Unmarshal(raw, file) != nil {
			return
		}
		p := newPool()
		if p.add(file) != nil {
			return
		}
		fd, err := p.findFile(file.GetName())
		if err != nil {
			return
		}
		checkPrinted(t, fd)
		source := newStatic(p)
		for _, name := range serviceNames([]*descriptorpb.FileDescriptorProto{file}) {
			_, _ = FindSymbol(t.Context(), source, name)
		}
		for i := range min(fd.Messages().Len(), 8) {
			Template(fd.Messages().Get(i))
			Describe(fd.Messages().Get(i))
		}
	})
}
