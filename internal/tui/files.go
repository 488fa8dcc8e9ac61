package tui

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// maxFiles bounds the files of a folder that are offered.
const maxFiles = 2000

// pickFiles offers .proto files and descriptor sets, from the working directory.
func (m *Model) pickFiles() tea.Cmd {
	if m.link.state == unaddressed {
		m.say("connect to a server first; its schema can be taken from files then")
		return nil
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		m.say(m.explain(err))
		return nil
	}
	return m.browse(dir)
}

// browse lists a folder to choose from.
func (m *Model) browse(dir string) tea.Cmd {
	return m.later(func() func(*Model) tea.Cmd {
		choices, err := filesOf(dir)
		return func(m *Model) tea.Cmd {
			if err != nil {
				m.say(m.explain(err))
				return nil
			}
			m.overlay = newChooser("Schema from "+shortPath(dir), choices)
			return nil
		}
	})
}

// shortPath is the end of a path, for a title.
func shortPath(path string) string {
	const most = 50
	if r := []rune(path); len(r) > most {
		return "…" + string(r[len(r)-most:])
	}
	return path
}

func filesOf(dir string) ([]choice, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(maxFiles)
	if err != nil && len(entries) == 0 && err.Error() != "EOF" {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	var protos []string
	var files, folders []choice
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case isFolder(e, path):
			folders = append(folders, choice{e.Name() + "/", "folder", func(m *Model) tea.Cmd { return m.browse(path) }})
		case strings.HasSuffix(e.Name(), ".proto"):
			protos = append(protos, path)
			files = append(files, choice{e.Name(), "proto source", useFiles(path)})
		case isSet(e.Name()):
			files = append(files, choice{e.Name(), "descriptor set", useFiles(path)})
		}
	}
	if len(protos) > 1 {
		files = slices.Insert(files, 0, choice{"all .proto files here", "", useFiles(protos...)})
	}
	up := choice{"../", "folder", func(m *Model) tea.Cmd { return m.browse(filepath.Dir(dir)) }}
	return append(append(files, folders...), up), nil
}

func isFolder(e os.DirEntry, path string) bool {
	if e.Type()&os.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// isSet reports whether a file is named as descriptor sets are.
func isSet(name string) bool {
	switch filepath.Ext(name) {
	case ".protoset", ".binpb", ".pb", ".desc", ".fds":
		return true
	}
	return false
}

func useFiles(paths ...string) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd {
		m.focus = treePane
		return m.connect(Target{Address: m.link.target.Address, Files: paths})
	}
}
