package message

import (
	"errors"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// errRawAny says that an Any is in its raw form, {"@type": URL, "@value": BASE64}.
var errRawAny = errors.New(`"@value" in an Any`)

// any reads an Any: the members of its content beside "@type", or the content
// as a whole under "value" when its type is well-known, or its bytes under
// "@value".
func (p *parser) any(m protoreflect.Message) error {
	if p.next() != '{' {
		return p.mismatch(`an object with "@type" (google.protobuf.Any)`)
	}
	start := p.pos
	url, at, empty, err := p.typeURL()
	p.pos = start
	if err != nil {
		return err
	}
	if at < 0 && (empty || p.discard) {
		return p.skip(p.depth, p.maxDepth)
	}
	if at < 0 {
		return p.errorf(start, `missing "@type", the URL of the type of an Any`)
	}
	content, err := p.content(url, at)
	if errors.Is(err, errRawAny) {
		p.pos = start
		content, _, err = p.rawContent()
	}
	if err != nil {
		return err
	}
	fields := m.Descriptor().Fields()
	if url != "" {
		m.Set(fields.ByNumber(1), protoreflect.ValueOfString(url))
	}
	if len(content) > 0 {
		m.Set(fields.ByNumber(2), protoreflect.ValueOfBytes(content))
	}
	return nil
}

// typeURL scans an object up to its first "@type" and gives that and where its
// value stands, which is negative when there is none.
func (p *parser) typeURL() (url string, at int, empty bool, err error) {
	p.pos++
	for first := true; ; first = false {
		done, err := p.member(first)
		if done || err != nil {
			return "", -1, first, err
		}
		name, err := p.str()
		if err != nil {
			return "", -1, false, err
		}
		found := string(name) == "@type"
		if err := p.colon(); err != nil {
			return "", -1, false, err
		}
		if !found {
			if err := p.skip(p.depth, p.maxDepth); err != nil {
				return "", -1, false, err
			}
			continue
		}
		if p.next() != '"' {
			return "", -1, false, within(p.mismatch("the URL of a type"), ".\"@type\"")
		}
		at := p.pos
		s, err := p.str()
		return string(s), at, false, err
	}
}

// content reads the object of an Any of the type at url, and gives it as wire
// bytes.
func (p *parser) content(url string, at int) ([]byte, error) {
	if url == "" {
		return nil, errRawAny
	}
	mt, err := p.types.FindMessageByURL(url)
	if err != nil || mt == nil {
		return p.unknownContent(url, at, err)
	}
	m := mt.New()
	pl := p.plans.of(mt.Descriptor())
	depth, seen := p.depth, len(p.seen)
	p.partial++
	defer func() {
		p.depth, p.seen = depth, p.seen[:min(seen, len(p.seen))]
		p.partial--
	}()
	if p.depth >= p.maxDepth {
		return nil, p.tooDeep(p.maxDepth)
	}
	p.depth++
	if pl.known == ordinary {
		err = p.object(m, pl, true)
	} else {
		err = p.knownContent(m, pl)
	}
	if err != nil {
		return nil, err
	}
	return marshalAny(m)
}

// unknownContent accepts only the raw form.
func (p *parser) unknownContent(url string, at int, cause error) ([]byte, error) {
	raw, valued, err := p.rawContent()
	if err == nil || valued || p.failed() != nil {
		return raw, err
	}
	msg := "unknown type " + quote(url)
	if cause != nil && !isNotFound(cause) {
		msg = "find type " + quote(url) + ": " + reason(cause)
	}
	return nil, within(&Error{Msg: msg, off: at, err: cause}, ".\"@type\"")
}

// typeMember reads the value of "@type", which typeURL has looked at if it is
// the first of o.
func (p *parser) typeMember(o *open, at int) error {
	if o.typed {
		return p.errorf(at, `duplicate field "@type"`)
	}
	o.typed = true
	if err := p.colon(); err != nil {
		return err
	}
	return p.skip(p.depth, p.maxDepth)
}

// knownContent reads the "value" of an Any whose content is of a well-known
// type. An Empty needs none.
func (p *parser) knownContent(m protoreflect.Message, pl *plan) error {
	start := p.pos
	o := open{pl: pl}
	p.pos++
	found := false
	for first := true; ; first = false {
		done, err := p.member(first)
		if err != nil {
			return err
		}
		if done {
			break
		}
		at := p.pos
		name, err := p.str()
		if err != nil {
			return err
		}
		switch {
		case string(name) == "@type":
			err = p.typeMember(&o, at)
		case string(name) == "value" && found:
			err = p.errorf(at, `duplicate field "value"`)
		case string(name) == "value":
			found = true
			if err = p.colon(); err == nil {
				p.next()
				err = within(p.wellKnown(m, pl), ".value")
			}
		case string(name) == "@value":
			err = errRawAny
		case p.discard:
			if err = p.colon(); err == nil {
				err = p.skip(p.depth, p.maxDepth)
			}
		default:
			err = p.errorf(at, `unknown field %s: an Any of %s has "@type" and "value"`, quote(string(name)), pl.desc.FullName())
		}
		if err != nil {
			return err
		}
	}
	if !found && pl.known != emptyType {
		return p.errorf(start, `missing "value", the content of an Any of %s`, pl.desc.FullName())
	}
	return nil
}

// rawContent reads an object of exactly "@type" and "@value", and reports
// whether it got as far as the latter.
func (p *parser) rawContent() (content []byte, valued bool, err error) {
	start := p.pos
	p.pos++
	typed := false
	for first := true; ; first = false {
		done, err := p.member(first)
		if err != nil {
			return nil, valued, err
		}
		if done {
			break
		}
		at := p.pos
		s, err := p.str()
		if err != nil {
			return nil, valued, err
		}
		name := string(s)
		if err := p.colon(); err != nil {
			return nil, valued, err
		}
		c := p.next()
		switch {
		case name == "@type" && !typed:
			typed = true
			err = p.skip(p.depth, p.maxDepth)
		case name == "@value" && !valued:
			valued = true
			var v protoreflect.Value
			if v, err = p.base64(c); err == nil {
				content = v.Bytes()
			}
			err = within(err, ".\"@value\"")
		case name == "@type" || name == "@value":
			err = p.errorf(at, "duplicate field %s", quote(name))
		default:
			err = p.errorf(at, `%s stands beside the "@value" of an Any`, quote(name))
		}
		if err != nil {
			return nil, valued, err
		}
	}
	if !valued {
		return nil, false, p.errorf(start, `missing "@value"`)
	}
	return content, true, nil
}

// marshalAny gives the bytes of an Any's content.
func marshalAny(m protoreflect.Message) ([]byte, error) {
	return proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(m.Interface())
}
