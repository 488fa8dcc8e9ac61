package testserver

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"

	"go.opentelemetry.io/otel/trace"
)

// maxLogText is how many bytes of a text a log record keeps.
const maxLogText = 16 << 10

// RedactSecrets returns a handler that gives next each record without the
// secrets in it: the values of attributes whose names speak of a password, a
// token, a cookie and the like, and whatever looks like one within texts. It is
// safe for concurrent use if next is.
func RedactSecrets(next slog.Handler) slog.Handler {
	if h, ok := next.(*logHandler); ok {
		return h
	}
	return &logHandler{next: next}
}

// logHandler redacts records, adds to them which call they belong to, and gives
// them to another handler and to the tail of the log.
type logHandler struct {
	next slog.Handler
	tail *logTail // nil if there is none

	group string      // open groups, each with a dot after it, for the tail
	attrs []slog.Attr // of WithAttrs, for the tail, with their groups in their keys
}

// newLogger returns the logger of a server: to, which may be nil, receives what
// it is enabled for, and the tail what it keeps.
func newLogger(to *slog.Logger, tail *logTail) *slog.Logger {
	h := &logHandler{next: slog.DiscardHandler, tail: tail}
	if to != nil {
		h.next = to.Handler()
	}
	if r, ok := h.next.(*logHandler); ok {
		h.next = r.next // once is enough
	}
	return slog.New(h)
}

// Enabled implements [slog.Handler].
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.tail.enabled(level) || h.next.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	attrs := make([]slog.Attr, 0, 16) // enough for most, and no garbage
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, redactAttr(a))
		return true
	})
	if id, ok := ctx.Value(requestIDKey{}).(string); ok {
		attrs = append(attrs, slog.String("request_id", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		attrs = append(attrs, slog.String("trace_id", span.TraceID().String()))
	}
	message := redactText(r.Message)
	if h.tail.enabled(r.Level) {
		h.tail.add(r.Time, r.Level, message, h.flatten(attrs))
	}
	if !h.next.Enabled(ctx, r.Level) {
		return nil
	}
	clean := slog.NewRecord(r.Time, r.Level, message, r.PC)
	clean.AddAttrs(attrs...)
	return h.next.Handle(ctx, clean)
}

// WithAttrs implements [slog.Handler].
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = redactAttr(a)
	}
	with := *h
	with.next = h.next.WithAttrs(clean)
	with.attrs = h.flatten(clean)
	return &with
}

// WithGroup implements [slog.Handler].
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.next = h.next.WithGroup(name)
	with.group += name + "."
	return &with
}

// flatten returns the attributes so far and those, with their groups in their keys.
func (h *logHandler) flatten(attrs []slog.Attr) []slog.Attr {
	plain := h.group == "" && !slices.ContainsFunc(attrs, func(a slog.Attr) bool { return a.Value.Kind() == slog.KindGroup })
	if plain && len(h.attrs) == 0 {
		return attrs
	}
	return appendFlat(slices.Clip(h.attrs), h.group, attrs)
}

func appendFlat(to []slog.Attr, group string, attrs []slog.Attr) []slog.Attr {
	for _, a := range attrs {
		if a.Value.Kind() != slog.KindGroup {
			to = append(to, slog.Attr{Key: group + a.Key, Value: a.Value})
			continue
		}
		inner := group
		if a.Key != "" {
			inner += a.Key + "."
		}
		to = appendFlat(to, inner, a.Value.Group())
	}
	return to
}

// redactAttr returns the attribute without secrets, with a value that says the
// same at any later time.
func redactAttr(a slog.Attr) slog.Attr {
	if isSecretName(a.Key) && a.Value.Kind() != slog.KindGroup {
		a.Value = slog.StringValue(redactedText)
		return a
	}
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(redactText(a.Value.String()))
	case slog.KindGroup:
		group := slices.Clone(a.Value.Group())
		for i := range group {
			if isSecretName(a.Key) {
				group[i].Value = slog.StringValue(redactedText)
			}
			group[i] = redactAttr(group[i])
		}
		a.Value = slog.GroupValue(group...)
	case slog.KindAny:
		a.Value = redactAny(a.Value.Any())
	}
	return a
}

// redactAny returns a value as text or as a list of texts. What cannot be looked
// into for certain is told by its type alone.
func redactAny(v any) slog.Value {
	switch v := v.(type) {
	case nil:
		return slog.AnyValue(nil)
	case error:
		return slog.StringValue(redactText(textOf(v.Error)))
	case fmt.Stringer:
		return slog.StringValue(redactText(textOf(v.String)))
	case []string:
		clean := make([]string, len(v))
		for i, s := range v {
			clean[i] = redactText(s)
		}
		return slog.AnyValue(clean)
	}
	switch kind := reflect.TypeOf(v).Kind(); {
	case kind == reflect.String:
		return slog.StringValue(redactText(reflect.ValueOf(v).String()))
	case kind <= reflect.Complex128: // a number or a bool
		return slog.StringValue(fmt.Sprint(v))
	}
	return slog.StringValue(fmt.Sprintf("(%T)", v))
}

// textOf returns the text of a value, whose method may not expect to be nil.
func textOf(method func() string) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = "(no text)"
		}
	}()
	return method()
}

// redactText is redact for texts of any length.
func redactText(s string) string {
	if len(s) > maxLogText {
		s = cutText(s, maxLogText) + "..."
	}
	return redact(s)
}
