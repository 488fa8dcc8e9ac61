package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Limits of a file's fields.
const (
	maxFileID   = 128 // characters
	maxFilename = 255 // bytes, the most that a file system takes for a name
	maxOwner    = 200 // characters
)

// File describes a file whose content is stored elsewhere. UploadedAt is the
// store's to set.
type File struct {
	ID          string
	Content     string // name of the content; unique
	Filename    string
	Size        int64
	ContentType string
	Checksum    string
	UploadedAt  time.Time
	UploadedBy  string
}

// Validate returns an Error of code Invalid that names every bad field which
// comes from a client, or nil. A file name that passes is a single name on every
// system, so that it can do no harm to those who store a file under it.
func (f File) Validate() error {
	var bad []FieldError
	report := func(field, reason string) {
		if reason != "" {
			bad = append(bad, FieldError{Field: field, Reason: reason})
		}
	}
	report("file_id", badFileID(f.ID))
	report("filename", badFilename(f.Filename))
	report("uploaded_by", badText(f.UploadedBy, maxOwner))
	return invalid("file", bad)
}

func badFileID(id string) string {
	switch {
	case id == "":
		return "is required"
	case len(id) > maxFileID:
		return "is longer than " + strconv.Itoa(maxFileID) + " characters"
	case strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.:", r)
	}):
		return "has other characters than letters, digits and -_.:"
	}
	return ""
}

func badFilename(name string) string {
	if len(name) > maxFilename {
		return "is longer than " + strconv.Itoa(maxFilename) + " bytes"
	}
	if reason := badText(name, maxFilename); reason != "" {
		return reason
	}
	drive := len(name) >= 2 && name[1] == ':' && unicode.IsLetter(rune(name[0]))
	switch {
	case drive || name == "." || name == ".." || strings.ContainsAny(name, `/\`):
		return "is a path; it must be a plain name"
	case strings.ContainsFunc(name, reorders):
		return "has characters that change the order of the text"
	}
	return ""
}

// reorders tells whether a character makes text look like another one: the
// embeddings, overrides and isolates of Unicode's bidirectional algorithm.
func reorders(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// CreateFile stores the description of a file and returns it as stored.
func (s *Store) CreateFile(ctx context.Context, f File) (File, error) {
	err := f.Validate()
	if err == nil {
		err = s.write(ctx, func(tx *sql.Tx) error { return s.insertFile(ctx, tx, &f) })
	}
	if err != nil {
		return File{}, fmt.Errorf("create file: %w", err)
	}
	return f, nil
}

func (s *Store) insertFile(ctx context.Context, tx *sql.Tx, f *File) error {
	c := &change{ctx: ctx, tx: tx}
	seq, err := c.take("files", 1)
	if err != nil {
		return err
	}
	var other int64
	switch err := tx.QueryRowContext(ctx, `SELECT seq FROM files WHERE id = $1`, f.ID).Scan(&other); {
	case err == nil:
		return &Error{Code: AlreadyExists, Kind: "file", Unique: "file_id", Name: f.ID, Index: -1}
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	f.UploadedAt = s.now() // read under the lock, so that times rise with the numbers
	_, err = tx.ExecContext(ctx, `INSERT INTO files
		(seq, id, content, filename, size, content_type, checksum, uploaded_at, uploaded_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		seq, f.ID, f.Content, f.Filename, f.Size, f.ContentType, f.Checksum, f.UploadedAt.UnixMicro(), f.UploadedBy)
	return err
}

// File returns the description of the file of that id.
func (s *Store) File(ctx context.Context, id string) (File, error) {
	if badFileID(id) != "" {
		return File{}, fmt.Errorf("get file: %w", notFound("file", id))
	}
	f, err := scanFile(s.reader.QueryRowContext(ctx, selectFile+` WHERE id = $1`, id), id)
	if err != nil {
		return File{}, fmt.Errorf("get file: %w", cause(ctx, err))
	}
	return f, nil
}

// FilePage selects files in the order of their upload.
type FilePage struct {
	UploadedBy string // "" is everybody
	Offset     int64  // files to leave out
	Limit      int    // most files to return
}

// Files returns one page of files, and how many there are on all pages.
func (s *Store) Files(ctx context.Context, p FilePage) (files []File, total int64, err error) {
	where, args := "", []any{}
	if p.UploadedBy != "" {
		if reason := badText(p.UploadedBy, maxOwner); reason != "" {
			return nil, 0, invalid("request", []FieldError{{Field: "user_id", Reason: reason}})
		}
		where, args = ` WHERE uploaded_by = $1`, []any{p.UploadedBy}
	}
	limits := fmt.Sprintf(` ORDER BY seq LIMIT $%d OFFSET $%d`, len(args)+1, len(args)+2)
	err = s.read(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM files`+where, args...).Scan(&total); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, selectFile+where+limits, append(args, p.Limit, p.Offset)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			f, err := scanFile(rows, "")
			if err != nil {
				return err
			}
			files = append(files, f)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list files: %w", err)
	}
	return files, total, nil
}

// DeleteFile removes the description of the file of that id, unless allowed
// returns an error for it, and returns what it removed.
func (s *Store) DeleteFile(ctx context.Context, id string, allowed func(File) error) (File, error) {
	if badFileID(id) != "" {
		return File{}, fmt.Errorf("delete file: %w", notFound("file", id))
	}
	var f File
	err := s.write(ctx, func(tx *sql.Tx) error {
		// Adding nothing takes the lock that orders the writers.
		if _, err := (&change{ctx: ctx, tx: tx}).take("files", 0); err != nil {
			return err
		}
		var err error
		if f, err = scanFile(tx.QueryRowContext(ctx, selectFile+` WHERE id = $1`, id), id); err != nil {
			return err
		}
		if err := allowed(f); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM files WHERE id = $1`, id)
		return err
	})
	if err != nil {
		return File{}, fmt.Errorf("delete file: %w", err)
	}
	return f, nil
}

// HasContent tells whether a file has the content of that name.
func (s *Store) HasContent(ctx context.Context, content string) (bool, error) {
	var n int
	if err := s.reader.QueryRowContext(ctx, `SELECT COUNT(*) FROM files WHERE content = $1`, content).Scan(&n); err != nil {
		return false, fmt.Errorf("find content: %w", cause(ctx, err))
	}
	return n > 0, nil
}

// Identity returns a random name that is the database's for good, the same for
// all who share it.
func (s *Store) Identity(ctx context.Context) (string, error) {
	var id string
	err := s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO identity (name, value) VALUES ('database', $1)
			ON CONFLICT (name) DO NOTHING`, rand.Text()); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT value FROM identity WHERE name = 'database'`).Scan(&id)
	})
	if err != nil {
		return "", fmt.Errorf("identity of the store: %w", err)
	}
	return id, nil
}

const selectFile = `SELECT id, content, filename, size, content_type, checksum, uploaded_at, uploaded_by FROM files`

// scanFile reads a row of selectFile; id names the file where there is no row.
func scanFile(row interface{ Scan(...any) error }, id string) (File, error) {
	var f File
	var at int64
	err := row.Scan(&f.ID, &f.Content, &f.Filename, &f.Size, &f.ContentType, &f.Checksum, &at, &f.UploadedBy)
	if errors.Is(err, sql.ErrNoRows) {
		return File{}, notFound("file", id)
	}
	if err != nil {
		return File{}, err
	}
	f.UploadedAt = time.UnixMicro(at).UTC()
	return f, nil
}
