package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// Code classifies an Error.
type Code int

// The codes of an Error.
const (
	NotFound      Code = iota + 1 // the resource does not exist
	AlreadyExists                 // another resource has the same unique value
	Invalid                       // Fields says what is wrong
	Expired                       // the token or session is past its time
	Revoked                       // the token or session was revoked
	Lagging                       // the events asked for are no longer kept
	Exhausted                     // there are as many as there may be
)

// ErrUnavailable is in the chain of an error where the database could not be
// reached or was too busy. Whether a write that failed so was done is not known.
var ErrUnavailable = errors.New("database unavailable")

// Error is what a Store reports of a request that it cannot carry out. Every
// other error that a Store returns is a failure of the store itself.
type Error struct {
	Code   Code
	Kind   string // kind of resource: "user", "session", ...
	Name   string // the resource, in the caller's terms; never a secret
	Unique string // of AlreadyExists: what is unique, such as "email"; Name is its value
	Fields []FieldError
	Index  int // entry of a batch that the error is about, from 0; -1 when there is no batch
}

// FieldError says what is wrong with one field of a resource.
type FieldError struct {
	Field  string // proto field name
	Reason string
}

// CodeOf returns the code of the Error in err's chain, or 0.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return 0
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Index >= 0 {
		fmt.Fprintf(&b, "entry %d: ", e.Index)
	}
	if e.Code == Invalid {
		b.WriteString("invalid ")
	}
	b.WriteString(e.Kind)
	if e.Name != "" {
		b.WriteString(" " + e.Name)
	}
	switch e.Code {
	case NotFound:
		b.WriteString(" not found")
	case AlreadyExists:
		b.WriteString(" already exists")
	case Expired:
		b.WriteString(" expired")
	case Revoked:
		b.WriteString(" revoked")
	case Lagging:
		b.WriteString(" fell too far behind")
	case Exhausted:
		b.WriteString(" are as many as there may be")
	case Invalid:
		for i, f := range e.Fields {
			sep := "; "
			if i == 0 {
				sep = ": "
			}
			b.WriteString(sep + f.Field + " " + f.Reason)
		}
	}
	return b.String()
}

func notFound(kind, name string) error {
	return &Error{Code: NotFound, Kind: kind, Name: name, Index: -1}
}

// atEntry returns err with the index of the batch entry that it is about.
func atEntry(err error, i int) error {
	if e, ok := errors.AsType[*Error](err); ok {
		at := *e
		at.Index = i
		return &at
	}
	return err
}

// cause returns err in the store's own terms: as the context's error where a
// driver reports its end in words such as "interrupted", as an Error or as
// ErrUnavailable where it says what these say.
func cause(ctx context.Context, err error) error {
	if err == nil || CodeOf(err) != 0 {
		return err
	}
	if ended := end(ctx); ended != nil {
		return ended
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return cmp.Or(sqliteError(e), err)
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return cmp.Or(postgresError(e), err)
	}
	if isDisconnected(err) {
		return &unavailableError{err}
	}
	return err
}

// end returns the cause of the context's end, or nil. A connection may notice a
// little earlier than the context that its time is over.
func end(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return cmp.Or(context.Cause(ctx), context.DeadlineExceeded)
	}
	return context.Cause(ctx)
}

// isDisconnected reports whether a driver found no server or lost it.
func isDisconnected(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, sign := range []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, pgconn.ErrConnClosed, driver.ErrBadConn, sql.ErrConnDone,
	} {
		if errors.Is(err, sign) {
			return true
		}
	}
	return false
}

// unavailableError is ErrUnavailable with what the driver said. It hides the
// driver's error, which may be a timeout that is not the caller's.
type unavailableError struct{ cause error }

func (e *unavailableError) Error() string        { return ErrUnavailable.Error() + ": " + e.cause.Error() }
func (e *unavailableError) Is(target error) bool { return target == ErrUnavailable }

// taken is the AlreadyExists of a table's unique column, where a statement met
// what no check before it saw.
func taken(table, column string) error {
	return &Error{
		Code: AlreadyExists, Kind: strings.TrimSuffix(table, "s"),
		Unique: strings.TrimSuffix(column, "_key"), Index: -1,
	}
}
