//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// The ways to end a server.
const (
	inOrder = syscall.SIGINT
	quickly = syscall.SIGQUIT // recovers at the next start, as after a crash
	atOnce  = syscall.SIGKILL
)

// owner returns whom the server runs as where the tests run as root, which
// PostgreSQL refuses to be.
func owner() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func own(dir string) error {
	o, err := owner()
	if o == nil || err != nil {
		return err
	}
	return os.Chown(dir, int(o.Uid), int(o.Gid))
}

// asOwner makes a command run as the owner, out of reach of the terminal's signals.
func asOwner(cmd *exec.Cmd) {
	o, _ := owner() // own reported it
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: o}
}

// signal ends the server and waits for its end.
func (s *Server) signal(sig syscall.Signal) error {
	if s.pid == 0 {
		return errors.New("it does not run")
	}
	if err := syscall.Kill(s.pid, sig); err != nil {
		return err
	}
	pid := s.pid
	s.pid = 0
	for {
		_, err := syscall.Wait4(pid, nil, 0, nil)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func (s *Server) ended() bool {
	pid, err := syscall.Wait4(s.pid, nil, syscall.WNOHANG, nil)
	return pid == s.pid || errors.Is(err, syscall.ECHILD)
}

// watchdog ends a server and removes its directory when the process that started
// it ends, or when told to.
type watchdog struct {
	leash *os.File // the watchdog sees its other end close
	cmd   *exec.Cmd
}

// guard waits for the leash to fall, and then for the server to end.
const guard = `
trap '' INT TERM HUP
cat >/dev/null
if pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null); then
	kill -QUIT "$pid" 2>/dev/null
	for i in 1 2 3 4 5 6 7 8 9 10; do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
fi
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
`

func watch(dir string) (watchdog, error) {
	held, leash, err := os.Pipe()
	if err != nil {
		return watchdog{}, err
	}
	defer held.Close()
	cmd := exec.CommandContext(context.Background(), "sh", "-c", guard, "watchdog", dir)
	cmd.Dir, cmd.Stdin = "/", held
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		_ = leash.Close()
		return watchdog{}, err
	}
	return watchdog{leash: leash, cmd: cmd}, nil
}

func (w watchdog) end() {
	_ = w.leash.Close()
	_ = w.cmd.Wait()
}
