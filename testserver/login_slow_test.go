//go:build slow

package testserver

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// TestLoginTimeDoesNotTellUsersApart compares a wrong password of users who exist
// with that of nobody, in turn, so that whatever slows the machine slows both.
func TestLoginTimeDoesNotTellUsersApart(t *testing.T) {
	const tries = 1000
	ids := newIdentities(t, "users:", "  - username: ada", "    password_hash: "+HashPassword("lovelace"))
	c := pb.NewAuthServiceClient(dial(t, Start(t, Config{Identities: ids.path, noThrottle: true})))
	login(t, c) // the admin's credential is made
	names := []string{"admin", "ada", "nobody"}
	took := make([][]time.Duration, len(names))
	for i := range tries {
		for j := range names {
			n := (i + j) % len(names) // none is always the first
			begin := time.Now()
			_, err := c.Login(t.Context(), &pb.LoginRequest{Username: names[n], Password: "wrong"})
			took[n] = append(took[n], time.Since(begin))
			if status.Code(err) != codes.Unauthenticated {
				t.Fatal(err)
			}
		}
	}
	medians := make([]time.Duration, len(names))
	for i, times := range took {
		slices.Sort(times)
		medians[i] = times[tries/2]
	}
	unknown := medians[len(names)-1]
	for i, name := range names[:len(names)-1] {
		ratio := float64(medians[i]) / float64(unknown)
		t.Logf("%s: median %v; unknown user: median %v; ratio %.4f", name, medians[i], unknown, ratio)
		if ratio < 0.95 || ratio > 1.05 {
			t.Errorf("the time of %s is %.1f %% that of an unknown user", name, 100*ratio)
		}
	}
}
