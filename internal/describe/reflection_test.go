package describe

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	rpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/grpcx/grpcx/testdata/testnet"
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
	cc, err := grpc.NewClient(testnet.Refusing(t), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cc.Close() }()
	_, err = reflect(t, cc, ReflectionOptions{}).Services(t.Context())
	if status.Code(err) != codes.Unavailable || errors.Is(err, ErrNoReflection) {
		t.Errorf("error %v", err)
	}
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
		return answering(func(*rpb.ServerReflectionRequest) *rpb.ServerReflectionResponse {
			return listAnswer("b.B", "a.A", "a.A", "\x1b[2J")
		})(s)
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
