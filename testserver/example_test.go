package testserver_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/testserver"
	"github.com/grpcx/grpcx/testserver/proto/userservice"
)

// In a test, Start runs a server that ends with the test.
func ExampleStart() {
	_ = func(t *testing.T) {
		srv := testserver.Start(t, testserver.Config{})
		cc, err := grpc.NewClient(srv.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer cc.Close()
		// Give cc to the client under test.
	}
}

func ExampleListen() {
	ctx := context.Background()
	srv, err := testserver.Listen(testserver.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Shutdown(ctx)

	cc, err := grpc.NewClient(srv.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cc.Close()

	users := userservice.NewUserServiceClient(cc)
	resp, err := users.CreateUser(ctx, &userservice.CreateUserRequest{Name: "Ada", Email: "ada@example.com"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.GetUser().GetId(), resp.GetUser().GetName(), resp.GetUser().GetRoles())

	_, err = users.GetUser(ctx, &userservice.GetUserRequest{UserId: "9"})
	fmt.Println(err)
	// Output:
	// 1 Ada [user]
	// rpc error: code = NotFound desc = user 9 not found
}

// A server whose callers must prove who they are, and a client with an API key.
func ExampleNewAPIKey() {
	ctx := context.Background()
	key, hash := testserver.NewAPIKey()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	identities := filepath.Join(dir, "identities.yaml")
	text := fmt.Sprintf("api_keys:\n  - name: ci\n    sha256: %s\n    roles: [user]\n", hash)
	if err := os.WriteFile(identities, []byte(text), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	srv, err := testserver.Listen(testserver.Config{Auth: testserver.AuthRequired, Identities: identities})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Shutdown(ctx)

	cc, err := grpc.NewClient(srv.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cc.Close()
	users := userservice.NewUserServiceClient(cc)
	_, err = users.GetUser(ctx, &userservice.GetUserRequest{UserId: "9"})
	fmt.Println(status.Code(err))
	ctx = metadata.AppendToOutgoingContext(ctx, "x-api-key", key)
	_, err = users.GetUser(ctx, &userservice.GetUserRequest{UserId: "9"})
	fmt.Println(status.Code(err))
	_, err = users.DeleteUser(ctx, &userservice.DeleteUserRequest{UserId: "9"})
	fmt.Println(err)
	// Output:
	// Unauthenticated
	// NotFound
	// rpc error: code = PermissionDenied desc = ci needs the role admin to call /userservice.UserService/DeleteUser
}

// A fault shows whether a client gets past failures, without waiting for real ones.
func ExampleFault() {
	ctx := context.Background()
	fault, err := testserver.ParseFault("userservice.UserService/CreateUser=UNAVAILABLE,times=2")
	if err != nil {
		fmt.Println(err)
		return
	}
	srv, err := testserver.Listen(testserver.Config{Faults: []testserver.Fault{fault}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Shutdown(ctx)

	cc, err := grpc.NewClient(srv.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"methodConfig": [{
			"name": [{"service": "userservice.UserService"}],
			"retryPolicy": {
				"maxAttempts": 3, "initialBackoff": "0.01s", "maxBackoff": "1s", "backoffMultiplier": 2,
				"retryableStatusCodes": ["UNAVAILABLE"]
			}
		}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cc.Close()

	users := userservice.NewUserServiceClient(cc)
	resp, err := users.CreateUser(ctx, &userservice.CreateUserRequest{Name: "Ada", Email: "ada@example.com"})
	fmt.Println(resp.GetUser().GetName(), err)
	// Output: Ada <nil>
}
