// Command conformance is the server under test of the Connect conformance suite:
// the suite's service, written for grpc-go and served by package oneport.
//
// The suite's runner asks for a server with a
// connectrpc.conformance.v1.ServerCompatRequest on standard input and is told
// with a ServerCompatResponse on standard output where it listens, each after
// its size in four bytes, big endian. SIGTERM ends the server.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	_ "google.golang.org/grpc/encoding/gzip" // the suite sends and wants it
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/testserver/oneport"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "conformance server:", err)
		os.Exit(1)
	}
}

// order is a ServerCompatRequest, with the names of its JSON form.
type order struct {
	UseTLS              bool `json:"useTls"`
	ClientTLSCert       []byte
	MessageReceiveLimit int
	ServerCreds         struct{ Cert, Key []byte }
}

// place is a ServerCompatResponse.
type place struct {
	Host    string `json:"host"`
	Port    int    `json:"port"`
	PEMCert []byte `json:"pemCert,omitempty"`
}

func run() error {
	protos := flag.String("protos", "", "the folder with the suite's .proto files")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	service, err := loadSchema(ctx, *protos)
	if err != nil {
		return err
	}
	var o order
	if err := readMessage(os.Stdin, "connectrpc.conformance.v1.ServerCompatRequest", &o); err != nil {
		return err
	}
	cfg := oneport.Config{MaxMessageBytes: o.MessageReceiveLimit, MaxHeaderBytes: 64 << 10}
	if cfg.TLS, err = o.tls(); err != nil {
		return err
	}
	server := oneport.NewServer(cfg)
	server.RegisterService(serviceDesc(service), nil)
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	at := place{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}
	if o.UseTLS {
		at.PEMCert = o.ServerCreds.Cert
	}
	if err := writeMessage(os.Stdout, "connectrpc.conformance.v1.ServerCompatResponse", at); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, server.Stop)()
	return server.Serve(l)
}

func (o *order) tls() (*tls.Config, error) {
	if !o.UseTLS {
		return nil, nil
	}
	pair, err := tls.X509KeyPair(o.ServerCreds.Cert, o.ServerCreds.Key)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if len(o.ClientTLSCert) > 0 {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(o.ClientTLSCert) {
			return nil, errors.New("read client certificate: no PEM")
		}
	}
	return c, nil
}

// maxMessage is the largest message that the runner may send, in bytes.
const maxMessage = 1 << 20

// readMessage reads a message of the named type into v, by way of JSON.
func readMessage(r io.Reader, name protoreflect.FullName, v any) error {
	var size uint32
	if err := binary.Read(r, binary.BigEndian, &size); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if size > maxMessage {
		return fmt.Errorf("read %s: %d bytes are too many", name, size)
	}
	wire := make([]byte, size)
	if _, err := io.ReadFull(r, wire); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	m, err := newMessage(name)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(wire, m); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return toStruct(m, v)
}

// writeMessage writes v as a message of the named type.
func writeMessage(w io.Writer, name protoreflect.FullName, v any) error {
	m, err := fromStruct(name, v)
	if err != nil {
		return err
	}
	wire, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(wire))), wire...))
	return err
}

// toStruct turns m into v, which has the names of its JSON form.
func toStruct(m proto.Message, v any) error {
	text, err := protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(m)
	if err != nil {
		return fmt.Errorf("decode %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	return json.Unmarshal(text, v)
}

// fromStruct is the way back.
func fromStruct(name protoreflect.FullName, v any) (proto.Message, error) {
	m, err := newMessage(name)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", name, err)
	}
	if err := protojson.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("encode %s: %w", name, err)
	}
	return m, nil
}
