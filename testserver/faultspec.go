package testserver

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

// Fault makes calls fail, wait or break off, so that what a client does then can
// be tested: its retries, its deadlines, how it cleans up. ParseFault reads one
// from text. A fault strikes after authentication, where the handler would begin.
type Fault struct {
	// Method is "package.Service/Method", "package.Service" for all its methods,
	// or "*" for every method but those of health and reflection, which have to be
	// named.
	Method string

	// Code is what the call fails with; OK does not fail it.
	Code codes.Code
	// Chance, above 0 and up to 1, is how likely the call fails; 0 means 1.
	Chance float64
	// Message is the status's; "" means "injected fault".
	Message string
	// RetryAfter is sent along with the status, as google.rpc.RetryInfo and as
	// grpc-retry-pushback-ms; 0 sends neither.
	RetryAfter time.Duration
	// After lets so many messages of a stream pass before the call fails: responses,
	// or requests where only those are streamed. 0 means before the handler.
	// Methods without a stream do not fail then.
	After int

	// Delay is waited before anything else, unless the call ends earlier.
	Delay time.Duration
	// DelayChance, above 0 and up to 1, is how likely the call is delayed; 0 means 1.
	DelayChance float64

	// Times is how many calls the fault strikes, by failing or delaying them; 0 is
	// no limit.
	Times int
	// Seed makes chance repeatable; 0 is a random one.
	Seed uint64
}

// FaultError says what is wrong with the text of a fault, and where.
type FaultError struct {
	Text   string
	Offset int // in Text, in bytes
	Reason string
}

func (e *FaultError) Error() string {
	return fmt.Sprintf("fault %s: at %d: %s", strconv.Quote(shorten(e.Text)), e.Offset+1, e.Reason)
}

const (
	maxFaultText = 4 << 10
	faultForm    = "METHOD=CODE[:CHANCE],delay=DURATION[:CHANCE]"
	faultClauses = "a code such as UNAVAILABLE, delay=, after=, times=, retry-after=, message= or seed="
)

// ParseFault reads METHOD=CLAUSE[,CLAUSE...]. METHOD is as in Fault, and the
// clauses, each at most once and in any order, are
//
//	CODE[:CHANCE]             fail with that code, UNAVAILABLE or 14
//	delay=DURATION[:CHANCE]   wait first
//	after=N                   fail after N messages of a stream
//	times=N                   strike N calls and no more
//	retry-after=DURATION      send RetryInfo and grpc-retry-pushback-ms
//	message=TEXT              "quoted" as in Go if a comma is in it
//	seed=N                    make chance repeatable
//
// CHANCE is above 0 and at most 1, DURATION as in time.ParseDuration. An error is
// a *FaultError.
func ParseFault(text string) (Fault, error) {
	if len(text) > maxFaultText {
		return Fault{}, &FaultError{Text: text, Reason: fmt.Sprintf("longer than %d bytes", maxFaultText)}
	}
	method, _, ok := strings.Cut(text, "=")
	if !ok {
		return Fault{}, &FaultError{Text: text, Reason: "want " + faultForm}
	}
	p := faultParser{text: text, off: len(method) + 1, seen: map[string]bool{}}
	if err := checkFaultMethod(method); err != nil {
		return Fault{}, &FaultError{Text: text, Reason: err.Error()}
	}
	p.fault.Method = strings.TrimPrefix(method, "/")
	for {
		more, err := p.clause()
		if err != nil {
			return Fault{}, &FaultError{Text: text, Offset: p.off, Reason: err.Error()}
		}
		if !more {
			break
		}
	}
	if err := p.fault.check(); err != nil {
		return Fault{}, &FaultError{Text: text, Offset: len(method) + 1, Reason: err.Error()}
	}
	return p.fault, nil
}

// String is the text that ParseFault reads.
func (f Fault) String() string {
	var clauses []string
	if f.Code != codes.OK {
		clauses = append(clauses, faultCodeName(f.Code)+chanceSuffix(f.Chance))
	}
	if f.Delay != 0 {
		clauses = append(clauses, "delay="+f.Delay.String()+chanceSuffix(f.DelayChance))
	}
	if f.After != 0 {
		clauses = append(clauses, "after="+strconv.Itoa(f.After))
	}
	if f.Times != 0 {
		clauses = append(clauses, "times="+strconv.Itoa(f.Times))
	}
	if f.RetryAfter != 0 {
		clauses = append(clauses, "retry-after="+f.RetryAfter.String())
	}
	if f.Message != "" {
		clauses = append(clauses, "message="+strconv.Quote(f.Message))
	}
	if f.Seed != 0 {
		clauses = append(clauses, "seed="+strconv.FormatUint(f.Seed, 10))
	}
	return f.Method + "=" + strings.Join(clauses, ",")
}

func chanceSuffix(chance float64) string {
	if chance == 0 || chance == 1 {
		return ""
	}
	return ":" + strconv.FormatFloat(chance, 'g', -1, 64)
}

// check reports what no text could say, or no call could show.
func (f *Fault) check() error {
	if err := checkFaultMethod(f.Method); err != nil {
		return err
	}
	switch {
	case f.Code > codes.Unauthenticated:
		return fmt.Errorf("code %d: gRPC has none above %d", f.Code, codes.Unauthenticated)
	case f.Code == codes.OK && f.Delay == 0:
		return errors.New("neither fails nor delays; want " + faultForm)
	case f.Code == codes.OK && (f.After != 0 || f.RetryAfter != 0 || f.Message != "" || f.Chance != 0):
		return errors.New("chance, after, retry-after and message go with a code other than OK")
	case f.Delay == 0 && f.DelayChance != 0:
		return errors.New("a chance of a delay goes with a delay")
	case f.Delay < 0 || f.RetryAfter < 0 || f.After < 0 || f.Times < 0:
		return errors.New("times and counts cannot be negative")
	case !soundChance(f.Chance) || !soundChance(f.DelayChance):
		return errors.New("a chance is above 0 and at most 1")
	}
	return nil
}

func soundChance(p float64) bool { return p >= 0 && p <= 1 }

func checkFaultMethod(method string) error {
	if method == "*" {
		return nil
	}
	service, name, called := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	for part := range strings.SplitSeq(service, ".") {
		if !isIdentifier(part) {
			return fmt.Errorf("%s names no method; want package.Service/Method, package.Service or *", strconv.Quote(shorten(method)))
		}
	}
	if called && !isIdentifier(name) {
		return fmt.Errorf("%s names no method; want package.Service/Method, package.Service or *", strconv.Quote(shorten(method)))
	}
	return nil
}

func isIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// faultParser reads the clauses of a fault.
type faultParser struct {
	text  string
	off   int // of what is read, and after an error of what is wrong
	fault Fault
	seen  map[string]bool
}

// clause reads the clause at off and reports whether another one follows.
func (p *faultParser) clause() (more bool, err error) {
	rest := p.text[p.off:]
	name, value, named := strings.Cut(rest, "=")
	if !named || strings.Contains(name, ",") {
		name, value = "", rest
	}
	if p.seen[name] {
		return false, fmt.Errorf("%s is given twice", cmp.Or(name, "the code"))
	}
	p.seen[name] = true
	start := p.off
	p.off = len(p.text) - len(value)
	if name == "message" && strings.HasPrefix(value, `"`) {
		return p.quoted(value)
	}
	value, _, more = strings.Cut(value, ",")
	at, err := p.set(name, value)
	if err != nil {
		if at < 0 {
			at, p.off = 0, start
		}
		p.off += at
		return false, err
	}
	p.off += len(value)
	if more {
		p.off++
	}
	return more, nil
}

// quoted reads a message in quotes, which value begins with.
func (p *faultParser) quoted(value string) (more bool, err error) {
	quoted, err := strconv.QuotedPrefix(value)
	if err != nil {
		return false, errors.New("the quotes do not end, or hold what Go does not escape so")
	}
	if p.fault.Message, err = strconv.Unquote(quoted); err != nil {
		return false, err
	}
	p.off += len(quoted)
	switch rest := value[len(quoted):]; {
	case rest == "":
		return false, nil
	case rest[0] != ',':
		return false, errors.New("want a comma after the quotes")
	}
	p.off++
	return true, nil
}

// set takes in one clause. On an error, at is where in value it is, -1 for its name.
func (p *faultParser) set(name, value string) (at int, err error) {
	f := &p.fault
	switch name {
	case "":
		code, chance, _ := strings.Cut(value, ":")
		if f.Code, err = faultCode(code); err != nil {
			return 0, err
		}
		f.Chance, err = parseChance(value, code, chance)
		return len(code) + 1, err
	case "delay":
		delay, chance, _ := strings.Cut(value, ":")
		if f.Delay, err = positiveDuration(delay); err != nil {
			return 0, err
		}
		f.DelayChance, err = parseChance(value, delay, chance)
		return len(delay) + 1, err
	case "after":
		f.After, err = positiveCount(value)
	case "times":
		f.Times, err = positiveCount(value)
	case "retry-after":
		f.RetryAfter, err = positiveDuration(value)
	case "message":
		f.Message = value
	case "seed":
		if f.Seed, err = strconv.ParseUint(value, 10, 64); err != nil || f.Seed == 0 {
			err = fmt.Errorf("%s: want a whole number from 1", strconv.Quote(value))
		}
	default:
		return -1, fmt.Errorf("unknown clause %s; want %s", strconv.Quote(name+"="), faultClauses)
	}
	return 0, err
}

// parseChance reads what follows the colon in value, head:chance.
func parseChance(value, head, chance string) (float64, error) {
	if value == head {
		return 0, nil
	}
	p, err := strconv.ParseFloat(chance, 64)
	if err != nil || !soundChance(p) || p == 0 {
		return 0, fmt.Errorf("chance %s: want a number above 0 and at most 1", strconv.Quote(chance))
	}
	return p, nil
}

func positiveDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%s: want a duration such as 200ms or 1.5s", strconv.Quote(s))
	}
	return d, nil
}

func positiveCount(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%s: want a whole number from 1", strconv.Quote(s))
	}
	return n, nil
}

// faultCodes are the names of the gRPC specification, from OK on.
func faultCodes() []string {
	return []string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
		"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
		"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
	}
}

func faultCodeName(c codes.Code) string {
	if names := faultCodes(); int(c) < len(names) {
		return names[c]
	}
	return strconv.Itoa(int(c))
}

// faultCode reads the name, in any case, or the number of a code other than OK.
func faultCode(s string) (codes.Code, error) {
	names := faultCodes()
	for i, name := range names[1:] {
		if strings.EqualFold(s, name) || s == strconv.Itoa(i+1) {
			return codes.Code(i + 1), nil
		}
	}
	if strings.EqualFold(s, "OK") || s == "0" {
		return 0, errors.New("OK is not a failure")
	}
	return 0, fmt.Errorf("unknown code %s; want %s, or another clause: delay=, after=, times=, retry-after=, message=, seed=",
		strconv.Quote(s), strings.Join(names[1:], ", "))
}
