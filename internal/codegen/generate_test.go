package codegen_test

import (
	"testing"

	"google.golang.org/protobuf/types/pluginpb"

	"github.com/grpcx/grpcx/internal/codegen"
)

// BenchmarkGenerate generates TypeScript for a thousand .proto files: the
// fixtures, as often as it takes.
func BenchmarkGenerate(b *testing.B) {
	requests := fixtures.compile(b).requests(b)
	b.ReportAllocs()
	for b.Loop() {
		for n := 0; n < 1000; {
			for _, r := range requests {
				if _, err := codegen.Generate(requestOfPlugin(r)); err != nil {
					b.Fatal(err)
				}
				n += len(r.GetFileToGenerate())
			}
		}
	}
}

func requestOfPlugin(r *pluginpb.CodeGeneratorRequest) codegen.Request {
	return codegen.Request{
		Files: r.GetProtoFile(), Source: r.GetSourceFileDescriptors(), Generate: r.GetFileToGenerate(),
		Options: codegen.Options{Targets: []codegen.Target{codegen.TS}},
	}
}
