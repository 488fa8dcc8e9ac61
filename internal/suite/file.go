package suite

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/grpcx/grpcx/internal/pipe"
)

// defaultTimeout is a call's where the file gives none: nothing waits for ever.
const defaultTimeout = 30 * time.Second

// maxIncludes bounds the files that one file includes, directly or not.
const maxIncludes = 100

// file is a suite file as it is written, with what it includes.
type file struct {
	source   *source
	paths    []string // all files that it is made from
	target   *targetSpec
	targets  map[string]*targetSpec
	timeout  time.Duration
	metadata []header
	vars     []variable
	setup    []*step
	tests    []*test
	teardown []*step

	unreadable bool // what there is of it makes no sense by itself
}

// variable is an entry of vars.
type variable struct {
	name  string
	at    place
	value *node
}

// targetSpec is a target as it is written: its strings may hold expressions.
type targetSpec struct {
	at                                       place
	address                                  *node
	plaintext, insecure, useReflection       bool
	caCert, cert, key, authority, serverName *node
	protos, importPaths, protosets           []*node
	metadata                                 []header
}

// header is an entry of metadata.
type header struct {
	key    *node
	values []*node
}

// test is an entry of tests.
type test struct {
	at     place
	name   string
	tags   []string
	needs  []*node
	skipIf *node
	alone  bool // parallel: false
	retry  *retrySpec
	cases  *node
	steps  []*step
}

// step is one call and what is expected of it.
type step struct {
	at       place
	name     string
	call     *node
	target   *targetSpec
	data     *node // nil: none
	metadata []header
	timeout  time.Duration
	code     *node // nil: OK
	codes    []codes.Code
	expect   []*node
	capture  []capture
	secret   []*node
	until    *untilSpec
	retry    *retrySpec
	script   *node
	actions  []*action // of script
	snapshot *snapshotSpec
}

// capture is a name and the expression whose value it gets.
type capture struct {
	name  *node
	value *node
}

// untilSpec repeats a call until what is expected holds.
type untilSpec struct {
	at            place
	expect        []*node
	every, within time.Duration
}

// retrySpec repeats what failed.
type retrySpec struct {
	times int // attempts at most
	every time.Duration
}

// snapshotSpec compares the responses with those of an earlier run.
type snapshotSpec struct {
	at     place
	ignore []*node
}

// action is one entry of a stream's script.
type action struct {
	kind    actionKind
	at      place
	data    *node // of send
	expect  *node // of recv, nil: any message
	within  time.Duration
	capture []capture
}

type actionKind string

const (
	sendAction   actionKind = "send"
	recvAction   actionKind = "recv"
	closeAction  actionKind = "close"
	cancelAction actionKind = "cancel"
)

// fileReader reads one file and those that it includes.
type fileReader struct {
	reader
	into *file    // what everything is added to
	open []string // paths of the files being read
}

// read reads the files at paths, until ctx ends.
func (s *Suite) read(ctx context.Context, paths []string, ps *problems) ([]*file, error) {
	files, err := pipe.Within(ctx, func() ([]*file, error) {
		var files []*file
		for _, path := range paths {
			files = append(files, readFile(path, ps))
		}
		return files, nil
	})
	for _, f := range files {
		s.paths = append(s.paths, f.paths...)
	}
	return files, err
}

// readFile reads the suite at path, and what it includes. What is wrong with them
// is noted in ps.
func readFile(path string, ps *problems) *file {
	f := &file{timeout: defaultTimeout, targets: map[string]*targetSpec{}}
	r := &fileReader{reader: reader{ps}, into: f}
	r.read(path, place{})
	r.unique()
	return f
}

// parseFile is readFile for a text that is at hand.
func parseFile(s *source, ps *problems) *file {
	f := &file{timeout: defaultTimeout, targets: map[string]*targetSpec{}}
	r := &fileReader{reader: reader{ps}, into: f}
	r.parse(s)
	r.unique()
	return f
}

// read adds the file at path; at is where it is included.
func (r *fileReader) read(path string, at place) {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	if slices.Contains(r.open, abs) {
		r.add(at, "", "%s includes itself", displayName(path))
		return
	}
	if len(r.into.paths) >= maxIncludes {
		r.add(at, "", "more than %d files are included", maxIncludes)
		return
	}
	s, err := readSource(path)
	if err != nil {
		message := err.Error()
		if at.source == nil { // its name is told with its place
			at = (&source{name: displayName(path)}).at(0, 0)
			message = strings.TrimPrefix(message, "read "+displayName(path)+": ")
		}
		r.add(at, "", "%s", message)
		r.into.unreadable = true
		return
	}
	r.open = append(r.open, abs)
	r.into.paths = append(r.into.paths, path)
	r.parse(s)
	r.open = r.open[:len(r.open)-1]
}

// parse adds the content of s. Its target and defaults are those of its own steps
// and of the files that it includes.
func (r *fileReader) parse(s *source) {
	if r.into.source == nil {
		r.into.source = s
	}
	root, err := parseYAML(s)
	if err != nil {
		if p, ok := err.(*Problem); ok { //nolint:errorlint // parseYAML makes nothing else
			r.list = append(r.list, p)
		}
		r.into.unreadable = true
		return
	}
	if root == nil {
		r.add(s.at(1, 1), "", "the file is empty")
		r.into.unreadable = true
		return
	}
	target, timeout, headers := r.into.target, r.into.timeout, r.into.metadata
	plaintext := false
	r.object(root, "a suite",
		entry{"version", r.version},
		entry{"plaintext", func(n *node) { plaintext = r.bool(n, "plaintext") }},
		entry{"target", func(n *node) { r.into.target = r.target(n) }},
		entry{"targets", r.targets},
		entry{"defaults", r.defaults},
		entry{"include", r.include},
		entry{"vars", r.vars},
		entry{"setup", func(n *node) { r.into.setup = append(r.into.setup, r.steps(n, "setup")...) }},
		entry{"tests", r.tests},
		entry{"teardown", func(n *node) { r.into.teardown = append(r.into.teardown, r.steps(n, "teardown")...) }},
	)
	if root.kind == mapKind && lacks(root, "version") {
		r.add(root.at, "", "a suite begins with version: 1")
	}
	if plaintext && r.into.target != nil {
		r.into.target.plaintext = true
	}
	if len(r.open) > 1 { // an included file's own end with it
		r.into.target, r.into.timeout, r.into.metadata = target, timeout, headers
	}
}

func (r *fileReader) version(n *node) {
	if n.text != "1" {
		r.into.unreadable = true
		r.add(n.at, "", "version %s is not known; this is version 1", n.text)
	}
}

func (r *fileReader) target(n *node) *targetSpec {
	t := &targetSpec{at: n.at}
	if n.kind == stringKind {
		if known, ok := r.into.targets[n.text]; ok {
			return known
		}
		t.address = n
		return t
	}
	if !r.is(n, "target", stringKind, mapKind) {
		return nil
	}
	text := func(key string, to **node) entry {
		return entry{key, func(n *node) {
			if r.name(n, key) != "" {
				*to = n
			}
		}}
	}
	flag := func(key string, to *bool) entry { return entry{key, func(n *node) { *to = r.bool(n, key) }} }
	list := func(key string, to *[]*node) entry { return entry{key, func(n *node) { *to = r.strings(n, key) }} }
	r.object(n, "target",
		text("address", &t.address),
		flag("plaintext", &t.plaintext), flag("insecure", &t.insecure),
		text("cacert", &t.caCert), text("cert", &t.cert), text("key", &t.key),
		text("authority", &t.authority), text("servername", &t.serverName),
		list("proto", &t.protos), list("import_path", &t.importPaths), list("protoset", &t.protosets),
		flag("use_reflection", &t.useReflection),
		entry{"metadata", func(n *node) { t.metadata = r.headers(n, nil) }},
	)
	if lacks(n, "address") {
		r.add(n.at, "", "target has no address")
	}
	return t
}

func (r *fileReader) targets(n *node) {
	if !r.is(n, "targets", mapKind) {
		return
	}
	for _, f := range n.fields {
		if t := r.target(f.value); t != nil {
			r.into.targets[f.key.text] = t
		}
	}
}

func (r *fileReader) defaults(n *node) {
	r.object(n, "defaults",
		entry{"timeout", func(n *node) { r.into.timeout = r.duration(n, "timeout") }},
		entry{"metadata", func(n *node) { r.into.metadata = r.headers(n, r.into.metadata) }},
	)
}

func (r *fileReader) include(n *node) {
	for _, item := range r.strings(n, "include") {
		r.read(filepath.Join(filepath.Dir(item.at.source.path), filepath.FromSlash(item.text)), item.at)
	}
}

func (r *fileReader) vars(n *node) {
	if !r.is(n, "vars", mapKind) {
		return
	}
	for _, f := range n.fields {
		if !r.identifier(f.key, "a variable") {
			continue
		}
		// What includes a file may give its variables other values.
		r.into.vars = slices.DeleteFunc(r.into.vars, func(v variable) bool { return v.name == f.key.text })
		r.into.vars = append(r.into.vars, variable{f.key.text, f.key.at, f.value})
	}
}

// identifier checks that expressions can use a name, and that it is not taken.
func (r *fileReader) identifier(n *node, what string) bool {
	switch {
	case !isIdentifier(n.text):
		r.add(n.at, "", "%s is named with letters, digits and _, unlike %q", what, n.text)
	case slices.Contains(reservedNames(), n.text):
		r.add(n.at, "", "%s cannot be named %q: the name has a meaning in expressions", what, n.text)
	default:
		return true
	}
	return false
}

func isIdentifier(s string) bool {
	for i, c := range s {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// reservedNames are those that expressions know, and the words that CEL keeps.
func reservedNames() []string {
	return []string{
		"res", "msgs", "msg", "headers", "trailers", "code", "message", "details", "elapsed", "vars", "env", "run",
		"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
		"let", "loop", "package", "namespace", "return", "var", "void", "while",
		"int", "uint", "double", "bool", "string", "bytes", "list", "map", "type", "dyn", "null_type", "size", "has",
		"duration", "timestamp", "matches", "google", "math", "base64", "strings", "cel",
	}
}

// unique checks that names of tests are.
func (r *fileReader) unique() {
	seen := map[string]bool{}
	for _, t := range r.into.tests {
		if seen[t.name] && t.name != "" {
			r.add(t.at, "", "another test is named %q", t.name)
		}
		seen[t.name] = true
	}
}
