package store

import (
	"errors"
	"fmt"
	"strings"
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
)

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
