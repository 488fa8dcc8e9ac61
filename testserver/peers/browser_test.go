//go:build peers

package peers

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/grpcx/grpcx/testdata/testcert"
)

// TestBrowser opens a page in Chromium that calls the server, which is of
// another origin, with nothing in between.
func TestBrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: run make peers, which installs it", err)
	}
	dir := workplace(t, "browser")
	generateTypeScript(t, dir, exportSchema(t, serve(t)))
	bundle(t, dir)
	site := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(site.Close)

	authority := testcert.New(t)
	cert, key := authority.Issue("localhost", time.Now().Add(time.Hour))
	tests := []struct {
		name, scheme, protocol, spki string
		flags                        []string
	}{
		{name: "plaintext", scheme: "http://", protocol: "http/1.1"},
		{name: "TLS", scheme: "https://", protocol: "h2", spki: publicKeyHash(t, cert), flags: []string{"--tls-cert", cert, "--tls-key", key}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			address := serve(t, tt.flags...)
			file := upload(t, address, tt.flags, authority.File)
			server := tt.scheme + address
			args := []string{chromium, server, tt.protocol, tt.spki}
			for _, client := range []string{"connect-json", "connect-binary", "grpc-web", "google-binary", "google-text", "fetch"} {
				args = append(args, page(site, server, client, file))
			}
			runCases(t, dir, "drive.js", args...)
		})
	}
	t.Run("an origin that the server names", func(t *testing.T) {
		server := "http://" + serve(t, "--cors-origin", site.URL)
		runCases(t, dir, "drive.js", chromium, server, "http/1.1", "", page(site, server, "fetch", ""))
	})
	t.Run("an origin that the server does not name", func(t *testing.T) {
		server := "http://" + serve(t, "--cors-origin", "https://example.com")
		runCases(t, dir, "drive.js", chromium, server, "http/1.1", "", page(site, server, "refused", ""))
	})
}

// page returns the address of the page that calls server by a client.
func page(site *httptest.Server, server, client, file string) string {
	query := url.Values{"server": {server}, "client": {client}, "file": {file}}
	return site.URL + "/page.html?" + query.Encode()
}

// generateTypeScript runs protoc-gen-es on the schema in set, and writes the
// code below dir/gen.
func generateTypeScript(t *testing.T, dir, set string) {
	t.Helper()
	var files descriptorpb.FileDescriptorSet
	readMessage(t, set, &files)
	// What the details of errors are, which no service declares.
	files.File = withImports(files.File, errdetails.File_google_rpc_error_details_proto)
	request := &pluginpb.CodeGeneratorRequest{Parameter: proto.String("target=ts"), ProtoFile: files.File}
	for _, file := range files.File {
		if !strings.HasPrefix(file.GetName(), "google/protobuf/") { // they are part of the runtime
			request.FileToGenerate = append(request.FileToGenerate, file.GetName())
		}
	}
	in, err := proto.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	plugin := exec.CommandContext(t.Context(), filepath.Join("node_modules", ".bin", "protoc-gen-es"))
	plugin.Stdin = bytes.NewReader(in)
	out := output(t, dir, plugin)
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(out, &response); err != nil || response.Error != nil {
		t.Fatalf("protoc-gen-es: %v %s", err, response.GetError())
	}
	for _, file := range response.File {
		name := filepath.Join(dir, "gen", filepath.FromSlash(file.GetName()))
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(file.GetContent()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// withImports returns files with file and all that it imports, the imports first.
func withImports(files []*descriptorpb.FileDescriptorProto, file protoreflect.FileDescriptor) []*descriptorpb.FileDescriptorProto {
	if slices.ContainsFunc(files, func(f *descriptorpb.FileDescriptorProto) bool { return f.GetName() == file.Path() }) {
		return files
	}
	for i := range file.Imports().Len() {
		files = withImports(files, file.Imports().Get(i).FileDescriptor)
	}
	return append(files, protodesc.ToFileDescriptorProto(file))
}

// bundle makes dir/page.js of the TypeScript in dir, after checking its types.
func bundle(t *testing.T, dir string) {
	t.Helper()
	output(t, dir, exec.CommandContext(t.Context(), filepath.Join("node_modules", ".bin", "tsc")))
	output(t, dir, exec.CommandContext(t.Context(), filepath.Join("node_modules", ".bin", "esbuild"),
		"page.ts", "--bundle", "--format=esm", "--target=es2022", "--outfile=page.js", "--log-level=warning"))
}

// output runs cmd in dir and returns what it prints.
func output(t *testing.T, dir string, cmd *exec.Cmd) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, &stderr)
	}
	return out
}

func readMessage(t *testing.T, name string, m proto.Message) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(data, m); err != nil {
		t.Fatal(err)
	}
}

// upload stores a file of 200,000 bytes on the server, which no page can do
// itself for want of client streams, and returns its id.
func upload(t *testing.T, address string, flags []string, authority string) string {
	t.Helper()
	args := []string{"call", "grpc://" + address}
	if len(flags) > 0 {
		args = []string{"call", "grpcs://" + address, "--cacert", authority}
	}
	var requests bytes.Buffer
	content := bytes.Repeat([]byte("0123456789"), 20_000)
	number := 0
	for part := range slices.Chunk(content, 64<<10) {
		number++
		fmt.Fprintf(&requests, `{"filename":"digits.txt","chunkNumber":%d,"data":%q}`+"\n", number, base64.StdEncoding.EncodeToString(part))
	}
	cmd := exec.CommandContext(t.Context(), grpcx, append(args, "file.FileService/UploadFile", "-d", "@")...)
	cmd.Stdin = &requests
	var response struct{ FileID string }
	if err := json.Unmarshal(output(t, ".", cmd), &response); err != nil || response.FileID == "" {
		t.Fatalf("upload: %v %+v", err, response)
	}
	return response.FileID
}

// publicKeyHash returns what Chromium knows the key of a certificate by.
func publicKeyHash(t *testing.T, certFile string) string {
	t.Helper()
	data, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}
