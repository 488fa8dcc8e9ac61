package report_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/internal/suite/report"
)

func prettyOn(t *testing.T, v *terminal) suite.Reporter {
	t.Helper()
	r, err := report.New("pretty", v, report.Options{Live: true, Color: true, Size: v.size})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pass lets the time of a bubble go on.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestLiveScreen(t *testing.T) {
	result := sampleRun()
	begin := func(t *testing.T, width, height int) (*terminal, suite.Reporter) {
		v := newTerminal(t, width, height)
		r := prettyOn(t, v)
		must(t, r.Begin(result.Plan))
		return v, r
	}
	finish := func(t *testing.T, r suite.Reporter) {
		for _, one := range result.Results {
			if !one.Started.IsZero() {
				must(t, r.Ended(one))
			}
		}
		must(t, r.End(result))
	}

	t.Run("running tests below those that ended", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v, r := begin(t, 100, 30)
			must(t, r.Started(result.Tests[1]))
			must(t, r.Started(result.Tests[2]))
			must(t, r.Stepped(result.Tests[2], result.Results[2].Steps[0]))
			must(t, r.Ended(result.Results[1]))
			pass(1250 * time.Millisecond)
			want := "grpcx test · 14 tests in 2 files, 4 jobs\n\n" +
				" ✓ smoke/users.yaml › user lifecycle  77ms\n\n" +
				" ⠹ smoke/users.yaml › list users  after login  1/2  1.2s\n" +
				" ━━────────────────────────────  1/14  1.2s\n"
			if got := v.text(); got != want {
				t.Errorf("the screen shows\n%s\nwant\n%s", got, want)
			}
			finish(t, r)
		})
	})
	t.Run("nothing is left of it at the end", func(t *testing.T) {
		for _, size := range [][2]int{{200, 50}, {400, 6}, {200, 2}} {
			synctest.Test(t, func(t *testing.T) {
				v, r := begin(t, size[0], size[1])
				for _, test := range result.Tests {
					must(t, r.Started(test))
					pass(70 * time.Millisecond)
				}
				order := []int{1, 0, 5, 2, 4, 3, 12, 6, 8, 7, 11, 9, 10}
				for _, i := range order {
					must(t, r.Ended(result.Results[i]))
					pass(70 * time.Millisecond)
				}
				must(t, r.End(result))

				var want bytes.Buffer
				quiet, err := report.New("pretty", &want, report.Options{Size: v.size})
				must(t, err)
				must(t, play(quiet, result, order))
				if got := v.text(); got != want.String() {
					t.Errorf("at %v the terminal shows\n%s\nwant\n%s", size, got, want.String())
				}
			})
		}
	})
	t.Run("a terminal that becomes narrower", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v, r := begin(t, 100, 30)
			must(t, r.Started(result.Tests[2]))
			must(t, r.Stepped(result.Tests[2], result.Results[2].Steps[0]))
			pass(time.Second)
			v.resize(30)
			pass(time.Second)
			if n := strings.Count(v.text(), "list"); n != 1 {
				t.Errorf("the running test is shown %d times:\n%s", n, v.text())
			}
			for _, line := range strings.Split(v.text(), "\n")[3:] {
				if n := len([]rune(line)); n >= 30 {
					t.Errorf("%d cells: %q", n, line)
				}
			}
			finish(t, r)
		})
	})
	t.Run("the foot leaves room on a low terminal", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v, r := begin(t, 100, 8)
			for _, test := range result.Tests {
				must(t, r.Started(test))
			}
			pass(time.Second)
			if n := strings.Count(v.text(), "⠋"); n != 4 {
				t.Errorf("%d tests are shown in 8 rows, want 4:\n%s", n, v.text())
			}
			finish(t, r)
		})
	})
	t.Run("one write a frame", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v, r := begin(t, 100, 30)
			before := v.frames()
			pass(time.Second)
			if n := v.frames() - before; n != 10 {
				t.Errorf("%d writes in a second, want 10", n)
			}
			finish(t, r)
		})
	})
}

func TestLiveScreenEndsWithItsWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // waits for the goroutine that redraws
		result := sampleRun()
		w := &fullDisk{after: 2}
		r, err := report.New("pretty", w, report.Options{Live: true})
		must(t, err)
		must(t, r.Begin(result.Plan))
		pass(time.Second)
		if err := r.Ended(result.Results[0]); !errors.Is(err, errFull) {
			t.Errorf("Ended = %v, want the writer's error", err)
		}
	})
}

func TestDurationsAreShort(t *testing.T) {
	tests := map[time.Duration]string{
		0: "0ms", 4 * time.Microsecond: "0ms", 32 * time.Microsecond: "0.03ms", 244 * time.Microsecond: "0.24ms",
		5258 * time.Microsecond: "5.3ms", 9970 * time.Microsecond: "10ms", 87 * ms: "87ms", 999900 * time.Microsecond: "999ms",
		3414 * ms: "3.41s", 125 * time.Second: "2m05s", 2 * time.Hour: "120m00s", -ms: "0ms",
	}
	for d, want := range tests {
		b := newRun(1)
		b.test(users, "one", suite.Passed, step("s", listUsers, d))
		if out := render(t, "pretty", report.Options{}, b.result); !strings.Contains(out, "one  "+want+"\n") {
			t.Errorf("%d ns: want %s in\n%s", d, want, out)
		}
	}
}

func TestPinsStandUnderTheirPartOfTheExpression(t *testing.T) {
	tests := []struct {
		name, expression string
		values           []suite.Value
		want             []string
	}{
		{"the last member", `res.user.email == email`,
			[]suite.Value{{Expression: "res.user.email", Text: "1"}, {Expression: "email", Text: "2"}},
			[]string{
				"res.user.email == email",
				"         ╵        ╵",
				"         │        2",
				"         1",
			}},
		{"calls, operators and strings", `a.f("x.y").size() + 1 > b["k.k"]`,
			[]suite.Value{
				{Expression: `a.f("x.y")`, Text: "1"}, {Expression: `a.f("x.y").size()`, Text: "2"},
				{Expression: `a.f("x.y").size() + 1`, Text: "3"}, {Expression: `b["k.k"]`, Text: "4"},
			},
			[]string{
				`a.f("x.y").size() + 1 > b["k.k"]`,
				"╵ ╵        ╵            ╵",
				"│ │        │            4",
				"│ │        2",
				"│ 1",
				"3",
			}},
		{"wide characters", `"漢字" == x`,
			[]suite.Value{{Expression: "x", Text: "1"}},
			[]string{`"漢字" == x`, "          ╵", "          1"}},
		{"a long message whose member is shown, and a long list", "res.user.id == 1 && msgs.size() > 3",
			[]suite.Value{
				{Expression: "res.user", Text: strings.Repeat("9", 60)}, {Expression: "res.user.id", Text: "2"},
				{Expression: "msgs", Text: strings.Repeat("8", 60)}, {Expression: "msgs.size()", Text: "0"},
			},
			[]string{
				"res.user.id == 1 && msgs.size() > 3",
				"         ╵               ╵",
				"         │               0",
				"         2",
				"",
				"msgs = " + strings.Repeat("8", 60),
			}},
		{"a part that is not in it, and a long one", "x == y",
			[]suite.Value{{Expression: "z", Text: "1"}, {Expression: "x", Text: strings.Repeat("9", 60)}},
			[]string{"x == y", "", "z = 1", "x = " + strings.Repeat("9", 60)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newRun(1)
			b.test(users, "one", suite.Failed, failing(step("s", listUsers, ms), &suite.Failure{
				Kind: suite.ExpectFailure, Expression: tt.expression, Values: tt.values, Summary: "no",
			}))
			out := render(t, "pretty", report.Options{}, b.result)
			var got []string
			for _, line := range strings.Split(out, "\n") {
				if text, ok := strings.CutPrefix(line, "   │"); ok {
					got = append(got, strings.TrimPrefix(text, " "))
				}
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}
