package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/grpc/metadata"

	"github.com/grpcx/grpcx/internal/dial"
	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/termtext"
	"github.com/grpcx/grpcx/internal/tui"
)

// command gives a request of the terminal UI as a command line that makes the
// same call. References become variables of the shell, in grpcx's -d of the
// environment.
func (o *tuiOptions) command(r tui.Request, tool tui.Tool) (string, error) {
	var words []string
	add := func(more ...string) {
		for _, w := range more {
			words = append(words, quoteReferences(w, `"$%s"`))
		}
	}
	if tool == tui.Grpcx {
		add("grpcx", "call")
		add(o.grpcxFlags(r)...)
		add(r.Address, r.Method)
		return strings.Join(append(words, dataFlags(r.Messages)...), " "), nil
	}
	flags, err := o.grpcurlFlags(r)
	if err != nil {
		return "", err
	}
	add("grpcurl")
	add(flags...)
	if len(r.Messages) > 0 {
		words = append(words, "-d", quoteReferences(strings.Join(r.Messages, "\n"), escapedVariable))
	}
	add(grpcurlAddress(r.Address), r.Method)
	return strings.Join(words, " "), nil
}

// dataFlags are -d for each message, quoted, and what makes the references in them
// variables of the environment.
func dataFlags(messages []string) (words []string) {
	expand := false
	for _, text := range messages {
		plain, names := cutReferences(text)
		expand = expand || len(names) > 0
		words = append(words, "-d", suite.ExpandedData(plain, names))
	}
	if expand {
		words = append([]string{"--expand-data"}, words...)
	}
	return words
}

// escapedVariable is a variable of the shell within a JSON string. It does for what
// has no control characters, such as line breaks.
const escapedVariable = `"$(printf %%s "$%s" | sed 's/["\\]/\\&/g')"`

// quoteReferences is termtext.ShellQuote for a word in which ${env.NAME} stands for a
// variable. reference is the format of what the shell reads instead.
func quoteReferences(word, reference string) string {
	plain, names := cutReferences(word)
	var b strings.Builder
	for i, p := range plain {
		if p != "" || len(plain) == 1 {
			b.WriteString(termtext.ShellQuote(p))
		}
		if i < len(names) {
			fmt.Fprintf(&b, reference, names[i])
		}
	}
	return b.String()
}

// cutReferences splits text at each ${env.NAME}: names[i] stands between plain[i]
// and plain[i+1].
func cutReferences(text string) (plain, names []string) {
	start := 0
	for i := 0; ; {
		at := strings.Index(text[i:], "${env.")
		if at < 0 {
			return append(plain, text[start:]), names
		}
		at += i
		i = at + len("${env.")
		name, _, closed := strings.Cut(text[i:], "}")
		if closed && isVariable(name) {
			plain, names = append(plain, text[start:at]), append(names, name)
			i += len(name) + 1
			start = i
		}
	}
}

func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// given are the flags of connection and schema that the command line had, each
// with its values, but for those that are a request's own.
func (o *tuiOptions) given(yield func(name string, values []string, isBool bool)) {
	o.flags.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "save-file", "no-history", "accessible", "header", "rpc-header", "expand-headers", "max-time", "unix":
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if f.Name == "reflect-header" {
			for i, v := range values {
				values[i] = o.environmentReference(v)
			}
		}
		yield(f.Name, values, f.Value.Type() == "bool")
	})
}

// environmentReference is referenceSecret in the terminal UI's spelling.
func (o *tuiOptions) environmentReference(header string) string {
	if hidden, isSecret := referenceSecret(header, o.expandHeaders); isSecret {
		return strings.Replace(hidden, "${", "${env.", 1)
	}
	return header
}

func (o *tuiOptions) grpcxFlags(r tui.Request) []string {
	var flags []string
	o.given(func(name string, values []string, isBool bool) {
		for _, v := range values {
			if flags = append(flags, "--"+name); !isBool {
				flags = append(flags, v)
			}
		}
	})
	for _, file := range r.Files {
		if filepath.Ext(file) == ".proto" {
			flags = append(flags, "--proto", file)
		} else {
			flags = append(flags, "--protoset", file)
		}
	}
	for _, h := range r.Headers {
		flags = append(flags, "-H", h.Name+": "+h.Value)
	}
	if r.Timeout > 0 {
		flags = append(flags, "--timeout", r.Timeout.String())
	}
	return flags
}

// grpcurlFlags are those that grpcurl has; its durations are in seconds.
func (o *tuiOptions) grpcurlFlags(r tui.Request) ([]string, error) {
	if r.Address == dial.Demo {
		return nil, errors.New("grpcurl does not reach the demo, which is inside this process")
	}
	var flags []string
	plaintext := false
	o.given(func(name string, values []string, isBool bool) {
		switch name {
		case "compress", "reflect-timeout":
			return
		case "connect-timeout":
			values = []string{seconds(time.Duration(o.connectTimeout))}
		case "keepalive-time":
			values = []string{seconds(time.Duration(o.keepaliveTime))}
		case "plaintext":
			plaintext = true
		}
		for _, v := range values {
			if flags = append(flags, "-"+name); !isBool {
				flags = append(flags, v)
			}
		}
	})
	if !plaintext && o.transport(r.Address) == "plaintext" {
		flags = append(flags, "-plaintext")
	}
	if strings.HasPrefix(r.Address, "unix:") {
		flags = append(flags, "-unix")
	}
	for _, file := range r.Files {
		if filepath.Ext(file) == ".proto" {
			flags = append(flags, "-import-path", filepath.Dir(file), "-proto", filepath.Base(file))
		} else {
			flags = append(flags, "-protoset", file)
		}
	}
	for _, h := range r.Headers {
		flags = append(flags, "-H", h.Name+": "+h.Value)
	}
	if r.Timeout > 0 {
		flags = append(flags, "-max-time", seconds(r.Timeout))
	}
	return flags, nil
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// grpcurlAddress is the address without the schemes that grpcurl does not know.
func grpcurlAddress(address string) string {
	for _, scheme := range []string{"grpcs://", "https://", "grpc://", "http://", "unix:"} {
		if rest, ok := strings.CutPrefix(address, scheme); ok {
			return rest
		}
	}
	return address
}

// headersOf gives metadata as the lines of -H, base64 for -bin.
func headersOf(md metadata.MD) []tui.Header {
	var headers []tui.Header
	for _, h := range suite.Headers(md) {
		headers = append(headers, tui.Header(h))
	}
	return headers
}
