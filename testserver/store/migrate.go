package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate applies the migrations that the database lacks. Several processes may
// start on one database at once. Where the options have a locker, it keeps them
// apart; without one, each migration is one transaction, so the process that
// comes second fails without effect, looks again and finds it done.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, opts ...goose.ProviderOption) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, db, dir, append(opts, goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	const attempts = 10
	begun := time.Now()
	for attempt := 1; ; attempt++ {
		err := apply(ctx, p)
		if err == nil {
			return nil
		}
		again := attempt < attempts || isBusy(err) && time.Since(begun) < busyTimeout
		if !again || pause(ctx, 20*time.Millisecond) != nil {
			return fmt.Errorf("migrate: %w", err)
		}
	}
}

// apply takes no lock where there is nothing to do, so that a node that died
// with the lock holds up nobody but the first start of a new version.
func apply(ctx context.Context, p *goose.Provider) error {
	if pending, err := p.HasPending(ctx); err == nil && !pending {
		return nil
	}
	_, err := p.Up(ctx)
	return err
}

// pause waits; it returns the context's cause if that ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
