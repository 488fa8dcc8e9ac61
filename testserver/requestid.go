package testserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

type requestIDKey struct{}

// identified gives the call its request id, the client's own if it sent a sound
// one, and sets the metadata that every response carries: initial metadata, or
// trailing where the call fails before its first message. Clients retry by
// themselves only what failed without initial metadata (gRFC A6).
func (s *Server) identified(ctx context.Context, c *call, next func(context.Context) error) (err error) {
	start := time.Now()
	id := requestID(ctx)
	md := metadata.Pairs("server-version", s.cfg.Version, "request-id", id)
	sent := false
	setHeader := func() {
		if !sent {
			sent = true
			_ = grpc.SetHeader(ctx, md) // fails only where the handler has sent the header itself
		}
	}
	c.onSend(func(any) { setHeader() })
	returned := false // rather than panicked
	defer func() {
		if returned && err == nil {
			setHeader()
		}
		ms := strconv.FormatFloat(float64(time.Since(start).Microseconds())/1000, 'f', 3, 64)
		trailer := metadata.Pairs("response-time", ms+"ms")
		if !sent {
			trailer = metadata.Join(md, trailer)
		}
		// Fails only where no trailer can be sent any more.
		_ = grpc.SetTrailer(ctx, trailer)
	}()
	err = next(context.WithValue(ctx, requestIDKey{}, id))
	returned = true
	return err
}

func requestID(ctx context.Context) string {
	for _, name := range []string{"request-id", "x-request-id"} {
		if v := metadata.ValueFromIncomingContext(ctx, name); len(v) == 1 && soundID(v[0]) {
			return v[0]
		}
	}
	var b [8]byte
	rand.Read(b[:]) // never fails, by its contract
	return hex.EncodeToString(b[:])
}

func soundID(id string) bool {
	return id != "" && len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}
