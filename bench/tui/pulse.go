package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// pulse is a control of what waits for processes to be woken up: it times how long
// cat takes to give a byte back, again and again, beside what is measured.
type pulse struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  io.Reader
	stop chan struct{}
	beat sync.WaitGroup
	took times // not to be read before the end
	err  error
}

const (
	pulseEvery = 20 * time.Millisecond
	parPulse   = 2 * time.Millisecond
)

// startPulse starts one. end must be called.
func startPulse(ctx context.Context) (*pulse, error) {
	p := &pulse{cmd: exec.CommandContext(ctx, "cat"), stop: make(chan struct{})}
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.out, err = p.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start cat: %w", err)
	}
	p.beat.Go(p.run)
	return p, nil
}

func (p *pulse) run() {
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	one := []byte{'.'}
	for {
		select {
		case <-tick.C:
		case <-p.stop:
			return
		}
		began := time.Now()
		if _, p.err = p.in.Write(one); p.err != nil {
			return
		}
		if _, p.err = io.ReadFull(p.out, one); p.err != nil {
			return
		}
		p.took = append(p.took, time.Since(began))
	}
}

// end stops it; beside is of use from then on.
func (p *pulse) end() error {
	close(p.stop)
	p.beat.Wait()
	_ = p.in.Close()
	if err := p.cmd.Wait(); p.err == nil {
		p.err = err
	}
	if p.err != nil {
		return fmt.Errorf("echo by cat: %w", p.err)
	}
	return nil
}

// beside is the control of a quantile of what was measured meanwhile.
func (p *pulse) beside(q float64) control {
	return control{"cat meanwhile", milliseconds(p.took.quantile(q)), milliseconds(parPulse)}
}

// within measures something beside a pulse.
func within(ctx context.Context, measure func() error) (*pulse, error) {
	p, err := startPulse(ctx)
	if err != nil {
		return nil, err
	}
	if err := measure(); err != nil {
		_ = p.end()
		return nil, err
	}
	return p, p.end()
}
