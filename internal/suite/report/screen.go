package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// redraw is the time between two frames of a live screen.
const redraw = 100 * time.Millisecond

// screen writes lines that stay and, if it is live, a foot below them that is
// drawn anew every redraw. Cursor up, erase and newline are all that it asks of a
// terminal, and each frame is one write, so nothing flickers.
type screen struct {
	w    io.Writer
	size func() (width, height int)
	foot func(width, height int) []string // called with mu held; lines shorter than width, fewer than height

	mu    sync.Mutex // held while drawing; also guards what foot reads
	drawn []int      // cells of each line of the foot on the screen
	err   error      // the first one
	stop  chan struct{}
	done  chan struct{}
}

// start begins to redraw the foot, until halt.
func (s *screen) start() {
	s.stop, s.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(s.done)
		ticker := time.NewTicker(redraw)
		defer ticker.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-ticker.C:
				if s.update(nil) != nil {
					return
				}
			}
		}
	}()
}

// halt ends the redrawing and takes the foot away. It may be called twice, and
// without start.
func (s *screen) halt() error {
	if s.stop != nil {
		close(s.stop)
		<-s.done
		s.stop = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.foot = nil
	return s.draw(nil)
}

// update prints the lines and draws the foot below them.
func (s *screen) update(text []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draw(text)
}

func (s *screen) draw(text []string) error {
	if s.err != nil {
		return s.err
	}
	var foot []string
	width, height := 0, 0
	if s.foot != nil || len(s.drawn) > 0 {
		width, height = s.size()
	}
	if s.foot != nil {
		foot = s.foot(width, height)
	}
	var b bytes.Buffer
	rows := s.rows(width)
	if rows > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", rows)
	}
	if rows > 0 && (len(text) > 0 || len(foot) < rows) {
		b.WriteString("\x1b[J")
	}
	for _, line := range text {
		b.WriteString(line + "\n")
	}
	s.drawn = s.drawn[:0]
	for _, line := range foot {
		b.WriteString(line + "\x1b[K\n") // shorter than the row, so this erases none of it
		s.drawn = append(s.drawn, columns(plain(line)))
	}
	if b.Len() > 0 {
		_, s.err = s.w.Write(b.Bytes())
	}
	return s.err
}

// rows returns how many rows the foot on the screen takes, which are more than
// its lines if the terminal has become narrower.
func (s *screen) rows(width int) int {
	n := 0
	for _, cells := range s.drawn {
		n += 1 + max(0, cells-1)/max(1, width)
	}
	return n
}

// plain returns s without the colours that paint gave it.
func plain(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "\x1b[")
		if i < 0 {
			return b.String() + s
		}
		end := strings.IndexByte(s[i:], 'm')
		if end < 0 {
			return b.String() + s
		}
		b.WriteString(s[:i])
		s = s[i+end+1:]
	}
}
