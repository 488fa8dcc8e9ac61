//go:build peers

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// TestInterop makes the checks of gRPC's interop test descriptions that need
// no generated code and no credentials, each by its official name:
// https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md
func TestInterop(t *testing.T) {
	grpcx := build(t, false, "grpcx", "./cmd/grpcx")
	official := build(t, true, "interop-server", "google.golang.org/grpc/interop/server")
	set := writeTestSet(t)

	t.Run("grpcx serve", func(t *testing.T) {
		port := startServer(t, regexp.MustCompile(`msg=listening address=127\.0\.0\.1:(\d+)`), grpcx, "serve", "--listen", "127.0.0.1:0")
		runInterop(t, &peer{grpcx: grpcx, address: "grpc://127.0.0.1:" + port, set: set})
	})
	t.Run("grpc-go", func(t *testing.T) {
		// It has no server reflection.
		port := startServer(t, regexp.MustCompile(`interop server listening on .*:(\d+)`), official, "-port", "0")
		runInterop(t, &peer{grpcx: grpcx, address: "grpc://127.0.0.1:" + port, set: set, schema: []string{"--protoset", set}})
	})
}

func runInterop(t *testing.T, p *peer) {
	for _, check := range []struct {
		name string
		run  func(*testing.T, *peer)
	}{
		{"empty_unary", emptyUnary},
		{"large_unary", largeUnary},
		{"client_streaming", clientStreaming},
		{"server_streaming", serverStreaming},
		{"ping_pong", pingPong},
		{"empty_stream", emptyStream},
		{"timeout_on_sleeping_server", timeoutOnSleepingServer},
		{"cancel_after_begin", cancelAfterBegin},
		{"cancel_after_first_response", cancelAfterFirstResponse},
		{"status_code_and_message/unary", func(t *testing.T, p *peer) { statusCodeAndMessage(t, p, "UnaryCall") }},
		{"status_code_and_message/duplex", func(t *testing.T, p *peer) { statusCodeAndMessage(t, p, "FullDuplexCall") }},
		{"special_status_message", specialStatusMessage},
		{"custom_metadata/unary", func(t *testing.T, p *peer) {
			customMetadata(t, p, "UnaryCall", `{"response_size":1,"payload":{"body":"AA=="}}`)
		}},
		{"custom_metadata/duplex", func(t *testing.T, p *peer) {
			customMetadata(t, p, "FullDuplexCall", `{"response_parameters":[{"size":1}],"payload":{"body":"AA=="}}`)
		}},
		{"unimplemented_method", unimplementedMethod},
		{"unimplemented_service", unimplementedService},
	} {
		t.Run(check.name, func(t *testing.T) { check.run(t, p) })
	}
}

// The sizes that the descriptions give, in bytes.
var (
	requestSizes  = []int{27182, 8, 1828, 45904}
	responseSizes = []int{31415, 9, 2653, 58979}
)

func emptyUnary(t *testing.T, p *peer) {
	got := p.call(t, "EmptyCall", nil)
	got.ended(t, "OK", 0)
	if len(got.messages) != 1 || string(got.messages[0]) != "{}" {
		t.Errorf("responses %s, want one empty one", got.messages)
	}
}

func largeUnary(t *testing.T, p *peer) {
	got := p.call(t, "UnaryCall", []string{fmt.Sprintf(`{"response_size":314159,"payload":%s}`, payload(271828))})
	got.ended(t, "OK", 0)
	got.bodies(t, 314159)
}

func clientStreaming(t *testing.T, p *peer) {
	var requests []string
	for _, size := range requestSizes {
		requests = append(requests, fmt.Sprintf(`{"payload":%s}`, payload(size)))
	}
	got := p.call(t, "StreamingInputCall", requests)
	got.ended(t, "OK", 0)
	if len(got.messages) != 1 || string(got.messages[0]) != `{"aggregatedPayloadSize":74922}` {
		t.Errorf("responses %s, want an aggregated size of 74922", got.messages)
	}
}

func serverStreaming(t *testing.T, p *peer) {
	var parameters []map[string]int
	for _, size := range responseSizes {
		parameters = append(parameters, map[string]int{"size": size})
	}
	request, err := json.Marshal(map[string]any{"response_parameters": parameters})
	if err != nil {
		t.Fatal(err)
	}
	got := p.call(t, "StreamingOutputCall", []string{string(request)})
	got.ended(t, "OK", 0)
	got.bodies(t, responseSizes...)
}

func pingPong(t *testing.T, p *peer) {
	c := p.start(t, "FullDuplexCall")
	for i, size := range requestSizes {
		c.send(t, duplexRequest(responseSizes[i], size))
		c.until(t, "message")
	}
	got := c.finish(t)
	got.ended(t, "OK", 0)
	got.bodies(t, responseSizes...)
}

func emptyStream(t *testing.T, p *peer) {
	got := p.call(t, "FullDuplexCall", nil)
	got.ended(t, "OK", 0)
	got.bodies(t)
}

func timeoutOnSleepingServer(t *testing.T, p *peer) {
	c := p.start(t, "FullDuplexCall", "--timeout", "1ms")
	// The deadline may have passed, and the process with it, before the
	// request is written.
	_ = c.process.Send([]byte(fmt.Sprintf(`{"payload":%s}`, payload(27182))))
	got := c.drain(t) // the send side stays open: only the deadline ends the call
	got.ended(t, "DEADLINE_EXCEEDED", 68)
}

func cancelAfterBegin(t *testing.T, p *peer) {
	c := p.start(t, "StreamingInputCall")
	if err := c.process.Narrated(c.ctx, "> POST ", 1); err != nil {
		t.Fatal(err)
	}
	c.interrupt(t)
	got := c.drain(t)
	got.ended(t, "CANCELLED", 130)
	got.bodies(t)
}

func cancelAfterFirstResponse(t *testing.T, p *peer) {
	c := p.start(t, "FullDuplexCall")
	c.send(t, duplexRequest(31415, 27182))
	c.until(t, "message")
	c.interrupt(t)
	got := c.drain(t)
	got.ended(t, "CANCELLED", 130)
	got.bodies(t, 31415)
}

func statusCodeAndMessage(t *testing.T, p *peer, method string) {
	got := p.call(t, method, []string{`{"response_status":{"code":2,"message":"test status message"}}`})
	got.ended(t, "UNKNOWN", 66)
	got.says(t, "test status message")
}

func specialStatusMessage(t *testing.T, p *peer) {
	const message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
	request, err := json.Marshal(map[string]any{"response_status": map[string]any{"code": 2, "message": message}})
	if err != nil {
		t.Fatal(err)
	}
	got := p.call(t, "UnaryCall", []string{string(request)})
	got.ended(t, "UNKNOWN", 66)
	got.says(t, message)
}

func customMetadata(t *testing.T, p *peer, method, request string) {
	const initial, trailing = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
	value := base64.StdEncoding.EncodeToString([]byte{0xab, 0xab, 0xab})
	got := p.call(t, method, []string{request},
		"-H", initial+": test_initial_metadata_value", "-H", trailing+": "+value)
	got.ended(t, "OK", 0)
	got.bodies(t, 1)
	if v := got.headers[initial]; !slices.Equal(v, []string{"test_initial_metadata_value"}) {
		t.Errorf("header %s = %q", initial, v)
	}
	if v := got.trailers[trailing]; !slices.Equal(v, []string{value}) {
		t.Errorf("trailer %s = %q, want %q", trailing, v, value)
	}
}

func unimplementedMethod(t *testing.T, p *peer) {
	p.call(t, "TestService/UnimplementedCall", nil).ended(t, "UNIMPLEMENTED", 76)
}

func unimplementedService(t *testing.T, p *peer) {
	// No server describes a service that it does not have.
	unknown := &peer{grpcx: p.grpcx, address: p.address, schema: []string{"--protoset", p.set}}
	unknown.call(t, "grpc.testing.UnimplementedService/UnimplementedCall", nil).ended(t, "UNIMPLEMENTED", 76)
}

// payload is a grpc.testing.Payload of size zero bytes, in JSON.
func payload(size int) string {
	return fmt.Sprintf(`{"body":%q}`, base64.StdEncoding.EncodeToString(make([]byte, size)))
}

// duplexRequest carries size bytes and asks for a response of responseSize.
func duplexRequest(responseSize, size int) string {
	return fmt.Sprintf(`{"response_parameters":[{"size":%d}],"payload":%s}`, responseSize, payload(size))
}

// writeTestSet writes the descriptor set of grpc/testing/test.proto.
func writeTestSet(t *testing.T) string {
	t.Helper()
	var set descriptorpb.FileDescriptorSet
	var add func(protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if slices.ContainsFunc(set.File, func(f *descriptorpb.FileDescriptorProto) bool { return f.GetName() == file.Path() }) {
			return
		}
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	add(testpb.File_grpc_testing_test_proto)
	wire, err := proto.Marshal(&set)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "interop.binpb")
	if err := os.WriteFile(path, wire, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
