package suite

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// text is a string of a file whose ${...} are compiled.
type text struct {
	node  *node
	parts []textPart
}

// textPart is plain text, or the expression that stands in its place.
type textPart struct {
	plain string
	expr  *expression
}

// text compiles the expressions within a string; nil for mistakes, which are noted.
func (c *compiler) text(n *node, sc *scope) *text {
	parts, unclosed := splitTemplate(n.text)
	if unclosed >= 0 {
		c.add(n.within(unclosed), "", "${ without its }")
		return nil
	}
	t := &text{node: n}
	for _, p := range parts {
		if !p.isExpr {
			t.parts = append(t.parts, textPart{plain: p.text})
			continue
		}
		e := c.compile(n, p.text, p.offset, sc)
		if e == nil {
			return nil
		}
		t.parts = append(t.parts, textPart{expr: e})
	}
	return t
}

// typ is the type of the text's value: that of its expression, if it is one.
func (t *text) typ() binding {
	if len(t.parts) == 1 && t.parts[0].expr != nil {
		return t.parts[0].expr.binding
	}
	return binding{typ: types.StringType}
}

func (t *text) uses() (names []string) {
	for _, p := range t.parts {
		if p.expr != nil {
			names = append(names, p.expr.uses...)
		}
	}
	return names
}

// value is what the text comes to.
func (t *text) value(ctx context.Context, v *values) (ref.Val, error) {
	if len(t.parts) == 1 && t.parts[0].expr != nil {
		return t.parts[0].expr.value(ctx, v)
	}
	s, err := t.string(ctx, v)
	return types.String(s), err
}

// string is what the text comes to, as a string.
func (t *text) string(ctx context.Context, v *values) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.expr == nil {
			b.WriteString(p.plain)
			continue
		}
		value, err := p.expr.value(ctx, v)
		if err != nil {
			return "", err
		}
		s, err := plainText(value)
		if err != nil {
			return "", fmt.Errorf("%s: %w", p.expr.text, err)
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// plainText is a value as it stands in a string.
func plainText(v ref.Val) (string, error) {
	switch x := v.(type) {
	case types.String:
		return string(x), nil
	case types.Bytes:
		return base64.StdEncoding.EncodeToString(x), nil
	}
	out, err := appendValue(nil, v)
	return strings.Trim(string(out), `"`), err
}

// value evaluates the expression. An error names it.
func (e *expression) value(ctx context.Context, v *values) (value ref.Val, err error) {
	// The interpreter is not ours, and a value is no reason to end the program.
	defer func() {
		if r := recover(); r != nil {
			value, err = nil, &valueError{e.at, e.text, errEvaluation}
		}
	}()
	if e.literals != nil {
		v = &values{e.literals, v}
	}
	frame, err := interpreter.NewExecutionFrame(v)
	if err != nil {
		return nil, &valueError{e.at, e.text, err}
	}
	defer frame.Close()
	if err := frame.SetContext(ctx, interruptEvery); err != nil {
		return nil, &valueError{e.at, e.text, err}
	}
	value = e.plan.Exec(frame)
	if failed, ok := value.(*types.Err); ok {
		return nil, &valueError{e.at, e.text, failed}
	}
	return value, nil
}

// errEvaluation reports an evaluation that has been broken off.
var errEvaluation = errors.New("the evaluation has been broken off")

// valueError is a value that cannot be had, or not be used.
type valueError struct {
	at   place
	what string // the expression or the field
	err  error
}

func (e *valueError) Error() string {
	if e.what == "" {
		return e.err.Error()
	}
	return e.what + ": " + e.err.Error()
}

func (e *valueError) Unwrap() error { return e.err }
