package testserver

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/grpcx/grpcx/testserver/store"
)

const (
	minSigningKey = 32 // bytes, the output of the hash that signs

	// A kept key signs for keyLife, and is known keyNotice before it does. Nodes
	// look for new ones every keyRefresh, so that their clocks may differ by the
	// difference of the two.
	keyLife    = 30 * 24 * time.Hour
	keyNotice  = 5 * time.Minute
	keyRefresh = 30 * time.Second
)

// signingKey is a secret that signs tokens, under a name that its tokens carry.
type signingKey struct {
	id     string
	secret []byte
}

// newSigningKey names the key by a hash of its secret, so that nodes with the
// same secret agree on the name.
func newSigningKey(secret []byte) (signingKey, error) {
	if len(secret) < minSigningKey {
		return signingKey{}, fmt.Errorf("signing key: %d bytes, want at least %d", len(secret), minSigningKey)
	}
	sum := sha256.Sum256(append([]byte("grpcx signing key\x00"), secret...))
	return signingKey{id: hex.EncodeToString(sum[:8]), secret: secret}, nil
}

// keyring holds the keys of access tokens. Keys that were configured, the first
// of which signs, are all that there are; without any, the keys are made here
// and kept in the store, where every node finds them.
type keyring struct {
	now        func() time.Time
	store      *store.Store
	configured func() []signingKey
	keep       time.Duration // how long a key verifies after it signed last

	mu   sync.Mutex
	kept []keptKey // the newest first
	read time.Time // when they were read
}

type keptKey struct {
	signingKey
	from time.Time
}

// signing returns the key that signs now.
func (r *keyring) signing(ctx context.Context) (signingKey, error) {
	if keys := r.configured(); len(keys) > 0 {
		return keys[0], nil
	}
	kept, err := r.refreshed(ctx)
	if err != nil {
		return signingKey{}, err
	}
	return signer(kept, r.now()).signingKey, nil
}

// verifying returns the key of that name; false means that there is none.
func (r *keyring) verifying(ctx context.Context, id string) (signingKey, bool, error) {
	keys := r.configured()
	for _, k := range keys {
		if k.id == id {
			return k, true, nil
		}
	}
	if len(keys) > 0 {
		return signingKey{}, false, nil
	}
	kept, err := r.refreshed(ctx)
	if err != nil {
		return signingKey{}, false, err
	}
	for _, k := range kept {
		if k.id == id {
			return k.signingKey, true, nil
		}
	}
	return signingKey{}, false, nil
}

// signer returns the newest key whose time has come. The oldest one signs
// before its time too: a clock that is behind is no reason to fail.
func signer(kept []keptKey, now time.Time) keptKey {
	for _, k := range kept {
		if !k.from.After(now) {
			return k
		}
	}
	return kept[len(kept)-1]
}

// refreshed returns the kept keys, at least one, which it reads again when they
// were read some time ago. While the store fails, those known before are used.
func (r *keyring) refreshed(ctx context.Context) ([]keptKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if age := now.Sub(r.read); r.kept != nil && age >= 0 && age < keyRefresh {
		return r.kept, nil
	}
	kept, err := r.load(ctx, now)
	if err != nil && r.kept == nil {
		return nil, err
	}
	if err == nil {
		r.kept = kept
	}
	r.read = now
	return r.kept, nil
}

// load reads the keys, and makes one where none signs or the last one's time is
// about to end.
func (r *keyring) load(ctx context.Context, now time.Time) ([]keptKey, error) {
	keys, err := r.store.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	due := now.Add(keyNotice - keyLife) // the newest key must sign from a later time
	if len(keys) == 0 || !keys[0].SignsFrom.After(due) {
		next := store.SigningKey{Secret: make([]byte, minSigningKey), SignsFrom: now}
		rand.Read(next.Secret) // never fails, by its contract
		if len(keys) > 0 && keys[0].SignsFrom.After(now.Add(-keyLife-r.keep)) {
			next.SignsFrom = now.Add(keyNotice)
		}
		keys, err = r.store.AddSigningKey(ctx, next, due, now.Add(-keyLife-keyNotice-r.keep))
		if err != nil {
			return nil, err
		}
	}
	kept := make([]keptKey, 0, len(keys))
	for _, k := range keys {
		named, err := newSigningKey(k.Secret)
		if err != nil {
			return nil, fmt.Errorf("stored %w", err)
		}
		kept = append(kept, keptKey{named, k.SignsFrom})
	}
	return kept, nil
}

// keptFor is how long a key is kept for the tokens that it signed.
func keptFor(accessTTL time.Duration) time.Duration {
	return cmp.Or(accessTTL, defaultAccessTTL) + keyNotice
}
