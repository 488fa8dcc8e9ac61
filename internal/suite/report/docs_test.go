package report_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grpcx/grpcx/internal/suite/report"
)

const reportsPage = "../../../docs/reports.md"

// What docs/reports.md shows is what the golden files hold.
func TestDocumentedOutputIsReal(t *testing.T) {
	page, err := os.ReadFile(reportsPage)
	must(t, err)
	files, err := filepath.Glob("testdata/*")
	must(t, err)
	var golden strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		golden.Write(text)
	}
	examples := regexp.MustCompile("(?s)```text\n(.*?)\n```").FindAllStringSubmatch(string(page), -1)
	if len(examples) != 5 {
		t.Errorf("%d examples", len(examples))
	}
	for _, example := range examples {
		if !strings.Contains(golden.String(), example[1]) {
			t.Errorf("no report holds\n%s", example[1])
		}
	}
}

func TestDocumentedKeysAreThoseOfTheReport(t *testing.T) {
	page, err := os.ReadFile(reportsPage)
	must(t, err)
	documented := map[string]bool{}
	_, table, _ := strings.Cut(string(page), "| key | of | what it is |")
	table, _, _ = strings.Cut(table, "```")
	for _, row := range strings.Split(table, "\n") {
		if cells := strings.Split(row, "|"); len(cells) > 2 {
			for _, key := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cells[1], -1) {
				documented[key[1]] = true
			}
		}
	}
	var document any
	must(t, json.Unmarshal([]byte(render(t, "json", report.Options{}, sampleRun())), &document))
	used := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, value := range v {
				used[key] = true
				if key != "counts" { // its keys are verdicts
					walk(value)
				}
			}
		case []any:
			for _, value := range v {
				walk(value)
			}
		}
	}
	walk(document)
	delete(used, "value") // documented in the row of values
	got, want := slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(used))
	if !slices.Equal(got, want) {
		t.Errorf("documented are %v\nthe report has %v", got, want)
	}
}
