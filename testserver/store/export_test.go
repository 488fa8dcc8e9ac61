package store

import "database/sql"

// OnVFS returns the options for a SQLite file in a VFS of that name.
func OnVFS(path, vfs string) Options { return Options{Path: path, vfs: vfs} }

// Writer returns the connections that the store writes with.
func (s *Store) Writer() *sql.DB { return s.writer }
