package oneport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"connectrpc.com/connect"
)

type exchangeKey struct{}

// exchange is a request of net/http and its response. Reading from the client
// and writing to it heed no context; the exchange interrupts both.
type exchange struct {
	control *http.ResponseController
	request *http.Request
	conn    *conn

	mu          sync.Mutex
	reading     bool
	writing     bool
	interrupted bool
	over        bool // the handler has returned, and net/http wants no more of us
}

func (x *exchange) with(ctx context.Context) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// heed is a gate of connect-go: from there on the deadline of the call, which ctx
// has, interrupts the exchange. That the client has gone interrupts it anyhow.
func heed(ctx context.Context, _ connect.Spec, _ connect.Peer, _ http.Header) (context.Context, error) {
	x := exchangeOf(ctx)
	if _, ok := ctx.Deadline(); ok && x != nil {
		context.AfterFunc(ctx, func() {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				x.interrupt()
			}
		})
	}
	return ctx, nil
}

// interrupt ends reading from the client, and writing to it if that is under way:
// then the client reads too slowly to be told a status.
func (x *exchange) interrupt() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.interrupted = true
	if x.over {
		return
	}
	past := time.Unix(1, 0)
	if x.reading { // else net/http would take it for the end of the connection
		x.conn.last.Store(true)
		_ = x.control.SetReadDeadline(past) // fails only when the connection is gone
	}
	if x.writing {
		_ = x.control.SetWriteDeadline(past)
	}
}

// body is what the client sends, until the exchange is interrupted.
type body struct {
	io.ReadCloser
	exchange *exchange
}

func (b body) Read(p []byte) (int, error) {
	if !b.exchange.beginRead() {
		return 0, os.ErrDeadlineExceeded
	}
	defer b.exchange.endRead()
	return b.ReadCloser.Read(p)
}

func (x *exchange) beginRead() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.reading = !x.interrupted
	return x.reading
}

func (x *exchange) endRead() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.reading = false
}

// write runs a function that writes to the client.
func (x *exchange) write(send func() error) error {
	x.setWriting(true)
	defer x.setWriting(false)
	return send()
}

func (x *exchange) setWriting(v bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.writing = v
}

func (x *exchange) end() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.over = true
}
