package cli

import (
	"context"
	"net"

	"google.golang.org/grpc/test/bufconn"

	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/testserver"
)

// demo is the reference server inside the process, behind the address
// "demo". Its store is in memory and goes with it.
type demo struct {
	server   *testserver.Server
	listener *bufconn.Listener
	served   chan struct{}
}

// pipeBuffer is how many bytes each direction of the in-process pipe holds.
const pipeBuffer = 256 << 10

func startDemo(version string) (*demo, error) {
	// Nobody holds credentials of a server that has just begun: those that a call
	// brings along are for another one.
	server, err := testserver.New(testserver.Config{Version: version, DefaultAdmin: true, Auth: testserver.AuthOff})
	if err != nil {
		return nil, err
	}
	d := &demo{server: server, listener: bufconn.Listen(pipeBuffer), served: make(chan struct{})}
	go func() {
		defer close(d.served)
		_ = server.Serve(d.listener)
	}()
	return d, nil
}

func (d *demo) dial(ctx context.Context) (net.Conn, error) { return d.listener.DialContext(ctx) }

func (d *demo) stop() {
	// Nothing of the demo outlives the command: no drain.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = d.server.Shutdown(ctx)
	<-d.served
}

// demoConn takes its server down with it.
type demoConn struct {
	dial.Conn
	demo *demo
}

func (c *demoConn) Close() error {
	err := c.Conn.Close()
	c.demo.stop()
	return err
}
