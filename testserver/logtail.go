package testserver

import (
	"encoding/binary"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// How much of the log is kept for readers, in bytes.
const (
	tailBlock  = 64 << 10
	tailBlocks = 16

	maxTailText   = 4096          // of one text
	maxTailRecord = tailBlock / 2 // after which no more attributes are kept
)

// logTail keeps the latest records of the log for those who read it, with the
// level INFO and above, and DEBUG while somebody reads that. A nil one keeps
// nothing. Every call adds a record, so they are kept as bytes, which cost the
// garbage collector nothing.
type logTail struct {
	debug atomic.Int32 // readers of DEBUG

	mu      sync.Mutex
	blocks  []*logBlock // the oldest first
	next    uint64      // number of the next record
	changed chan struct{}
}

// logBlock is some records in a row.
type logBlock struct {
	first  uint64   // number of the first record
	starts []uint32 // of the records
	bytes  []byte
}

func (t *logTail) enabled(level slog.Level) bool {
	return t != nil && (level >= slog.LevelInfo || t.debug.Load() > 0)
}

// add keeps a record. Its attributes have no groups in them.
func (t *logTail) add(at time.Time, level slog.Level, message string, attrs []slog.Attr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.block()
	b.starts = append(b.starts, uint32(len(b.bytes)))
	b.bytes = appendRecord(b.bytes, at, level, message, attrs)
	t.next++
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// block returns one with room for a record.
func (t *logTail) block() *logBlock {
	if n := len(t.blocks); n > 0 && len(t.blocks[n-1].bytes)+maxTailRecord <= tailBlock {
		return t.blocks[n-1]
	}
	b := &logBlock{}
	if len(t.blocks) == tailBlocks {
		b = t.blocks[0]
		copy(t.blocks, t.blocks[1:])
		t.blocks = t.blocks[:tailBlocks-1]
	}
	b.first, b.starts, b.bytes = t.next, b.starts[:0], b.bytes[:0]
	t.blocks = append(t.blocks, b)
	return b
}

// oldest is the number of the oldest record that is kept.
func (t *logTail) oldest() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.blocks) == 0 {
		return t.next
	}
	return t.blocks[0].first
}

// read returns some of the records from number from on, how many of those are
// not kept any more, and the number to go on from. If there is none yet, the
// channel is closed when there is.
func (t *logTail) read(from uint64) (records logRecords, missed, next uint64, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if from >= t.next {
		if t.changed == nil {
			t.changed = make(chan struct{})
		}
		return nil, 0, from, t.changed
	}
	if oldest := t.blocks[0].first; from < oldest {
		missed, from = oldest-from, oldest
	}
	for _, b := range t.blocks {
		if end := b.first + uint64(len(b.starts)); from < end {
			// A copy: the block is used again.
			return append(records, b.bytes[b.starts[from-b.first]:]...), missed, end, nil
		}
	}
	return nil, missed, t.next, nil // cannot be: the last block ends there
}

// logRecord is a record as it was kept.
type logRecord struct {
	time    time.Time
	level   slog.Level
	message string
	attrs   []logAttr
}

type logAttr struct{ key, value string }

// appendRecord appends a record in the form that logRecords reads: the time in
// nanoseconds of Unix, the level, the message, the number of attributes, and
// their names and values.
func appendRecord(b []byte, at time.Time, level slog.Level, message string, attrs []slog.Attr) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint64(b, uint64(at.UnixNano()))
	b = binary.AppendVarint(b, int64(level))
	b = appendText(b, message)
	count := len(b)
	b = append(b, 0)
	for i, a := range attrs {
		before := len(b)
		b = appendText(b, a.Key)
		if a.Value.Kind() == slog.KindString {
			b = appendText(b, a.Value.String())
		} else {
			b = appendText(b, a.Value.Resolve().String())
		}
		if i == 255 || len(b)-start > maxTailRecord {
			return b[:before]
		}
		b[count]++
	}
	return b
}

func appendText(b []byte, s string) []byte {
	cut := cutText(s, maxTailText)
	if len(cut) == len(s) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		return append(b, s...)
	}
	b = binary.AppendUvarint(b, uint64(len(cut)+len("...")))
	return append(append(b, cut...), "..."...)
}

// logRecords are records in a row.
type logRecords []byte

// next takes off the first record.
func (l *logRecords) next() logRecord {
	r := logRecord{time: time.Unix(0, int64(binary.BigEndian.Uint64(*l)))}
	*l = (*l)[8:]
	level, n := binary.Varint(*l)
	*l = (*l)[n:]
	r.level = slog.Level(level)
	r.message = l.text()
	r.attrs = make([]logAttr, (*l)[0])
	*l = (*l)[1:]
	for i := range r.attrs {
		r.attrs[i] = logAttr{l.text(), l.text()}
	}
	return r
}

func (l *logRecords) text() string {
	length, n := binary.Uvarint(*l)
	s := string((*l)[n : n+int(length)])
	*l = (*l)[n+int(length):]
	return s
}

// service is the one that the record is about: the one that it names, or that of
// the method that it names.
func (r *logRecord) service() string {
	service := ""
	for _, a := range r.attrs {
		switch a.key {
		case "service":
			return a.value
		case "method":
			service = (&call{method: a.value}).service()
		}
	}
	return service
}
