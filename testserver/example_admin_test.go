package testserver_test

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/grpcx/grpcx/testserver"
	"github.com/grpcx/grpcx/testserver/proto/userservice"
)

// A test may look at what the server counted.
func ExampleServer_AdminHandler() {
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
	_, _ = userservice.NewUserServiceClient(cc).GetUser(ctx, &userservice.GetUserRequest{UserId: "9"})

	admin := httptest.NewServer(srv.AdminHandler())
	defer admin.Close()
	resp, err := admin.Client().Get(admin.URL + "/metrics")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "grpc_server_handled_total{") {
			fmt.Print(line)
		}
	}
	// Output:
	// grpc_server_handled_total{grpc_code="NotFound",grpc_method="GetUser",grpc_service="userservice.UserService",grpc_type="unary"} 1
}
