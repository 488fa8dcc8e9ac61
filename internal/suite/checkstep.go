package suite

import (
	"context"
	"slices"
	"strings"

	"github.com/google/cel-go/common/types"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/invoke"
)

// stepChecker makes the plan of one step.
type stepChecker struct {
	*compiler
	plan  *stepPlan
	scope *scope // before the call
	sent  *scope // what a script has captured, too
}

func (b *stepChecker) headers() {
	for _, h := range b.plan.spec.metadata {
		p := headerPlan{key: h.key.text}
		for _, v := range h.values {
			if t := b.text(v, b.scope); t != nil {
				if k := t.typ().typ.Kind(); k == types.ListKind || k == types.MapKind || k == types.StructKind {
					b.add(v.at, "", "metadata %s: want a string, this is %s", p.key, typeName(t.typ().typ))
				}
				b.constantHeader(p.key, t)
				p.values = append(p.values, t)
			}
		}
		b.plan.metadata = append(b.plan.metadata, p)
	}
}

// constantHeader checks a value of metadata that is known before the run.
func (b *stepChecker) constantHeader(key string, t *text) {
	if slices.ContainsFunc(t.parts, func(p textPart) bool { return p.expr != nil }) {
		return
	}
	value, err := t.string(context.Background(), nil)
	if err == nil {
		_, err = headerValue(strings.ToLower(key), value)
	}
	if err != nil {
		b.add(t.node.at, "", "%v", err)
	}
}

func (b *stepChecker) data() {
	n, m := b.plan.spec.data, b.plan.method
	if n == nil {
		if m.IsStreamingClient() {
			return
		}
		n = &node{kind: mapKind, at: b.plan.spec.at, size: 1}
	}
	messages := []*node{n}
	if n.kind == listKind && !isListMessage(m.Input()) {
		if !m.IsStreamingClient() {
			b.add(n.at, "", "%s takes one request, not a list", m.Name())
			return
		}
		messages = n.items
	}
	for _, item := range messages {
		if r := b.request(item, m.Input(), b.scope); r != nil {
			b.plan.requests = append(b.plan.requests, r)
		}
	}
}

// isListMessage tells the messages that are lists in JSON.
func isListMessage(md protoreflect.MessageDescriptor) bool {
	return md.FullName() == "google.protobuf.ListValue" || md.FullName() == "google.protobuf.Value"
}

// script plans a stream's sends and receives.
func (b *stepChecker) script() {
	m := b.plan.method
	if !m.IsStreamingClient() && !m.IsStreamingServer() {
		b.add(b.plan.spec.script.at, "", "%s is no stream: use data and expect", m.Name())
		return
	}
	b.sent = b.scope
	sends := 0
	for _, a := range b.plan.spec.actions {
		p := &actionPlan{spec: a}
		switch a.kind {
		case sendAction:
			if sends++; sends > 1 && !m.IsStreamingClient() {
				b.add(a.at, "", "%s takes one request", m.Name())
			}
			if a.data != nil {
				p.request = b.request(a.data, m.Input(), b.sent)
			}
		case recvAction:
			b.receive(p)
		}
		b.plan.actions = append(b.plan.actions, p)
	}
}

// receive plans a recv: its condition and captures see the message as msg.
func (b *stepChecker) receive(p *actionPlan) {
	inner := b.withHeaders(b.sent).with("msg", binding{typ: messageType(b.plan.method.Output())}).
		without("res", "a message of a stream is called msg here").
		without("msgs", "a recv sees one message, msg; use msgs in expect")
	if p.spec.expect != nil {
		p.expect = b.condition(p.spec.expect, inner)
	}
	p.capture = b.captures(p.spec.capture, inner)
	for _, c := range p.capture {
		b.sent = b.sent.with(c.name, c.expr.binding)
	}
}

func (b *stepChecker) withHeaders(sc *scope) *scope {
	return sc.with("headers", binding{typ: types.NewMapType(types.StringType, types.StringType)})
}

// resultsOf are what the scope after a call depends on.
type resultsOf struct {
	before *scope
	method protoreflect.MethodDescriptor
}

// afterCall is sc with what is known once a call of m has ended.
func (c *compiler) afterCall(sc *scope, m protoreflect.MethodDescriptor) *scope {
	key := resultsOf{sc, m}
	if known, ok := c.results[key]; ok {
		return known
	}
	texts := binding{typ: types.NewMapType(types.StringType, types.StringType)}
	sc = sc.clone()
	sc.names["headers"], sc.names["trailers"] = texts, texts
	sc.names["code"] = binding{typ: types.StringType, enum: &enumNames{"code", invoke.CodeNames()}}
	sc.names["message"] = binding{typ: types.StringType}
	sc.names["details"] = binding{typ: types.NewListType(types.DynType)}
	sc.names["elapsed"] = binding{typ: types.DurationType}
	output := messageType(m.Output())
	sc.hints["msg"] = "msg is the message of a recv; use res or msgs here"
	if m.IsStreamingServer() {
		sc.names["msgs"] = binding{typ: types.NewListType(output)}
		sc.hints["res"] = "the method streams its responses: use msgs"
	} else {
		sc.names["res"] = binding{typ: output}
		sc.hints["msgs"] = "the method has one response: use res"
	}
	c.results[key] = sc
	return sc
}

// results plans what is expected and captured once the call has ended.
func (b *stepChecker) results() []named {
	s, m := b.plan.spec, b.plan.method
	sc := b.scope
	if b.sent != nil {
		sc = b.sent
	}
	sc = b.afterCall(sc, m)
	for _, n := range s.expect {
		if e := b.condition(n, sc); e != nil {
			b.plan.expect = append(b.plan.expect, e)
		}
	}
	if s.until != nil {
		for _, n := range s.until.expect {
			if e := b.condition(n, sc); e != nil {
				b.plan.until = append(b.plan.until, e)
			}
		}
	}
	b.plan.capture = b.captures(s.capture, sc)
	if s.snapshot != nil {
		b.ignored(s.snapshot.ignore)
	}
	var captured []named
	for _, a := range b.plan.actions {
		captured = appendNamed(captured, a.capture)
	}
	captured = appendNamed(captured, b.plan.capture)
	b.plan.keeps = s.snapshot != nil || slices.ContainsFunc(b.expressions(), func(e *expression) bool { return e.keeps })
	return captured
}

func appendNamed(to []named, from []capturePlan) []named {
	for _, c := range from {
		to = append(to, named{c.name, c.expr.binding})
	}
	return to
}

func (b *stepChecker) captures(specs []capture, sc *scope) []capturePlan {
	var out []capturePlan
	for _, s := range specs {
		e := b.compile(s.value, s.value.text, 0, sc)
		if e == nil {
			continue
		}
		secret := slices.ContainsFunc(b.plan.spec.secret, func(n *node) bool { return n.text == s.name.text })
		out = append(out, capturePlan{s.name.text, e, secret})
	}
	return out
}

// expressions are those that are evaluated when the call has ended.
func (b *stepChecker) expressions() []*expression {
	out := slices.Concat(b.plan.expect, b.plan.until)
	for _, c := range b.plan.capture {
		out = append(out, c.expr)
	}
	return out
}

// captured are the names that the step uses and that are captured before it.
func (b *stepChecker) captured(sc *scope) []string {
	var used []string
	for _, h := range b.plan.metadata {
		for _, t := range h.values {
			used = append(used, t.uses()...)
		}
	}
	for _, r := range b.plan.requests {
		used = append(used, r.uses()...)
	}
	for _, a := range b.plan.actions {
		if a.request != nil {
			used = append(used, a.request.uses()...)
		}
		if a.expect != nil {
			used = append(used, a.expect.uses...)
		}
	}
	for _, e := range b.expressions() {
		used = append(used, e.uses...)
	}
	slices.Sort(used)
	return slices.DeleteFunc(slices.Compact(used), func(name string) bool {
		_, before := sc.names[name]
		return !before
	})
}

// ignored checks that a snapshot's response has the fields that are left out.
func (b *stepChecker) ignored(ignore []*node) {
	fields := map[string]bool{}
	if !allFields(b.plan.method.Output(), fields, map[protoreflect.FullName]bool{}) {
		return
	}
	for _, n := range ignore {
		last := n.text[strings.LastIndexByte(n.text, '.')+1:]
		if !fields[last] {
			b.add(n.at, nearest(last, keys(fields)), "%s has no field %q", b.plan.method.Output().FullName(), last)
		}
	}
}

// allFields collects the names of the fields of md and of what is in it. It
// returns false if there may be others, in maps and messages of any content.
func allFields(md protoreflect.MessageDescriptor, fields map[string]bool, seen map[protoreflect.FullName]bool) bool {
	if seen[md.FullName()] {
		return true
	}
	seen[md.FullName()] = true
	if isFreeForm(md.FullName()) {
		return false
	}
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		fields[string(fd.Name())] = true
		if fd.IsMap() {
			return false
		}
		if fd.Message() != nil && !allFields(fd.Message(), fields, seen) {
			return false
		}
	}
	return true
}
