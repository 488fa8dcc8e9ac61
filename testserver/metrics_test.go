package testserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

const protobufFormat = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"

// scrape returns what the admin port says to Prometheus.
func scrape(t *testing.T, s *Server, accept string) map[string]*dto.MetricFamily {
	t.Helper()
	body, header := getAdmin(t, s, "/metrics", http.StatusOK, "Accept", accept)
	dec := expfmt.NewDecoder(strings.NewReader(body), expfmt.ResponseFormat(header))
	families := map[string]*dto.MetricFamily{}
	for {
		var f dto.MetricFamily
		if err := dec.Decode(&f); errors.Is(err, io.EOF) {
			return families
		} else if err != nil {
			t.Fatal(err)
		}
		if families[f.GetName()] != nil {
			t.Errorf("%s twice", f.GetName())
		}
		families[f.GetName()] = &f
	}
}

// getAdmin asks the admin port, over HTTP.
func getAdmin(t *testing.T, s *Server, path string, code int, headers ...string) (string, http.Header) {
	t.Helper()
	web := httptest.NewServer(s.AdminHandler())
	defer web.Close()
	req, err := http.NewRequestWithContext(withDeadline(t), http.MethodGet, web.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := web.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != code {
		t.Fatalf("%s: %s, %s", path, resp.Status, body)
	}
	return string(body), resp.Header
}

// metricSeries returns the metrics of a family whose labels are these, as name=value.
func metricSeries(t *testing.T, families map[string]*dto.MetricFamily, family string, labels ...string) []*dto.Metric {
	t.Helper()
	f, ok := families[family]
	if !ok {
		t.Fatalf("no %s", family)
	}
	var found []*dto.Metric
	for _, m := range f.GetMetric() {
		has := map[string]bool{}
		for _, l := range m.GetLabel() {
			has[l.GetName()+"="+l.GetValue()] = true
		}
		all := true
		for _, l := range labels {
			all = all && has[l]
		}
		if all {
			found = append(found, m)
		}
	}
	return found
}

// metricValue returns the value of the only such metric, and 0 if there is none: of a
// histogram, how many values it has.
func metricValue(t *testing.T, families map[string]*dto.MetricFamily, family string, labels ...string) float64 {
	t.Helper()
	found := metricSeries(t, families, family, labels...)
	if len(found) > 1 {
		t.Fatalf("%d of %s%v", len(found), family, labels)
	}
	if len(found) == 0 {
		return 0
	}
	m := found[0]
	switch {
	case m.Counter != nil:
		return m.GetCounter().GetValue()
	case m.Histogram != nil:
		return float64(m.GetHistogram().GetSampleCount())
	}
	return m.GetGauge().GetValue()
}

// echoStream has the interop service send and end a stream as it is told.
func echoStream(t *testing.T, c grpc_testing.TestServiceClient, sizes []int, code codes.Code) error {
	t.Helper()
	stream, err := c.FullDuplexCall(withDeadline(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range sizes {
		if err := stream.Send(&grpc_testing.StreamingOutputCallRequest{
			ResponseParameters: []*grpc_testing.ResponseParameters{{Size: int32(size)}},
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	if code != codes.OK {
		if err := stream.Send(&grpc_testing.StreamingOutputCallRequest{
			ResponseStatus: &grpc_testing.EchoStatus{Code: int32(code), Message: "asked for"},
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	return err
}

func TestMetricsCountCallsOfEveryKind(t *testing.T) {
	s := Start(t, Config{Version: "1.2.3"})
	cc := dial(t, s)
	users, interop := pb.NewUserServiceClient(cc), grpc_testing.NewTestServiceClient(cc)
	ctx := withDeadline(t)
	const unary, failed = 7, 3
	for i := range unary {
		if _, err := users.CreateUser(ctx, &pb.CreateUserRequest{Name: "A", Email: fmt.Sprintf("a%d@example.com", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for range failed {
		_, err := users.GetUser(ctx, &pb.GetUserRequest{UserId: "999"})
		wantStatus(t, err, codes.NotFound, "")
	}
	batch, err := users.CreateMultipleUsers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := batch.Send(&pb.CreateUserRequest{Name: "B", Email: fmt.Sprintf("b%d@example.com", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := batch.CloseAndRecv(); err != nil {
		t.Fatal(err)
	}
	output, err := interop.StreamingOutputCall(ctx, &grpc_testing.StreamingOutputCallRequest{
		ResponseParameters: []*grpc_testing.ResponseParameters{{Size: 1}, {Size: 2}, {Size: 3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := output.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := output.Recv(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if err := echoStream(t, interop, []int{10, 1000}, codes.OK); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	wantStatus(t, echoStream(t, interop, []int{10}, codes.Aborted), codes.Aborted, "asked for")

	families := scrape(t, s, "")
	want := func(want float64, family string, labels ...string) {
		t.Helper()
		if got := metricValue(t, families, family, labels...); got != want {
			t.Errorf("%s%v = %v, want %v", family, labels, got, want)
		}
	}
	user := func(kind, method string, more ...string) []string {
		return append([]string{"grpc_type=" + kind, "grpc_service=userservice.UserService", "grpc_method=" + method}, more...)
	}
	test := func(kind, method string, more ...string) []string {
		return append([]string{"grpc_type=" + kind, "grpc_service=grpc.testing.TestService", "grpc_method=" + method}, more...)
	}
	for _, c := range []struct {
		labels                    []string
		calls, ok, received, sent float64
		code                      string // of the calls that are not ok
	}{
		{labels: user("unary", "CreateUser"), calls: unary, ok: unary, received: unary, sent: unary},
		{labels: user("unary", "GetUser"), calls: failed, code: "NotFound", received: failed},
		{labels: user("client_stream", "CreateMultipleUsers"), calls: 1, ok: 1, received: 5, sent: 1},
		{labels: test("server_stream", "StreamingOutputCall"), calls: 1, ok: 1, received: 1, sent: 3},
		{labels: test("bidi_stream", "FullDuplexCall"), calls: 2, ok: 1, code: "Aborted", received: 4, sent: 3},
	} {
		want(c.calls, "grpc_server_started_total", c.labels...)
		want(c.ok, "grpc_server_handled_total", append(c.labels, "grpc_code=OK")...)
		if c.code != "" {
			want(c.calls-c.ok, "grpc_server_handled_total", append(c.labels, "grpc_code="+c.code)...)
		}
		want(c.received, "grpc_server_msg_received_total", c.labels...)
		want(c.sent, "grpc_server_msg_sent_total", c.labels...)
		want(c.received, "grpc_server_msg_received_bytes", c.labels...)
		want(c.sent, "grpc_server_msg_sent_bytes", c.labels...)
		want(c.calls, "grpc_server_handling_seconds", c.labels...)
		want(0, "grpc_server_in_flight", c.labels...)
	}
	sizes := metricSeries(t, families, "grpc_server_msg_received_bytes", user("unary", "GetUser")...)[0].GetHistogram()
	if sum := sizes.GetSampleSum(); sum != failed*5 { // a tag, a length and "999"
		t.Errorf("%v bytes received, want %d", sum, failed*5)
	}
	want(1, "grpcx_build_info", "version=1.2.3")
	for _, name := range []string{"go_goroutines", "process_open_fds"} {
		if metricValue(t, families, name) <= 0 {
			t.Errorf("%s is not there", name)
		}
	}
}

func TestMetricsOfCallsUnderWay(t *testing.T) {
	s := Start(t, Config{})
	ctx, cancel := context.WithCancel(withDeadline(t))
	defer cancel()
	watch, err := pb.NewUserServiceClient(dial(t, s)).WatchUser(ctx, &pb.WatchUserRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	families := scrape(t, s, "")
	if got := metricValue(t, families, "grpc_server_in_flight", "grpc_method=WatchUser"); got != 1 {
		t.Errorf("%v calls under way, want 1", got)
	}
	if got := metricValue(t, families, "grpc_server_connections"); got != 1 {
		t.Errorf("%v connections", got)
	}
}

// Clients choose the names of methods and the interop service's codes, which
// must not make series without end.
func TestMetricsAreBounded(t *testing.T) {
	s := Start(t, Config{})
	cc := dial(t, s)
	for i := range 50 {
		for _, method := range []string{fmt.Sprintf("/no.Such%d/Method", i), fmt.Sprintf("/userservice.UserService/No%d", i)} {
			err := cc.Invoke(withDeadline(t), method, &pb.GetUserRequest{}, &pb.GetUserResponse{})
			wantStatus(t, err, codes.Unimplemented, "unknown")
		}
	}
	for i := range 50 {
		if err := echoStream(t, grpc_testing.NewTestServiceClient(cc), nil, codes.Code(17+i)); err == nil {
			t.Error("no error")
		}
	}
	families := scrape(t, s, "")
	if got := metricSeries(t, families, "grpc_server_handled_total"); len(got) != 2 {
		t.Errorf("%d series, want 2", len(got))
	}
	if got := metricValue(t, families, "grpc_server_handled_total", "grpc_type=unknown", "grpc_service=unknown", "grpc_method=unknown", "grpc_code=Unimplemented"); got != 100 {
		t.Errorf("%v calls of unknown methods, want 100", got)
	}
	if got := metricValue(t, families, "grpc_server_started_total", "grpc_method=unknown"); got != 100 {
		t.Errorf("%v calls of unknown methods began, want 100", got)
	}
	if got := metricValue(t, families, "grpc_server_handled_total", "grpc_method=FullDuplexCall", "grpc_code=Unknown"); got != 50 {
		t.Errorf("%v calls with codes that do not exist, want 50", got)
	}
}

func TestMetricsCountPanics(t *testing.T) {
	s, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(withDeadline(t))
	s.chain = []stage{s.recovered, s.traced, s.measured, s.logged, s.recovered, mapped}
	c := &call{method: "/pkg.Service/Method", known: true, kind: kindUnary}
	wantStatus(t, s.handle(withDeadline(t), c, func(context.Context) error { panic("boom") }), codes.Internal, "")
	families := scrape(t, s, "")
	if n := metricValue(t, families, "grpc_server_handled_total", "grpc_code=Internal"); n != 1 {
		t.Errorf("%v calls that are INTERNAL, want 1", n)
	}
	if n := metricValue(t, families, "grpc_server_in_flight"); n != 0 {
		t.Errorf("%v calls under way", n)
	}
}

// classicQuantile is PromQL's histogram_quantile over buckets.
func classicQuantile(q float64, h *dto.Histogram) float64 {
	rank, below, lower := q*float64(h.GetSampleCount()), 0.0, 0.0
	for _, b := range h.GetBucket() {
		if n := float64(b.GetCumulativeCount()); n >= rank {
			return lower + (b.GetUpperBound()-lower)*(rank-below)/(n-below)
		}
		below, lower = float64(b.GetCumulativeCount()), b.GetUpperBound()
	}
	return lower
}

// nativeQuantile is the same over a native histogram, up to the width of a bucket.
func nativeQuantile(q float64, h *dto.Histogram) float64 {
	base := math.Exp2(math.Exp2(-float64(h.GetSchema())))
	rank, index, n, i := q*float64(h.GetSampleCount()), int32(0), int64(0), 0
	cumulated := 0.0
	for _, span := range h.GetPositiveSpan() {
		index += span.GetOffset()
		for range span.GetLength() {
			n += h.GetPositiveDelta()[i]
			i++
			if cumulated += float64(n); cumulated >= rank {
				return math.Pow(base, float64(index))
			}
			index++
		}
	}
	return math.Inf(1)
}

func TestMetricsGiveQuantiles(t *testing.T) {
	s, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(withDeadline(t))
	seconds := s.metrics.of(&call{method: "/pkg.Service/Method", known: true, kind: kindUnary}).seconds
	for i := range 1000 {
		seconds.Observe(float64(i+1) / 1000) // one of each millisecond up to a second
	}
	classic := metricSeries(t, scrape(t, s, ""), "grpc_server_handling_seconds")[0].GetHistogram()
	native := metricSeries(t, scrape(t, s, protobufFormat), "grpc_server_handling_seconds")[0].GetHistogram()
	if len(native.GetPositiveDelta()) == 0 {
		t.Fatal("no native histogram")
	}
	for _, q := range []float64{0.5, 0.95, 0.99} {
		// The values fill each bucket evenly, as the interpolation assumes.
		if got := classicQuantile(q, classic); math.Abs(got-q) > 0.01 {
			t.Errorf("p%v is %v by the buckets", 100*q, got)
		}
		if got := nativeQuantile(q, native); got < q || got > 1.1*q {
			t.Errorf("p%v is %v by the native histogram, want up to 10 %% more than %v", 100*q, got, q)
		}
	}
}

func TestMetricsFormats(t *testing.T) {
	s := Start(t, Config{})
	if _, err := pb.NewUserServiceClient(dial(t, s)).GetUser(withDeadline(t), &pb.GetUserRequest{UserId: "9"}); err == nil {
		t.Fatal("no error")
	}
	for accept, want := range map[string]string{
		"": "text/plain; version=0.0.4",
		"application/openmetrics-text;version=1.0.0": "application/openmetrics-text; version=1.0.0",
		protobufFormat: "application/vnd.google.protobuf;",
	} {
		body, header := getAdmin(t, s, "/metrics", http.StatusOK, "Accept", accept)
		if got := header.Get("Content-Type"); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s, want %s", accept, got, want)
		}
		if strings.Contains(want, "openmetrics") && !strings.HasSuffix(body, "# EOF\n") {
			t.Errorf("OpenMetrics without its end: %s", body)
		}
	}
}

func TestMetricsConcurrently(t *testing.T) {
	const callers, each = 8, 50
	s := Start(t, Config{})
	users := pb.NewUserServiceClient(dial(t, s))
	ctx := withDeadline(t)
	done := make(chan struct{})
	var wg, scraping sync.WaitGroup
	scraping.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if _, err := s.gatherer().Gather(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range callers {
		wg.Go(func() {
			for range each {
				if _, err := users.GetUser(ctx, &pb.GetUserRequest{UserId: "9"}); status.Code(err) != codes.NotFound {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	close(done)
	scraping.Wait()
	if got := metricValue(t, scrape(t, s, ""), "grpc_server_handled_total", "grpc_method=GetUser", "grpc_code=NotFound"); got != callers*each {
		t.Errorf("%v calls, want %d", got, callers*each)
	}
}

// BenchmarkObservation is what the stages before mapped cost a unary call, without a
// connection.
func BenchmarkObservation(b *testing.B) {
	s, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Shutdown(context.Background())
	ctx := grpc.NewContextWithServerTransportStream(context.Background(), discardStream{})
	req, resp := &pb.GetUserRequest{UserId: "1"}, &pb.GetUserResponse{User: &pb.User{Id: "1", Name: "Ada", Email: "ada@example.com"}}
	for _, c := range []struct {
		name  string
		chain []stage
	}{
		{"none", nil},
		{"identified", []stage{s.identified}},
		{"traced", []stage{s.traced}},
		{"measured", []stage{s.measured}},
		{"logged", []stage{s.logged}},
		{"all", s.stages()},
	} {
		b.Run(c.name, func(b *testing.B) {
			s.chain = c.chain
			b.ReportAllocs()
			for b.Loop() {
				c := &call{method: "/userservice.UserService/GetUser", known: true, kind: kindUnary}
				err := s.handle(ctx, c, func(context.Context) error {
					err := c.receive(req)
					c.send(resp)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkUnary is a call over a connection, with the stages and without.
func BenchmarkUnary(b *testing.B) {
	s, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	web := httptest.NewUnstartedServer(nil) // for its listener
	defer web.Close()
	served := make(chan error, 1)
	go func() { served <- s.Serve(web.Listener) }()
	defer func() {
		if err := errors.Join(s.Shutdown(context.Background()), <-served); err != nil {
			b.Error(err)
		}
	}()
	s.addr = web.Listener.Addr().String()
	cc := dial(b, s)
	c := grpc_testing.NewTestServiceClient(cc)
	for name, chain := range map[string][]stage{"bare": {mapped}, "staged": s.chain} {
		b.Run(name, func(b *testing.B) {
			s.chain = chain
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if _, err := c.EmptyCall(b.Context(), &grpc_testing.Empty{}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
	_ = cc.Close()
}
