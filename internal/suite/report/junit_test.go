package report_test

import (
	"regexp"
	"testing"

	"github.com/grpcx/grpcx/internal/suite/report"
)

// antRule is what the schema of Ant's reports, the strictest in use, says of an
// element: the attributes that it must have, all others being unknown to it, and
// its children in their order.
type antRule struct {
	attributes map[string]string // the pattern of their values
	children   *regexp.Regexp    // their names, each with a blank behind it
}

func antRules() map[string]antRule {
	const (
		number  = `^[0-9]+$`
		decimal = `^[0-9]+(\.[0-9]+)?$`
		some    = `\S`
		any     = ``
	)
	content := regexp.MustCompile
	failure := antRule{attributes: map[string]string{"message": any, "type": some}, children: content(`^$`)}
	text := antRule{children: content(`^$`)}
	return map[string]antRule{
		"testsuites": {children: content(`^(testsuite )*$`)},
		"testsuite": {
			attributes: map[string]string{
				"name": some, "package": any, "id": number, "hostname": some,
				"timestamp": `^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$`,
				"tests":     number, "failures": number, "errors": number, "skipped": number, "time": decimal,
			},
			children: content(`^properties (testcase )*system-out system-err $`),
		},
		"properties": {children: content(`^(property )+$`)}, // Jenkins's schema wants one at least
		"property":   {attributes: map[string]string{"name": some, "value": any}, children: content(`^$`)},
		"testcase": {
			attributes: map[string]string{"name": any, "classname": any, "time": decimal},
			children:   content(`^((skipped|error|failure) )?$`),
		},
		"skipped": text, "failure": failure, "error": failure, "system-out": text, "system-err": text,
	}
}

// checkAnt holds a document to the schema.
func checkAnt(t *testing.T, root *element) {
	t.Helper()
	rules := antRules()
	if root.name != "testsuites" {
		t.Errorf("junit: the root is %s", root.name)
	}
	var check func(*element)
	check = func(e *element) {
		rule, known := rules[e.name]
		if !known {
			t.Errorf("junit: <%s>", e.name)
			return
		}
		for name, pattern := range rule.attributes {
			value, given := e.attributes[name]
			if !given || !regexp.MustCompile(pattern).MatchString(value) {
				t.Errorf("junit: <%s %s=%.200q>", e.name, name, value)
			}
		}
		for name := range e.attributes {
			if _, known := rule.attributes[name]; !known {
				t.Errorf("junit: <%s> has the attribute %s", e.name, name)
			}
		}
		children := ""
		for _, c := range e.children {
			children += c.name + " "
			check(c)
		}
		if !rule.children.MatchString(children) {
			t.Errorf("junit: <%s> holds %q", e.name, children)
		}
	}
	check(root)
}

// junitDocuments are valid whatever they say.
func junitDocuments(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"sample":      render(t, "junit", report.Options{}, sampleRun()),
		"interrupted": render(t, "junit", report.Options{Hostname: "ci-1"}, interruptedRun()),
		"empty":       render(t, "junit", report.Options{}, newRun(1).result),
	}
}

func TestJUnitIsValidByTheSchemaOfAnt(t *testing.T) {
	for name, text := range junitDocuments(t) { // TestHostileTexts checks more
		t.Run(name, func(t *testing.T) { checkAnt(t, parseXML(t, text)) })
	}
}

func TestJUnitCountsAndPlaces(t *testing.T) {
	root := parseXML(t, render(t, "junit", report.Options{Hostname: "ci-1"}, sampleRun()))
	first := root.children[0]
	want := map[string]string{
		"name": "users", "package": "smoke", "id": "0", "hostname": "ci-1", "timestamp": "2026-03-01T09:30:00",
		"tests": "10", "failures": "4", "errors": "0", "skipped": "1", "time": "0.728200",
	}
	for name, value := range want {
		if got := first.attributes[name]; got != value {
			t.Errorf("%s = %q, want %q", name, got, value)
		}
	}
	if p := first.children[0].children[0].attributes; p["name"] != "file" || p["value"] != users {
		t.Errorf("first property %v", p)
	}
	failed := first.children[3]
	if failed.attributes["name"] != "list users" || failed.attributes["classname"] != "smoke.users" ||
		failed.children[0].attributes["message"] != users+":27:18: list streams: msg.user.email == vars.email is false" {
		t.Errorf("failed case %+v, %+v", failed, failed.children[0])
	}
}
