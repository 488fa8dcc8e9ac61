package message_test

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/types/known/apipb"

	"github.com/grpcx/grpcx/internal/message"
)

func ExampleDecoder() {
	md := (&apipb.Method{}).ProtoReflect().Descriptor()
	input := `{"name": "Get"} {"name": "List", "responseStreaming": true}`
	d := message.NewDecoder(strings.NewReader(input), md, message.DecodeOptions{Name: "-d"})
	for {
		wire, err := d.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%q\n", wire)
	}
	// Output:
	// "\n\x03Get"
	// "\n\x04List(\x01"
}

func ExampleError() {
	md := (&apipb.Api{}).ProtoReflect().Descriptor()
	input := "{\n  \"methods\": [{\"nam\": \"Get\"}]\n}"
	_, err := message.NewDecoder(strings.NewReader(input), md, message.DecodeOptions{Name: "api.json"}).Next()
	fmt.Println(err)
	var e *message.Error
	if errors.As(err, &e) {
		fmt.Printf("%s\n%*s^\n", e.Snippet, e.Caret, "")
	}
	// Output:
	// api.json:2:16: methods[0]: unknown field "nam"; did you mean "name"?
	//   "methods": [{"nam": "Get"}]
	//                ^
}

func ExampleEncoder() {
	m := (&apipb.Method{}).ProtoReflect()
	e := message.NewEncoder(m.Descriptor(), message.EncodeOptions{Format: message.Pretty})
	out, err := e.Append(nil, []byte("\n\x04List(\x01"))
	fmt.Printf("%s%v\n", out, err)
	// Output:
	// {
	//   "name": "List",
	//   "responseStreaming": true
	// }
	// <nil>
}
