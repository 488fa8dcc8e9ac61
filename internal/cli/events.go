package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/termtext"
)

// events writes the machine contract of `-o events`: one JSON object a line,
// the status always last.
type events struct {
	out     io.Writer
	encoder *message.Encoder
	types   message.Resolver
}

type statusEvent struct {
	Event  string `json:"event"`
	Status struct {
		Code    uint32            `json:"code"`
		Name    string            `json:"name"`
		Message string            `json:"message"`
		Details []json.RawMessage `json:"details,omitempty"`
	} `json:"status"`
	Request   int     `json:"request,omitempty"` // its place in a batch, from 1
	Sent      int     `json:"sent"`
	Received  int     `json:"received"`
	ElapsedMS float64 `json:"elapsed_ms"`
}

func (e *events) headers(md metadata.MD) error  { return e.metadata("headers", md) }
func (e *events) trailers(md metadata.MD) error { return e.metadata("trailers", md) }

func (e *events) metadata(event string, md metadata.MD) error {
	return e.write(struct {
		Event    string      `json:"event"`
		Metadata metadata.MD `json:"metadata"`
	}{event, textMetadata(md)})
}

func (e *events) message(wire []byte) error {
	text, err := e.encoder.Append(nil, wire)
	if err != nil {
		return malformed(err)
	}
	return e.write(struct {
		Event   string          `json:"event"`
		Message json.RawMessage `json:"message"`
	}{"message", text})
}

func (e *events) status(number int, st *status.Status, sent, received int, elapsed time.Duration) error {
	var s statusEvent
	s.Event = "status"
	s.Status.Code = uint32(st.Code())
	s.Status.Name = invoke.CodeName(st.Code())
	s.Status.Message = strings.ToValidUTF8(st.Message(), "\ufffd")
	for _, detail := range st.Proto().GetDetails() {
		s.Status.Details = append(s.Status.Details, json.RawMessage(detailJSON(detail, e.types)))
	}
	s.Request, s.Sent, s.Received = number, sent, received
	s.ElapsedMS = float64(elapsed.Round(10*time.Microsecond)) / float64(time.Millisecond)
	if st.Code() == codes.OK {
		s.Status.Message = ""
	}
	return e.write(s)
}

func (e *events) write(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if _, err := e.out.Write(termtext.JSON(b.Bytes())); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	return nil
}

// textMetadata returns md with the values of "-bin" keys in base64, which is
// what JSON and people can hold.
func textMetadata(md metadata.MD) metadata.MD {
	text := make(metadata.MD, len(md))
	for key, values := range md {
		for _, v := range values {
			if strings.HasSuffix(key, "-bin") {
				v = base64.StdEncoding.EncodeToString([]byte(v))
			}
			text[key] = append(text[key], v)
		}
	}
	return text
}
