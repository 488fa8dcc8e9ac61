package testserver

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/grpcx/grpcx/testserver/proto/telemetry"
	"github.com/grpcx/grpcx/testserver/store"
)

// Limits of what clients measure.
const (
	clientMetricPrefix = "grpcx_client_"

	maxClientSeries = 1000
	clientSeriesTTL = time.Hour // a series to which nothing is added for that long ends

	maxMetricName = 100 // bytes
	maxTags       = 16
	maxTagName    = 64  // bytes
	maxTagValue   = 256 // bytes

	maxClockSkew = 5 * time.Minute // of measurements from the future
)

// clientMetrics are the measurements of clients: for each name and set of tags a
// gauge with the newest value. The timestamps decide which is the newest and are
// not shown, for Prometheus refuses samples that come late.
type clientMetrics struct {
	now   func() time.Time
	count prometheus.Counter

	mu     sync.Mutex
	series map[string]*clientSeries // by key
}

// clientSeries is one gauge.
type clientSeries struct {
	desc   *prometheus.Desc
	values []string // of the labels
	value  float64
	at     time.Time // when the value was measured
	seen   time.Time // when the last measurement came
}

func newClientMetrics(now func() time.Time) *clientMetrics {
	return &clientMetrics{
		now: now,
		count: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "grpcx_recorded_measurements_total", Help: "Measurements taken in from clients.",
		}),
		series: map[string]*clientSeries{},
	}
}

// Describe implements [prometheus.Collector]. What clients will measure is not
// known, so nothing is said of it.
func (c *clientMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c *clientMetrics) Collect(ch chan<- prometheus.Metric) {
	ch <- c.count
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prune(c.now())
	for _, s := range c.series {
		ch <- prometheus.MustNewConstMetric(s.desc, prometheus.GaugeValue, s.value, s.values...)
	}
}

// prune is called with c locked.
func (c *clientMetrics) prune(now time.Time) {
	maps.DeleteFunc(c.series, func(_ string, s *clientSeries) bool { return now.Sub(s.seen) > clientSeriesTTL })
}

// record takes in one measurement, the index-th of its stream.
func (c *clientMetrics) record(index int, m *pb.Metric) error {
	now := c.now()
	if fields := checkMetric(m, now); len(fields) > 0 {
		return invalid(&store.Error{Code: store.Invalid, Kind: "metric", Index: index, Fields: fields})
	}
	at := now
	if t := m.GetTimestamp(); t != nil {
		at = t.AsTime()
	}
	names, values := metricLabels(m.GetTags())
	key := seriesKey(m.GetName(), names, values)
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.series[key]
	if !ok {
		if len(c.series) >= maxClientSeries {
			c.prune(now)
		}
		if len(c.series) >= maxClientSeries {
			return status.Errorf(codes.ResourceExhausted,
				"entry %d: there are %d series of names and tags already, which is the most that are kept", index, maxClientSeries)
		}
		desc := prometheus.NewDesc(clientMetricPrefix+m.GetName(), "Measured by clients; the newest value.", names, nil)
		s = &clientSeries{desc: desc, values: values}
		c.series[key] = s
	}
	s.seen = now
	if !at.Before(s.at) {
		s.value, s.at = m.GetValue(), at
	}
	c.count.Inc()
	return nil
}

// metricLabels are the tags in the order of their names, without secrets. To
// Prometheus, a label that is empty is none.
func metricLabels(tags map[string]string) (names, values []string) {
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		value := redact(tags[name])
		if isSecretName(name) {
			value = redactedText
		}
		if tags[name] != "" {
			names, values = append(names, name), append(values, value)
		}
	}
	return names, values
}

// seriesKey is another one for any other name and labels.
func seriesKey(name string, names, values []string) string {
	var b strings.Builder
	b.WriteString(name)
	for i, value := range values {
		b.WriteString("," + names[i] + "=" + strconv.Itoa(len(value)) + ":" + value)
	}
	return b.String()
}

// checkMetric returns all that is wrong with a measurement.
func checkMetric(m *pb.Metric, now time.Time) []store.FieldError {
	var bad []store.FieldError
	refuse := func(field, reason string) {
		bad = append(bad, store.FieldError{Field: field, Reason: reason})
	}
	if !isMetricName(m.GetName(), maxMetricName) {
		refuse("name", fmt.Sprintf("must be 1 to %d letters, digits and underscores, and not begin with a digit", maxMetricName))
	}
	if math.IsNaN(m.GetValue()) || math.IsInf(m.GetValue(), 0) {
		refuse("value", "must be a finite number")
	}
	if t := m.GetTimestamp(); t != nil {
		if err := t.CheckValid(); err != nil {
			refuse("timestamp", "must be a time from the year 1 to 9999")
		} else if t.AsTime().After(now.Add(maxClockSkew)) {
			refuse("timestamp", fmt.Sprintf("must not be more than %v in the future", maxClockSkew))
		}
	}
	if len(m.GetTags()) > maxTags {
		refuse("tags", fmt.Sprintf("must not be more than %d", maxTags))
		return bad
	}
	for _, name := range slices.Sorted(maps.Keys(m.GetTags())) {
		field := "tags[" + strconv.Quote(shorten(name)) + "]"
		switch {
		case !isMetricName(name, maxTagName), strings.HasPrefix(name, "__"):
			refuse(field, fmt.Sprintf("the name must be 1 to %d letters, digits and underscores, and not begin with a digit or two underscores", maxTagName))
		case len(m.GetTags()[name]) > maxTagValue:
			refuse(field, fmt.Sprintf("must not be longer than %d bytes", maxTagValue))
		}
	}
	return bad
}

func isMetricName(s string, most int) bool {
	if s == "" || len(s) > most || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
	})
}
