package cli

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/stream"
)

const (
	progressDelay    = time.Second // before the first line: short calls show none
	progressInterval = 250 * time.Millisecond
)

// progress keeps a line of numbers about a stream on a terminal while its
// responses go elsewhere. Trailer ends it and clears the line.
type progress struct {
	stream.Responses
	w        io.Writer
	start    time.Time
	messages atomic.Int64
	bytes    atomic.Int64
	stop     chan struct{}
	stopped  chan struct{}
}

// progress shows how a stream goes on, if standard error is a terminal on
// which nothing else is written meanwhile.
func (s *session) progress(out stream.Responses) stream.Responses {
	streams := s.method.IsStreamingServer() || s.method.IsStreamingClient()
	if !streams || !s.ErrTerminal || s.verbosity > 0 || s.OutTerminal && s.file == "" {
		return out
	}
	p := &progress{
		Responses: out,
		w:         s.Err,
		start:     time.Now(),
		stop:      make(chan struct{}),
		stopped:   make(chan struct{}),
	}
	go p.run()
	return p
}

func (p *progress) Message(m []byte) error {
	p.messages.Add(1)
	p.bytes.Add(int64(len(m)))
	return p.Responses.Message(m)
}

func (p *progress) Trailer(md metadata.MD, st *status.Status) error {
	close(p.stop)
	<-p.stopped
	return p.Responses.Trailer(md, st)
}

func (p *progress) run() {
	defer close(p.stopped)
	select {
	case <-p.stop:
		return
	case <-time.After(progressDelay):
	}
	ticks := time.NewTicker(progressInterval)
	defer ticks.Stop()
	var last int64
	at := p.start
	for {
		now, count := time.Now(), p.messages.Load()
		rate := float64(count-last) / now.Sub(at).Seconds()
		last, at = count, now
		_, _ = fmt.Fprintf(p.w, "\r\x1b[K%d messages  %s  %.0f/s  %v", count, byteSize(p.bytes.Load()), rate, now.Sub(p.start).Round(100*time.Millisecond))
		select {
		case <-p.stop:
			_, _ = io.WriteString(p.w, "\r\x1b[K")
			return
		case <-ticks.C:
		}
	}
}

// byteSize renders n bytes in the largest unit that leaves at least 1.
func byteSize(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, unit := float64(n), 0
	for v >= 1024 && unit < len(units)-1 {
		v /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[unit])
}
