package codegen

import (
	"strconv"
	"strings"
)

// connectPackage has the Transport that clients call over.
const connectPackage = "@connectrpc/connect"

// clientParameters are names that the code of clients uses as parameters and
// globals.
func clientParameters() []string {
	return []string{"Promise", "transport", "request", "requests", "options"}
}

// clients returns the module of a file's services, "" if it has none.
func (g *generator) clients(f *file, target Target) string {
	e := g.emitter(f, g.module(f.module("_client"), target), target)
	e.reserved, e.runtime = clientParameters(), "./"+clientRuntime+".js"
	e.emitClients()
	return e.String()
}

func (e *emitter) emitClients() {
	for _, s := range e.file.services {
		if e.target != JS {
			e.clientInterface(s)
		}
		if !e.opts.TypesOnly {
			e.createClient(s)
		}
	}
}

func (e *emitter) clientInterface(s *service) {
	e.print(docBlock(s.doc(), ""))
	e.print(exported{"interface", e.file.names.client[s]}, " {")
	for i, m := range s.clientMethods() {
		if i > 0 {
			e.print()
		}
		e.print(docBlock(m.doc(), "  "))
		key := m.name
		if key == "new" { // which would be a constructor
			key = quote(key)
		}
		e.print("  ", key, "(", m.parameter(), ": ", e.requestType(m.method), ", options?: ", e.called("CallOptions").asType(), "): ", e.responseType(m.method), ";")
	}
	e.print("}")
	e.print()
}

// called is something that the runtime of clients exports.
func (e *emitter) called(name string) symbol { return symbol{name: name, from: e.runtime} }

func (e *emitter) requestType(m *method) []any {
	init := []any{runtimeType("MessageInitShape"), "<typeof ", e.schema(m.input).asType(), ">"}
	if e.opts.TypesOnly {
		init = []any{runtimeType("MessageInitShape"), "<", genType("GenMessage"), "<", e.shape(m.input), ">>"}
	}
	if m.proto.GetClientStreaming() {
		return []any{e.called("Requests").asType(), "<", init, ">"}
	}
	return init
}

func (e *emitter) responseType(m *method) []any {
	if m.proto.GetServerStreaming() {
		return []any{e.called("Responses").asType(), "<", e.shape(m.output), ">"}
	}
	return []any{"Promise<", e.shape(m.output), ">"}
}

func (e *emitter) createClient(s *service) {
	text := "Returns a client of " + s.typeName + " that calls over the transport."
	if s.outdated() {
		text += "\n\n@deprecated"
	}
	e.print(docBlock(text, ""))
	methods := s.clientMethods()
	transport := "transport"
	if len(methods) == 0 {
		transport = "_transport" // not used
	}
	types := []any{"(", transport, ": ", symbol{name: "Transport", from: connectPackage, typeOnly: true}, "): ", symbol{name: e.file.names.client[s], from: e.importPath(), typeOnly: true}}
	switch e.target {
	case DTS:
		e.print(exported{"declare function", e.file.names.create[s]}, types, ";")
		e.print()
		return
	case JS:
		types = []any{"(", transport, ")"}
	}
	e.print(exported{"function", e.file.names.create[s]}, types, " {")
	e.print("  return {")
	for _, m := range methods {
		e.print("    ", m.name, "(", m.parameter(), ", options) {")
		e.print("      return ", e.called(m.call()), "(transport, ", e.methodDescriptor(m), ", ", m.parameter(), ", options);")
		e.print("    },")
	}
	e.print("  };")
	e.print("}")
	e.print()
}

// methodDescriptor is the expression for a method's descriptor. One that is
// hidden behind another of its name has no type there.
func (e *emitter) methodDescriptor(m clientMethod) []any {
	service := e.schema(m.parent)
	if !m.hidden {
		return []any{service, ".method.", m.localName}
	}
	index := []any{service, ".methods[", strconv.Itoa(m.index), "]"}
	if e.target == JS {
		return index
	}
	kind := map[string]string{"unary": "Unary", "server_streaming": "ServerStreaming", "client_streaming": "ClientStreaming", "bidi_streaming": "BiDiStreaming"}[m.kind()]
	return append(index, " as ", runtimeType("DescMethod"+kind), "<typeof ", e.schema(m.input).asType(), ", typeof ", e.schema(m.output).asType(), ">")
}

// clientMethod is a method and its name in a client.
type clientMethod struct {
	*method
	name  string
	index int // in the service
}

// clientMethods names the methods of a client: as protobuf-es does, but for a
// method then, with which a client would be taken for a promise, and for methods
// whose name protobuf-es gives to another one.
func (s *service) clientMethods() []clientMethod {
	taken := map[string]bool{"then": true}
	methods := make([]clientMethod, len(s.methods))
	for _, hidden := range []bool{false, true} {
		for i, m := range s.methods {
			if m.hidden != hidden {
				continue
			}
			name := m.localName
			for taken[name] {
				name += "$"
			}
			taken[name] = true
			methods[i] = clientMethod{method: m, name: name, index: i}
		}
	}
	return methods
}

func (m clientMethod) parameter() string {
	if m.proto.GetClientStreaming() {
		return "requests"
	}
	return "request"
}

// call is the function of the runtime that makes calls of the method's kind.
func (m clientMethod) call() string {
	before, after, ok := strings.Cut(m.kind(), "_")
	if !ok {
		return before
	}
	return before + strings.ToUpper(after[:1]) + after[1:]
}
