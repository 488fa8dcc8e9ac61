package report

import "github.com/grpcx/grpcx/internal/suite"

// paint colours text with the sixteen colours that every terminal has, or leaves
// it as it is.
type paint bool

func (p paint) with(codes, s string) string {
	if !bool(p) || s == "" {
		return s
	}
	return "\x1b[" + codes + "m" + s + "\x1b[0m"
}

func (p paint) bold(s string) string   { return p.with("1", s) }
func (p paint) dim(s string) string    { return p.with("2", s) }
func (p paint) red(s string) string    { return p.with("31", s) }
func (p paint) green(s string) string  { return p.with("32", s) }
func (p paint) yellow(s string) string { return p.with("33", s) }
func (p paint) cyan(s string) string   { return p.with("36", s) }

// verdict colours s as v.
func (p paint) verdict(v suite.Verdict, s string) string {
	switch v {
	case suite.Passed:
		return p.with("32", s)
	case suite.Failed, suite.Broken:
		return p.with("1;31", s)
	default:
		return p.with("33", s)
	}
}
