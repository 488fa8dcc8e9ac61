package suite

import (
	"bytes"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// maxFound bounds how many files a folder is searched for.
const maxFound = 10_000

// Find returns the suite files that paths name: files as they are, and of folders
// all YAML files that have tests, in order. Hidden folders are passed by.
func Find(paths []string) ([]string, error) {
	var out []string
	for _, path := range paths {
		seen := 0
		err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				if p != path && strings.HasPrefix(d.Name(), ".") {
					return filepath.SkipDir
				}
				return nil
			}
			if seen++; seen > maxFound {
				return fmt.Errorf("more than %d files", maxFound)
			}
			if p == path || isSuite(p) {
				out = append(out, p)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", displayName(path), plainPathError(err))
		}
	}
	return unique(out), nil
}

// unique drops the paths of files that are there already, by whatever name.
func unique(paths []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(paths, func(p string) bool {
		abs, err := filepath.Abs(p)
		if err != nil {
			abs = p
		}
		known := seen[abs]
		seen[abs] = true
		return known
	})
}

// isSuite reports whether the file at path looks like a suite: YAML with the keys
// version and tests.
func isSuite(path string) bool {
	if ext := filepath.Ext(path); ext != ".yaml" && ext != ".yml" {
		return false
	}
	text, err := readCapped(path, maxFile)
	text = append([]byte("\n"), text...)
	return err == nil && bytes.Contains(text, []byte("\nversion:")) && bytes.Contains(text, []byte("\ntests:"))
}

// relativeTo is a path that a file names, as the system finds it.
func relativeTo(s *source, path string) string {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(s.path), path)
}
