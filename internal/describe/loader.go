package describe

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	rpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// A loader is one lookup: the questions that are still to be asked. A question
// whose answer came along with another one is not asked.
type loader struct {
	*Reflection
	imports   bool                    // follow the imports of every file
	extension *extensionKey           // to be asked for
	symbols   []protoreflect.FullName // to be asked for
	paths     []string                // files to be asked for
	seen      map[string]bool         // paths that were in paths, or whose imports were followed
	refused   error                   // the server's answer to the last symbol that it does not know
}

func (l *loader) next() *question {
	if key := l.extension; key != nil {
		l.extension = nil
		return l.askExtension(*key)
	}
	for len(l.symbols) > 0 {
		name := l.symbols[0]
		l.symbols = l.symbols[1:]
		if l.pool.ownerOf(name) == "" {
			return l.askSymbol(name)
		}
	}
	for len(l.paths) > 0 {
		path := l.paths[0]
		l.paths = l.paths[1:]
		if !l.pool.has(path) {
			return l.askFile(path)
		}
		l.follow(l.pool.file(path))
	}
	return nil
}

func (l *loader) askSymbol(name protoreflect.FullName) *question {
	request := &rpb.ServerReflectionRequest{MessageRequest: &rpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: string(name)}}
	return &question{request, func(response *rpb.ServerReflectionResponse) error {
		question := fmt.Sprintf("find %s", name)
		if e := response.GetErrorResponse(); e != nil {
			l.refused = refusal(e)
			return nil
		}
		files, err := l.files(response, question)
		if err != nil {
			return err
		}
		if l.pool.ownerOf(name) == "" {
			return fmt.Errorf("%s: the server answered with %d files that do not declare it", question, len(files))
		}
		return nil
	}}
}

func (l *loader) askExtension(key extensionKey) *question {
	request := &rpb.ServerReflectionRequest{MessageRequest: &rpb.ServerReflectionRequest_FileContainingExtension{
		FileContainingExtension: &rpb.ExtensionRequest{ContainingType: string(key.extendee), ExtensionNumber: int32(key.number)},
	}}
	return &question{request, func(response *rpb.ServerReflectionResponse) error {
		if response.GetErrorResponse() != nil {
			return nil
		}
		_, err := l.files(response, fmt.Sprintf("find extension %d of %s", key.number, key.extendee))
		return err
	}}
}

// askFile asks for an import. That it is missing is not an error yet: perhaps
// nobody needs it.
func (l *loader) askFile(path string) *question {
	request := &rpb.ServerReflectionRequest{MessageRequest: &rpb.ServerReflectionRequest_FileByFilename{FileByFilename: path}}
	return &question{request, func(response *rpb.ServerReflectionResponse) error {
		if e := response.GetErrorResponse(); e != nil {
			l.pool.setMissing(path, refusal(e))
			return nil
		}
		files, err := l.files(response, fmt.Sprintf("get file %q", path))
		if err != nil {
			return err
		}
		switch {
		case l.pool.has(path):
		case len(files) > 0:
			// The server registered the file under another path than the one
			// that its importers use; the file that was asked for comes first.
			l.pool.setAlias(path, files[0].GetName())
		default:
			l.pool.setMissing(path, status.Error(codes.NotFound, "empty answer"))
		}
		return nil
	}}
}

// files keeps the files of an answer, and follows their imports.
func (l *loader) files(response *rpb.ServerReflectionResponse, question string) ([]*descriptorpb.FileDescriptorProto, error) {
	answer := response.GetFileDescriptorResponse()
	if answer == nil {
		return nil, unexpected(response, question)
	}
	files := make([]*descriptorpb.FileDescriptorProto, 0, len(answer.GetFileDescriptorProto()))
	for _, raw := range answer.GetFileDescriptorProto() {
		file, err := l.keep(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", question, err)
		}
		files = append(files, file)
	}
	for _, file := range files {
		l.follow(file)
	}
	return files, nil
}

// follow queues the imports of a file, if this lookup needs them. A file that
// is here already is passed through for the sake of what it imports.
func (l *loader) follow(file *descriptorpb.FileDescriptorProto) {
	if !l.imports || l.pool.file(file.GetName()) == nil {
		return
	}
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	for _, path := range l.pool.unsettled(file) {
		if l.seen[path] {
			continue
		}
		l.seen[path] = true
		if len(path) > maxPath || !utf8.ValidString(path) {
			l.pool.setMissing(path, errors.New("not a file name"))
		} else {
			l.paths = append(l.paths, path)
		}
	}
}
