package testserver

import (
	"cmp"

	"github.com/grpcx/grpcx/testserver/oneport"
)

// MemoryLimit returns what a process that is nothing but this server may give to
// debug.SetMemoryLimit, in bytes: room for as many connections and calls as the
// limits allow. Without it the garbage of hostile clients takes as much memory
// again as they hold.
func (c Config) MemoryLimit() int64 {
	const (
		least          = 80 << 20 // with the default limits
		eachConnection = 32 << 10
		eachCall       = 64 << 10 // twice what one takes, as there may be twice as many
	)
	connections := cmp.Or(c.MaxConnections, oneport.DefaultMaxConnections) - oneport.DefaultMaxConnections
	calls := cmp.Or(c.MaxCalls, oneport.DefaultMaxCalls) - oneport.DefaultMaxCalls
	return least + int64(max(0, connections))*eachConnection + int64(max(0, calls))*eachCall
}
