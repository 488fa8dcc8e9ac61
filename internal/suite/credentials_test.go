package suite_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/suite"
)

// repeating is a server whose reflection repeats the credentials that it refuses.
type repeating struct {
	describe.Source
	credentials metadata.MD
}

func (r repeating) Find(context.Context, protoreflect.FullName) (protoreflect.Descriptor, error) {
	return nil, fmt.Errorf("reflection: %w", r.refusal())
}

func (r repeating) refusal() error {
	return status.Errorf(codes.Unauthenticated, "nobody has %v", map[string][]string(r.credentials))
}

func TestCredentialsOfReflectionAreHidden(t *testing.T) {
	files, err := describe.NewSet()
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, `
version: 1
target: { address: "h:1", metadata: { authorization: "Bearer ${env.TOKEN}", x-a: shown } }
tests:
  - { name: a, call: S/M }
`)
	for name, connect := range map[string]suite.Connect{
		"refused when asked": func(_ context.Context, target suite.Target) (suite.Conn, error) {
			md := target.MD()
			reflection := metadata.Join(md, metadata.Pairs("x-api-key", "key-of-a-flag"))
			return suite.Conn{Source: repeating{files, reflection}, Close: func() {}, Metadata: md, ReflectionMetadata: reflection}, nil
		},
		"refused at once": func(_ context.Context, target suite.Target) (suite.Conn, error) {
			return suite.Conn{}, repeating{files, target.MD()}.refusal()
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := suite.Load(t.Context(), suite.Config{Paths: []string{path}, Connect: connect, LookupEnv: env("TOKEN", "token-of-a-variable")})
			if err == nil {
				t.Fatal("no error")
			}
			text := err.Error()
			if strings.Contains(text, "token-of") || strings.Contains(text, "key-of") {
				t.Errorf("a credential is in the error: %s", text)
			}
			if !strings.Contains(text, "shown") || !strings.Contains(text, "***") {
				t.Errorf("the error is %s", text)
			}
		})
	}
}
