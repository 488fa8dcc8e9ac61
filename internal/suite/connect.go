package suite

import (
	"fmt"
	"slices"
	"strings"
)

// specs are the targets of the steps of f, each once.
func (f *file) specs() []*targetSpec {
	var out []*targetSpec
	add := func(steps []*step) {
		for _, s := range steps {
			if s.target != nil && !slices.Contains(out, s.target) {
				out = append(out, s.target)
			}
		}
	}
	add(f.setup)
	for _, t := range f.tests {
		add(t.steps)
	}
	add(f.teardown)
	return out
}

// connect connects the target that spec names.
func (l *loader) connect(spec *targetSpec, sc *scope, v *values) error {
	if _, ok := l.specs[spec]; ok {
		return nil
	}
	t, ok := l.target(spec, sc, v)
	if !ok {
		return nil
	}
	c, ok := l.conns[t.key()]
	if !ok {
		l.secrets.credentials(t.MD())
		conn, err := l.config.Connect(l.ctx, t)
		if err != nil {
			return fmt.Errorf("%s: %w", spec.at.position(), err)
		}
		l.secrets.credentials(conn.Metadata)
		l.secrets.credentials(conn.ReflectionMetadata)
		l.paths = append(l.paths, slices.Concat(conn.Target.Protos, conn.Target.Protosets)...)
		compiler, err := newCompiler(l.problems, newSchema(conn.Source.Types(), &l.schemas), l.config.LookupEnv)
		if err != nil {
			conn.Close()
			return err
		}
		c = &connection{conn, spec.at, compiler}
		l.conns[t.key()] = c
	}
	l.specs[spec] = c
	return nil
}

// target evaluates what a target is.
func (l *loader) target(spec *targetSpec, sc *scope, v *values) (Target, bool) {
	ok := true
	text := func(n *node) string {
		if n == nil {
			return ""
		}
		value, _, is := l.constant(n, v, sc)
		if !is {
			ok = false
			return ""
		}
		s, err := plainText(value)
		if err != nil || s == "" {
			ok = false
			l.add(n.at, "", "this is empty")
		}
		return s
	}
	path := func(n *node) string {
		s := text(n)
		if n == nil || s == "" {
			return ""
		}
		return relativeTo(n.at.source, s)
	}
	paths := func(ns []*node) (out []string) {
		for _, n := range ns {
			out = append(out, path(n))
		}
		return out
	}
	t := Target{
		Address: text(spec.address), Plaintext: spec.plaintext, Insecure: spec.insecure,
		CACert: path(spec.caCert), Cert: path(spec.cert), Key: path(spec.key),
		Authority: text(spec.authority), ServerName: text(spec.serverName),
		Protos: paths(spec.protos), ImportPaths: paths(spec.importPaths), Protosets: paths(spec.protosets),
		UseReflection: spec.useReflection,
	}
	for _, h := range spec.metadata {
		for _, n := range h.values {
			header, is := l.targetHeader(h.key.text, n, sc, v)
			ok = ok && is
			t.Metadata = append(t.Metadata, header)
		}
	}
	return t, ok
}

// targetHeader evaluates a value of a target's metadata.
func (l *loader) targetHeader(name string, n *node, sc *scope, v *values) (Header, bool) {
	value, _, ok := l.constant(n, v, sc)
	if !ok {
		return Header{}, false
	}
	text, err := plainText(value)
	if err == nil {
		_, err = headerValue(strings.ToLower(name), text)
	}
	if err != nil {
		l.add(n.at, "", "%v", err)
		return Header{}, false
	}
	return Header{name, text}, true
}
