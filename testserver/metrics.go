package testserver

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Kinds of calls, with the names that metrics of gRPC servers have for them.
const (
	kindUnary        = "unary"
	kindClientStream = "client_stream"
	kindServerStream = "server_stream"
	kindBidiStream   = "bidi_stream"
)

func callKind(clientStreams, serverStreams bool) string {
	switch {
	case clientStreams && serverStreams:
		return kindBidiStream
	case clientStreams:
		return kindClientStream
	case serverStreams:
		return kindServerStream
	}
	return kindUnary
}

// unknownLabel is the kind, the service and the method of all calls of methods
// that the server does not have.
const unknownLabel = "unknown"

// traffic counts the messages of a call and their bytes, before compression.
type traffic struct {
	received, receivedBytes, sent, sentBytes atomic.Int64
}

// metrics are the measurements of one server. The names are those of
// go-grpc-middleware, so that dashboards for it fit; sizes, calls under way and
// connections are our own.
type metrics struct {
	registry *prometheus.Registry
	clients  *clientMetrics

	methods sync.Map // *methodMetrics by method as it was sent; "" for unknown ones

	started, handled, received, sent *prometheus.CounterVec
	inFlight                         *prometheus.GaugeVec
	seconds                          *prometheus.HistogramVec
	receivedBytes, sentBytes         *prometheus.HistogramVec
}

// methodMetrics are those of one method.
type methodMetrics struct {
	started, received, sent           prometheus.Counter
	handled                           *prometheus.CounterVec // by code
	inFlight                          prometheus.Gauge
	seconds, receivedBytes, sentBytes prometheus.Observer
}

func newMetrics(now func() time.Time) *metrics {
	method := []string{"grpc_type", "grpc_service", "grpc_method"}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append(labels, method...))
	}
	// Beside the buckets, which any Prometheus can read, there is a native
	// histogram that is right to 10 % at any duration.
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: buckets,
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}, method)
	}
	sizes := prometheus.ExponentialBuckets(64, 4, 10)
	m := &metrics{
		registry: prometheus.NewRegistry(),
		clients:  newClientMetrics(now),
		started:  counter("grpc_server_started_total", "Calls that began."),
		handled:  counter("grpc_server_handled_total", "Calls that ended, by status code.", "grpc_code"),
		received: counter("grpc_server_msg_received_total", "Messages received from clients."),
		sent:     counter("grpc_server_msg_sent_total", "Messages sent to clients."),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "grpc_server_in_flight", Help: "Calls under way.",
		}, method),
		seconds: histogram("grpc_server_handling_seconds", "Duration of calls, streams included, until the handler returned.", []float64{
			.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600,
		}),
		receivedBytes: histogram("grpc_server_msg_received_bytes", "Size of messages received, before compression.", sizes),
		sentBytes:     histogram("grpc_server_msg_sent_bytes", "Size of messages sent, before compression.", sizes),
	}
	m.registry.MustRegister(m.started, m.handled, m.received, m.sent, m.inFlight,
		m.seconds, m.receivedBytes, m.sentBytes, m.clients)
	return m
}

// gatherer is all that there is to scrape: the calls, and the server as a whole.
func (s *Server) gatherer() prometheus.Gatherer {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "grpcx_build_info", Help: "Always 1; the label tells the version.",
			ConstLabels: prometheus.Labels{"version": validText(s.cfg.Version)},
		}, func() float64 { return 1 }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "grpc_server_connections", Help: "Open connections.",
		}, func() float64 { return float64(s.grpc.Stats().Connections) }),
	)
	return prometheus.Gatherers{s.metrics.registry, r}
}

// of returns the metrics of the method that is called.
func (m *metrics) of(c *call) *methodMetrics {
	key := ""
	if c.known {
		key = c.method
	}
	if found, ok := m.methods.Load(key); ok {
		return found.(*methodMetrics)
	}
	labels := []string{unknownLabel, unknownLabel, unknownLabel}
	if c.known {
		labels = []string{c.kind, c.service(), c.method[strings.LastIndexByte(c.method, '/')+1:]}
	}
	found, _ := m.methods.LoadOrStore(key, &methodMetrics{
		started:  m.started.WithLabelValues(labels...),
		received: m.received.WithLabelValues(labels...),
		sent:     m.sent.WithLabelValues(labels...),
		handled: m.handled.MustCurryWith(prometheus.Labels{
			"grpc_type": labels[0], "grpc_service": labels[1], "grpc_method": labels[2],
		}),
		inFlight:      m.inFlight.WithLabelValues(labels...),
		seconds:       m.seconds.WithLabelValues(labels...),
		receivedBytes: m.receivedBytes.WithLabelValues(labels...),
		sentBytes:     m.sentBytes.WithLabelValues(labels...),
	})
	return found.(*methodMetrics)
}

// measured counts the call and its messages. What the transport refuses before
// there is a call, such as a message that is too large, is not seen here.
func (s *Server) measured(ctx context.Context, c *call, next func(context.Context) error) error {
	m := s.metrics.of(c)
	c.onReceive(func(message any) error {
		size := messageSize(message)
		c.traffic.received.Add(1)
		c.traffic.receivedBytes.Add(int64(size))
		m.received.Inc()
		m.receivedBytes.Observe(float64(size))
		return nil
	})
	c.onSend(func(message any) {
		size := messageSize(message)
		c.traffic.sent.Add(1)
		c.traffic.sentBytes.Add(int64(size))
		m.sent.Inc()
		m.sentBytes.Observe(float64(size))
	})
	m.started.Inc()
	m.inFlight.Inc()
	defer m.inFlight.Dec()
	start := time.Now()
	err := next(ctx)
	m.handled.WithLabelValues(codeLabel(status.Code(err))).Inc()
	observeCall(ctx, m.seconds, time.Since(start).Seconds())
	return err
}

// observeCall takes in a value, with the trace as an example of it if there is one
// that is kept.
func observeCall(ctx context.Context, o prometheus.Observer, value float64) {
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		if o, ok := o.(prometheus.ExemplarObserver); ok {
			o.ObserveWithExemplar(value, prometheus.Labels{"trace_id": span.TraceID().String()})
			return
		}
	}
	o.Observe(value)
}

// codeLabel bounds the codes, which a handler may make up.
func codeLabel(code codes.Code) string {
	if code > codes.Unauthenticated {
		code = codes.Unknown
	}
	return code.String()
}

func messageSize(message any) int {
	m, ok := message.(proto.Message)
	if !ok {
		return 0
	}
	return proto.Size(m)
}
