// Command walls shows that the walls of .golangci.yml stand. It builds a
// skeleton of the module in which each row of walls.txt is a file, and wants
// the linter to refuse exactly the rows that say so.
//
//	go run ./scripts/walls GOLANGCI-LINT
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

//go:embed walls.txt
var table string

const module = "github.com/grpcx/grpcx"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: walls GOLANGCI-LINT")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "walls:", err)
		os.Exit(1)
	}
}

func run(linter string) error {
	dir, err := os.MkdirTemp("", "walls")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// The linter reports real paths, and matches its rules against them.
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	config, err := os.ReadFile(".golangci.yml")
	if err != nil {
		return err
	}
	rows, err := parse(table)
	if err != nil {
		return err
	}
	files := skeleton(rows)
	files[".golangci.yml"] = string(config)
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return err
		}
	}
	issues, err := lint(linter, dir, rows)
	if err != nil {
		return err
	}
	return compare(rows, issues)
}

// A row is one use of a package or of a name by a file of a room.
type row struct {
	room, uses string
	refused    bool
	file       string
}

func parse(table string) ([]row, error) {
	var rows []row
	for n, line := range strings.Split(table, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		if len(fields) != 3 || fields[2] != "stands" && fields[2] != "refused" {
			return nil, fmt.Errorf("walls.txt:%d: want ROOM USES stands|refused", n+1)
		}
		room, test := strings.CutSuffix(fields[0], "_test")
		// The file lies in a package inside the room: nothing imports it, so no
		// row can close a cycle.
		file := fmt.Sprintf("%s/probe/line%d.go", room, n+1)
		if test {
			file = fmt.Sprintf("%s/probe/line%d_test.go", room, n+1)
		}
		rows = append(rows, row{fields[0], fields[1], fields[2] == "refused", file})
	}
	return rows, nil
}

// skeleton returns the files of the module, by name: one for each row, and an
// empty package for each that a row imports.
func skeleton(rows []row) map[string]string {
	files := map[string]string{}
	gomod := "module " + module + "\n\ngo 1.26.0\n"
	for _, r := range rows {
		local, isLocal := strings.CutPrefix(r.uses, "./")
		switch pkg, _, isName := strings.Cut(path.Base(r.uses), "."); {
		case isLocal:
			files[local+"/stub.go"] = "package stub\n"
			files[r.file] = fmt.Sprintf("package probe\n\nimport _ %q\n", module+"/"+local)
		case isName:
			pkg = path.Join(path.Dir(r.uses), pkg)
			files[r.file] = fmt.Sprintf("package probe\n\nimport %q\n\nvar _ = %s\n", pkg, path.Base(r.uses))
		default:
			files[r.file] = fmt.Sprintf("package probe\n\nimport _ %q\n", r.uses)
			if host, _, _ := strings.Cut(r.uses, "/"); strings.Contains(host, ".") {
				gomod += standIn(files, r.uses)
			}
		}
	}
	files["go.mod"] = gomod
	return files
}

// standIn adds an empty module in the place of a dependency, and returns the
// lines of go.mod that put it there.
func standIn(files map[string]string, uses string) string {
	folder := "_modules/" + uses
	if _, ok := files[folder+"/go.mod"]; ok {
		return ""
	}
	files[folder+"/go.mod"] = "module " + uses + "\n"
	files[folder+"/stub.go"] = "package stub\n"
	version := "v0.0.0"
	if strings.HasSuffix(uses, "/v2") {
		version = "v2.0.0"
	}
	return fmt.Sprintf("require %[1]s %[2]s\nreplace %[1]s => ./%[3]s\n", uses, version, folder)
}

// lint returns the issues of each file.
func lint(linter, dir string, rows []row) (map[string]string, error) {
	linter, err := exec.LookPath(linter)
	if err != nil {
		return nil, err
	}
	if linter, err = filepath.Abs(linter); err != nil {
		return nil, err
	}
	folders := map[string]bool{}
	args := []string{"run", "--enable-only=depguard,forbidigo", "--issues-exit-code=0", "--output.text.print-issued-lines=false", "--output.text.colors=false", "--show-stats=false"}
	for _, r := range rows {
		if folder := "./" + path.Dir(r.file); !folders[folder] {
			folders[folder] = true
			args = append(args, folder)
		}
	}
	cmd := exec.CommandContext(context.Background(), linter, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("golangci-lint: %w\n%s%s", err, out, problems.Bytes())
	}
	issues := map[string]string{}
	for line := range strings.Lines(string(out)) {
		file, rest, _ := strings.Cut(line, ":")
		if !strings.HasSuffix(rest, "(depguard)\n") && !strings.HasSuffix(rest, "(forbidigo)\n") {
			return nil, fmt.Errorf("golangci-lint: %s", line)
		}
		issues[filepath.ToSlash(file)] = rest
	}
	return issues, nil
}

func compare(rows []row, issues map[string]string) error {
	var faults []error
	for _, r := range rows {
		switch issue, refused := issues[r.file]; {
		case refused && !r.refused:
			faults = append(faults, fmt.Errorf("%s uses %s: want it to stand, got %s", r.room, r.uses, issue))
		case !refused && r.refused:
			faults = append(faults, fmt.Errorf("%s uses %s: no rule refuses it", r.room, r.uses))
		}
	}
	if len(faults) == 0 {
		fmt.Printf("walls: all %d rows are as walls.txt says\n", len(rows))
	}
	return errors.Join(faults...)
}
