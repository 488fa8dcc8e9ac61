//go:build codegen

package codegen_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"
)

// The tests behind the build tag "codegen" hold the package against what
// oracle/install.sh installs; `make codegen` runs both.

const repository = "../.."

// nodeModules is the folder of the installed packages.
func nodeModules(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join(repository, ".cache", "codegen", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("run internal/codegen/oracle/install.sh first: %v", err)
	}
	return dir
}

// module returns the folder of a Go module's source, as go.mod or modfile pins
// it.
func module(t testing.TB, path, modfile string) string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-modfile="+modfile, "-json", path)
	cmd.Dir = repository
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("download %s: %v\n%s", path, err, out)
	}
	var m struct{ Dir string }
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	return m.Dir
}

// oracle is a process that runs protoc-gen-es.
type oracle struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// startOracle starts a process that ends with the test.
func startOracle(t testing.TB) *oracle {
	t.Helper()
	cmd := exec.Command("node", filepath.Join("oracle", "oracle.cjs"), nodeModules(t))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("node: %v", err)
		}
	})
	return &oracle{in: in, out: bufio.NewReader(out)}
}

// send asks for a response. It may run at the same time as receive.
func (o *oracle) send(request []byte) error {
	_, err := o.in.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(request))), request...))
	return err
}

// receive returns the response to the oldest request that has none.
func (o *oracle) receive() (*pluginpb.CodeGeneratorResponse, error) {
	var length [4]byte
	if _, err := io.ReadFull(o.out, length[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(length[:]))
	if _, err := io.ReadFull(o.out, b); err != nil {
		return nil, err
	}
	r := new(pluginpb.CodeGeneratorResponse)
	return r, proto.Unmarshal(b, r)
}
