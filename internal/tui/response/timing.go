package response

import (
	"fmt"
	"strings"
	"time"

	"github.com/grpcx/grpcx/internal/tui/traffic"
)

func (m *Model) timingLines() []line {
	s := &m.snap
	lines := []line{{"since the call began", titleLine}}
	for _, moment := range []struct {
		name string
		at   time.Duration
	}{
		{"connected", s.Connected},
		{"first request sent", s.FirstSent},
		{"requests ended", s.SendClosed},
		{"first byte", s.FirstByte},
		{"first message", s.FirstMessage},
		{"last message", s.LastMessage},
	} {
		if moment.at > 0 {
			lines = append(lines, line{fmt.Sprintf("  %-19s%s", moment.name, span(moment.at)), plainLine})
		} else {
			lines = append(lines, line{fmt.Sprintf("  %-19s–", moment.name), dimLine})
		}
	}
	end := "now"
	if s.State.Over() {
		end = "end"
	}
	lines = append(lines, line{fmt.Sprintf("  %-19s%s", end, span(s.Elapsed)), plainLine}, line{}, line{"throughput", titleLine})
	took := max(s.Elapsed, time.Microsecond).Seconds()
	for _, way := range []struct {
		arrow string
		n     int
		bytes int64
	}{{"←", s.Received, s.ReceivedBytes}, {"→", s.Sent, s.SentBytes}} {
		lines = append(lines, line{fmt.Sprintf("  %s %d messages, %s: %.1f/s, %s/s", way.arrow, way.n, size(way.bytes),
			float64(way.n)/took, size(int64(float64(way.bytes)/took))), plainLine})
	}
	if s.Gaps.Total > 0 {
		lines = append(lines, line{}, line{"time from message to message", titleLine})
		lines = append(lines, gapLines(&s.Gaps)...)
	}
	return lines
}

// gapLines draws how often each length of gap was met: twice as long with every
// bar.
func gapLines(g *traffic.Gaps) []line {
	from, to := 0, len(g.Counts)
	for from < to && g.Counts[from] == 0 {
		from++
	}
	for to > from && g.Counts[to-1] == 0 {
		to--
	}
	most := 1
	for _, n := range g.Counts {
		most = max(most, n)
	}
	levels := []rune(" ▁▂▃▄▅▆▇█")
	var bars strings.Builder
	for _, n := range g.Counts[from:to] {
		level := levels[(n*8+most-1)/most]
		bars.WriteString("  ")
		bars.WriteRune(level)
		bars.WriteRune(level)
	}
	scale := fmt.Sprintf("  up to %s … %s, twice as much with every bar", span(time.Microsecond<<from), span(time.Microsecond<<(to-1)))
	if to-from == 1 {
		scale = fmt.Sprintf("  up to %s", span(time.Microsecond<<from))
	}
	return []line{
		{bars.String(), okLine},
		{scale, dimLine},
		{fmt.Sprintf("  half up to %s, 95%% up to %s, longest %s", span(g.Quantile(0.5)), span(g.Quantile(0.95)), span(g.Max)), plainLine},
	}
}
