package cli

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/testserver"
)

// scalar is a setting of one value: how its text is read and written.
type scalar[T any] struct {
	p      *T
	name   string // of the type, for --help
	kinds  yamlKind
	parse  func(string) (T, error)
	format func(T) string
	quoted func(T) string // as YAML
}

func (v *scalar[T]) String() string {
	if v.p == nil { // pflag asks a zero value
		return ""
	}
	return v.format(*v.p)
}

func (v *scalar[T]) Set(s string) error {
	parsed, err := v.parse(s)
	if err == nil {
		*v.p = parsed
	}
	return err
}

func (v *scalar[T]) spare() settingValue {
	other := *v
	other.p = new(T)
	return &other
}

func (v *scalar[T]) Type() string    { return v.name }
func (v *scalar[T]) takes() yamlKind { return v.kinds }
func (v *scalar[T]) yaml() string    { return v.quoted(*v.p) }

// text is a setting of any text.
func text(p *string, initial string) settingValue {
	*p = initial
	return &scalar[string]{p, "string", yamlText, anyText, func(s string) string { return s }, yamlString}
}

func anyText(s string) (string, error) { return s, nil }

// origins are those whose pages may call from a browser, "*" being all.
func origins(p *[]string) settingValue {
	return &list[string]{p, func(s string) (string, error) {
		u, err := url.Parse(s)
		if s != "*" && (err != nil || u.Scheme == "" || u.Host == "" || s != u.Scheme+"://"+u.Host) {
			return "", errors.New("want an origin such as https://example.com, or *")
		}
		return s, nil
	}, func(s string) string { return s }}
}

// storeAddress is text that is shown without its password.
func storeAddress(p *string, initial string) settingValue {
	*p = initial
	return &scalar[string]{p, "string", yamlText, anyText, withoutPassword, func(s string) string { return yamlString(withoutPassword(s)) }}
}

// choice is a setting that is one of some words. It may begin as "", which is then
// as good as not given.
func choice[T ~string](p *T, initial T, words ...string) settingValue {
	*p = initial
	return &scalar[T]{p, "string", yamlText, func(s string) (T, error) {
		for _, w := range words {
			if strings.EqualFold(s, w) {
				return T(w), nil
			}
		}
		if s == "" && initial == "" {
			return "", nil
		}
		last := len(words) - 1
		return "", fmt.Errorf("want %s or %s", strings.Join(words[:last], ", "), words[last])
	}, func(v T) string { return string(v) }, func(v T) string { return yamlString(string(v)) }}
}

// toggle is a setting that is on or off.
func toggle(p *bool) settingValue {
	return &scalar[bool]{p, "bool", yamlBool, func(s string) (bool, error) {
		on, err := strconv.ParseBool(s)
		if err != nil {
			return false, errors.New("want true or false")
		}
		return on, nil
	}, strconv.FormatBool, strconv.FormatBool}
}

type integer interface {
	~int | ~int32 | ~int64 | ~uint32
}

// count is a setting that is a whole number from least on.
func count[T integer](p *T, initial, least T) settingValue {
	*p = initial
	format := func(n T) string { return strconv.FormatInt(int64(n), 10) }
	return &scalar[T]{p, "int", yamlNumber, func(s string) (T, error) {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || int64(T(n)) != n || T(n) < least {
			return 0, fmt.Errorf("want a whole number from %d", least)
		}
		return T(n), nil
	}, format, format}
}

// size is a setting that is a positive number of bytes.
func size[T integer](p *T, initial T) settingValue {
	*p = initial
	format := func(n T) string { return formatSize(int64(n)) }
	return &scalar[T]{p, "size", yamlNumber | yamlText, func(s string) (T, error) {
		n, err := parseSize(s)
		if err != nil || int64(T(n)) != n || n <= 0 {
			return 0, errors.New("want a number of bytes such as 65536, 64KiB or 4MiB")
		}
		return T(n), nil
	}, format, format}
}

// sizeUnits are from the largest on; "" is last.
func sizeUnits() []string { return []string{"GiB", "MiB", "KiB", ""} }

func parseSize(s string) (int64, error) {
	units := sizeUnits()
	for i, unit := range units {
		digits, ok := strings.CutSuffix(s, unit)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		shift := 10 * (len(units) - 1 - i)
		if err != nil || n < 0 || n > math.MaxInt64>>shift {
			return 0, strconv.ErrRange
		}
		return n << shift, nil
	}
	return 0, strconv.ErrSyntax
}

func formatSize(n int64) string {
	units := sizeUnits()
	for i, unit := range units {
		if shift := 10 * (len(units) - 1 - i); n != 0 && n%(1<<shift) == 0 {
			return strconv.FormatInt(n>>shift, 10) + unit
		}
	}
	return "0"
}

// period is a setting that is a length of time.
func period(p *time.Duration, initial time.Duration) settingValue {
	*p = initial
	return &scalar[time.Duration]{p, "duration", yamlText | yamlNumber, func(s string) (time.Duration, error) {
		var d duration
		err := d.Set(s)
		return time.Duration(d), err
	}, shortDuration, shortDuration}
}

// shortDuration is d without the zeroes at its end: 15m, not 15m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// number is a setting that is a number from 0 to most.
func number(p *float64, initial, most float64) settingValue {
	*p = initial
	format := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
	return &scalar[float64]{p, "number", yamlNumber, func(s string) (float64, error) {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(n) || n < 0 || n > most {
			return 0, fmt.Errorf("want a number from 0 to %s", format(most))
		}
		return n, nil
	}, format, format}
}

// list is a setting that may be given several times. A variable holds one value a
// line. What a weaker source gave is replaced, not added to.
type list[T any] struct {
	p      *[]T
	parse  func(string) (T, error)
	format func(T) string
}

func (l *list[T]) String() string {
	if l.p == nil { // pflag asks a zero value
		return ""
	}
	return strings.Join(l.texts(), ", ")
}

func (l *list[T]) Set(s string) error {
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		v, err := l.parse(line)
		if err != nil {
			return err
		}
		*l.p = append(*l.p, v)
	}
	return nil
}

func (l *list[T]) spare() settingValue { return &list[T]{new([]T), l.parse, l.format} }

func (l *list[T]) Type() string    { return "list" }
func (l *list[T]) takes() yamlKind { return yamlText | yamlList }

func (l *list[T]) texts() []string {
	var all []string
	for _, v := range *l.p {
		all = append(all, l.format(v))
	}
	return all
}

func (l *list[T]) yaml() string {
	var b strings.Builder
	for _, s := range l.texts() {
		b.WriteString("\n  - " + yamlString(s))
	}
	if b.Len() == 0 {
		return "[]"
	}
	return b.String()
}

func faults(p *[]testserver.Fault) settingValue {
	return &list[testserver.Fault]{p, func(s string) (testserver.Fault, error) {
		f, err := testserver.ParseFault(s)
		if e, ok := errors.AsType[*testserver.FaultError](err); ok {
			text, caret := snippet(s, e.Offset)
			return f, &message.Error{Msg: e.Reason, Offset: int64(e.Offset), Snippet: text, Caret: caret}
		}
		return f, err
	}, testserver.Fault.String}
}

// dependencies are endpoints that are probed: NAME[@SERVICE[+SERVICE...]]=URL.
func dependencies(p *[]dependency) settingValue {
	return &list[dependency]{p, parseDependency, func(d dependency) string { return d.text }}
}

// dependency is a testserver.Dependency and the text that it was given as.
type dependency struct {
	testserver.Dependency
	text string
}

func parseDependency(s string) (dependency, error) {
	const want = "want NAME=URL or NAME@SERVICE=URL"
	name, address, ok := strings.Cut(s, "=")
	if !ok {
		return dependency{}, errors.New(want)
	}
	name, needing, named := strings.Cut(name, "@")
	services := []string{""} // the server as a whole
	if named {
		services = strings.Split(needing, "+")
	}
	if name == "" || named && slices.Contains(services, "") {
		return dependency{}, errors.New(want)
	}
	probe, err := testserver.HTTPProbe(address)
	if err != nil {
		return dependency{}, err
	}
	return dependency{testserver.Dependency{Name: name, Services: services, Probe: probe}, s}, nil
}
