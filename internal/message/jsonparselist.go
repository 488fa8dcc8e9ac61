package message

import (
	"google.golang.org/protobuf/reflect/protoreflect"
)

// list reads the elements of a repeated field.
func (p *parser) list(list protoreflect.List, f *field) error {
	if p.next() != '[' {
		return p.mismatch("an array of " + f.describe())
	}
	p.pos++
	for i := 0; ; i++ {
		done, err := p.element(i == 0)
		if done || err != nil {
			return err
		}
		if f.message() {
			elem := list.NewElement()
			if err := p.message(elem.Message(), p.sub(f)); err != nil {
				return within(err, indexStep(i))
			}
			list.Append(elem)
			continue
		}
		v, err := p.scalar(f)
		if err != nil {
			return within(err, indexStep(i))
		}
		if v.IsValid() {
			list.Append(v)
		}
	}
}

// entries reads the entries of a map field.
func (p *parser) entries(entries protoreflect.Map, f *field) error {
	if p.next() != '{' {
		return p.mismatch("an object (map of " + f.mapKey.describe() + " to " + f.mapValue.describe() + ")")
	}
	p.pos++
	for first := true; ; first = false {
		done, err := p.member(first)
		if done || err != nil {
			return err
		}
		at := p.pos
		name, err := p.str()
		if err != nil {
			return err
		}
		key, ok := mapKey(f.mapKey.kind, string(name))
		if !ok {
			return p.errorf(at, "want a map key that is %s, got %s", f.mapKey.describe(), quote(string(name)))
		}
		if entries.Has(key) {
			return p.errorf(at, "duplicate map key %s", quote(string(name)))
		}
		end := p.pos
		if err := p.colon(); err != nil {
			return err
		}
		if err := p.entry(entries, key, f.mapValue); err != nil {
			return within(err, entryStep(p.raw(at, end)))
		}
	}
}

func (p *parser) entry(entries protoreflect.Map, key protoreflect.MapKey, f *field) error {
	if f.message() {
		v := entries.NewValue()
		if err := p.message(v.Message(), p.sub(f)); err != nil {
			return err
		}
		entries.Set(key, v)
		return nil
	}
	v, err := p.scalar(f)
	if err == nil && v.IsValid() {
		entries.Set(key, v)
	}
	return err
}
