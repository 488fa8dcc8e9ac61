package cli

import (
	"fmt"
	"io"
	"strings"
)

// printConfig writes the settings as a configuration file that gives them again,
// with where each comes from. A secret is not in it.
func printConfig(w io.Writer, groups []settingGroup) error {
	var b strings.Builder
	for i, g := range groups {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "# %s\n", g.title)
		for _, s := range g.settings {
			if s.outdone != nil {
				fmt.Fprintf(&b, "%-40s # %s, but %s is in force\n", "# "+s.name, shownSource(s), s.outdone.name)
				continue
			}
			first, rest, _ := strings.Cut(s.value.yaml(), "\n")
			line := s.name + ":"
			if first != "" {
				line += " " + first
			}
			fmt.Fprintf(&b, "%-40s # %s\n", line, shownSource(s))
			if rest != "" {
				b.WriteString(rest + "\n")
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shownSource is a setting's source, and what of its value is not shown.
func shownSource(s *setting) string {
	from := strings.Join(strings.Fields(s.from.String()), " ")
	if file, ok := s.value.(*secretFile); ok && file.inline != "" {
		return from + ", not shown"
	}
	if address, ok := s.value.(*scalar[string]); ok && s.name == "store" && hasPassword(*address.p) {
		return from + ", password not shown"
	}
	return from
}
