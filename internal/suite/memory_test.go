package suite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/testserver"
)

func TestMemoryOfACount(t *testing.T) { countMessages(t, 10_000, 1000) }

// countMessages counts the messages of a stream, and wants none of them kept.
func countMessages(t *testing.T, messages, size int) {
	t.Helper()
	s := start(t, testserver.Config{})
	parameters := strings.Repeat(fmt.Sprintf(`{"size":%d},`, size), messages)
	path := filepath.Join(t.TempDir(), "cases.jsonl")
	if err := os.WriteFile(path, []byte(`{"p":[`+strings.TrimSuffix(parameters, ",")+"]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf("tests: [{ name: a, cases: %s, timeout: 100s, call: grpc.testing.TestService/StreamingOutputCall, "+
		"data: { response_parameters: '${p}' }, expect: msgs.size() == %d }]", path, messages)
	loaded, err := suite.Load(t.Context(), suite.Config{Connect: s.connect, Paths: []string{write(t, body)}})
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Close()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r, err := loaded.Run(t.Context(), suite.RunOptions{Reporter: &heap{stats: &after}})
	if err != nil {
		t.Fatal(err)
	}
	passes(t, r)
	if got := r.Results[0].Steps[0].Received; got != messages {
		t.Errorf("received %d", got)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > int64(messages*size)/2 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
}

// heap looks at the memory in use when a step has ended.
type heap struct {
	recorder
	stats *runtime.MemStats
}

func (h *heap) Stepped(*suite.Test, *suite.StepResult) error {
	runtime.GC()
	runtime.ReadMemStats(h.stats)
	return nil
}
