package store_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/grpcx/grpcx/testserver/store"
	"github.com/grpcx/grpcx/testserver/store/storetest"
)

// TestPowerCut cuts the power at many moments: what was acknowledged is there.
func TestPowerCut(t *testing.T) { cutPower(t, 15, 10) }

// TestPowerCutLosesUnsynced shows that TestPowerCut can fail.
func TestPowerCutLosesUnsynced(t *testing.T) {
	lost := 0
	for seed := range uint64(10) {
		lost += cutOnce(t, rand.New(rand.NewPCG(seed, 0)), 150+15*int(seed), 10, "OFF")
	}
	if lost == 0 {
		t.Error("with synchronous=OFF, nothing that was acknowledged was lost")
	}
}

func cutPower(t *testing.T, cuts, users int) {
	t.Helper()
	// How many operations there are in all: the last cut comes after them.
	whole := newDisk(0)
	load(t, whole, users, "FULL")
	t.Logf("%d cuts within %d operations of the disk", cuts, whole.ops)
	for i := range cuts {
		random := rand.New(rand.NewPCG(uint64(i), 1))
		if lost := cutOnce(t, random, 1+i*whole.ops/cuts+random.IntN(1+whole.ops/cuts), users, "FULL"); lost > 0 {
			t.Fatalf("cut %d: %d acknowledged users were lost", i, lost)
		}
	}
}

// cutOnce puts load on a store until the power is cut, and returns how many
// acknowledged users are not there when it is back.
func cutOnce(t *testing.T, random *rand.Rand, cutAt, users int, synchronous string) (lost int) {
	t.Helper()
	d := newDisk(cutAt)
	acknowledged := load(t, d, users, synchronous)
	s, err := store.Open(t.Context(), store.OnVFS("/users.db", mount(t, d.afterCut(random))))
	if err != nil {
		if synchronous == "OFF" {
			return len(acknowledged) // the file is damaged
		}
		t.Fatalf("cut at operation %d: %v", cutAt, err)
	}
	defer s.Close()
	for id, age := range acknowledged {
		u, err := s.User(t.Context(), id)
		switch {
		case store.CodeOf(err) == store.NotFound || err == nil && u.Age < age:
			lost++
		case synchronous == "FULL" && (err != nil || u.Name != "User "+u.Email):
			t.Fatalf("cut at operation %d: user %s is %+v, %v", cutAt, id, u, err)
		}
	}
	if synchronous == "FULL" {
		if err := storetest.Check(t.Context(), s.Writer()); err != nil {
			t.Fatalf("cut at operation %d: %v", cutAt, err)
		}
		var integrity string
		if err := s.Writer().QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&integrity); err != nil || integrity != "ok" {
			t.Fatalf("cut at operation %d: integrity %s, %v", cutAt, integrity, err)
		}
	}
	return lost
}

// load has two writers create and update so many users each, until the power is
// cut, and returns the age that each user was last acknowledged to have.
func load(t *testing.T, d *disk, users int, synchronous string) map[string]int32 {
	t.Helper()
	acknowledged := map[string]int32{}
	opts := store.OnVFS("/users.db", mount(t, d))
	opts.KeepEvents = 50
	s, err := store.Open(t.Context(), opts)
	if err != nil {
		return acknowledged
	}
	defer s.Close()
	// A small log makes SQLite move it into the database often.
	for _, pragma := range []string{"synchronous = " + synchronous, "wal_autocheckpoint = 20"} {
		if _, err := s.Writer().ExecContext(t.Context(), "PRAGMA "+pragma); err != nil {
			return acknowledged
		}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			for i := range users {
				email := fmt.Sprintf("u%d.%d@example.com", w, i)
				u, err := s.CreateUser(t.Context(), store.User{Name: "User " + email, Email: email})
				if err != nil {
					return
				}
				mu.Lock()
				acknowledged[u.ID] = 0
				mu.Unlock()
				if _, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.Age = 7; return nil }); err != nil {
					return
				}
				mu.Lock()
				acknowledged[u.ID] = 7
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return acknowledged
}
