package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/describe"
	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/stream"
)

// callOptions is `grpcx call`.
type callOptions struct {
	*program
	connection
	schema
	output
	address, method string

	data         []string
	expandData   bool
	inputFormat  string
	allowUnknown bool
	timeout      duration
	maxResponses int
	sendInterval duration
	hold         duration
	concurrency  int
	keepGoing    bool
	formatError  bool
	verbosity    int
}

func newCallCommand(p *program) *cobra.Command {
	o := &callOptions{program: p}
	cmd := &cobra.Command{
		Use:   "call ADDR METHOD [-d DATA]...",
		Short: "Call a method of any kind",
		Long: `Call a method of any kind: unary, client-streaming, server-streaming or bidi.

METHOD is pkg.Service/Method, pkg.Service.Method, or any end of that which fits
one method only, such as Login.

-d takes a literal, @FILE, or @ for standard input, and may repeat. Messages
follow one another; for a client-streaming method a top-level JSON array is a
stream too. Without -d a method that takes one request gets an empty one, and a
stream of requests has none. Several messages to a unary method are a batch:
one call each, over one connection, results in the order of the messages.

Responses go to standard output, everything else to standard error.`,
		Example: `  grpcx call demo CreateUser -d '{"name":"Ada","email":"ada@example.com"}'
  grpcx call api.example.com:443 pkg.Service/Method -d @request.json
  grpcx call grpc://localhost:50051 chat.ChatService/Chat -d @ --hold 30s
  grpcx call demo ListUsers -d '{"limit":3}' --jq '.users[].email'`,
		Args: args(2, 2, "ADDR METHOD"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.address, o.method = args[0], args[1]
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.data, "data", "d", nil, "request `DATA`: a literal, @FILE, or @ for standard input")
	f.BoolVar(&o.expandData, "expand-data", false, "replace ${NAME} in literal JSON of -d by environment variables, escaped")
	f.StringVar(&o.inputFormat, "format", "json", "requests are `json`, text, yaml or binary")
	f.BoolVar(&o.allowUnknown, "allow-unknown-fields", false, "ignore fields of requests that the schema does not have")
	f.Var(&o.timeout, "timeout", "the call's own deadline, sent to the server (default none)")
	f.IntVar(&o.maxResponses, "max-responses", 0, "end each call after `N` responses")
	f.Var(&o.sendInterval, "send-interval", "least time between two requests of a stream")
	f.Var(&o.hold, "hold", "keep the send side open this long after the last request")
	f.IntVar(&o.concurrency, "concurrency", 1, "calls of a batch under way at once")
	f.BoolVar(&o.keepGoing, "keep-going", false, "do not end a batch at its first failure")
	f.BoolVar(&o.formatError, "format-error", false, "write a failed call's status as google.rpc.Status in JSON")
	f.CountVarP(&o.verbosity, "verbose", "v", "tell what happens and how long it takes; -vv adds sizes and bytes")
	o.output.register(f)
	o.connection.register(f)
	o.schema.register(f)
	return cmd
}

func (o *callOptions) check() error {
	switch o.inputFormat {
	case "json", "text", "yaml", "binary":
	default:
		return &usageError{err: fmt.Errorf("--format %q: want json, text, yaml or binary", o.inputFormat)}
	}
	if o.concurrency < 1 {
		return &usageError{err: errors.New("--concurrency: want at least 1")}
	}
	if o.maxResponses < 0 {
		return &usageError{err: errors.New("--max-responses: cannot be negative")}
	}
	if err := o.output.check(o.Streams); err != nil {
		return err
	}
	if err := o.schema.check(o.data); err != nil {
		return err
	}
	if o.expandData && o.inputFormat != "json" {
		return &usageError{err: fmt.Errorf("--expand-data expands JSON, not %s", o.inputFormat)}
	}
	if err := checkData(o.data); err != nil {
		return err
	}
	for _, d := range o.data {
		if o.expandData && !strings.HasPrefix(d, "@") {
			if _, err := o.program.expandData(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// session is a call that can begin: connected, with its method found.
type session struct {
	*callOptions
	narrator *narrator
	conn     dial.Conn
	method   protoreflect.MethodDescriptor
	types    message.Resolver
	metadata metadata.MD
	out      io.Writer
}

func (o *callOptions) run(ctx context.Context) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	ctx, cancel := o.bound(ctx)
	defer cancel()
	md, err := o.callMetadata(ctx, o.program)
	if err != nil {
		return err
	}

	s := &session{callOptions: o, narrator: o.narrate(o.verbosity), metadata: md, out: o.Out}
	s.conn, err = o.connect(ctx, o.program, o.address, s.narrator.trace())
	if err != nil {
		return err
	}
	defer func() { _ = s.conn.Close() }()
	source, closeSource, err := o.source(ctx, ctx, o.program, &o.connection, s.conn)
	if err != nil {
		return err
	}
	defer closeSource()
	found := time.Now()
	if s.method, err = describe.FindMethod(ctx, source, o.method); err != nil {
		return o.explainName(ctx, source, err)
	}
	s.types = source.Types()
	s.narrator.say('*', "schema of %s (%s)", s.method.FullName(), milliseconds(time.Since(found)))
	if o.file != "" {
		file, openErr := newLazyFile(ctx, o.file)
		if openErr != nil {
			return openErr
		}
		s.out = file
		defer func() {
			if closeErr := file.Close(); closeErr != nil && err == nil {
				err = fmt.Errorf("write responses: %w", closeErr)
			}
		}()
	}
	return s.call(ctx)
}

// explainName adds what helps when the method's name is a service's.
func (o *callOptions) explainName(ctx context.Context, source describe.Source, err error) error {
	var name *describe.NameError
	if !errors.As(err, &name) || len(name.Matches) > 0 {
		return err
	}
	service, serviceErr := describe.FindService(ctx, source, o.method)
	if serviceErr != nil {
		return err
	}
	return withHint(err, fmt.Sprintf("%s is a service; `grpcx list ADDR %s` shows its methods", service, service))
}

// call makes the one call, or the batch of them.
func (s *session) call(ctx context.Context) error {
	in := &input{
		program: s.program,
		data:    s.data,
		expand:  s.expandData,
		method:  s.method,
		options: message.DecodeOptions{
			Format:       message.Format(s.inputFormat),
			Types:        s.types,
			AllowUnknown: s.allowUnknown,
		},
	}
	switch {
	case s.method.IsStreamingClient():
		requests := stream.Requests(in)
		if s.sendInterval > 0 {
			requests = stream.Paced(ctx, requests, time.Duration(s.sendInterval))
		}
		if s.hold > 0 {
			requests = stream.Held(ctx, requests, time.Duration(s.hold))
		}
		return s.one(ctx, 0, requests, s.out, s.Err)
	case s.method.IsStreamingServer():
		// The deadline is the call's, and does not run while input is awaited.
		request, err := stream.Single(ctx, in)
		if err != nil {
			return s.extraRequest(err)
		}
		return s.one(ctx, 0, request, s.out, s.Err)
	default:
		return s.batch(ctx, in)
	}
}

func (s *session) extraRequest(err error) error {
	if errors.Is(err, stream.ErrExtraRequest) {
		return fmt.Errorf("%s: %w", s.method.FullName(), err)
	}
	return err
}

// one makes one call, shows its responses on out, and its failure on problems.
// number is the call's place in a batch, from 1, and 0 outside of one.
func (s *session) one(ctx context.Context, number int, in stream.Requests, out, problems io.Writer) error {
	sink, err := s.sink(out)
	if err != nil {
		return err
	}
	s.narrator.request(s.method, s.metadata, time.Duration(s.timeout))
	result, err := invoke.Do(ctx, s.compressing(s.conn), invoke.Call{
		Method:    s.method,
		Metadata:  s.metadata,
		Timeout:   time.Duration(s.timeout),
		Requests:  s.narrator.sending(in),
		Responses: s.progress(s.narrator.receiving(sink)),
	})
	if result.Status != nil && sink.events != nil {
		if eventErr := sink.events.status(number, s.explain(ctx, result), result.Sent, result.Received, result.Elapsed); eventErr != nil && err == nil {
			err = eventErr
		}
	}
	if err != nil {
		return s.extraRequest(err)
	}
	if result.Status.Code() == codes.OK {
		return nil
	}
	if sink.events == nil {
		if err := s.showStatus(ctx, number, problems, result); err != nil {
			return err
		}
	}
	return &statusError{status: result.Status, shown: true}
}

// showStatus tells why a call failed.
func (s *session) showStatus(ctx context.Context, number int, w io.Writer, result invoke.Result) error {
	if s.formatError {
		text, err := statusJSON(result.Status, s.types)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(w, text)
		return err
	}
	printStatus(w, number, s.explain(ctx, result), s.types)
	return nil
}

// deadlineSlack is how much earlier than our clock a server, which is told the
// time that is left, may find it over.
const deadlineSlack = 20 * time.Millisecond

// explain says in words of the command line why grpcx itself ended a call.
func (s *session) explain(ctx context.Context, result invoke.Result) *status.Status {
	deadline, limited := ctx.Deadline()
	code := result.Status.Code()
	var why string
	switch {
	case code == codes.Canceled && errors.Is(ctx.Err(), context.Canceled):
		why = "interrupted"
	case code != codes.DeadlineExceeded:
		return result.Status
	case limited && time.Until(deadline) < deadlineSlack:
		why = (&maxTimeError{s.maxTime}).Error()
	case s.timeout > 0 && result.Elapsed > time.Duration(s.timeout)-deadlineSlack:
		why = fmt.Sprintf("--timeout %v ran out", time.Duration(s.timeout))
	default:
		return result.Status
	}
	return status.New(code, why+", after "+responses(result.Received))
}

func responses(n int) string {
	if n == 1 {
		return "1 response"
	}
	return strconv.Itoa(n) + " responses"
}

// sink shows the responses of one call. It implements stream.Responses.
type sink struct {
	printer  *printer
	events   *events // in place of the printer
	max      int     // 0: no limit
	received int
}

func (s *session) sink(out io.Writer) (*sink, error) {
	p, err := s.printer(s.Streams, out, s.method.Output(), s.types, s.maxText())
	if err != nil {
		return nil, err
	}
	k := &sink{printer: p, max: s.maxResponses}
	if s.format == formatEvents {
		k.events = &events{out: out, encoder: p.encoder, types: s.types}
	}
	return k, nil
}

func (k *sink) Header(md metadata.MD) error {
	if k.events == nil {
		return nil
	}
	return k.events.headers(md)
}

func (k *sink) Message(wire []byte) error {
	k.received++
	var err error
	if k.events != nil {
		err = k.events.message(wire)
	} else {
		err = k.printer.print(wire)
	}
	if err == nil && k.received == k.max {
		return stream.Stop
	}
	return err
}

func (k *sink) Trailer(md metadata.MD, _ *status.Status) error {
	if k.events == nil {
		return nil
	}
	return k.events.trailers(md)
}
