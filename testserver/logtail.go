package testserver

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// How much of the log is kept for readers.
const (
	maxTailRecords = 4096
	maxTailBytes   = 1 << 20 // about; texts and names alone are counted
	maxTailText    = 4096    // bytes of one text
)

// logTail keeps the latest records of the log for those who read it, with the
// level INFO and above, and DEBUG while somebody reads that. A nil one keeps
// nothing.
type logTail struct {
	debug atomic.Int32 // readers of DEBUG

	mu      sync.Mutex
	records []logRecord // the latest, the oldest first
	first   uint64      // number of records[0]
	bytes   int         // of records
	changed chan struct{}
}

// logRecord is a record with nothing secret in it.
type logRecord struct {
	time    time.Time
	level   slog.Level
	message string
	attrs   []slog.Attr // without groups
	bytes   int
}

func (t *logTail) enabled(level slog.Level) bool {
	return t != nil && (level >= slog.LevelInfo || t.debug.Load() > 0)
}

// add takes over attrs.
func (t *logTail) add(at time.Time, level slog.Level, message string, attrs []slog.Attr) {
	r := logRecord{time: at, level: level, message: shortenText(message), attrs: attrs}
	r.bytes = len(r.message)
	cut := -1
	for i, a := range r.attrs {
		r.bytes += len(a.Key)
		if a.Value.Kind() == slog.KindString {
			r.bytes += min(len(a.Value.String()), maxTailText)
			if len(a.Value.String()) > maxTailText && cut < 0 {
				cut = i
			}
		}
	}
	if cut >= 0 {
		r.attrs = slices.Clone(r.attrs) // the other handler has them too
		for i, a := range r.attrs[cut:] {
			if a.Value.Kind() == slog.KindString {
				r.attrs[cut+i].Value = slog.StringValue(shortenText(a.Value.String()))
			}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.records = append(t.records, r)
	t.bytes += r.bytes
	for len(t.records) > maxTailRecords || t.bytes > maxTailBytes && len(t.records) > 1 {
		t.bytes -= t.records[0].bytes
		t.records[0] = logRecord{}
		t.records = t.records[1:]
		t.first++
	}
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// read returns some of the records from number from on, how many of those are
// not kept any more, and the number to go on from. If there is none yet, the
// channel is closed when there is.
func (t *logTail) read(from uint64) (records []logRecord, missed, next uint64, changed <-chan struct{}) {
	const most = 128
	t.mu.Lock()
	defer t.mu.Unlock()
	if from < t.first {
		missed, from = t.first-from, t.first
	}
	at := int(from - t.first)
	if at >= len(t.records) {
		if t.changed == nil {
			t.changed = make(chan struct{})
		}
		return nil, missed, from, t.changed
	}
	records = slices.Clone(t.records[at:min(at+most, len(t.records))])
	return records, missed, from + uint64(len(records)), nil
}

// oldest is the number of the oldest record that is kept.
func (t *logTail) oldest() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.first
}

// shortenText returns the beginning of a long text, in memory of its own.
func shortenText(s string) string {
	if len(s) <= maxTailText {
		return s
	}
	return strings.Clone(cutText(s, maxTailText)) + "..."
}
