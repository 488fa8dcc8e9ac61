package suite

import (
	"slices"
	"strings"
	"time"
)

func (r *fileReader) tests(n *node) {
	if !r.is(n, "tests", listKind, nullKind) {
		return
	}
	for _, item := range n.items {
		if t := r.test(item); t != nil {
			r.into.tests = append(r.into.tests, t)
		}
	}
}

func (r *fileReader) test(n *node) *test {
	t := &test{at: n.at}
	s := r.newStep(n)
	var inline, steps, target *node
	entries := []entry{
		{"name", func(n *node) { t.name = r.name(n, "name"); t.at = n.at }},
		{"tags", func(n *node) { t.tags = r.tags(n) }},
		{"needs", func(n *node) { t.needs = r.strings(n, "needs") }},
		{"skip_if", func(n *node) { t.skipIf = r.expression(n, "skip_if") }},
		{"parallel", func(n *node) { t.alone = !r.bool(n, "parallel") }},
		{"retry", func(n *node) { t.retry = r.retry(n) }},
		{"cases", func(n *node) {
			if r.is(n, "cases", listKind, stringKind) {
				t.cases = n
			}
		}},
		{"target", func(n *node) { target = n }},
		{"steps", func(n *node) { steps = n }},
	}
	for _, e := range r.callEntries(s) {
		entries = append(entries, entry{e.key, func(n *node) { inline = n; e.take(n) }})
	}
	if !r.object(n, "a test", entries...) {
		return nil
	}
	switch {
	case lacks(n, "name"):
		r.add(n.at, "", "a test has no name")
	case steps != nil && inline != nil:
		r.add(inline.at, "", "a test has steps, or one call of its own, not both")
	case steps == nil && inline == nil && lacks(n, "steps") && lacks(n, "call"):
		r.add(n.at, "", "test %q has no steps", t.name)
	}
	if target != nil {
		defer func(before *targetSpec) { r.into.target = before }(r.into.target)
		r.into.target = r.target(target)
		s.target = r.into.target
	}
	if steps != nil {
		t.steps = r.steps(steps, "steps")
	} else {
		if inline != nil {
			r.finish(s, n)
		}
		s.at = t.at
		t.steps = []*step{s}
	}
	return t
}

func (r *fileReader) tags(n *node) []string {
	var tags []string
	for _, item := range r.strings(n, "tags") {
		if strings.ContainsAny(item.text, ",! \t") {
			r.add(item.at, "", "a tag has no space, comma or exclamation mark")
			continue
		}
		tags = append(tags, item.text)
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

// steps takes a list of steps, of setup and teardown too.
func (r *fileReader) steps(n *node, what string) []*step {
	if !r.is(n, what, listKind, nullKind) {
		return nil
	}
	var out []*step
	for _, item := range n.items {
		s := r.newStep(item)
		entries := append([]entry{
			{"name", func(n *node) { s.name = r.name(n, "name") }},
			{"target", func(n *node) { s.target = r.target(n) }},
			{"retry", func(n *node) { s.retry = r.retry(n) }},
		}, r.callEntries(s)...)
		if r.object(item, "a step", entries...) {
			r.finish(s, item)
			out = append(out, s)
		}
	}
	if len(n.items) == 0 {
		r.add(n.at, "", "%s is empty", what)
	}
	return out
}

func (r *fileReader) newStep(n *node) *step {
	return &step{at: n.at, target: r.into.target, timeout: r.into.timeout, metadata: r.into.metadata}
}

// callEntries are the keys of a step that a test of one call has too.
func (r *fileReader) callEntries(s *step) []entry {
	return []entry{
		{"call", func(n *node) {
			if r.name(n, "call") != "" {
				s.call = n
			}
		}},
		{"data", func(n *node) {
			if r.is(n, "data", mapKind, listKind, stringKind) {
				s.data = n
			}
		}},
		{"metadata", func(n *node) { s.metadata = r.headers(n, s.metadata) }},
		{"timeout", func(n *node) { s.timeout = r.duration(n, "timeout") }},
		{"code", func(n *node) { s.code, s.codes = n, r.codes(n) }},
		{"expect", func(n *node) { s.expect = r.expressions(n, "expect") }},
		{"capture", func(n *node) { s.capture = r.captures(n) }},
		{"secret", func(n *node) { s.secret = r.strings(n, "secret") }},
		{"until", func(n *node) { s.until = r.until(n) }},
		{"stream", func(n *node) { s.script, s.actions = n, r.script(n) }},
		{"snapshot", func(n *node) { s.snapshot = r.snapshot(n) }},
	}
}

// finish checks what a step's keys say together.
func (r *fileReader) finish(s *step, n *node) {
	if lacks(n, "call") {
		r.add(n.at, "", "a step has no call")
	}
	if s.target == nil && n.get("target") == nil {
		r.add(n.at, "", "the step has no target, nor has the file")
	}
	if s.script != nil && s.data != nil {
		r.add(s.data.at, "", "a step has data or stream, not both")
	}
	if s.until != nil && s.retry != nil {
		r.add(s.until.at, "", "a step has until or retry, not both")
	}
	captured := func(name string) bool {
		is := func(c capture) bool { return c.name.text == name }
		return slices.ContainsFunc(s.capture, is) ||
			slices.ContainsFunc(s.actions, func(a *action) bool { return slices.ContainsFunc(a.capture, is) })
	}
	for _, name := range s.secret {
		if !captured(name.text) {
			r.add(name.at, "", "secret %q is not captured by this step", name.text)
		}
	}
}

func (r *fileReader) expression(n *node, what string) *node {
	if r.name(n, what) == "" {
		return nil
	}
	return n
}

func (r *fileReader) expressions(n *node, what string) []*node { return r.strings(n, what) }

// headers takes metadata, on top of the metadata of defaults.
func (r *fileReader) headers(n *node, defaults []header) []header {
	if !r.is(n, "metadata", mapKind, nullKind) {
		return defaults
	}
	out := slices.Clone(defaults)
	for _, f := range n.fields {
		if problem := badHeaderName(f.key.text); problem != "" {
			r.add(f.key.at, "", "metadata %q: %s", f.key.text, problem)
			continue
		}
		h := header{key: f.key}
		for _, v := range r.oneOrMore(f.value) {
			if r.is(v, "metadata "+f.key.text, stringKind, intKind, floatKind, boolKind) {
				h.values = append(h.values, v)
			}
		}
		out = slices.DeleteFunc(out, func(d header) bool { return strings.EqualFold(d.key.text, f.key.text) })
		out = append(out, h)
	}
	return out
}

// badHeaderName says what is wrong with a key of metadata, "" for nothing. It
// follows the gRPC over HTTP/2 specification, "Custom-Metadata".
func badHeaderName(name string) string {
	name = strings.ToLower(name)
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return "a name has letters, digits, '-', '_' and '.'"
		}
	}
	switch name {
	case "":
		return "the name is missing"
	case "grpc-timeout":
		return "use timeout"
	case "grpc-trace-bin", "grpc-tags-bin", "grpc-previous-rpc-attempts":
		return ""
	case "user-agent", "content-type", "te", "connection", "host":
		return "belongs to the protocol and cannot be set"
	}
	if strings.HasPrefix(name, "grpc-") {
		return "names that begin with grpc- belong to the protocol"
	}
	return ""
}

func (r *fileReader) captures(n *node) []capture {
	if !r.is(n, "capture", mapKind) {
		return nil
	}
	var out []capture
	for _, f := range n.fields {
		if r.identifier(f.key, "a capture") && r.expression(f.value, "capture "+f.key.text) != nil {
			out = append(out, capture{f.key, f.value})
		}
	}
	return out
}

func (r *fileReader) until(n *node) *untilSpec {
	u := &untilSpec{at: n.at, every: 250 * time.Millisecond, within: 10 * time.Second}
	if n.kind == stringKind {
		u.expect = r.expressions(n, "until")
		return u
	}
	if !r.is(n, "until", stringKind, mapKind) {
		return nil
	}
	r.object(n, "until",
		entry{"expect", func(n *node) { u.expect = r.expressions(n, "expect") }},
		entry{"every", func(n *node) { u.every = r.duration(n, "every") }},
		entry{"within", func(n *node) { u.within = r.duration(n, "within") }},
	)
	return u
}

func (r *fileReader) retry(n *node) *retrySpec {
	const most = 1000
	s := &retrySpec{times: 2}
	if n.kind == intKind {
		s.times = 1 + r.count(n, "retry", 0, most)
		return s
	}
	if !r.is(n, "retry", intKind, mapKind) {
		return nil
	}
	r.object(n, "retry",
		entry{"times", func(n *node) { s.times = 1 + r.count(n, "times", 0, most) }},
		entry{"every", func(n *node) { s.every = r.duration(n, "every") }},
	)
	return s
}

func (r *fileReader) snapshot(n *node) *snapshotSpec {
	s := &snapshotSpec{at: n.at}
	if n.kind == boolKind {
		if !n.bool() {
			return nil
		}
		return s
	}
	if !r.is(n, "snapshot", boolKind, mapKind) {
		return nil
	}
	r.object(n, "snapshot", entry{"ignore", func(n *node) {
		s.ignore = r.strings(n, "ignore")
	}})
	return s
}

// script takes the actions of a stream.
func (r *fileReader) script(n *node) []*action {
	if !r.is(n, "stream", listKind) {
		return nil
	}
	var out []*action
	for _, item := range n.items {
		a := r.action(item)
		if a == nil {
			continue
		}
		if len(out) > 0 {
			switch last := out[len(out)-1]; {
			case last.kind == cancelAction:
				r.add(item.at, "", "nothing happens after cancel")
			case a.kind == sendAction && slices.ContainsFunc(out, func(a *action) bool { return a.kind == closeAction }):
				r.add(item.at, "", "nothing can be sent after close")
			}
		}
		out = append(out, a)
	}
	return out
}

func (r *fileReader) action(n *node) *action {
	a := &action{at: n.at, within: r.into.timeout}
	if n.kind == stringKind {
		switch a.kind = actionKind(n.text); a.kind {
		case closeAction, cancelAction, recvAction:
			return a
		}
		r.add(n.at, nearest(n.text, slices.Values([]string{"close", "cancel", "recv"})), "stream: want send, recv, close or cancel, not %q", n.text)
		return nil
	}
	if n.kind == mapKind && n.get("send") == nil && n.get("recv") == nil {
		for _, f := range n.fields {
			r.add(f.key.at, nearest(f.key.text, slices.Values([]string{"send", "recv"})), "stream: want send, recv, close or cancel, not %q", f.key.text)
		}
		return nil
	}
	if n.get("send") != nil {
		a.kind = sendAction
		r.object(n, "send", entry{"send", func(n *node) {
			if r.is(n, "send", mapKind, stringKind) {
				a.data = n
			}
		}})
		return a
	}
	a.kind = recvAction
	if !r.object(n, "recv",
		entry{"recv", func(n *node) {
			if n.kind != nullKind {
				a.expect = r.expression(n, "recv")
			}
		}},
		entry{"within", func(n *node) { a.within = r.duration(n, "within") }},
		entry{"capture", func(n *node) { a.capture = r.captures(n) }},
	) {
		return nil
	}
	return a
}
