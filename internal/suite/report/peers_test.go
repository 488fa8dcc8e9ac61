//go:build peers

package report_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/suite/report"
)

var jenkins = flag.String("jenkins", "", "the schema that Jenkins has of JUnit reports")

func TestPeersJUnitSchemaOfJenkins(t *testing.T) {
	if *jenkins == "" {
		t.Fatal("no -jenkins; run internal/suite/report/test.sh")
	}
	documents := junitDocuments(t)
	for name, s := range hostileTexts() {
		documents["hostile "+name] = render(t, "junit", report.Options{Hostname: s}, hostileRun(s))
	}
	for name, text := range documents {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "report.xml")
			must(t, os.WriteFile(file, []byte(text), 0o600))
			out, err := exec.CommandContext(t.Context(), "xmllint", "--huge", "--noout", "--schema", *jenkins, file).CombinedOutput()
			if err != nil {
				t.Errorf("xmllint: %v\n%.2000s", err, out)
			}
		})
	}
}

func TestPeersPageInChromium(t *testing.T) {
	b := openPage(t, sampleRun())
	shown := func() string {
		return b.text(`[...document.querySelectorAll(".test")].filter(e => e.offsetParent).length`)
	}
	click := func(what string) { b.text(fmt.Sprintf(`document.querySelector(%q).click()`, what)) }
	typed := func(s string) {
		b.text(fmt.Sprintf(`text.value = %q; text.dispatchEvent(new Event("input"))`, s))
	}
	expect := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}

	expect("tests without a filter", shown(), "14")
	expect("failures that are open", b.text(`document.querySelectorAll(".test[open]").length`), "6")
	click("button[data-verdict=failed]")
	expect("failed tests", shown(), "5")
	click("button[data-verdict=error]")
	expect("failed tests and errors", shown(), "6")
	typed("ListUsers  LIST")
	expect("those of them with both words", shown(), "1")
	expect("what the reader is told", b.text(`document.querySelector("#shown").textContent`), "1 of 14 tests")
	expect("files with such a test", b.text(`[...document.querySelectorAll("section")].filter(e => e.offsetParent).length`), "1")
	typed("")
	click("button[data-verdict=failed]")
	click("button[data-verdict=error]")
	expect("tests with the filter taken back", shown(), "14")
	click("#fold")
	expect("tests that are open", b.text(`document.querySelectorAll(".test[open]").length`), "14")

	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": "/", "text": "/"})
	expect("what a slash goes to", b.text(`document.activeElement.id`), "text")
	expect("what it writes", b.text(`text.value`), "")
	b.text(`document.activeElement.blur(); document.querySelector(".test > summary").focus()`)
	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": "Enter", "text": "\r"})
	expect("tests that are open after Enter on one", b.text(`document.querySelectorAll(".test[open]").length`), "13")
	for _, width := range []int{320, 400, 1280} {
		b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false})
		expect(fmt.Sprintf("cells beyond a width of %d", width), b.text(`document.documentElement.scrollWidth - innerWidth <= 0`), "true")
	}
}

func TestPeersHostilePageInChromium(t *testing.T) {
	for _, name := range []string{"markup", "bidi and invisible", "long", "template"} {
		t.Run(name, func(t *testing.T) {
			b := openPage(t, hostileRun(hostileTexts()[name]))
			if got := b.text(`document.querySelectorAll(".test").length + " " + document.scripts.length`); got != "5 1" {
				t.Errorf("tests and scripts: %s", got)
			}
			b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": false})
			if got := b.text(`document.documentElement.scrollWidth - innerWidth <= 0`); got != "true" {
				t.Error("the page is wider than the window")
			}
		})
	}
}

// browser is a Chromium that shows one page, driven through its pipe
// (--remote-debugging-pipe: JSON ended by NUL).
type browser struct {
	t       *testing.T
	in      *os.File
	out     *bufio.Reader
	id      int
	session string
	faults  []string // what the page complained of: exceptions, its policy
}

// openPage shows the page of a run, without a complaint till the test ends.
func openPage(t *testing.T, result *suite.Result) *browser {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "report.html")
	must(t, os.WriteFile(file, []byte(render(t, "html", report.Options{}, result)), 0o600))
	theirIn, in, err := os.Pipe()
	must(t, err)
	out, theirOut, err := os.Pipe()
	must(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // it ends in the cleanup
	cmd := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--remote-debugging-pipe", "--user-data-dir="+filepath.Join(dir, "profile"), "about:blank")
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	var log bytes.Buffer
	cmd.Stderr = &log
	must(t, cmd.Start())
	theirIn.Close()
	theirOut.Close()
	b := &browser{t: t, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		b.session = ""
		b.call("Browser.close", nil)
		if err := cmd.Wait(); err != nil {
			t.Errorf("chromium: %v\n%s", err, log.String())
		}
		cancel()
		in.Close()
		out.Close()
		if len(b.faults) > 0 {
			t.Errorf("the page complains: %s", strings.Join(b.faults, "\n"))
		}
	})
	var target struct{ TargetID string }
	var attached struct{ SessionID string }
	b.result(b.call("Target.createTarget", map[string]any{"url": "about:blank"}), &target)
	b.result(b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}), &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.call(domain+".enable", nil)
	}
	b.call("Page.navigate", map[string]any{"url": "file://" + file})
	b.text(`new Promise(done => document.readyState === "complete" ? done() : addEventListener("load", done))`)
	return b
}

// text evaluates an expression of the page.
func (b *browser) text(expression string) string {
	b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails any
	}
	b.result(b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}), &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %v", expression, r.ExceptionDetails)
	}
	return fmt.Sprint(r.Result.Value)
}

func (b *browser) result(raw json.RawMessage, into any) {
	b.t.Helper()
	must(b.t, json.Unmarshal(raw, into))
}

// call makes a call and waits for its answer, noting complaints on the way.
func (b *browser) call(method string, params map[string]any) json.RawMessage {
	b.t.Helper()
	b.id++
	request := map[string]any{"id": b.id, "method": method, "params": params}
	if params == nil {
		request["params"] = map[string]any{}
	}
	if b.session != "" {
		request["sessionId"] = b.session
	}
	text, err := json.Marshal(request)
	must(b.t, err)
	_, err = b.in.Write(append(text, 0))
	must(b.t, err)
	for {
		text, err := b.out.ReadBytes(0)
		must(b.t, err)
		var answer struct {
			ID     int
			Method string
			Result json.RawMessage
			Error  any
		}
		must(b.t, json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &answer))
		switch {
		case answer.Method == "Runtime.exceptionThrown" || answer.Method == "Log.entryAdded":
			b.faults = append(b.faults, string(text))
		case answer.ID == b.id:
			if answer.Error != nil {
				b.t.Fatalf("%s: %v", method, answer.Error)
			}
			return answer.Result
		}
	}
}
