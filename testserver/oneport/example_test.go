package oneport_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"google.golang.org/grpc/health"

	"github.com/grpcx/grpcx/testserver/oneport"
)

// A Server stands in the place of a *grpc.Server, and is open to browsers.
func Example() {
	s := oneport.NewServer(oneport.Config{})
	healthpb.RegisterHealthServer(s, health.NewServer())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = s.Serve(l) }()
	defer s.GracefulStop()

	resp, err := http.Post("http://"+l.Addr().String()+"/grpc.health.v1.Health/Check", "application/json", strings.NewReader("{}"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, strings.ReplaceAll(string(body), " ", ""), err)
	// Output: 200 OK {"status":"SERVING"} <nil>
}
