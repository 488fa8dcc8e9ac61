package testserver

import (
	"path/filepath"
	"testing"
	"time"
)

// sharedStores are the databases that several nodes can share: each returns one
// that is empty and ends with the test.
var sharedStores = map[string]func(testing.TB) string{
	"sqlite": func(t testing.TB) string { return filepath.Join(t.TempDir(), "shared.db") },
}

// onNodes runs a test with that many servers on one store, for each kind of store.
func onNodes(t *testing.T, n int, cfg Config, test func(t *testing.T, nodes []*Server)) {
	for name, path := range sharedStores {
		t.Run(name, func(t *testing.T) {
			cfg := cfg
			cfg.Store = path(t)
			if cfg.poll == 0 {
				cfg.poll = 10 * time.Millisecond
			}
			nodes := make([]*Server, n)
			for i := range nodes {
				nodes[i] = Start(t, cfg)
			}
			test(t, nodes)
		})
	}
}
