package response

import (
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/tui/traffic"
)

// hostile answers with a text everywhere where a server can put one, and with bytes
// that may be no message.
func hostile(text string, wire []byte) grpc.StreamHandler {
	return func(_ any, stream grpc.ServerStream) error {
		_ = stream.SetHeader(metadata.Pairs("header-bin", text, "plain", "value"))
		stream.SetTrailer(metadata.Pairs("trailer-bin", text))
		for {
			if err := stream.RecvMsg(&testpb.StreamingOutputCallRequest{}); err == io.EOF {
				break
			} else if err != nil {
				return err
			}
			body := &testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: []byte(text)}}
			name := strings.ToValidUTF8(text, "\ufffd")
			scope := &testpb.SimpleResponse{Username: name}
			for _, m := range []proto.Message{body, scope} {
				if err := stream.SendMsg(m); err != nil {
					return err
				}
			}
			if err := stream.SendMsg(raw(wire)); err != nil {
				return err
			}
		}
		safe := strings.ToValidUTF8(text, "\ufffd")
		st := status.New(codes.Code(len(text)%20), text)
		details := []protoadapt.MessageV1{
			&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: safe, Description: safe}}},
			&errdetails.DebugInfo{StackEntries: []string{safe, safe}, Detail: safe},
			&anypb.Any{TypeUrl: safe, Value: wire},
		}
		if with, err := st.WithDetails(details...); err == nil && safe == text { // a status with details must be UTF-8
			st = with
		}
		return st.Err()
	}
}

// raw is a message of any bytes: unknown fields, or none that parse.
func raw(wire []byte) proto.Message {
	m := &testpb.SimpleResponse{}
	m.ProtoReflect().SetUnknown(wire)
	return m
}

// callHostile runs a call of a hostile server to its end.
func callHostile(t testing.TB, text string, wire []byte) *traffic.Call {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(hostile(text, wire)))
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	defer func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	cc, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	duplex := testpb.File_grpc_testing_test_proto.Services().ByName("TestService").Methods().ByName("FullDuplexCall")
	call := traffic.Start(t.Context(), cc, traffic.Options{
		Method: duplex, Requests: [][]byte{wire, wire}, CloseSend: true, Timeout: 10 * time.Second,
		Metadata: metadata.Pairs("sent-bin", text),
	})
	<-call.Ended()
	return call
}

// everyFrame draws all that there is of a call, in many sizes, under random actions.
func everyFrame(t testing.TB, call *traffic.Call, seed uint64) {
	t.Helper()
	plain, styled := New(Options{}), New(Options{Styles: colours(), Secret: func(string) bool { return false }})
	random := rand.New(rand.NewPCG(seed, 1))
	actions := []func(m *Model){
		(*Model).Up, (*Model).Down, (*Model).PageUp, (*Model).PageDown, (*Model).Top, (*Model).Bottom, (*Model).Expand,
		(*Model).Follow, (*Model).NextTab, (*Model).PrevTab, (*Model).Search, (*Model).NextMatch, (*Model).PrevMatch,
		(*Model).ToggleHex, (*Model).Hold, func(m *Model) { m.Back() }, func(m *Model) { m.Tick() },
		func(m *Model) { press(m, "a") }, func(m *Model) { press(m, "é") }, func(m *Model) { press(m, "enter") },
		func(m *Model) { m.Update(tea.PasteMsg{Content: "\x1b]52;\u202e"}) },
		func(m *Model) { m.Update(tea.MouseClickMsg{Y: 3}) },
		func(m *Model) { m.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown}) },
		func(m *Model) { m.SetDetailBeside(true) }, func(m *Model) { m.SetDetailBeside(false) },
		func(m *Model) { _, _ = m.Copy() }, func(m *Model) { _ = m.SaveMessage(io.Discard, message.Pretty) },
	}
	for i, m := range []*Model{plain, styled} {
		m.SetCall(call, nil)
		for range 100 {
			actions[random.IntN(len(actions))](m)
			width, height := random.IntN(130), random.IntN(40)
			if random.IntN(4) == 0 {
				width, height = random.IntN(5), random.IntN(4)
			}
			checkFrame(t, m.View(width, height, random.IntN(2) == 0), width, height, i == 1)
			checkFrame(t, m.DetailView(width, height, false), width, height, i == 1)
			if strings.ContainsAny(m.Title()+m.Tabs(width)+m.DetailTitle(), "\x1b\n\u202e") {
				t.Fatal("a control character in a title")
			}
		}
	}
}

func TestHostileFrames(t *testing.T) {
	for name, text := range map[string]string{
		"escape sequences":   "\x1b[2J\x1b]52;c;aGk=\a\x9b31m\rover\nwritten\ttab\x00",
		"text that reorders": "abc\u202edcba\u2066\u200b\ufeff end",
		"wide":               strings.Repeat("工場👩‍👩‍👧‍👦e\u0301", 60),
		"combining":          "a" + strings.Repeat("\u0301", 500) + "b",
		"not UTF-8":          "\xff\xfe\xc3(\xed\xa0\x80",
		"long":               strings.Repeat("long ", 500),
		"empty":              "",
	} {
		t.Run(name, func(t *testing.T) {
			everyFrame(t, callHostile(t, text, []byte("\x0a\x03abc\xf8\x7f\x01")), 7)
			everyFrame(t, callHostile(t, text, nil), 8)
		})
	}
}

func TestNoCall(t *testing.T) { everyFrame(t, nil, 9) }

// FuzzFrames looks for a text of a server that leaves the pane.
func FuzzFrames(f *testing.F) {
	f.Add("\x1b[2J\u202e工場", []byte("\x0a\x01a"), uint64(1))
	f.Add("", []byte{}, uint64(2))
	f.Fuzz(func(t *testing.T, text string, wire []byte, seed uint64) {
		if len(text) > 2000 || len(wire) > 2000 {
			return // headers have a limit
		}
		everyFrame(t, callHostile(t, text, wire), seed)
	})
}
