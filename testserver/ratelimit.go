package testserver

import (
	"cmp"
	linked "container/list"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// RateLimit bounds how often each client may call: each user, by whatever
// credential and from wherever, and each host as far as its calls are
// anonymous. A stream counts as one call. Calls of the health services do not
// count.
type RateLimit struct {
	// PerSecond is how many calls a second a client may make in the long run; 0 is
	// no limit.
	PerSecond float64
	// Burst is how many it may make at once; 0 means PerSecond, rounded up.
	Burst int
}

const (
	maxBuckets = 20_000
	maxProven  = 20_000
	// overflow is shared by the clients for which there is no room.
	overflow = "overflow"
)

// limiter keeps a bucket of tokens for every client. A bucket is forgotten only
// when it is full again, and so no client can have another's, or its own, filled
// up by making many.
type limiter struct {
	limit  rate.Limit
	burst  int
	now    func() time.Time
	exempt map[string]bool // methods that do not count

	mu      sync.Mutex
	buckets map[string]*linked.Element // of *bucket
	order   *linked.List               // the one used longest ago first

	// User ids by hash of the credentials that were found good. Until then a call
	// counts for its host, which makes credentials that are not good no way around
	// the limit. Two generations bound their number.
	proven, before map[[sha256.Size]byte]string
}

type bucket struct {
	key    string
	tokens *rate.Limiter
	used   time.Time
}

// newLimiter returns nil, which limits nothing, for the zero RateLimit.
func newLimiter(cfg RateLimit, now func() time.Time) (*limiter, error) {
	if cfg.PerSecond < 0 || cfg.Burst < 0 || math.IsNaN(cfg.PerSecond) || math.IsInf(cfg.PerSecond, 0) ||
		cfg.PerSecond > math.MaxInt32 {
		return nil, errors.New("rate limit: want a finite number of calls, not negative")
	}
	if cfg.PerSecond == 0 {
		return nil, nil
	}
	return &limiter{
		limit: rate.Limit(cfg.PerSecond), burst: cmp.Or(cfg.Burst, int(math.Ceil(cfg.PerSecond))), now: now,
		exempt:  methodsOf(&pb.HealthCheck_ServiceDesc, &healthpb.Health_ServiceDesc),
		buckets: map[string]*linked.Element{}, order: linked.New(), proven: map[[sha256.Size]byte]string{},
	}, nil
}

// limited refuses a client that calls too often, and tells every client how much
// is left.
func (s *Server) limited(ctx context.Context, c *call, next func(context.Context) error) error {
	if s.limiter == nil || s.limiter.exempt[c.method] {
		return next(ctx)
	}
	c.credentials = credentialHash(ctx)
	left, wait := s.limiter.take(s.limiter.key(ctx, c.credentials))
	// Fails only where no header can be sent any more.
	_ = grpc.SetHeader(ctx, s.limiter.header(left))
	if wait > 0 {
		return withDetails(codes.ResourceExhausted, "too many calls; try again in "+wait.Round(time.Millisecond).String(),
			&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
	}
	return next(ctx)
}

// take takes a token and returns how many are left, or else for how long to wait
// for one.
func (l *limiter) take(key string) (left float64, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.bucket(key, now)
	b.used = now
	ok := b.tokens.AllowN(now, 1)
	left = b.tokens.TokensAt(now)
	if !ok {
		wait = max(l.fillTime(1-left), time.Millisecond)
	}
	return left, wait
}

// header is how much a client has left: the most calls at once, those that are
// left, and when they will all be there again.
func (l *limiter) header(left float64) metadata.MD {
	full := l.now().Add(l.fillTime(float64(l.burst) - left)).UTC()
	return metadata.Pairs(
		"x-ratelimit-limit", strconv.Itoa(l.burst),
		"x-ratelimit-remaining", strconv.Itoa(max(0, int(left))),
		"x-ratelimit-reset", full.Format("2006-01-02T15:04:05.000Z07:00"))
}

// fillTime is how long it takes for so many tokens to come.
func (l *limiter) fillTime(tokens float64) time.Duration {
	seconds := max(0, tokens) / float64(l.limit)
	return time.Duration(min(seconds*float64(time.Second), float64(math.MaxInt64/2)))
}

// bucket is called with the limiter locked.
func (l *limiter) bucket(key string, now time.Time) *bucket {
	if e, ok := l.buckets[key]; ok {
		l.order.MoveToBack(e)
		return e.Value.(*bucket)
	}
	if len(l.buckets) >= maxBuckets && !l.forgetFull(now) && key != overflow {
		return l.bucket(overflow, now)
	}
	b := &bucket{key: key, tokens: rate.NewLimiter(l.limit, l.burst)}
	l.buckets[key] = l.order.PushBack(b)
	return b
}

// forgetFull drops the bucket that was used longest ago if it is full again.
func (l *limiter) forgetFull(now time.Time) bool {
	e := l.order.Front()
	b := e.Value.(*bucket)
	if now.Sub(b.used) < l.fillTime(float64(l.burst)) {
		return false
	}
	l.order.Remove(e)
	delete(l.buckets, b.key)
	return true
}

// key is whom a call counts for.
func (l *limiter) key(ctx context.Context, credentials [sha256.Size]byte) string {
	if credentials != [sha256.Size]byte{} {
		l.mu.Lock()
		defer l.mu.Unlock()
		if user, ok := l.provenUser(credentials); ok {
			return "user " + user
		}
	}
	return "host " + peerHost(ctx)
}

// prove has further calls with these credentials count for the user.
func (l *limiter) prove(credentials [sha256.Size]byte, user string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.provenUser(credentials); ok && known == user {
		return
	}
	if len(l.proven) >= maxProven/2 {
		l.proven, l.before = map[[sha256.Size]byte]string{}, l.proven
	}
	l.proven[credentials] = user
}

// disprove ends that: the credentials are good no more.
func (l *limiter) disprove(credentials [sha256.Size]byte) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.proven, credentials)
	delete(l.before, credentials)
}

// provenUser is called with the limiter locked.
func (l *limiter) provenUser(credentials [sha256.Size]byte) (string, bool) {
	if user, ok := l.proven[credentials]; ok {
		return user, true
	}
	user, ok := l.before[credentials]
	return user, ok
}

// credentialHash stands for all the credentials of a call; it is zero if there
// are none.
func credentialHash(ctx context.Context) [sha256.Size]byte {
	var parts []byte
	for i, name := range []string{"authorization", "x-api-key"} {
		for _, v := range metadata.ValueFromIncomingContext(ctx, name) {
			parts = append(binary.AppendUvarint(append(parts, byte(i)), uint64(len(v))), v...)
		}
	}
	if cert := clientCertificate(ctx); cert != nil {
		parts = append(append(parts, 2), cert.Raw...)
	}
	if parts == nil {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256(parts)
}
