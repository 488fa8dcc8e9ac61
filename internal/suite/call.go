package suite

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/invoke"
)

// call is one call of a step and what came of it.
type call struct {
	plan     *stepPlan
	values   *values // what its expressions see
	metadata metadata.MD
	requests [][]byte // as wire bytes
	sent     [][]byte // the same as JSON
	timeout  time.Duration
	prepared bool // metadata and requests are all there
	secrets  *secrets

	result   invoke.Result
	err      error // ours, or an invalid value: the call could not be tried
	header   metadata.MD
	trailer  metadata.MD
	kept     [][]byte
	keptSize int
	last     []byte
	failure  *Failure // of its script
	received int
	// The first response, from 1, that is no message of its type; 0: none.
	unreadable int
	canceled   bool // by its script
}

// prepare evaluates what is sent. Scripts evaluate their messages as they go.
func (p *stepPlan) prepare(ctx context.Context, v *values) (*call, error) {
	c := &call{plan: p, values: v.child(), metadata: metadata.MD{}, timeout: p.spec.timeout}
	for _, h := range p.metadata {
		for _, t := range h.values {
			value, err := t.string(ctx, v)
			if err != nil {
				return c, fmt.Errorf("metadata %s: %w", h.key, err)
			}
			key := strings.ToLower(h.key)
			if value, err = headerValue(key, value); err != nil {
				return c, &valueError{t.node.at, "", err}
			}
			c.metadata.Append(key, value)
		}
	}
	for key, vs := range p.conn.Metadata {
		if len(c.metadata.Get(key)) == 0 {
			c.metadata.Append(key, vs...)
		}
	}
	for _, r := range p.requests {
		wire, json, err := r.encode(ctx, v)
		if err != nil {
			return c, fmt.Errorf("data: %w", err)
		}
		c.requests = append(c.requests, wire)
		c.sent = append(c.sent, json)
	}
	c.prepared = true
	return c, nil
}

// headerValue is a value as gRPC sends it; that of a "-bin" key is base64 in files.
func headerValue(key, value string) (string, error) {
	if strings.HasSuffix(key, "-bin") {
		raw, err := decodeBase64(value)
		if err != nil {
			return "", fmt.Errorf("metadata %s: the value is not base64, as -bin metadata must be", key)
		}
		return raw, nil
	}
	for i, c := range []byte(value) {
		if c < 0x20 || c > 0x7e {
			return "", fmt.Errorf("metadata %s: byte %d of the value is not printable ASCII; name it %s-bin and give base64", key, i+1, key)
		}
	}
	return value, nil
}

// make makes the call.
func (c *call) make(ctx context.Context) {
	if c.plan.spec.script != nil {
		c.script(ctx)
		return
	}
	c.do(ctx, &messageSource{messages: c.requests}, c)
}

// Header, Message and Trailer implement stream.Responses.
func (c *call) Header(md metadata.MD) error {
	c.header = md
	return nil
}

func (c *call) Message(m []byte) error {
	if c.plan.method.IsStreamingServer() {
		c.read(m) // bind reads a single one
	}
	if !c.plan.keeps && c.plan.method.IsStreamingServer() {
		c.last = append(c.last[:0], m...)
		return nil
	}
	if c.keptSize += len(m); c.keptSize > keptBytes {
		return errTooMuch
	}
	c.last = bytes.Clone(m)
	c.kept = append(c.kept, c.last)
	return nil
}

// read counts a response, and notes one that is no message: it must not pass
// because nothing is expected of it.
func (c *call) read(m []byte) {
	c.received++
	if c.unreadable > 0 {
		return
	}
	if _, err := c.plan.conn.compiler.schema.decodeWire(c.plan.method.Output(), m); err != nil {
		c.unreadable = c.received
	}
}

func (c *call) Trailer(md metadata.MD, _ *status.Status) error {
	c.trailer = md
	return nil
}

// status is how the call ended.
func (c *call) status() *status.Status {
	if c.result.Status == nil {
		return status.New(codes.Unknown, "")
	}
	return c.result.Status
}

// bind makes known to expressions what came of the call.
func (c *call) bind() {
	schema := c.plan.conn.compiler.schema
	st := c.status()
	n := c.values.names
	n["headers"] = headerMap(c.header)
	n["trailers"] = headerMap(c.trailer)
	n["code"] = types.String(invoke.CodeName(st.Code()))
	n["message"] = types.String(st.Message())
	n["elapsed"] = types.Duration{Duration: c.result.Elapsed}
	var details []ref.Val
	for _, d := range st.Proto().GetDetails() {
		details = append(details, schema.any(d.GetTypeUrl(), d.GetValue()))
	}
	n["details"] = types.NewRefValList(schema, details)
	output := c.plan.method.Output()
	if c.plan.method.IsStreamingServer() {
		n["msgs"] = &messageList{schema, output, c.kept, c.result.Received}
		return
	}
	n["res"] = types.NewErr("there is no response: the call ended with %s", invoke.CodeName(st.Code()))
	if len(c.kept) > 0 {
		n["res"] = schema.received(output, c.kept[0])
		if types.IsError(n["res"].(ref.Val)) {
			c.unreadable = 1
		}
	}
}

// headerMap is metadata as expressions see it: several values of a key are one,
// with commas between them; those of "-bin" keys are base64.
func headerMap(md metadata.MD) ref.Val {
	out := make(map[string]string, len(md))
	for k, vs := range md {
		out[k] = headerText(k, vs)
	}
	return types.NewStringStringMap(types.DefaultTypeAdapter, out)
}

func headerText(key string, values []string) string {
	if strings.HasSuffix(key, "-bin") {
		encoded := make([]string, len(values))
		for i, v := range values {
			encoded[i] = encodeBase64(v)
		}
		values = encoded
	}
	return strings.Join(values, ", ")
}
