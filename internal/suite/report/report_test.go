package report_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/grpcx/grpcx/internal/suite/report"
)

var errFull = errors.New("no space left on device")

// fullDisk is a writer that fails after some writes.
type fullDisk struct{ after int }

func (f *fullDisk) Write(p []byte) (int, error) {
	if f.after == 0 {
		return 0, errFull
	}
	f.after--
	return len(p), nil
}

func TestUnknownFormat(t *testing.T) {
	_, err := report.New("juint", io.Discard, report.Options{})
	const want = `report format "juint": unknown; known are pretty, junit, tap, json, jsonl, github, html; did you mean "junit"?`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestWriteErrorsAreReturned(t *testing.T) {
	for _, f := range report.Formats() {
		t.Run(f.Name, func(t *testing.T) {
			writes := 0
			for n := 0; ; n++ {
				r, err := report.New(f.Name, &fullDisk{n}, report.Options{})
				must(t, err)
				err = play(r, sampleRun(), inOrder(sampleRun()))
				if err == nil {
					break
				}
				writes++
				if !errors.Is(err, errFull) || !strings.HasPrefix(err.Error(), "write "+f.Name+" report: ") {
					t.Fatalf("after %d writes: %v", n, err)
				}
			}
			if writes == 0 {
				t.Error("a writer that always fails is no error")
			}
		})
	}
	t.Run("step summary", func(t *testing.T) {
		r, err := report.New("github", io.Discard, report.Options{Summary: &fullDisk{}})
		must(t, err)
		if err := play(r, sampleRun(), nil); !errors.Is(err, errFull) {
			t.Errorf("error %v", err)
		}
	})
}

func TestMulti(t *testing.T) {
	t.Run("one that fails leaves the others alone", func(t *testing.T) {
		for n := range 3 {
			var good bytes.Buffer
			bad, err := report.New("tap", &fullDisk{n}, report.Options{})
			must(t, err)
			worse, err := report.New("json", &fullDisk{}, report.Options{})
			must(t, err)
			other, err := report.New("tap", &good, report.Options{})
			must(t, err)
			err = play(report.Multi(bad, worse, other), sampleRun(), inOrder(sampleRun()))
			if err == nil || strings.Count(err.Error(), errFull.Error()) != 2 || !errors.Is(err, errFull) {
				t.Errorf("error %v, want those of two reports", err)
			}
			if want := render(t, "tap", report.Options{}, sampleRun()); good.String() != want {
				t.Errorf("the report that could be written is\n%s", good.String())
			}
		}
	})
	t.Run("each run begins anew", func(t *testing.T) {
		flaky := &fullDisk{}
		r, err := report.New("json", flaky, report.Options{})
		must(t, err)
		both := report.Multi(r)
		if err := play(both, sampleRun(), nil); err == nil {
			t.Error("no error of the first run")
		}
		flaky.after = 1
		must(t, play(both, sampleRun(), nil))
	})
}

func TestReporterTakesOneRunAfterTheOther(t *testing.T) {
	for _, f := range report.Formats() {
		t.Run(f.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var twice bytes.Buffer
				r, err := report.New(f.Name, &twice, report.Options{})
				must(t, err)
				must(t, play(r, sampleRun(), inOrder(sampleRun())))
				must(t, play(r, sampleRun(), inOrder(sampleRun())))
				once := render(t, f.Name, report.Options{}, sampleRun())
				if twice.String() != once+once {
					t.Errorf("the second run is reported in another way:\n%s", twice.String()[len(once):])
				}
			})
		})
	}
}

func TestOrder(t *testing.T) {
	parallel := func(t *testing.T, format string) string {
		result := sampleRun()
		var out bytes.Buffer
		r, err := report.New(format, &out, report.Options{})
		must(t, err)
		must(t, play(r, result, []int{10, 3, 0, 12, 1, 2, 9, 8, 4, 5, 7, 6, 11}))
		return out.String()
	}
	for _, format := range []string{"junit", "json", "html"} {
		t.Run(format+" is in the order of the plan", func(t *testing.T) {
			if got := parallel(t, format); got != render(t, format, report.Options{}, sampleRun()) {
				t.Errorf("the order in which tests end shows:\n%s", got)
			}
		})
	}
	t.Run("tap numbers tests as they end, all of them", func(t *testing.T) {
		points := parseTAP(t, parallel(t, "tap")).points
		if len(points) != 14 || points[0].name != chat+" > chat" || points[13].name != chat+" > never begun" {
			t.Errorf("test points %+v", points)
		}
	})
	t.Run("pretty shows tests as they end, all of them", func(t *testing.T) {
		out := parallel(t, "pretty")
		for _, r := range sampleRun().Results {
			if !strings.Contains(out, r.Name) {
				t.Errorf("%s is missing", r.Name)
			}
		}
		if strings.Index(out, "chat.yaml › chat") > strings.Index(out, "users.yaml › setup") {
			t.Errorf("the test that ended first is not shown first:\n%s", out)
		}
	})
}

func TestInterruptedRunIsReportedWhole(t *testing.T) {
	result := interruptedRun()
	for _, f := range report.Formats() {
		t.Run(f.Name, func(t *testing.T) {
			var summary bytes.Buffer
			out := render(t, f.Name, report.Options{Summary: &summary}, result)
			if f.Name == "github" {
				out += summary.String()
			}
			if !strings.Contains(out, "interrupted") {
				t.Errorf("no word of the interrupt:\n%s", out)
			}
			for _, r := range result.Results {
				if !strings.Contains(out, r.Name) {
					t.Errorf("%s is missing:\n%s", r.Name, out)
				}
			}
		})
	}
}

// The terminal gives way: what is not live must not move its cursor.
func TestPlainOutputHasNoEscapes(t *testing.T) {
	for _, f := range report.Formats() {
		if out := render(t, f.Name, report.Options{}, sampleRun()); strings.Contains(out, "\x1b") {
			t.Errorf("%s: %q", f.Name, out)
		}
	}
	if out := render(t, "pretty", report.Options{Color: true}, sampleRun()); !strings.Contains(out, "\x1b[1;31m") {
		t.Errorf("no colour: %q", out)
	}
}
