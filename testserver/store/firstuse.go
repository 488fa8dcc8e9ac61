package store

import (
	"context"
	"database/sql/driver"

	"github.com/jackc/pgx/v5/stdlib"
)

// lookingConnector gives connections that are looked at before they are used.
// database/sql does so from their second use on: those that it opened when there
// were waiting calls, and put by as others were quicker, would be taken for sound.
type lookingConnector struct{ driver.Connector }

func (c lookingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &lookedAtConn{Conn: conn.(*stdlib.Conn)}, nil
}

type lookedAtConn struct {
	*stdlib.Conn
	looked bool
}

// ResetSession says ErrBadConn of a connection that was lost.
func (c *lookedAtConn) ResetSession(ctx context.Context) error {
	c.looked = true
	return c.Conn.ResetSession(ctx)
}

func (c *lookedAtConn) look(ctx context.Context) error {
	if c.looked {
		return nil
	}
	return c.ResetSession(ctx)
}

// BeginTx implements [driver.ConnBeginTx].
func (c *lookedAtConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.look(ctx); err != nil {
		return nil, err
	}
	return c.Conn.BeginTx(ctx, o)
}

// ExecContext implements [driver.ExecerContext].
func (c *lookedAtConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.look(ctx); err != nil {
		return nil, err
	}
	return c.Conn.ExecContext(ctx, query, args)
}

// QueryContext implements [driver.QueryerContext].
func (c *lookedAtConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.look(ctx); err != nil {
		return nil, err
	}
	return c.Conn.QueryContext(ctx, query, args)
}

// PrepareContext implements [driver.ConnPrepareContext].
func (c *lookedAtConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.look(ctx); err != nil {
		return nil, err
	}
	return c.Conn.PrepareContext(ctx, query)
}
