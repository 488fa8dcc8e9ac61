package codegen_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/grpcx/grpcx/internal/codegen"
)

// everything has most of what can be generated.
var everything = codegen.Options{
	Targets: []codegen.Target{codegen.TS, codegen.JS, codegen.DTS}, JSONTypes: true, ValidLegacyRequired: true,
	ValidProtovalidateRequired: true, KeepEmptyFiles: true,
}

func TestCraftedDescriptors(t *testing.T) {
	for _, c := range craftedRequests() {
		t.Run(c.name, func(t *testing.T) {
			files, err := respond(c.request, everything)
			switch {
			case c.err != "" && err == nil:
				t.Errorf("no error, want one that says %q", c.err)
			case c.err != "" && !strings.Contains(err.Error(), c.err):
				t.Errorf("error %q, want one that says %q", err, c.err)
			case c.err == "" && err != nil:
				t.Error(err)
			}
			if err := sound(files); err != nil {
				t.Error(err)
			}
			for _, f := range files {
				if code, _ := codeOf(f.Content); strings.Contains(code, "EVIL") {
					t.Errorf("%s has evil code:\n%s", f.Name, code)
				}
			}
		})
	}
}

// respond has files generated as the request says.
func respond(r *pluginpb.CodeGeneratorRequest, o codegen.Options) ([]codegen.File, error) {
	return codegen.Generate(codegen.Request{
		Files: r.GetProtoFile(), Source: r.GetSourceFileDescriptors(), Generate: r.GetFileToGenerate(), Options: o,
	})
}

// sound tells what is wrong with generated files: a name that leads out of the
// folder, a name twice, text that is not in its place.
func sound(files []codegen.File) error {
	seen := map[string]bool{}
	for _, f := range files {
		if !fs.ValidPath(f.Name) || strings.ContainsAny(f.Name, "\\:\x00") || seen[f.Name] {
			return fmt.Errorf("unsound name %q", f.Name)
		}
		seen[f.Name] = true
		code, err := codeOf(f.Content)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if i := strings.IndexFunc(code, func(r rune) bool { return !codeRune(r) }); i >= 0 {
			return fmt.Errorf("%s: character %q in code:\n%s", f.Name, code[i:min(i+4, len(code))], code)
		}
	}
	return nil
}

func codeRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_$ \n{}()[]<>;:,.=|&?-", r)
}

// codeOf returns a module without its comments and strings, both of which have to
// end, and braces in pairs.
func codeOf(text string) (string, error) {
	var code strings.Builder
	depth := 0
	for len(text) > 0 {
		end := 1
		switch {
		case strings.HasPrefix(text, "//"):
			if end = strings.IndexAny(text, "\n\r\u2028\u2029"); end < 0 {
				return "", fmt.Errorf("no end of the line %q", text)
			}
		case strings.HasPrefix(text, "/*"):
			length := strings.Index(text[2:], "*/")
			if length < 0 {
				return "", fmt.Errorf("no end of the comment %.100q", text)
			}
			end = 2 + length + 2
		case text[0] == '"':
			for end < len(text) && text[end] != '"' {
				switch text[end] {
				case '\n', '\r':
					return "", fmt.Errorf("no end of the string %.100q", text)
				case '\\':
					end++
				}
				end++
			}
			if end++; end > len(text) {
				return "", fmt.Errorf("no end of the string %.100q", text)
			}
		default:
			switch text[0] {
			case '{', '(', '[':
				depth++
			case '}', ')', ']':
				depth--
			}
			if depth < 0 {
				return "", fmt.Errorf("a brace too many before %.100q", text)
			}
			code.WriteByte(text[0])
		}
		text = text[end:]
	}
	if depth != 0 {
		return "", fmt.Errorf("%d braces are open at the end", depth)
	}
	return code.String(), nil
}

// FuzzGenerate generates what any serialized CodeGeneratorRequest asks for.
func FuzzGenerate(f *testing.F) {
	for _, c := range craftedRequests() {
		b, err := proto.MarshalOptions{AllowPartial: true}.Marshal(c.request)
		if err != nil || len(b) > 1<<16 {
			continue
		}
		f.Add(b, false, true)
	}
	for _, r := range fixtures.compile(f).requests(f) {
		f.Add(marshal(f, r, ""), true, false)
	}
	f.Fuzz(func(t *testing.T, request []byte, commonJS, erasable bool) {
		var r pluginpb.CodeGeneratorRequest
		if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(request, &r); err != nil {
			return
		}
		o := everything
		o.CommonJS, o.ErasableSyntax = commonJS, erasable
		files, err := respond(&r, o)
		if err != nil {
			return
		}
		if err := sound(files); err != nil {
			t.Error(err)
		}
		again, err := respond(&r, o)
		if err != nil || len(again) != len(files) {
			t.Fatalf("the second time there are %d files, %v; first there were %d", len(again), err, len(files))
		}
		for i := range files {
			if files[i] != again[i] {
				t.Errorf("%s is not the same the second time", files[i].Name)
			}
		}
	})
}
