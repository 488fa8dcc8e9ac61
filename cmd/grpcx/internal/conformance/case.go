package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
)

// testCase is a ClientCompatRequest, with the names of its JSON form.
type testCase struct {
	TestName            string
	Protocol            string
	Codec               string
	Compression         string
	Host                string
	Port                uint16
	ServerTLSCert       []byte
	ClientTLSCreds      *struct{ Cert, Key []byte }
	MessageReceiveLimit int
	Service             string
	Method              string
	StreamType          string
	RequestHeaders      []header
	RequestMessages     []map[string]json.RawMessage
	TimeoutMs           *int
	RequestDelayMs      int
	Cancel              *cancellation
	RawRequest          json.RawMessage
}

// cancellation says when to cancel: at most one field is set, and none means
// right after the send side is closed.
type cancellation struct {
	BeforeCloseSend   *struct{}
	AfterCloseSendMs  int
	AfterNumResponses int
}

type header struct {
	Name  string   `json:"name"`
	Value []string `json:"value"`
}

// answer is a ClientCompatResponse: one of Response and Error is set.
type answer struct {
	TestName string   `json:"testName"`
	Response *result  `json:"response,omitempty"`
	Error    *failure `json:"error,omitempty"`
}

// failure says why a call could not be made at all.
type failure struct {
	Message string `json:"message"`
}

// result is a ClientResponseResult.
type result struct {
	ResponseHeaders   []header          `json:"responseHeaders,omitempty"`
	Payloads          []json.RawMessage `json:"payloads,omitempty"`
	Error             *callError        `json:"error,omitempty"`
	ResponseTrailers  []header          `json:"responseTrailers,omitempty"`
	NumUnsentRequests int               `json:"numUnsentRequests,omitempty"`
}

type callError struct {
	Code    int               `json:"code"`
	Message string            `json:"message"`
	Details []json.RawMessage `json:"details,omitempty"`
}

func (t *testCase) fullDuplex() bool { return t.StreamType == "STREAM_TYPE_FULL_DUPLEX_BIDI_STREAM" }

// check refuses what the configuration of the suite does not ask for.
func (t *testCase) check() error {
	switch {
	case t.RawRequest != nil:
		return fmt.Errorf("raw requests are for the suite's reference client")
	case t.Protocol != "PROTOCOL_GRPC":
		return fmt.Errorf("protocol %s is not under test", t.Protocol)
	case t.Codec != "CODEC_PROTO":
		return fmt.Errorf("codec %s is not under test", t.Codec)
	}
	return nil
}

// requests returns the request messages in JSON.
func (t *testCase) requests() ([][]byte, error) {
	all := make([][]byte, len(t.RequestMessages))
	for i, message := range t.RequestMessages {
		delete(message, "@type") // they come as google.protobuf.Any
		text, err := json.Marshal(message)
		if err != nil {
			return nil, fmt.Errorf("request %d: %w", i+1, err)
		}
		all[i] = text
	}
	return all, nil
}

// args returns the arguments of `grpcx call` for t. Certificates and keys go
// to files whose names begin with prefix.
func (t *testCase) args(protoset, prefix string) ([]string, error) {
	args := []string{"--protoset", protoset}
	scheme := "grpc://"
	if len(t.ServerTLSCert) > 0 {
		scheme = "grpcs://"
		files := []pemFile{{"--cacert", t.ServerTLSCert}}
		if c := t.ClientTLSCreds; c != nil {
			files = append(files, pemFile{"--cert", c.Cert}, pemFile{"--key", c.Key})
		}
		for _, file := range files {
			path := prefix + file.flag
			if err := os.WriteFile(path, file.pem, 0o600); err != nil {
				return nil, err
			}
			args = append(args, file.flag, path)
		}
	}
	switch t.Compression {
	case "", "COMPRESSION_IDENTITY":
	case "COMPRESSION_GZIP":
		args = append(args, "--compress", "gzip")
	default:
		return nil, fmt.Errorf("compression %s is not under test", t.Compression)
	}
	if t.MessageReceiveLimit > 0 {
		args = append(args, "--max-msg-sz", strconv.Itoa(t.MessageReceiveLimit))
	}
	if t.TimeoutMs != nil {
		args = append(args, "--timeout", fmt.Sprintf("%dms", *t.TimeoutMs))
	}
	for _, h := range t.RequestHeaders {
		for _, v := range h.Value {
			args = append(args, "-H", h.Name+": "+v)
		}
	}
	address := scheme + net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port)))
	return append(args, address, t.Service+"/"+t.Method), nil
}

type pemFile struct {
	flag string
	pem  []byte
}
