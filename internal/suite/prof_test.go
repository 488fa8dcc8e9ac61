package suite_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/testserver"
)

func BenchmarkLoad(b *testing.B) {
	s := start(b, testserver.Config{})
	var t strings.Builder
	t.WriteString("tests:\n")
	for i := range 1000 {
		fmt.Fprintf(&t, "  - name: test %d\n    call: userservice.UserService/GetUser\n    data: { user_id: u%d }\n    code: NOT_FOUND\n    expect: ['message.contains(\"u%d \")', details.size() > 0]\n", i, i, i)
	}
	path := write(b, t.String())
	for b.Loop() {
		l, err := suite.Load(b.Context(), suite.Config{Paths: []string{path}, Connect: s.connect})
		if err != nil {
			b.Fatal(err)
		}
		l.Close()
	}
}
