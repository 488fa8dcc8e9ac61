//go:build postgres

package store

import (
	"database/sql/driver"
	"errors"
	"testing"

	"github.com/grpcx/grpcx/testserver/store/pgtest"
)

// TestLostBeforeFirstUse has the server drop connections that were opened and not
// used: database/sql is told so, and takes others.
func TestLostBeforeFirstUse(t *testing.T) {
	path := pgtest.Start(t)
	config, err := postgresConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	admin := openOn(t, Options{Path: path})
	for name, use := range map[string]func(*lookedAtConn) error{
		"begin": func(c *lookedAtConn) error { _, err := c.BeginTx(t.Context(), driver.TxOptions{}); return err },
		"exec":  func(c *lookedAtConn) error { _, err := c.ExecContext(t.Context(), "SELECT 1", nil); return err },
		"query": func(c *lookedAtConn) error {
			rows, err := c.QueryContext(t.Context(), "SELECT 1", nil)
			if err == nil {
				err = rows.Close()
			}
			return err
		},
		"prepare": func(c *lookedAtConn) error { _, err := c.PrepareContext(t.Context(), "SELECT 1"); return err },
	} {
		t.Run(name, func(t *testing.T) {
			pool := openPool(sessionConfig(config, sessionSettings()), 1)
			defer pool.Close()
			fresh, err := pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			err = fresh.Raw(func(conn any) error {
				c := conn.(*lookedAtConn)
				for left := 1; left > 0; {
					if err := admin.reader.QueryRowContext(t.Context(), `SELECT COUNT(pg_terminate_backend(pid))
						FROM pg_stat_activity WHERE pid = $1`, c.Conn.Conn().PgConn().PID()).Scan(&left); err != nil {
						return err
					}
				}
				return use(c)
			})
			if !errors.Is(err, driver.ErrBadConn) {
				t.Errorf("error %v, want that the connection is bad", err)
			}
			_ = fresh.Close() // which was closed for that error
			if err := pool.PingContext(t.Context()); err != nil {
				t.Errorf("the next connection: %v", err)
			}
		})
	}
}
