package suite

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/invoke"
)

// starterTimeout bounds each call that Starter makes.
const starterTimeout = time.Second

// Starter writes a first suite for what conn is connected to, with credentials of
// its metadata as references to the environment: health, reflection,
// and a test for each method. Methods that only read, by their idempotency_level
// or their name, are called once to see how that ends; tests of the others are
// comments.
func Starter(ctx context.Context, conn Conn) ([]byte, error) {
	services, err := conn.Source.Services(ctx)
	if err != nil {
		return nil, err
	}
	w := &starter{conn: conn, schema: newSchema(conn.Source.Types(), &[]*schema{})}
	w.line(0, "# Run by: grpcx test FILE. The format: grpcx test --schema")
	w.line(0, "version: 1")
	target := yamlWriter{literal: true}
	target.target(0, conn.Target)
	w.out = append(w.out, target.out...)
	w.line(0, "defaults: { timeout: 5s }")
	w.line(0, "tests:")
	var methods []protoreflect.MethodDescriptor
	for _, name := range services {
		d, err := conn.Source.Find(ctx, name)
		if err != nil {
			return nil, err
		}
		service, ok := d.(protoreflect.ServiceDescriptor)
		if !ok || name == "grpc.reflection.v1alpha.ServerReflection" {
			continue
		}
		for i := range service.Methods().Len() {
			methods = append(methods, service.Methods().Get(i))
		}
	}
	for _, t := range w.texts(ctx, methods) {
		if t.err != nil {
			return nil, t.err
		}
		if !t.runs {
			w.comment(t.out)
			continue
		}
		w.out = append(w.out, t.out...)
		w.tests++
	}
	if w.tests == 0 {
		w.out = bytes.Replace(w.out, []byte("\ntests:\n"), []byte("\ntests: []\n"), 1)
	}
	return w.out, nil
}

type starter struct {
	yamlWriter
	conn   Conn
	schema *schema
	tests  int
}

// starterTest is the text of a method's test.
type starterTest struct {
	yamlWriter
	runs bool // it is no comment
	err  error
}

// texts writes the tests of methods, several at a time.
func (w *starter) texts(ctx context.Context, methods []protoreflect.MethodDescriptor) []*starterTest {
	const most = 8
	out := make([]*starterTest, len(methods))
	slots := make(chan struct{}, most)
	var wg sync.WaitGroup
	for i, m := range methods {
		w.schema.add(m.Input())
		w.schema.add(m.Output())
		out[i] = &starterTest{}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			out[i].runs, out[i].err = w.test(ctx, &out[i].yamlWriter, m)
		})
	}
	wg.Wait()
	return out
}

// test writes the test of m, and reports whether it can be run as it is.
func (w *starter) test(ctx context.Context, t *yamlWriter, m protoreflect.MethodDescriptor) (bool, error) {
	t.line(1, "- name: "+quoted(string(m.FullName())))
	t.line(2, "call: "+path(m))
	switch m.FullName() {
	case "grpc.health.v1.Health.Check":
		t.line(2, "tags: [health]")
		t.line(2, `expect: res.status == "SERVING"`)
	case "grpc.health.v1.Health.Watch":
		t.line(2, "tags: [health]")
		t.line(2, "stream:")
		t.line(3, "- send: {}")
		t.line(3, `- recv: msg.status == "SERVING"`)
		t.line(3, "- cancel")
	case "grpc.reflection.v1.ServerReflection.ServerReflectionInfo":
		t.line(2, "tags: [reflection]")
		t.line(2, "stream:")
		t.line(3, `- send: { list_services: "" }`)
		t.line(3, "- recv: msg.list_services_response.service.size() > 0")
		t.line(3, "- close")
	default:
		template := describe.Template(m.Input())
		if !isSafe(m) {
			t.template(m, template)
			return false, nil
		}
		return true, w.probe(ctx, t, m, template)
	}
	return true, nil
}

// template writes the request that is to be filled in.
func (w *yamlWriter) template(m protoreflect.MethodDescriptor, template []byte) {
	w.literal = true
	if m.IsStreamingClient() {
		w.line(2, "data:")
		w.item(3, template)
		return
	}
	w.value(2, "data", template)
}

func (w *starter) comment(text []byte) {
	for _, line := range strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n") {
		w.out = append(w.out, "  # "+strings.TrimPrefix(line, "  ")...)
	}
	w.out = append(w.out, '\n')
}

// probe calls m to see what can be expected of it.
func (w *starter) probe(ctx context.Context, t *yamlWriter, m protoreflect.MethodDescriptor, template []byte) error {
	wire, err := decodeJSON(template, m.Input(), w.schema.resolver)
	if err != nil {
		return fmt.Errorf("template of %s: %w", m.FullName(), err)
	}
	ctx, cancel := context.WithTimeout(ctx, starterTimeout)
	defer cancel()
	c := &call{
		plan:     &stepPlan{spec: &step{}, conn: &connection{Conn: w.conn, compiler: &compiler{schema: w.schema}}, method: m},
		metadata: w.conn.Metadata.Copy(), requests: [][]byte{wire}, timeout: starterTimeout,
	}
	c.make(ctx)
	if c.err != nil {
		return c.err
	}
	code := c.status().Code()
	if code == codes.DeadlineExceeded && m.IsStreamingServer() {
		t.line(2, "stream: # it does not end by itself")
		t.line(3, "- send:")
		t.json(5, template)
		if c.result.Received > 0 {
			t.line(3, "- recv")
		}
		t.line(3, "- cancel")
		return nil
	}
	t.template(m, template)
	if code != codes.OK {
		t.line(2, "code: "+invoke.CodeName(code)+" # "+advice(code))
	}
	return nil
}

// advice says what a code means for who fills in the suite.
func advice(code codes.Code) string {
	switch code {
	case codes.Unauthenticated, codes.PermissionDenied:
		return "give credentials in metadata"
	case codes.NotFound, codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange:
		return "as the data is made up"
	}
	return "as it is today"
}

// isSafe reports whether calling m changes nothing, as far as can be told.
func isSafe(m protoreflect.MethodDescriptor) bool {
	if o, ok := m.Options().(*descriptorpb.MethodOptions); ok && o.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS {
		return !m.IsStreamingClient()
	}
	if m.IsStreamingClient() {
		return false
	}
	name := string(m.Name())
	for _, verb := range []string{
		"Get", "BatchGet", "List", "Search", "Find", "Query", "Lookup", "Read", "Describe", "Count", "Check", "Has", "Is",
		"Exists", "Ping", "Version", "Status", "Watch", "Subscribe", "Stream", "Tail",
	} {
		rest, ok := strings.CutPrefix(name, verb)
		if ok && (rest == "" || rest[0] < 'a' || rest[0] > 'z') {
			return true
		}
	}
	return false
}
