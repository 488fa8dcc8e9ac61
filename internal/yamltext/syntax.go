package yamltext

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// syntaxError is what load has found in text, in words for those who do not know
// the parser, and where the mistake is rather than where it became plain.
func syntaxError(text []byte, maxDepth int, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		return &Error{1, 1, "the YAML cannot be parsed"}
	}
	if e.Stage == yaml.ReaderStage {
		return errorAt(text, e.Mark.Index, "%s", e.Message)
	}
	rest := from(text, lineStarts(text), e.Mark.Line, e.Mark.Column)
	begins := fmt.Sprintf("%d:%d", e.ContextMark.Line, e.ContextMark.Column)
	mark, message := e.Mark, e.Message
	if len(bytes.TrimSpace(rest)) == 0 {
		if opened := unclosed(text, maxDepth, e); opened != nil {
			return opened
		}
	}
	switch {
	case e.ContextMsg == "while scanning a simple key":
		mark, message = e.ContextMark, `want KEY: VALUE, there is no ": "`
	case e.ContextMsg == "while parsing a flow sequence":
		message = "want , or ] here; the [ is at " + begins
	case e.ContextMsg == "while parsing a flow mapping":
		message = "want , or } here; the { is at " + begins
	case message == "did not find expected node content":
		message = "want a value here"
	case message == "did not find expected key":
		message = "want the next key of a map, or its end: the line is indented wrongly, or the value before has ended"
	case message == "did not find expected '-' indicator":
		message = `want the "- " of the next item of a list, or its end: the line is indented wrongly`
	case message == "did not find expected <document start>":
		message = "the value has ended before this: it is indented less, or wrongly"
	case message == "mapping values are not allowed in this context":
		message = `a ":" is not expected here: the line is indented too far, or a string with ": " lacks quotes`
	case message == "found character that cannot start any token":
		r, _ := utf8.DecodeRune(rest)
		message = fmt.Sprintf("no value begins with %q; write it in quotes", r)
		if r == '\t' {
			message = "lines are indented with spaces, not with tabs"
		}
	case message == "found incompatible YAML document":
		message = "the document is of another version of YAML than 1.2"
	}
	return &Error{max(1, mark.Line), max(1, mark.Column), message}
}

// unclosed is what e, at the end of text, comes from: quotes or brackets that are
// never closed. nil: nothing is open.
func unclosed(text []byte, maxDepth int, e *yaml.LoadError) *Error {
	message := ""
	switch e.ContextMsg {
	case "while scanning a quoted scalar":
		message = "the quote has no end"
	case "while parsing a flow sequence":
		message = "the [ has no ]"
	case "while parsing a flow mapping":
		message = "the { has no }"
	case "while parsing a flow node":
		// The parser tells where the brackets begin only after a value in them.
		_, _, err := load(slices.Concat(text, []byte("\n 0")), maxDepth)
		if next, ok := errors.AsType[*yaml.LoadError](err); ok && strings.HasPrefix(next.ContextMsg, "while parsing a flow ") && next.ContextMsg != e.ContextMsg {
			return unclosed(text, maxDepth, next)
		}
		return nil
	default:
		return nil
	}
	return &Error{e.ContextMark.Line, e.ContextMark.Column, message}
}
