package report_test

import (
	"bytes"
	"flag"
	"regexp"
	"testing"
	"testing/synctest"

	"github.com/grpcx/grpcx/internal/suite/report"
)

var update = flag.Bool("update", false, "write the golden files")

func TestGoldenReports(t *testing.T) {
	for _, f := range report.Formats() {
		t.Run(f.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // events carry the time
				var summary bytes.Buffer
				got := render(t, f.Name, report.Options{Summary: &summary}, sampleRun())
				golden(t, "report."+f.Name, withoutParts(got))
				if f.Name == "github" {
					golden(t, "summary.md", summary.String())
				}
			})
		})
	}
	t.Run("pretty in colour", func(t *testing.T) {
		golden(t, "report.colour", render(t, "pretty", report.Options{Color: true}, sampleRun()))
	})
	t.Run("interrupted", func(t *testing.T) {
		golden(t, "interrupted.pretty", render(t, "pretty", report.Options{}, interruptedRun()))
		golden(t, "interrupted.tap", render(t, "tap", report.Options{}, interruptedRun()))
	})
}

// withoutParts empties the style and the script of a page, which stand in files of
// their own, and their hashes.
func withoutParts(page string) string {
	page = regexp.MustCompile(`(?s)(<style>|<script>).*?(</style>|</script>)`).ReplaceAllString(page, "$1$2")
	return regexp.MustCompile(`sha256-[^']*`).ReplaceAllString(page, "sha256-")
}
