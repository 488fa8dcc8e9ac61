package cli

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/message"
)

func TestResponseWhoseTextIsTooLong(t *testing.T) {
	serving := []byte{8, byte(healthpb.HealthCheckResponse_SERVING)}
	md := new(healthpb.HealthCheckResponse).ProtoReflect().Descriptor()
	for name, o := range map[string]output{
		"as JSON": {format: "json"}, "as YAML": {format: "yaml"}, "as an event": {format: formatEvents}, "for jq": {format: "json", jq: "."},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p, err := o.printer(Streams{LookupEnv: func(string) (string, bool) { return "", false }}, &out, md, nil, 10)
			if err != nil {
				t.Fatal(err)
			}
			write := p.print
			if o.format == formatEvents {
				write = (&events{out: &out, encoder: p.encoder}).message
			}
			st := status.Convert(write(serving))
			if st.Code() != codes.ResourceExhausted || !strings.Contains(st.Message(), "more than 10 bytes") || out.Len() > 0 {
				t.Errorf("%v, and %q is written", st, out.String())
			}
			if hint := statusHint(st); !strings.Contains(hint, "--max-msg-sz") {
				t.Errorf("the hint is %q", hint)
			}
		})
	}
}

func TestLargerMessagesMayHaveLongerTexts(t *testing.T) {
	for size, want := range map[int]int{0: message.DefaultMaxOutput, 1 << 20: message.DefaultMaxOutput, 16 << 20: 1 << 30, math.MaxInt: math.MaxInt / 64 * 64} {
		if got := (&connection{maxMessageSize: size}).maxText(); got != want {
			t.Errorf("--max-msg-sz %d: %d bytes of text, want %d", size, got, want)
		}
	}
}
