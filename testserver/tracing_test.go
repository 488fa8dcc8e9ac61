package testserver

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"

	"github.com/grpcx/grpcx/testdata/testnet"
	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// otlpCollector is a collector that takes OTLP over gRPC.
type otlpCollector struct {
	collector.UnimplementedTraceServiceServer
	url string

	hang chan struct{} // Export does not answer until it is closed, or its caller is gone

	mu        sync.Mutex
	resources []*tracepb.ResourceSpans
}

func startCollector(t *testing.T) *otlpCollector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &otlpCollector{url: "http://" + l.Addr().String()}
	server := grpc.NewServer(grpc.WaitForHandlers(true))
	collector.RegisterTraceServiceServer(server, c)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return c
}

func (c *otlpCollector) Export(ctx context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	if c.hang != nil {
		select {
		case <-c.hang:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resources = append(c.resources, req.GetResourceSpans()...)
	return &collector.ExportTraceServiceResponse{}, nil
}

// spans returns all spans that came, by name.
func (c *otlpCollector) spans() map[string][]*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string][]*tracepb.Span{}
	for _, r := range c.resources {
		for _, scope := range r.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				all[span.GetName()] = append(all[span.GetName()], span)
			}
		}
	}
	return all
}

func spanAttributes(kvs []*commonpb.KeyValue) map[string]string {
	m := map[string]string{}
	for _, kv := range kvs {
		v := kv.GetValue()
		if a := v.GetArrayValue(); a != nil && len(a.GetValues()) == 1 {
			v = a.GetValues()[0]
		}
		m[kv.GetKey()] = v.GetStringValue()
	}
	return m
}

const (
	clientTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	clientSpan1 = "00f067aa0ba902b7"
)

func TestSpansReachTheCollector(t *testing.T) {
	otlp := startCollector(t)
	var log syncBuffer
	s := Start(t, Config{
		Version: "1.2.3",
		Logger:  slog.New(slog.NewTextHandler(&log, nil)),
		Tracing: Tracing{Endpoint: otlp.url, Service: "reference"},
		Auth:    AuthOff,
	})
	cc := dial(t, s)
	users, interop := pb.NewUserServiceClient(cc), grpc_testing.NewTestServiceClient(cc)
	ctx := metadata.AppendToOutgoingContext(withDeadline(t), "x-request-id", "req-1", "cookie", "sid=s3cr3t",
		"traceparent", "00-"+clientTrace+"-"+clientSpan1+"-01", "tracestate", "vendor=a", "tracestate", "other=b")
	if _, err := users.CreateUser(ctx, &pb.CreateUserRequest{Name: "A", Email: "a@example.com"}); err != nil {
		t.Fatal(err)
	}
	_, err := users.GetUser(withDeadline(t), &pb.GetUserRequest{UserId: "9"})
	wantStatus(t, err, codes.NotFound, "")
	wantStatus(t, echoStream(t, interop, nil, codes.Unavailable), codes.Unavailable, "")
	err = cc.Invoke(withDeadline(t), "/no.Such/password=s3cr3t", &pb.GetUserRequest{}, &pb.GetUserResponse{})
	wantStatus(t, err, codes.Unimplemented, "")
	batch, err := users.CreateMultipleUsers(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := batch.CloseAndRecv(); err != nil {
		t.Fatal(err)
	}
	body, _ := getAdmin(t, s, "/metrics", http.StatusOK, "Accept", "application/openmetrics-text;version=1.0.0")
	if !strings.Contains(body, `# {trace_id="`+clientTrace+`"}`) {
		t.Error("no trace is an example of a duration")
	}
	if err := s.Shutdown(withDeadline(t)); err != nil {
		t.Error(err)
	}

	spans := otlp.spans()
	for name, c := range map[string]struct {
		status tracepb.Status_StatusCode
		code   string
	}{
		"userservice.UserService/CreateUser":          {tracepb.Status_STATUS_CODE_UNSET, "OK"},
		"userservice.UserService/GetUser":             {tracepb.Status_STATUS_CODE_UNSET, "NOT_FOUND"},
		"grpc.testing.TestService/FullDuplexCall":     {tracepb.Status_STATUS_CODE_ERROR, "UNAVAILABLE"},
		"userservice.UserService/CreateMultipleUsers": {tracepb.Status_STATUS_CODE_UNSET, "OK"},
		"_OTHER": {tracepb.Status_STATUS_CODE_ERROR, "UNIMPLEMENTED"},
	} {
		if len(spans[name]) != 1 {
			t.Errorf("%d spans of %s, want 1", len(spans[name]), name)
			continue
		}
		span := spans[name][0]
		attrs := spanAttributes(span.GetAttributes())
		if span.GetKind() != tracepb.Span_SPAN_KIND_SERVER || span.GetStatus().GetCode() != c.status || len(span.GetEvents()) != 0 ||
			attrs["rpc.system.name"] != "grpc" || attrs["rpc.method"] != name || attrs["rpc.response.status_code"] != c.code ||
			attrs["network.peer.address"] != "127.0.0.1" || span.GetEndTimeUnixNano() < span.GetStartTimeUnixNano() {
			t.Errorf("%s: %v", name, span)
		}
		if strings.Contains(span.String(), "s3cr3t") {
			t.Errorf("%s has a secret: %v", name, span)
		}
	}
	if len(spans) != 5 {
		t.Errorf("%d names of spans, want 5", len(spans))
	}
	t.Run("in the client's trace", func(t *testing.T) {
		span := spans["userservice.UserService/CreateUser"][0]
		if hex.EncodeToString(span.GetTraceId()) != clientTrace || hex.EncodeToString(span.GetParentSpanId()) != clientSpan1 ||
			span.GetTraceState() != "vendor=a,other=b" || spanAttributes(span.GetAttributes())["rpc.response.metadata.request-id"] != "req-1" {
			t.Errorf("%v", span)
		}
	})
	t.Run("of the service", func(t *testing.T) {
		attrs := spanAttributes(otlp.resources[0].GetResource().GetAttributes())
		if attrs["service.name"] != "reference" || attrs["service.version"] != "1.2.3" || attrs["service.instance.id"] == "" {
			t.Errorf("%v", attrs)
		}
	})
	t.Run("with its id in the log", func(t *testing.T) {
		root := hex.EncodeToString(spans["userservice.UserService/GetUser"][0].GetTraceId())
		for _, id := range []string{clientTrace, root} {
			if !strings.Contains(log.String(), "trace_id="+id) {
				t.Errorf("log lacks %s:\n%s", id, log.String())
			}
		}
	})
}

func TestTraceParents(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	s := Start(t, Config{Tracing: Tracing{Provider: provider}})
	c := pb.NewUserServiceClient(dial(t, s))
	const good = "00-" + clientTrace + "-" + clientSpan1 + "-01"
	for name, md := range map[string]metadata.MD{
		"none":           {},
		"garbage":        metadata.Pairs("traceparent", "garbage"),
		"zero trace":     metadata.Pairs("traceparent", "00-00000000000000000000000000000000-"+clientSpan1+"-01"),
		"two of them":    metadata.Pairs("traceparent", good, "traceparent", good),
		"long":           metadata.Pairs("traceparent", good+strings.Repeat("0", 5000)),
		"binary":         metadata.Pairs("traceparent-bin", "\x00"+good),
		"state alone":    metadata.Pairs("tracestate", "a=b"),
		"good":           metadata.Pairs("traceparent", good),
		"good, bad rest": metadata.Pairs("traceparent", good, "tracestate", strings.Repeat("=,", 1000)),
	} {
		t.Run(name, func(t *testing.T) {
			recorder.Reset()
			_, err := c.GetUser(metadata.NewOutgoingContext(withDeadline(t), md), &pb.GetUserRequest{UserId: "9"})
			wantStatus(t, err, codes.NotFound, "")
			ended := recorder.Ended()
			if len(ended) != 1 {
				t.Fatalf("%d spans", len(ended))
			}
			if got, want := ended[0].SpanContext().TraceID().String() == clientTrace, strings.HasPrefix(name, "good"); got != want {
				t.Errorf("in the client's trace: %v, want %v", got, want)
			}
		})
	}
	if err := s.Shutdown(withDeadline(t)); err != nil {
		t.Error(err)
	}
	if _, span := provider.Tracer("").Start(t.Context(), "later"); !span.IsRecording() {
		t.Error("the server shut down a provider that is not its own")
	}
}

func TestTraceIDInTheLogWithoutSpans(t *testing.T) {
	var log syncBuffer
	s := Start(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ctx := metadata.AppendToOutgoingContext(withDeadline(t), "traceparent", "00-"+clientTrace+"-"+clientSpan1+"-00")
	_, err := pb.NewUserServiceClient(dial(t, s)).GetUser(ctx, &pb.GetUserRequest{UserId: "9"})
	wantStatus(t, err, codes.NotFound, "")
	if !strings.Contains(log.String(), "trace_id="+clientTrace) {
		t.Error(log.String())
	}
}

func TestSampling(t *testing.T) {
	otlp := startCollector(t)
	s := Start(t, Config{Tracing: Tracing{Endpoint: otlp.url, Sample: math.SmallestNonzeroFloat64}})
	c := pb.NewUserServiceClient(dial(t, s))
	for range 20 {
		_, err := c.GetUser(withDeadline(t), &pb.GetUserRequest{UserId: "9"})
		wantStatus(t, err, codes.NotFound, "")
	}
	ctx := metadata.AppendToOutgoingContext(withDeadline(t), "traceparent", "00-"+clientTrace+"-"+clientSpan1+"-01")
	_, err := c.GetUser(ctx, &pb.GetUserRequest{UserId: "9"})
	wantStatus(t, err, codes.NotFound, "")
	if err := s.Shutdown(withDeadline(t)); err != nil {
		t.Error(err)
	}
	if got := otlp.spans()["userservice.UserService/GetUser"]; len(got) != 1 {
		t.Errorf("%d spans, want the one of the client that keeps its trace", len(got))
	}
}

func TestTracingRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Tracing
		want string
	}{
		"no scheme":    {Tracing{Endpoint: "localhost:4317"}, "want a URL"},
		"no host":      {Tracing{Endpoint: "http://"}, "want a URL"},
		"no URL":       {Tracing{Endpoint: "http://a b"}, "want a URL"},
		"another":      {Tracing{Endpoint: "ftp://host"}, "want a URL"},
		"password":     {Tracing{Endpoint: "https://u:s3cr3t@host:4317"}, "credentials"},
		"bad password": {Tracing{Endpoint: "https://u:s3cr3t/x@host:4317"}, "want a URL"},
		"negative":     {Tracing{Endpoint: "http://host:4317", Sample: -0.1}, "sample -0.1"},
		"too much":     {Tracing{Endpoint: "http://host:4317", Sample: 1.1}, "sample 1.1"},
		"no number":    {Tracing{Endpoint: "http://host:4317", Sample: math.NaN()}, "sample NaN"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := New(Config{Tracing: c.cfg})
			if err == nil {
				_ = s.Shutdown(withDeadline(t))
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cr3t") {
				t.Error(err)
			}
		})
	}
}

// A collector that is down or does not answer costs spans, and neither calls nor
// the end of the server.
func TestCollectorFails(t *testing.T) {
	t.Parallel()
	t.Run("does not answer", func(t *testing.T) {
		t.Parallel()
		otlp := startCollector(t)
		otlp.hang = make(chan struct{})
		testLostSpans(t, otlp.url)
	})
	t.Run("is down", func(t *testing.T) {
		t.Parallel()
		testLostSpans(t, "http://"+testnet.Refusing(t))
	})
}

func testLostSpans(t *testing.T, url string) {
	var log syncBuffer
	s := Start(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil)), Tracing: Tracing{Endpoint: url}})
	c := grpc_testing.NewTestServiceClient(dial(t, s))
	for range 3000 { // more than a queue of spans holds
		if _, err := c.EmptyCall(withDeadline(t), &grpc_testing.Empty{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := echoStream(t, c, []int{1}, codes.OK); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	start := time.Now()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 15*time.Second { // 30 s is what the exporter itself would take
		t.Errorf("shutdown took %v", took)
	}
	if !strings.Contains(log.String(), "spans were lost") {
		t.Error("the log does not tell of the spans that were lost")
	}
}
