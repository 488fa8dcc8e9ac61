package cli

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding/gzip" // registered, compressed responses are understood
)

// compressing is a connection on which --compress applies. Reflection does not
// go through it: its server may know less than the one that is called.
func (c *connection) compressing(cc grpc.ClientConnInterface) grpc.ClientConnInterface {
	if c.compress == "" {
		return cc
	}
	return compressor{cc}
}

// compressor sends requests compressed by gzip.
type compressor struct{ grpc.ClientConnInterface }

func (c compressor) Invoke(ctx context.Context, method string, request, response any, o ...grpc.CallOption) error {
	return c.ClientConnInterface.Invoke(ctx, method, request, response, append(o, grpc.UseCompressor(gzip.Name))...)
}

func (c compressor) NewStream(ctx context.Context, d *grpc.StreamDesc, method string, o ...grpc.CallOption) (grpc.ClientStream, error) {
	return c.ClientConnInterface.NewStream(ctx, d, method, append(o, grpc.UseCompressor(gzip.Name))...)
}
