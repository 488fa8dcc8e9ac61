package report_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"
	"google.golang.org/grpc/codes"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/suite/report"
	"github.com/grpcx/grpcx/internal/termtext"
)

// hostileTexts are what a server or a file may say anywhere.
func hostileTexts() map[string]string {
	return map[string]string{
		"terminal sequences": "\x1b[2J\x1b]0;owned\x07\x9b31m",
		"bidi and invisible": "a\u202eb\u2066c\u200b\ufeff\u2028d",
		"CDATA end":          "]]>]]]]><!--",
		"markup":             `</script></style></pre></details><img src=x onerror="alert(1)"><script>alert(1)</script>`,
		"newlines":           "a\nb\r\nc\rd\n\n",
		"NUL and controls":   "a\x00b\x01\x08\x0b\x0c\x1f\x7f\u0085",
		"not UTF-8":          "a\xff\xfe\xc3(\xed\xa0\x80",
		"not characters":     "a\ufffe\uffff\U0001fffe",
		"workflow commands":  "::error::owned\n::add-mask::a\n  ::stop-commands::x\r::set-output name=x::y",
		"escaped commands":   "%0A::error::owned%0D%25",
		"TAP":                "x # SKIP \\# \\\nnot ok 99 - y\n1..0\nBail out! now\n  ...\n  ---",
		"YAML":               "- a: [b, {c: &d *e\n\t? !!x\n  | >",
		"Markdown":           "|a|`b`|[c](javascript:alert(1)) @someone #1 https://evil.example www.evil.example <b>![](x)$\\a$",
		"template":           "{{.}}{{template \"x\"}}${env.X}",
		"blanks":             "  \t leading and trailing \t ",
		"wide":               "漢字🙂é́́́👩‍👩‍👧",
		"quotes":             `"'\"` + "`$(x)",
		"long":               strings.Repeat("0123456789", 100_000),
		"long and wide":      strings.Repeat("漢\x1b", 250_000),
		"many lines":         strings.Repeat("\n", 1_000_000),
		"empty":              "",
	}
}

// hostileRun says s wherever a text can stand.
func hostileRun(s string) *suite.Result {
	b := newRun(1)
	var failures []*suite.Failure
	for _, kind := range []suite.FailureKind{
		suite.ExpectFailure, suite.CodeFailure, suite.SnapshotFailure, suite.StreamFailure, suite.CaptureFailure, suite.CallFailure,
	} {
		failures = append(failures, &suite.Failure{
			Kind: kind, Position: suite.Position{File: s, Line: 3, Column: 7}, Expression: s, Summary: s, Got: s, Want: s,
			Values: []suite.Value{{Expression: s, Text: s}, {Expression: "a", Text: s}}, Diff: "-" + s + "\n+" + s, Response: s, Command: s,
		})
	}
	one := failing(step(s, s, ms), failures...)
	one.Code, one.Message, one.Reason = codes.Internal, s, s
	for _, verdict := range []suite.Verdict{suite.Failed, suite.Broken, suite.Skipped, suite.Stopped, suite.Passed} {
		r := b.test(s, s, verdict)
		if verdict == suite.Failed {
			r.Steps = []*suite.StepResult{one}
		}
		r.Case, r.Tags, r.Reason = s, []string{s}, s
	}
	b.result.RunID, b.result.Version = s, s
	return b.result
}

// shown is how a name is read in a report that shows it as text.
func shown(s string) string {
	const limit = 512
	if len(s) <= limit {
		return termtext.Line(s)
	}
	return ""
}

func TestHostileTexts(t *testing.T) {
	for name, s := range hostileTexts() {
		t.Run(name, func(t *testing.T) {
			result := hostileRun(s)
			var summary bytes.Buffer
			reports := map[string]string{}
			for _, f := range report.Formats() {
				out := render(t, f.Name, report.Options{Summary: &summary, Hostname: s}, result)
				reports[f.Name] = out
				if safe := termtext.Text(out); safe != out {
					t.Errorf("%s: not safe to show", f.Name)
				}
				if len(out) > 4<<20 {
					t.Errorf("%s: %d bytes", f.Name, len(out))
				}
			}
			checkJSON(t, reports["json"], reports["jsonl"], s)
			checkJUnit(t, reports["junit"], s)
			checkTAP(t, reports["tap"], s)
			checkGitHub(t, reports["github"], s)
			checkHTML(t, reports["html"], s)
			checkSummary(t, summary.String())
			checkPretty(t, reports["pretty"])
		})
	}
}

func checkJSON(t *testing.T, document, lines, s string) {
	var d struct {
		Tests []struct {
			Name  string
			Tags  []string
			Steps []struct {
				Failures []struct{ Diff, Command, Summary string }
			}
		}
	}
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		t.Fatalf("json: %v", err)
	}
	got := d.Tests[0].Name
	if want := strings.ToValidUTF8(s, "\ufffd"); len(s) <= 512 && utf8.ValidString(s) && got != want {
		t.Errorf("json: the name reads %q, want %q", got, want)
	}
	if f := d.Tests[0].Steps[0].Failures; len(f) != 6 || len(s) <= 512 && utf8.ValidString(s) && f[5].Command != s {
		t.Errorf("json: failures %.300q", f)
	}
	decoder := json.NewDecoder(strings.NewReader(lines))
	var events []string
	for {
		var e struct{ Event string }
		if err := decoder.Decode(&e); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("jsonl: %v", err)
		}
		events = append(events, e.Event)
	}
	if n := strings.Count(lines, "\n"); n != len(events) || n != 1+5+1+5+1 {
		t.Errorf("jsonl: %d events in %d lines: %v", len(events), n, events)
	}
}

func checkJUnit(t *testing.T, text, s string) {
	checkAnt(t, parseXML(t, text))
	root := parseXML(t, text)
	if n := len(root.children); n != 1 {
		t.Fatalf("junit: %d suites", n)
	}
	var cases []*element
	for _, e := range root.children[0].children {
		if e.name == "testcase" {
			cases = append(cases, e)
		}
	}
	if len(cases) != 5 || len(cases[0].children) != 1 || cases[0].children[0].name != "failure" || cases[1].children[0].name != "error" {
		t.Fatalf("junit: cases %+v", cases)
	}
	if want := shown(s); len(s) <= 250 && name(cases[0].attributes["name"]) != name(want+"/"+want) && s != "" {
		t.Errorf("junit: the name reads %q, want %q twice", cases[0].attributes["name"], want)
	}
}

// name makes the noncharacters that XML cannot hold equal to what replaces them.
func name(s string) string {
	return strings.NewReplacer("\ufffe", "\ufffd", "\uffff", "\ufffd").Replace(s)
}

func checkTAP(t *testing.T, text, s string) {
	doc := parseTAP(t, text)
	if len(doc.points) != 5 || doc.bailOut != "" {
		t.Fatalf("tap: %d points, bail out %q", len(doc.points), doc.bailOut)
	}
	for i, p := range doc.points {
		if ok := i >= 2; p.ok != ok || (p.skip != "") != (i == 2 || i == 3) {
			t.Errorf("tap: point %d: ok %v, skip %.100q", i+1, p.ok, p.skip)
		}
	}
	want := shown(s)
	if len(s) <= 170 && s != "" && doc.points[0].name != want+" > "+want+"/"+want {
		t.Errorf("tap: the name reads %q, want %q", doc.points[0].name, want)
	}
	failures, _ := doc.points[0].yaml["failures"].([]any)
	if len(failures) != 6 {
		t.Fatalf("tap: failures %.300v", doc.points[0].yaml)
	}
	first, _ := failures[0].(map[string]any)
	if got := first["expected"]; utf8.ValidString(s) && len(s) <= 512 && s != "" && got != s {
		t.Errorf("tap: expected reads %q, want %q", got, s)
	}
}

func checkGitHub(t *testing.T, text, s string) {
	commands, others := parseCommands(t, text)
	if len(others) > 0 {
		t.Errorf("github: lines beside the commands: %.300q", others)
	}
	if len(commands) != 6+1 {
		t.Fatalf("github: %d commands", len(commands))
	}
	for _, c := range commands[:6] {
		if c.name != "error" || c.properties["line"] != "3" || c.properties["col"] != "7" {
			t.Errorf("github: %.300v", c)
		}
		if want := shown(s); want != "" && c.properties["file"] != want {
			t.Errorf("github: the file reads %q, want %q", c.properties["file"], want)
		}
	}
}

func checkHTML(t *testing.T, text, s string) {
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatalf("html: %v", err)
	}
	tag := func(name string) []*html.Node {
		return find(doc, func(n *html.Node) bool { return n.Data == name })
	}
	if len(tag("script")) != 1 || len(tag("style")) != 1 || len(tag("img")) != 0 {
		t.Errorf("html: %d scripts, %d styles, %d images", len(tag("script")), len(tag("style")), len(tag("img")))
	}
	for _, n := range find(doc, func(n *html.Node) bool { return true }) {
		for _, a := range n.Attr {
			if a.Key == "src" || a.Key == "href" || a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("html: <%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
	}
	tests := find(doc, hasClass("test"))
	if len(tests) != 5 || len(find(doc, hasClass("failure"))) != 6 {
		t.Fatalf("html: %d tests, %d failures", len(tests), len(find(doc, hasClass("failure"))))
	}
	names := find(tests[0], func(n *html.Node) bool { return n.Data == "b" })
	if want := shown(s); want != "" && textOf(names[0]) != want {
		t.Errorf("html: the name reads %q, want %q", textOf(names[0]), want)
	}
}

// checkSummary holds the Markdown of a summary to what it is made of: lines of a
// table with as many cells as its head, and blocks of HTML that are closed.
func checkSummary(t *testing.T, text string) {
	rows := 0
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		rows++
		if n := strings.Count(line, "|"); n != 6 {
			t.Errorf("summary: a row with %d bars: %.300q", n, line)
		}
	}
	if rows != 2+5 {
		t.Errorf("summary: %d rows", rows)
	}
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range find(doc, func(n *html.Node) bool { return true }) {
		switch n.Data {
		case "html", "head", "body", "details", "summary", "b", "pre", "br", "sub":
		default:
			t.Errorf("summary: <%s>", n.Data)
		}
	}
	if strings.Contains(text, "@someone") && !strings.Contains(text, "<pre>") || len(text) > 1<<20 {
		t.Errorf("summary: %d bytes", len(text))
	}
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "| ") && (strings.Contains(line, "@") || strings.Contains(line, "https://") || strings.Contains(line, "www.")) {
			t.Errorf("summary: a row makes links: %q", line)
		}
	}
}

// checkPretty makes sure that a log that GitHub's runner reads gives it no command.
func checkPretty(t *testing.T, text string) {
	if commands, _ := parseCommands(t, text); len(commands) > 0 {
		t.Errorf("pretty: the log gives commands: %.300v", commands)
	}
}
