package response

import (
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/grpcx/grpcx/internal/message"
)

// lazyTypes answers at once from what is known, and looks up on a goroutine what is
// not: the resolver behind it may ask a server. All methods may be called at once.
type lazyTypes struct {
	inner message.Resolver // nil: knows nothing
	wake  func()           // called when an answer has come; may be nil
	// generation counts the answers: what was decoded under another one may be
	// decoded better now.
	generation atomic.Uint64

	mu      sync.Mutex
	answers map[typeQuestion]typeAnswer // NotFound as long as there is none
	waiting []typeQuestion
	working bool
}

// maxQuestions bounds what a server can make us look up.
const maxQuestions = 1024

type typeQuestion struct {
	message string // a name, or a URL with a slash
	// number is of an extension of that message; 0 asks for the message.
	number protoreflect.FieldNumber
	// extension asks for the extension of that name.
	extension bool
}

type typeAnswer struct {
	message   protoreflect.MessageType
	extension protoreflect.ExtensionType
	err       error
}

func newLazyTypes(inner message.Resolver, wake func()) *lazyTypes {
	return &lazyTypes{inner: inner, wake: wake, answers: map[typeQuestion]typeAnswer{}}
}

// stop drops what is still to be looked up.
func (l *lazyTypes) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = nil
	l.inner = nil
}

func (l *lazyTypes) ask(q typeQuestion) typeAnswer {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a, ok := l.answers[q]; ok {
		return a
	}
	unknown := typeAnswer{err: protoregistry.NotFound}
	if l.inner == nil || len(l.answers) >= maxQuestions {
		return unknown
	}
	l.answers[q] = unknown
	l.waiting = append(l.waiting, q)
	if !l.working {
		l.working = true
		go l.work()
	}
	return unknown
}

// work looks up what waits, and ends when nothing does.
func (l *lazyTypes) work() {
	for {
		l.mu.Lock()
		if len(l.waiting) == 0 {
			l.working = false
			l.mu.Unlock()
			return
		}
		q, inner := l.waiting[0], l.inner
		l.waiting = l.waiting[1:]
		l.mu.Unlock()
		a := look(inner, q)
		if a.err != nil {
			continue
		}
		l.mu.Lock()
		l.answers[q] = a
		l.mu.Unlock()
		l.generation.Add(1)
		if l.wake != nil {
			l.wake()
		}
	}
}

func look(types message.Resolver, q typeQuestion) (a typeAnswer) {
	switch {
	case q.extension:
		a.extension, a.err = types.FindExtensionByName(protoreflect.FullName(q.message))
	case q.number != 0:
		a.extension, a.err = types.FindExtensionByNumber(protoreflect.FullName(q.message), q.number)
	default:
		a.message, a.err = types.FindMessageByURL(q.message)
	}
	return a
}

func (l *lazyTypes) FindMessageByName(name protoreflect.FullName) (protoreflect.MessageType, error) {
	return l.FindMessageByURL(string(name))
}

func (l *lazyTypes) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	a := l.ask(typeQuestion{message: url})
	return a.message, a.err
}

func (l *lazyTypes) FindExtensionByName(name protoreflect.FullName) (protoreflect.ExtensionType, error) {
	a := l.ask(typeQuestion{message: string(name), extension: true})
	return a.extension, a.err
}

func (l *lazyTypes) FindExtensionByNumber(name protoreflect.FullName, number protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	a := l.ask(typeQuestion{message: string(name), number: number})
	return a.extension, a.err
}
