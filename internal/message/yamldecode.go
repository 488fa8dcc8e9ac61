package message

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sort"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxYAML bounds a YAML document: its parser needs many times the memory.
const maxYAML = 4 << 20

// yamlDecoder reads one message a YAML document, or the elements of the
// sequence that a document is. It turns a document into JSON and remembers
// where each value came from.
type yamlDecoder struct {
	source
	md    protoreflect.MessageDescriptor
	o     DecodeOptions
	inner *jsonDecoder // of the document at hand
}

func newYAMLDecoder(r io.Reader, md protoreflect.MessageDescriptor, o DecodeOptions) *yamlDecoder {
	return &yamlDecoder{source: newSource(r, min(o.MaxBytes, maxYAML)), md: md, o: o}
}

func (d *yamlDecoder) next() ([]byte, error) {
	for {
		if d.inner != nil {
			wire, err := d.inner.next()
			if err != io.EOF {
				return wire, err
			}
			d.inner = nil
		}
		d.begin()
		doc, err := d.document()
		if err != nil {
			return nil, err
		}
		if err := d.open(doc); err != nil {
			return nil, err
		}
	}
}

// open makes inner read a document; a document without content is none.
func (d *yamlDecoder) open(doc []byte) error {
	p := d.base.after(d.buf[:d.start])
	c := yamlConverter{limit: 1<<20 + 16*len(doc), maxDepth: d.o.MaxDepth}
	err := c.convert(doc)
	var e *Error
	if errors.As(err, &e) {
		e.Source = d.o.Name
		e.locate(p, doc, columnOffset(doc, e.Line, e.Col))
	}
	if err != nil || len(c.out) == 0 {
		return err
	}
	text := slices.Clone(doc) // for errors; the buffer moves on
	s := newSource(nil, len(c.out))
	s.buf, s.err = c.out, io.EOF
	d.inner = newJSONDecoder(s, d.md, d.o)
	inner := d.inner
	inner.place = func(e *Error) {
		line, col := c.origin(int(inner.base.off) + e.off)
		e.locate(p, text, columnOffset(text, line, col))
	}
	return nil
}

// columnOffset gives the offset of a line and column, both from 1.
func columnOffset(text []byte, line, col int) int {
	off := 0
	for ; line > 1; line-- {
		n := bytes.IndexByte(text[off:], '\n')
		if n < 0 {
			return len(text)
		}
		off += n + 1
	}
	for ; col > 1 && off < len(text) && text[off] != '\n'; col-- {
		_, size := utf8.DecodeRune(text[off:])
		off += size
	}
	return off
}

// document reads up to the next document's marker or past an end marker.
func (d *yamlDecoder) document() ([]byte, error) {
	content := false
	for i := d.start; ; {
		end, last, err := d.line(i)
		if err != nil {
			return nil, err
		}
		line := d.buf[i:end]
		marker := hasMarker(line, "---")
		switch {
		case last && len(line) == 0 && i == d.start:
			return nil, io.EOF
		case marker && content:
			d.pos = i
			return d.buf[d.start:i], nil
		case last || hasMarker(line, "..."):
			d.pos = end
			return d.buf[d.start:end], nil
		}
		trimmed := bytes.TrimLeft(line, " \t")
		content = content || marker || len(bytes.TrimSpace(trimmed)) > 0 && trimmed[0] != '#' && line[0] != '%'
		i = end
	}
}

// line gives the end of the line at i, and whether it is the last.
func (d *yamlDecoder) line(i int) (end int, last bool, err error) {
	from := i
	for {
		if n := bytes.IndexByte(d.buf[from:], '\n'); n >= 0 {
			return from + n + 1, false, nil
		}
		from = len(d.buf)
		if d.more() {
			continue
		}
		if err := d.failed(); err != nil {
			var e *Error
			err = d.readError(err)
			if errors.As(err, &e) {
				e.Source = d.o.Name
				e.locate(d.base, d.buf, e.off)
			}
			return 0, false, err
		}
		return len(d.buf), true, nil
	}
}

func hasMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// origin gives the line and column in the document of the JSON at off.
func (c *yamlConverter) origin(off int) (line, col int) {
	i := sort.Search(len(c.marks), func(i int) bool { return c.marks[i].off > off })
	if i == 0 {
		return 1, 1
	}
	return c.marks[i-1].line, c.marks[i-1].col
}
