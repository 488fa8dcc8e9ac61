package describe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	rpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// ReflectionOptions say how to ask. The zero value is ready for use.
type ReflectionOptions struct {
	Metadata metadata.MD   // sent when a stream is opened
	Timeout  time.Duration // of one lookup, connecting included; 0: 10 s
	MaxBytes int           // of descriptors kept, and of the answers to one lookup; 0: 64 MiB
	MaxFiles int           // kept; 0: 4,096
}

const (
	defaultTimeout  = 10 * time.Second
	defaultMaxBytes = 64 << 20
	defaultMaxFiles = 4096
	maxTypeLookups  = 512 // of types and extensions that messages happen to name
)

// Reflection is the source that asks the server itself, by
// grpc.reflection.v1.ServerReflection or, where that does not work, v1alpha. It
// asks for what is needed and nothing else, over one stream that stays open.
type Reflection struct {
	client client
	close  context.CancelFunc
	pool   *pool
	types  remoteTypes

	maxBytes, maxFiles int

	turn     chan struct{}           // holds the token of who may use what follows
	services []protoreflect.FullName // nil: not asked yet
	bytes    int                     // of the files kept
}

// NewReflection returns the source of the server behind cc. It asks nothing
// yet. The end of ctx ends it, as Close does.
func NewReflection(ctx context.Context, cc grpc.ClientConnInterface, o ReflectionOptions) *Reflection {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.MaxFiles <= 0 {
		o.MaxFiles = defaultMaxFiles
	}
	ctx, cancel := context.WithCancel(ctx)
	if len(o.Metadata) > 0 {
		had, _ := metadata.FromOutgoingContext(ctx)
		ctx = metadata.NewOutgoingContext(ctx, metadata.Join(had, o.Metadata))
	}
	r := &Reflection{
		client: client{
			ctx: ctx, cc: cc, timeout: o.Timeout, maxBytes: o.MaxBytes,
			limit: 2*o.MaxFiles + 64,
		},
		close:    cancel,
		pool:     newPool(),
		maxBytes: o.MaxBytes,
		maxFiles: o.MaxFiles,
		turn:     make(chan struct{}, 1),
	}
	r.types = remoteTypes{source: r, left: maxTypeLookups, asked: map[any]*sync.Once{}}
	return r
}

// Close ends the stream and every lookup under way. What was loaded remains
// available. It always returns nil.
func (r *Reflection) Close() error {
	r.close()
	return nil
}

// take waits for the turn to ask the server; release ends it.
func (r *Reflection) take(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("reflection: %w", context.Cause(ctx))
	}
}

func (r *Reflection) release() { <-r.turn }

// Services asks once and remembers the answer. Names that are no valid
// protobuf names are left out.
func (r *Reflection) Services(ctx context.Context) ([]protoreflect.FullName, error) {
	if err := r.take(ctx); err != nil {
		return nil, err
	}
	defer r.release()
	if r.services == nil {
		request := &rpb.ServerReflectionRequest{MessageRequest: &rpb.ServerReflectionRequest_ListServices{ListServices: "*"}}
		names := []protoreflect.FullName{}
		err := r.client.exchange(ctx, once(&question{request, func(response *rpb.ServerReflectionResponse) error {
			list := response.GetListServicesResponse()
			if list == nil {
				return unexpected(response, "list the services")
			}
			for _, s := range list.GetService() {
				names = append(names, protoreflect.FullName(s.GetName()))
			}
			return nil
		}}))
		if err != nil {
			return nil, err
		}
		r.services = sorted(names)
	}
	return slices.Clone(r.services), nil
}

func once(q *question) func() *question {
	return func() *question {
		asked := q
		q = nil
		return asked
	}
}

// Find loads the file that declares name and its imports, unless they are here.
func (r *Reflection) Find(ctx context.Context, name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if d, err := r.pool.lookup(name); err == nil {
		return d, nil
	}
	if !name.IsValid() {
		return nil, protoregistry.NotFound
	}
	if err := r.take(ctx); err != nil {
		return nil, err
	}
	defer r.release()
	if r.pool.ownerOf(name) == "" && builtinPath(name) == "" {
		if err := r.loadSymbol(ctx, name); err != nil {
			return nil, err
		}
	} else if err := r.loadImports(ctx, r.pool.ownerOf(name)); err != nil {
		return nil, err
	}
	return r.pool.find(name)
}

// Types asks the server for what is neither here nor built in. A lookup that
// fails for whatever reason is NotFound, asked once and not again.
func (r *Reflection) Types() Resolver { return types{pool: r.pool, remote: &r.types} }

func (r *Reflection) serviceFiles(ctx context.Context, services []protoreflect.FullName) ([]*descriptorpb.FileDescriptorProto, error) {
	if err := r.take(ctx); err != nil {
		return nil, err
	}
	defer r.release()
	l := &loader{Reflection: r, symbols: slices.Clone(services)}
	if err := r.client.exchange(ctx, l.next); err != nil {
		return nil, err
	}
	return r.pool.filesOf(services), nil
}

func (r *Reflection) allFiles(ctx context.Context) ([]*descriptorpb.FileDescriptorProto, error) {
	services, err := r.Services(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.take(ctx); err != nil {
		return nil, err
	}
	defer r.release()
	l := &loader{Reflection: r, imports: true, symbols: services}
	for _, file := range r.pool.files() {
		l.follow(file)
	}
	if err := r.client.exchange(ctx, l.next); err != nil {
		return nil, err
	}
	return r.pool.files(), nil
}

// loadSymbol loads the file of name with its imports. Servers may know only
// what stands at the top level, so what is around name is asked for next.
func (r *Reflection) loadSymbol(ctx context.Context, name protoreflect.FullName) error {
	for range 2 {
		if name == "" {
			break
		}
		l := &loader{Reflection: r, imports: true, symbols: []protoreflect.FullName{name}}
		if err := r.client.exchange(ctx, l.next); err != nil {
			return err
		}
		if l.refused == nil {
			return nil
		}
		if !saysUnknown(l.refused) {
			return fmt.Errorf("reflection: find %s: %w", name, l.refused)
		}
		name = name.Parent()
	}
	return protoregistry.NotFound
}

// saysUnknown reports whether the refusal of a symbol means that the server
// has none of this name; not every server says NOT_FOUND.
func saysUnknown(err error) bool {
	switch status.Code(err) {
	case codes.NotFound, codes.InvalidArgument, codes.Unknown, codes.Unimplemented:
		return true
	}
	return false
}

// loadImports loads what the file imports and what that imports, and so on.
func (r *Reflection) loadImports(ctx context.Context, path string) error {
	file := r.pool.file(path)
	if file == nil {
		return nil // built in
	}
	l := &loader{Reflection: r, imports: true, seen: map[string]bool{path: true}}
	l.follow(file)
	if len(l.paths) == 0 {
		return nil
	}
	return r.client.exchange(ctx, l.next)
}

// keep takes a file in, within the limits.
func (r *Reflection) keep(raw []byte) (*descriptorpb.FileDescriptorProto, error) {
	file := new(descriptorpb.FileDescriptorProto)
	if err := proto.Unmarshal(raw, file); err != nil {
		return nil, fmt.Errorf("the server sent what is not a file descriptor: %w", err)
	}
	if !r.pool.has(file.GetName()) {
		r.bytes += len(raw)
		switch {
		case r.bytes > r.maxBytes:
			return nil, fmt.Errorf("more than %d bytes of descriptors", r.maxBytes)
		case len(r.pool.files()) >= r.maxFiles:
			return nil, fmt.Errorf("more than %d files", r.maxFiles)
		}
	}
	return file, r.pool.add(file)
}

// unexpected is the error for an answer that does not fit the question.
func unexpected(response *rpb.ServerReflectionResponse, question string) error {
	if e := response.GetErrorResponse(); e != nil {
		return fmt.Errorf("%s: %w", question, refusal(e))
	}
	return fmt.Errorf("%s: the server answered another question", question)
}

// refusal returns the error that the server answered with. It is never nil.
func refusal(e *rpb.ErrorResponse) error {
	code := codes.Code(uint32(e.GetErrorCode()))
	if code == codes.OK || code > codes.Unauthenticated {
		code = codes.Unknown
	}
	return status.Error(code, e.GetErrorMessage())
}

// remoteTypes loads types that messages name. Its methods may be called at
// once.
type remoteTypes struct {
	source *Reflection
	mu     sync.Mutex
	left   int                // questions
	asked  map[any]*sync.Once // by protoreflect.FullName and extensionKey
}

// once asks for key, unless that was done or there are no questions left. It
// returns when the answer is in, whoever asked.
func (t *remoteTypes) once(key any, ask func() error) {
	t.mu.Lock()
	once := t.asked[key]
	if once == nil && t.left > 0 {
		once = new(sync.Once)
		t.asked[key] = once
		t.left--
	}
	t.mu.Unlock()
	if once == nil {
		return
	}
	once.Do(func() {
		if err := ask(); unanswered(err) {
			t.stop()
		}
	})
}

// unanswered reports whether err came from the way to the server, not from the
// schema that it sent.
func unanswered(err error) bool {
	if err == nil {
		return false
	}
	_, isStatus := status.FromError(err)
	return isStatus || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// stop ends the questions after one that the server did not answer: messages
// must not wait again and again.
func (t *remoteTypes) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = 0
}

func (t *remoteTypes) loadSymbol(name protoreflect.FullName) {
	if !name.IsValid() {
		return
	}
	t.once(name, func() error {
		_, err := t.source.Find(t.source.client.ctx, name)
		return err
	})
}

func (t *remoteTypes) loadExtension(key extensionKey) {
	if !key.extendee.IsValid() {
		return
	}
	pool, ctx := t.source.pool, t.source.client.ctx
	t.once(key, func() error {
		if pool.extends(key) == "" {
			if err := t.askExtension(ctx, key); err != nil {
				return err
			}
		}
		if name := pool.extends(key); name != "" {
			_, _ = t.source.Find(ctx, name) // what cannot be had stays unknown
		}
		return nil
	})
}

func (t *remoteTypes) askExtension(ctx context.Context, key extensionKey) error {
	r := t.source
	if err := r.take(ctx); err != nil {
		return err
	}
	defer r.release()
	l := &loader{Reflection: r, imports: true, extension: &key}
	return r.client.exchange(ctx, l.next)
}
