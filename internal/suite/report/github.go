package report

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"strconv"
	"strings"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/termtext"
)

const (
	maxAnnotation = 4 << 10   // GitHub shows no more of one
	maxSummary    = 900 << 10 // GitHub takes 1 MiB
)

// github writes an annotation for each failure as GitHub's workflow commands, and
// a summary of the job in Markdown.
type github struct {
	silent
	w, summary io.Writer
}

func (g *github) Ended(r *suite.TestResult) error {
	var b bytes.Buffer
	for _, s := range r.Steps {
		for _, f := range s.Failures {
			title := termtext.Line(r.FullName()) + " › " + termtext.Line(s.Name)
			text := brief(f) + "\n" + strings.Join(frameOf(f, false, 80)[1:], "\n")
			annotate(&b, "error", f.Position, title, text)
		}
	}
	switch {
	case b.Len() > 0:
	case bad(r.Verdict):
		annotate(&b, "error", r.Position, termtext.Line(r.FullName()), string(r.Verdict)+": "+termtext.Line(r.Reason))
	case r.Verdict == suite.Passed && r.Attempts > 1:
		annotate(&b, "warning", r.Position, termtext.Line(r.FullName()), "passed only at attempt "+strconv.Itoa(r.Attempts))
	}
	_, err := g.w.Write(b.Bytes())
	return err
}

func (g *github) End(result *suite.Result) error {
	var b bytes.Buffer
	if result.Interrupted {
		annotate(&b, "warning", suite.Position{}, "grpcx test", "interrupted: "+counts(result))
	}
	if _, err := g.w.Write(b.Bytes()); err != nil || g.summary == nil {
		return err
	}
	_, err := io.WriteString(g.summary, markdown(result))
	return err
}

// annotate writes a workflow command.
func annotate(b *bytes.Buffer, level string, at suite.Position, title, text string) {
	var properties []string
	property := func(name, value string) {
		escape := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
		properties = append(properties, name+"="+escape.Replace(value))
	}
	if at.File != "" {
		property("file", termtext.Line(at.File))
	}
	if at.Line > 0 {
		property("line", strconv.Itoa(at.Line))
		if at.Column > 0 {
			property("col", strconv.Itoa(at.Column))
		}
	}
	property("title", title)
	escape := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	fmt.Fprintf(b, "::%s %s::%s\n", level, strings.Join(properties, ","), escape.Replace(cut(text, maxAnnotation)))
}

// markdown is the summary of a job.
func markdown(result *suite.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s grpcx test: %s\n\n", emoji(overall(result)), counts(result))
	if result.Interrupted {
		b.WriteString("The run was interrupted.\n\n")
	}
	b.WriteString("| | Test | File | Steps | Time |\n| :-: | :-- | :-- | --: | --: |\n")
	for i, r := range result.Results {
		if b.Len() > maxSummary/2 {
			fmt.Fprintf(&b, "\n%s not listed.\n", plural(len(result.Results)-i, "more test"))
			break
		}
		name := inline(r.FullName())
		if r.Reason != "" {
			name += " <br><sub>" + inline(string(r.Verdict)+": "+r.Reason) + "</sub>"
		}
		if r.Attempts > 1 {
			name += " <sub>" + plural(r.Attempts, "attempt") + "</sub>"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d/%d | %s |\n", emoji(r.Verdict), name, inline(place(r.Position)),
			len(r.Steps), r.Test.Steps, shortDuration(r.Elapsed))
	}
	b.WriteByte('\n')
	for _, r := range result.Results {
		text := details(r)
		if b.Len()+len(text) > maxSummary {
			b.WriteString("More failures are in the log.\n")
			break
		}
		b.WriteString(text)
	}
	fmt.Fprintf(&b, "<sub>%s in %s · grpcx %s · run %s</sub>\n", plural(len(result.Results), "test"),
		shortDuration(result.Elapsed), inline(result.Version), inline(result.RunID))
	return b.String()
}

// details shows the failures of r, "" if there are none.
func details(r *suite.TestResult) string {
	var b strings.Builder
	for _, s := range r.Steps {
		for _, f := range once(s.Failures) {
			fmt.Fprintf(&b, "<details open><summary>%s <b>%s</b> › %s: %s</summary>\n\n<pre>%s</pre>\n\n</details>\n\n",
				emoji(r.Verdict), html.EscapeString(termtext.Line(r.FullName())), html.EscapeString(termtext.Line(s.Name)),
				html.EscapeString(brief(f)), html.EscapeString(strings.Join(frameOf(f, false, 80), "\n")))
		}
	}
	return b.String()
}

// inline returns s as text in Markdown: what could begin markup, end a cell of a
// table, or make a link or a mention is a character reference.
func inline(s string) string {
	const active = "!#$&*:<>@[\\]^_`{|}~"
	var b strings.Builder
	text := termtext.Line(s)
	for i, r := range text {
		address := r == '.' && i >= 3 && strings.EqualFold(text[i-3:i], "www")
		if strings.ContainsRune(active, r) || address {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func emoji(v suite.Verdict) string {
	switch v {
	case suite.Passed:
		return "✅"
	case suite.Failed:
		return "❌"
	case suite.Broken:
		return "💥"
	case suite.Skipped:
		return "⏭️"
	default:
		return "⏹️"
	}
}
