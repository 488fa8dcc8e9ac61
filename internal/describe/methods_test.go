package describe

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	rpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// told gives what EachMethods tells, a line a service.
func told(t *testing.T, source Source, services ...protoreflect.FullName) (lines []string) {
	t.Helper()
	EachMethods(t.Context(), source, services, func(service protoreflect.FullName, methods []MethodInfo, err error) {
		switch {
		case errors.Is(err, protoregistry.NotFound):
			lines = append(lines, string(service)+": unknown")
		case err != nil:
			lines = append(lines, string(service)+": failed")
		default:
			lines = append(lines, fmt.Sprintf("%s: %d", service, len(methods)))
		}
	})
	return lines
}

func TestMethodsOfManyServices(t *testing.T) {
	t.Run("of 3,000 methods", func(t *testing.T) {
		var c counter
		r := reflect(t, sourceServer(t, &c, manyMethods(t, 100, 30, 20), registerV1), ReflectionOptions{})
		services, err := r.Services(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.take()
		var want []string
		for _, service := range services {
			want = append(want, string(service)+": 30")
		}
		if diff := cmp.Diff(want, told(t, r, services...)); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if got := c.take(); len(got) != 100 {
			t.Errorf("100 services took %d questions", len(got))
		}
	})
	var files []*descriptorpb.FileDescriptorProto
	var services []protoreflect.FullName
	for i := range firstWindow {
		files = append(files, file(t, fmt.Sprintf(`name: "%d" package: "p" service { name: "S%d" }`, i, i)))
		services = append(services, protoreflect.FullName(fmt.Sprintf("p.S%d", i)))
	}
	t.Run("a question does not wait for the answer to another", func(t *testing.T) {
		r := scriptedSource(t, func(s rpb.ServerReflection_ServerReflectionInfoServer) error {
			for range files {
				if _, err := s.Recv(); err != nil {
					return err
				}
			}
			for _, f := range files {
				if err := s.Send(filesAnswer(f)); err != nil {
					return err
				}
			}
			_, err := s.Recv()
			return err
		}, ReflectionOptions{})
		if diff := cmp.Diff([]string{"p.S0: 0", "p.S1: 0", "p.S2: 0", "p.S3: 0"}, told(t, r, services...)); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
	t.Run("one that fails is told of alone", func(t *testing.T) {
		honest := serving(files...)
		r := scriptedSource(t, func(s rpb.ServerReflection_ServerReflectionInfoServer) error {
			return honest(lying{s})
		}, ReflectionOptions{})
		some := slices.Insert(slices.Clone(services), 1, "p.Liar", "p.None")
		if diff := cmp.Diff([]string{"p.S0: 0", "p.Liar: failed", "p.None: unknown", "p.S1: 0", "p.S2: 0", "p.S3: 0"}, told(t, r, some...)); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"p.Liar: failed"}, told(t, r, "p.Liar")); diff != "" {
			t.Errorf("told of it alone (-want +got):\n%s", diff)
		}
	})
}

// lying is asked for p.S0 where it was asked for p.Liar.
type lying struct {
	rpb.ServerReflection_ServerReflectionInfoServer
}

func (l lying) Recv() (*rpb.ServerReflectionRequest, error) {
	request, err := l.ServerReflection_ServerReflectionInfoServer.Recv()
	if request.GetFileContainingSymbol() == "p.Liar" {
		request.MessageRequest = &rpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "p.S0"}
	}
	return request, err
}
