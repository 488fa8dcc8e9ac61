package tui

import (
	"strings"

	"github.com/sahilm/fuzzy"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/describe"
)

// service is a service and what is known of its methods.
type service struct {
	name    protoreflect.FullName
	methods []describe.MethodInfo
	loaded  bool
	err     error // why its methods are not known
	open    bool
}

// row is one line of the tree. What it stands for is set, the rest is not.
type row struct {
	heading string
	service *service
	method  *describe.MethodInfo // of service
	kept    *kept                // a request of a section
}

// section is a list of requests below the services.
type section struct {
	name string
	kept []kept
	open bool
}

// kept is a request that can be taken up again.
type kept struct {
	name    string // as it is shown
	note    string // beside it
	request Request
}

// tree is the list of services, methods and kept requests. It knows nothing of
// where they come from.
type tree struct {
	services []*service
	byName   map[protoreflect.FullName]*service
	sections []*section

	rows   []row
	at     int  // the selected row
	top    int  // the first row shown
	height int  // rows that were shown last
	headed bool // below the line of the search
	moved  bool // by the user, since the search changed
	filter line
	typing bool // the filter is under edit
	found  int  // methods that the filter matches
	total  int  // methods known
	loaded int  // services whose methods are known
}

// maxFound bounds the rows of a search.
const maxFound = 500

// setServices begins a new schema; the methods come later, by setMethods. Services
// that were there before are as open as they were, and selected if they were.
func (t *tree) setServices(names []protoreflect.FullName) {
	before := t.byName
	at, _ := t.selected()
	t.services, t.byName = nil, make(map[protoreflect.FullName]*service, len(names))
	t.total, t.loaded, t.at, t.top, t.rows = 0, 0, 0, 0, nil
	for _, name := range names {
		s := &service{name: name, open: len(names) <= 3}
		if was := before[name]; was != nil {
			s.open = was.open
		}
		t.services = append(t.services, s)
		t.byName[name] = s
	}
	t.rebuild()
	for i, r := range t.rows {
		if at.service != nil && r.service != nil && r.service.name == at.service.name {
			t.at = i
		}
	}
}

// setMethods takes what was found of some services.
func (t *tree) setMethods(loaded []serviceMethods) {
	for _, l := range loaded {
		if s := t.byName[l.service]; s != nil && !s.loaded {
			s.methods, s.err, s.loaded = l.methods, l.err, true
			t.total += len(l.methods)
			t.loaded++
		}
	}
	t.rebuild()
}

// settled reports whether the selected row stays what it is when further methods
// come: it is no search's first match, or it has the very name that is searched for.
func (t *tree) settled() bool {
	r, ok := t.selected()
	return ok && (!t.typing || t.at > 0 || r.method != nil && string(r.method.Name) == t.filter.String())
}

// setSection replaces the requests of the section of this name.
func (t *tree) setSection(name string, requests []kept) {
	for _, s := range t.sections {
		if s.name == name {
			s.kept = requests
			t.rebuild()
			return
		}
	}
}

// rebuild makes the rows anew and keeps the selection where it was; that of a
// search is the best match until the user moves it.
func (t *tree) rebuild() {
	selected, had := t.selected()
	t.rows = t.rows[:0]
	if t.searching() {
		t.search()
	} else {
		t.list()
	}
	if t.searching() && !t.moved {
		t.at = 0
		return
	}
	if had {
		for i, r := range t.rows {
			if r == selected {
				t.at = i
				return
			}
		}
	}
	t.at = max(0, min(t.at, len(t.rows)-1))
}

// endSearch shows all rows again, with the selected one among them.
func (t *tree) endSearch() {
	if r, ok := t.selected(); ok && r.method != nil {
		r.service.open = true
	}
	t.typing, t.filter = false, line{}
	t.rebuild()
}

func (t *tree) searching() bool { return t.typing || len(t.filter.text) > 0 }

func (t *tree) list() {
	for _, s := range t.services {
		t.rows = append(t.rows, row{service: s})
		if !s.open {
			continue
		}
		for i := range s.methods {
			t.rows = append(t.rows, row{service: s, method: &s.methods[i]})
		}
	}
	for _, s := range t.sections {
		if len(s.kept) == 0 {
			continue
		}
		t.rows = append(t.rows, row{heading: s.name})
		if !s.open {
			continue
		}
		for i := range s.kept {
			t.rows = append(t.rows, row{kept: &s.kept[i]})
		}
	}
}

// search lists the methods that the filter matches, the best first.
func (t *tree) search() {
	pattern := strings.ReplaceAll(t.filter.String(), " ", "")
	all := make(candidates, 0, t.total)
	byPath := strings.ContainsAny(pattern, "./")
	for _, s := range t.services {
		for i := range s.methods {
			all = append(all, candidate{row{service: s, method: &s.methods[i]}, byPath})
		}
	}
	if pattern == "" {
		t.found = len(all)
		for _, c := range all[:min(len(all), maxFound)] {
			t.rows = append(t.rows, c.row)
		}
		return
	}
	matches := fuzzy.FindFrom(pattern, all)
	t.found = len(matches)
	for _, match := range matches[:min(len(matches), maxFound)] {
		t.rows = append(t.rows, all[match.Index].row)
	}
}

// candidate is a method as a search sees it: by its path where the pattern has
// the signs of one, and else by its name first.
type candidate struct {
	row
	byPath bool
}

type candidates []candidate

func (c candidates) Len() int { return len(c) }

func (c candidates) String(i int) string {
	service, method := string(c[i].service.name), string(c[i].method.Name)
	if c[i].byPath {
		return service + "/" + method
	}
	return method + " " + service
}

func (t *tree) selected() (row, bool) {
	if t.at < 0 || t.at >= len(t.rows) {
		return row{}, false
	}
	return t.rows[t.at], true
}

func (t *tree) move(by int) { t.choose(t.at + by) }

// choose selects the row, or the nearest there is.
func (t *tree) choose(at int) {
	t.at, t.moved = max(0, min(len(t.rows)-1, at)), true
}

// refilter searches anew.
func (t *tree) refilter() {
	t.moved = false
	t.rebuild()
}

// fold opens or closes what is below the selected row, and shows some of it.
func (t *tree) fold(r row) {
	switch {
	case r.heading != "":
		for _, s := range t.sections {
			if s.name == r.heading {
				s.open = !s.open
			}
		}
	case r.service != nil:
		r.service.open = !r.service.open
	}
	before := len(t.rows)
	t.rebuild()
	last := t.at + min(len(t.rows)-before, t.height-1)
	t.top = max(t.top, last-t.height+1)
}

// below reports whether the row can have others below it, and whether they are shown.
func (t *tree) below(r row) (can, open bool) {
	for _, s := range t.sections {
		if r.heading == s.name {
			return true, s.open
		}
	}
	return r.service != nil && r.method == nil, r.service != nil && r.service.open
}

// unfold shows what is below the selected row, or selects the first of it.
func (t *tree) unfold() {
	r, ok := t.selected()
	can, open := t.below(r)
	switch {
	case !ok || !can:
	case !open:
		t.fold(r)
	case t.at+1 < len(t.rows):
		if can, _ := t.below(t.rows[t.at+1]); !can {
			t.move(1)
		}
	}
}

// foldUp hides what is below the selected row, or selects the row that it is below of.
func (t *tree) foldUp() {
	r, ok := t.selected()
	if !ok || t.searching() {
		return
	}
	if can, open := t.below(r); can {
		if open {
			t.fold(r)
		}
		return
	}
	for i := t.at - 1; i >= 0; i-- {
		if can, _ := t.below(t.rows[i]); can {
			t.choose(i)
			return
		}
	}
}
