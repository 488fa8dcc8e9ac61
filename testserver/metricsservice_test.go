package testserver

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/grpcx/grpcx/testserver/proto/telemetry"
)

// recordMetrics sends the measurements in one stream.
func recordMetrics(t *testing.T, s *Server, metrics ...*pb.Metric) (*pb.RecordResponse, error) {
	t.Helper()
	stream, err := pb.NewMetricsServiceClient(dial(t, s)).RecordMetrics(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metrics {
		if stream.Send(m) != nil {
			break // the response says why
		}
	}
	return stream.CloseAndRecv()
}

func TestRecordMetrics(t *testing.T) {
	var c clock
	s := Start(t, Config{now: c.now})
	ago := func(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(c.now().Add(-d)) }
	resp, err := recordMetrics(t, s,
		&pb.Metric{Name: "queue_length", Value: 3},
		&pb.Metric{Name: "queue_length", Value: 7},
		&pb.Metric{Name: "latency", Value: 0.5, Tags: map[string]string{"region": "eu", "host": "a"}},
		&pb.Metric{Name: "latency", Value: -1.5, Tags: map[string]string{"region": "us", "host": "a"}, Timestamp: ago(time.Minute)},
		&pb.Metric{Name: "latency", Value: 9, Tags: map[string]string{"region": "us", "host": "a"}, Timestamp: ago(time.Hour)}, // late
		&pb.Metric{Name: "latency", Value: 4, Tags: map[string]string{"empty": ""}},
		&pb.Metric{Name: "queue_length_count", Value: 1}, // no part of a histogram
		&pb.Metric{Name: "queue_length_total", Value: 2},
		&pb.Metric{Name: "texts", Value: 1, Tags: map[string]string{"text": "\"\\\n\x00é", "password": "s3cr3t", "url": "http://u:s3cr3t@h"}},
		&pb.Metric{Name: "texts", Value: 2, Tags: map[string]string{"text": "\"\\\n\x00é", "password": "0ther-s3cr3t", "url": "http://u:s3cr4t@h"}},
	)
	if err != nil || resp.GetCount() != 10 {
		t.Fatal(resp, err)
	}
	families := scrape(t, s, "")
	for _, c := range []struct {
		want   float64
		family string
		labels []string
	}{
		{7, "grpcx_client_queue_length", nil},
		{0.5, "grpcx_client_latency", []string{"region=eu", "host=a"}},
		{-1.5, "grpcx_client_latency", []string{"region=us", "host=a"}},
		{1, "grpcx_client_queue_length_count", nil},
		{2, "grpcx_client_queue_length_total", nil},
		{2, "grpcx_client_texts", []string{"text=\"\\\n\x00é", "password=[redacted]", "url=http://u:[redacted]@h"}},
		{10, "grpcx_recorded_measurements_total", nil},
	} {
		if got := metricValue(t, families, c.family, c.labels...); got != c.want {
			t.Errorf("%s%v = %v, want %v", c.family, c.labels, got, c.want)
		}
	}
	if n := len(metricSeries(t, families, "grpcx_client_latency")); n != 3 {
		t.Errorf("%d series of latency, want 3", n)
	}
	for _, accept := range []string{"application/openmetrics-text;version=1.0.0", protobufFormat} {
		if body, _ := getAdmin(t, s, "/metrics", http.StatusOK, "Accept", accept); !strings.Contains(body, "grpcx_client_queue_length") || strings.Contains(body, "s3cr") {
			t.Errorf("%s: %s", accept, body)
		}
	}

	c.advance(clientSeriesTTL + time.Minute)
	if _, err := recordMetrics(t, s, &pb.Metric{Name: "other", Value: 1}); err != nil {
		t.Error(err)
	}
	families = scrape(t, s, "")
	if families["grpcx_client_latency"] != nil || families["grpcx_client_other"] == nil {
		t.Error("a series to which nothing came for an hour is still shown, or another is not")
	}
}

func TestRecordMetricsRefuses(t *testing.T) {
	s := Start(t, Config{})
	tags := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	many := map[string]string{}
	for i := range maxTags + 1 {
		many[fmt.Sprintf("t%d", i)] = "v"
	}
	for name, c := range map[string]struct {
		metric *pb.Metric
		fields string
	}{
		"no name":                   {&pb.Metric{}, "name"},
		"name with a dot":           {&pb.Metric{Name: "a.b"}, "name"},
		"name with a colon":         {&pb.Metric{Name: "a:b"}, "name"},
		"name that is a line":       {&pb.Metric{Name: "a\n# HELP b"}, "name"},
		"name with a digit first":   {&pb.Metric{Name: "1a"}, "name"},
		"name in another script":    {&pb.Metric{Name: "имя"}, "name"},
		"long name":                 {&pb.Metric{Name: strings.Repeat("a", maxMetricName+1)}, "name"},
		"NaN":                       {&pb.Metric{Name: "a", Value: math.NaN()}, "value"},
		"infinite":                  {&pb.Metric{Name: "a", Value: math.Inf(-1)}, "value"},
		"impossible time":           {&pb.Metric{Name: "a", Timestamp: &timestamppb.Timestamp{Nanos: 2_000_000_000}}, "timestamp"},
		"future":                    {&pb.Metric{Name: "a", Timestamp: timestamppb.New(time.Now().Add(time.Hour))}, "timestamp"},
		"many tags":                 {&pb.Metric{Name: "a", Tags: many}, "tags"},
		"tag with a dash":           {&pb.Metric{Name: "a", Tags: tags("a-b", "v")}, `tags["a-b"]`},
		"tag for Prometheus itself": {&pb.Metric{Name: "a", Tags: tags("__name__", "v")}, `tags["__name__"]`},
		"tag without a name":        {&pb.Metric{Name: "a", Tags: tags("", "v")}, `tags[""]`},
		"long tag":                  {&pb.Metric{Name: "a", Tags: tags("t", strings.Repeat("v", maxTagValue+1))}, `tags["t"]`},
		"everything at once":        {&pb.Metric{Value: math.NaN(), Tags: tags("é", "v", "ü", "w")}, `name value tags["é"] tags["ü"]`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := recordMetrics(t, s, &pb.Metric{Name: "good"}, c.metric, &pb.Metric{Name: "never"})
			st := wantStatus(t, err, codes.InvalidArgument, "entry 1")
			var fields []string
			for _, v := range detail[*errdetails.BadRequest](t, st).GetFieldViolations() {
				fields = append(fields, strings.TrimPrefix(v.GetField(), "requests[1]."))
			}
			if got := strings.Join(fields, " "); got != c.fields {
				t.Errorf("fields %s, want %s", got, c.fields)
			}
		})
	}
	families := scrape(t, s, "")
	if families["grpcx_client_good"] == nil || families["grpcx_client_never"] != nil {
		t.Error("what comes before a refused measurement is kept, and what comes after it is not")
	}
}

func TestRecordMetricsCapsSeries(t *testing.T) {
	var c clock
	s := Start(t, Config{now: c.now})
	var metrics []*pb.Metric
	for i := range maxClientSeries + 1 {
		metrics = append(metrics, &pb.Metric{Name: "m", Tags: map[string]string{"i": fmt.Sprint(i)}})
	}
	_, err := recordMetrics(t, s, metrics...)
	wantStatus(t, err, codes.ResourceExhausted, fmt.Sprintf("entry %d", maxClientSeries))
	if n := len(metricSeries(t, scrape(t, s, ""), "grpcx_client_m")); n != maxClientSeries {
		t.Errorf("%d series", n)
	}
	if _, err := recordMetrics(t, s, metrics[0]); err != nil {
		t.Errorf("a series that there is: %v", err)
	}
	c.advance(clientSeriesTTL + time.Second)
	if _, err := recordMetrics(t, s, metrics[maxClientSeries]); err != nil {
		t.Errorf("after the others ended: %v", err)
	}
}

func TestRecordMetricsConcurrently(t *testing.T) {
	const clients, each = 6, 200
	s := Start(t, Config{})
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			var metrics []*pb.Metric
			for i := range each {
				metrics = append(metrics, &pb.Metric{Name: "m", Value: float64(i), Tags: map[string]string{"client": fmt.Sprint(c, i%7)}})
			}
			if resp, err := recordMetrics(t, s, metrics...); err != nil || resp.GetCount() != each {
				t.Error(resp, err)
			}
		})
		wg.Go(func() {
			if _, err := s.gatherer().Gather(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	families := scrape(t, s, "")
	if got := metricValue(t, families, "grpcx_recorded_measurements_total"); got != clients*each {
		t.Errorf("%v measurements, want %d", got, clients*each)
	}
	if n := len(metricSeries(t, families, "grpcx_client_m")); n != 7*clients {
		t.Errorf("%d series, want %d", n, 7*clients)
	}
}
