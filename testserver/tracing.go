package testserver

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// How long a shutdown waits for the last spans to be sent: for what is left of
// its own time, within these bounds.
const (
	minFlush = 500 * time.Millisecond
	maxFlush = 5 * time.Second
)

// Tracing says where the spans of calls go. The zero value makes no spans.
type Tracing struct {
	// Provider makes the spans; it stays the caller's to shut down. The other fields
	// are for the provider that the server makes where there is none.
	Provider trace.TracerProvider
	// Endpoint is the http or https URL of a collector that takes OTLP over gRPC,
	// such as http://localhost:4317. The standard variables OTEL_EXPORTER_OTLP_HEADERS,
	// OTEL_RESOURCE_ATTRIBUTES and their like apply too.
	Endpoint string
	// Sample is the share of traces to keep, above 0 and up to 1, of those that
	// begin here; for others the client has decided. 0 means all.
	Sample float64
	// Service is the name of the service in its spans; "" means "grpcx", unless the
	// environment has one.
	Service string
}

// tracing makes the spans of one server.
type tracing struct {
	tracer trace.Tracer // nil if there are no spans
	flush  func(context.Context) error
}

func newTracing(cfg Tracing, version string, log *slog.Logger) (*tracing, error) {
	t := &tracing{flush: func(context.Context) error { return nil }}
	provider := cfg.Provider
	if provider == nil && cfg.Endpoint != "" {
		exporting, err := newExporting(cfg, version, log)
		if err != nil {
			return nil, fmt.Errorf("tracing: %w", err)
		}
		provider, t.flush = exporting.TracerProvider, exporting.shutdown
	}
	if provider != nil {
		t.tracer = provider.Tracer("github.com/grpcx/grpcx/testserver", trace.WithInstrumentationVersion(version))
	}
	return t, nil
}

// exporting is a provider whose spans are sent to a collector.
type exporting struct {
	*sdktrace.TracerProvider
	cut context.CancelFunc // ends the sending of spans
}

func newExporting(cfg Tracing, version string, log *slog.Logger) (*exporting, error) {
	if err := checkEndpoint(cfg.Endpoint); err != nil {
		return nil, err
	}
	if cfg.Sample < 0 || cfg.Sample > 1 || cfg.Sample != cfg.Sample {
		return nil, fmt.Errorf("sample %v: want a share from 0 to 1", cfg.Sample)
	}
	ctx := context.Background()
	named := []attribute.KeyValue{}
	if cfg.Service != "" {
		named = append(named, semconv.ServiceName(cfg.Service))
	}
	res, err := sdkresource.New(ctx, sdkresource.WithTelemetrySDK(),
		sdkresource.WithAttributes(semconv.ServiceName("grpcx"), semconv.ServiceVersion(version), semconv.ServiceInstanceID(rand.Text())),
		sdkresource.WithFromEnv(), sdkresource.WithAttributes(named...))
	if err != nil {
		return nil, fmt.Errorf("resource: %w", err)
	}
	otlp, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(cfg.Endpoint))
	if err != nil {
		return nil, fmt.Errorf("exporter: %w", err)
	}
	alive, cut := context.WithCancel(ctx)
	return &exporting{cut: cut, TracerProvider: sdktrace.NewTracerProvider(
		sdktrace.WithResource(res),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cmp.Or(cfg.Sample, 1)))),
		sdktrace.WithBatcher(&exporter{SpanExporter: otlp, alive: alive, log: log}),
	)}, nil
}

// shutdown sends what there is still to send, until ctx ends.
func (e *exporting) shutdown(ctx context.Context) error {
	// Given ctx, the provider would return at its end and leave its goroutines.
	defer context.AfterFunc(ctx, e.cut)()
	defer e.cut()
	if err := e.Shutdown(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("shut down tracing: %w", err)
	}
	return nil
}

// checkEndpoint refuses what the exporter would replace by an address of its own.
func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return fmt.Errorf("endpoint %q: want a URL such as http://localhost:4317", redact(endpoint))
	case u.User != nil:
		return errors.New("endpoint: credentials do not belong in the URL")
	}
	return nil
}

// exporter tells the log of failures, which the OpenTelemetry SDK would report
// to the whole process.
type exporter struct {
	sdktrace.SpanExporter
	alive context.Context // ends all exports
	log   *slog.Logger
}

func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.alive, cancel)()
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.log.LogAttrs(ctx, slog.LevelWarn, "spans were lost", slog.Int("spans", len(spans)), slog.Any("error", err))
	}
	return nil
}

// shutdown sends the last spans. What ctx leaves no time for is lost.
func (t *tracing) shutdown(ctx context.Context) error {
	left := maxFlush
	if deadline, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(minFlush, left))
	defer cancel()
	return t.flush(ctx)
}

// traced makes a span of the call, in the trace that the client names. It bears
// the attributes of the semantic conventions for RPC.
func (s *Server) traced(ctx context.Context, c *call, next func(context.Context) error) error {
	ctx = clientSpan(ctx)
	if s.tracing.tracer == nil {
		return next(ctx)
	}
	method := strings.TrimPrefix(c.method, "/")
	attrs := make([]attribute.KeyValue, 0, 8)
	attrs = append(attrs, semconv.RPCSystemNameGRPC)
	if c.known {
		attrs = append(attrs, semconv.RPCMethod(method))
	} else {
		attrs = append(attrs, semconv.RPCMethod("_OTHER"), semconv.RPCMethodOriginal(validText(redact(shorten(c.method)))))
		method = "_OTHER"
	}
	ctx, span := s.tracing.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attrs...))
	defer span.End()
	err := next(ctx)
	if span.IsRecording() {
		describeSpan(ctx, span, status.Convert(err))
	}
	return err
}

// describeSpan adds to a span what is known at its end.
func describeSpan(ctx context.Context, span trace.Span, st *status.Status) {
	span.SetAttributes(semconv.RPCResponseStatusCode(code.Code(st.Code()).String()))
	if isServerFault(st.Code()) {
		span.SetStatus(otelcodes.Error, validText(redact(st.Message())))
	}
	if id, ok := ctx.Value(requestIDKey{}).(string); ok {
		span.SetAttributes(semconv.RPCResponseMetadata("request-id", id))
	}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return
	}
	if a, ok := p.Addr.(*net.TCPAddr); ok {
		span.SetAttributes(semconv.NetworkPeerAddress(a.IP.String()), semconv.NetworkPeerPort(a.Port))
	}
}

// isServerFault tells which codes make a server's span an error, by the semantic
// conventions for gRPC.
func isServerFault(code codes.Code) bool {
	switch code {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		return true
	default:
		return code > codes.Unauthenticated
	}
}

// clientSpan returns a context with the span of the client that made the call,
// if the metadata names it by the rules of W3C Trace Context.
func clientSpan(ctx context.Context) context.Context {
	if len(metadata.ValueFromIncomingContext(ctx, "traceparent")) != 1 {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, traceCarrier{ctx})
}

// traceCarrier is the metadata of a call, for propagation.
type traceCarrier struct {
	ctx context.Context
}

func (i traceCarrier) Get(name string) string {
	return strings.Join(metadata.ValueFromIncomingContext(i.ctx, name), ",")
}

func (i traceCarrier) Set(string, string) {}

func (i traceCarrier) Keys() []string { return nil }
