package suite

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/grpcx/grpcx/internal/termtext"
)

// maxCommand bounds the requests that a command repeats.
const maxCommand = 32 << 10

// command is a shell command that makes the call again. Secrets are references to
// variables of the shell, in requests of the environment.
func (c *call) command(s *secrets) string {
	words := []string{"grpcx", "call", shellWord(c.plan.conn.Target.Address, s), shellWord(path(c.plan.method), s)}
	flag := func(name, value string) {
		if value != "" {
			words = append(words, name, shellWord(value, s))
		}
	}
	t := c.plan.conn.Target
	for name, on := range map[string]bool{"--plaintext": t.Plaintext, "--insecure": t.Insecure, "--use-reflection": t.UseReflection} {
		if on {
			words = append(words, name)
		}
	}
	slices.Sort(words[4:])
	flag("--cacert", t.CACert)
	flag("--cert", t.Cert)
	flag("--key", t.Key)
	flag("--authority", t.Authority)
	flag("--servername", t.ServerName)
	for _, p := range t.Protos {
		flag("--proto", p)
	}
	for _, p := range t.ImportPaths {
		flag("--import-path", p)
	}
	for _, p := range t.Protosets {
		flag("--protoset", p)
	}
	c.headers(flag)
	if c.plan.spec.timeout != defaultTimeout {
		flag("--timeout", c.plan.spec.timeout.String())
	}
	words = append(words, c.data(s)...)
	return strings.Join(words, " ")
}

// headers are the flags of metadata. -H goes with reflection, too.
func (c *call) headers(flag func(name, value string)) {
	lines := func(name, key string, values []string) {
		for _, v := range values {
			flag(name, key+": "+headerText(key, []string{v}))
		}
	}
	reflection := c.plan.conn.ReflectionMetadata
	for _, key := range slices.Sorted(maps.Keys(c.metadata)) {
		name := "-H"
		if other := reflection[key]; len(other) > 0 && !slices.Equal(other, c.metadata[key]) {
			name = "--rpc-header"
		}
		lines(name, key, c.metadata[key])
	}
	for _, key := range slices.Sorted(maps.Keys(reflection)) {
		if !slices.Equal(reflection[key], c.metadata[key]) {
			lines("--reflect-header", key, reflection[key])
		}
	}
}

// data are -d for each request, quoted, what makes the references in them variables
// of the environment, and a comment on those that are too many.
func (c *call) data(s *secrets) (words []string) {
	size, expand, rest := 0, false, ""
	for i, m := range c.sent {
		if size += len(m); size > maxCommand {
			rest = fmt.Sprintf("# and %d of %d requests, too long for a line", len(c.sent)-i, len(c.sent))
			break
		}
		plain, refs := s.cutJSON(string(m))
		expand = expand || len(refs) > 0
		words = append(words, "-d", ExpandedData(plain, refs))
	}
	if expand {
		words = append([]string{"--expand-data"}, words...)
	}
	if rest != "" {
		words = append(words, rest)
	}
	return words
}

// ExpandedData is a request in JSON as the shell's word after -d, for --expand-data:
// between two pieces of plain stands a variable of the environment.
func ExpandedData(plain, variables []string) string {
	var b strings.Builder
	for i, p := range plain {
		b.WriteString(strings.ReplaceAll(p, "${", `\u0024{`))
		if i < len(variables) {
			b.WriteString("${" + variables[i] + "}")
		}
	}
	return termtext.ShellQuote(b.String())
}

// shellWord quotes s for a POSIX shell.
func shellWord(s string, hidden *secrets) string {
	plain, refs := hidden.cut(s)
	var b strings.Builder
	for i, p := range plain {
		if p != "" || len(plain) == 1 {
			b.WriteString(termtext.ShellQuote(p))
		}
		if i < len(refs) {
			fmt.Fprintf(&b, `"$%s"`, refs[i])
		}
	}
	return b.String()
}
