//go:build postgres

package store_test

import (
	"testing"

	"github.com/grpcx/grpcx/testserver/store"
	"github.com/grpcx/grpcx/testserver/store/pgtest"
	"github.com/grpcx/grpcx/testserver/store/storetest"
)

func TestPostgres(t *testing.T) {
	storetest.Run(t, func(t *testing.T, opts store.Options) *store.Store {
		opts.Path = pgtest.Start(t)
		return open(t, opts)
	})
}
