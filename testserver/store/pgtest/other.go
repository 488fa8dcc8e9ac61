//go:build !unix

package pgtest

import (
	"errors"
	"os/exec"
)

const (
	inOrder = iota
	quickly
	atOnce
)

var errUnix = errors.New("servers for tests need Unix")

func own(string) error               { return errUnix }
func asOwner(*exec.Cmd)              {}
func (s *Server) signal(int) error   { return errUnix }
func (s *Server) ended() bool        { return true }
func watch(string) (watchdog, error) { return watchdog{}, errUnix }

type watchdog struct{}

func (watchdog) end() {}
