package report_test

import (
	"encoding/xml"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
	"golang.org/x/net/html"
)

// tapDocument is what a TAP consumer reads.
type tapDocument struct {
	points  []tapPoint
	bailOut string
}

type tapPoint struct {
	ok         bool
	name, skip string
	yaml       map[string]any
}

// parseTAP reads version 14 strictly.
func parseTAP(t *testing.T, text string) tapDocument {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "TAP version 14" {
		t.Fatalf("first line %q", lines[0])
	}
	plan, err := strconv.Atoi(strings.TrimPrefix(lines[1], "1.."))
	if err != nil {
		t.Fatalf("plan %q", lines[1])
	}
	point := regexp.MustCompile(`^(not )?ok (\d+) - (.*)$`)
	var doc tapDocument
	for i := 2; i < len(lines); i++ {
		line := lines[i]
		m := point.FindStringSubmatch(line)
		switch {
		case m != nil:
			if m[2] != strconv.Itoa(len(doc.points)+1) {
				t.Errorf("point %d has number %s", len(doc.points)+1, m[2])
			}
			name, skip := tapDirective(m[3])
			doc.points = append(doc.points, tapPoint{ok: m[1] == "", name: name, skip: skip})
		case line == "  ---":
			end := i + 1
			for end < len(lines) && lines[end] != "  ..." {
				end++
			}
			block := strings.Join(lines[i+1:end], "\n")
			if err := yaml.Load([]byte(block), &doc.points[len(doc.points)-1].yaml); err != nil {
				t.Fatalf("YAML block: %v\n%.2000s", err, block)
			}
			i = end
		case strings.HasPrefix(line, "Bail out!"):
			doc.bailOut = strings.TrimPrefix(line, "Bail out! ")
		case strings.HasPrefix(line, "# "):
		default:
			t.Fatalf("no line of TAP: %q", line)
		}
	}
	if len(doc.points) != plan {
		t.Errorf("%d test points, planned were %d", len(doc.points), plan)
	}
	return doc
}

// tapDirective splits a description at the first # that is not escaped.
func tapDirective(s string) (name, skip string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '#':
			return strings.TrimSpace(b.String()), strings.TrimPrefix(s[i:], "# SKIP ")
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}

// workflowCommand is a line that GitHub's runner takes for a command.
type workflowCommand struct {
	name, message string
	properties    map[string]string
}

// parseCommands reads lines as actions/runner does: blanks before "::" are
// skipped, properties end at the next "::".
func parseCommands(t *testing.T, text string) (commands []workflowCommand, others []string) {
	t.Helper()
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "::")
		head, message, closed := strings.Cut(rest, "::")
		if !ok || !closed {
			others = append(others, line)
			continue
		}
		c := workflowCommand{properties: map[string]string{}}
		name, properties, _ := strings.Cut(head, " ")
		c.name = name
		for _, p := range strings.Split(properties, ",") {
			key, value, _ := strings.Cut(p, "=")
			c.properties[key] = strings.NewReplacer("%3A", ":", "%2C", ",", "%0A", "\n", "%0D", "\r", "%25", "%").Replace(value)
		}
		c.message = strings.NewReplacer("%0A", "\n", "%0D", "\r", "%25", "%").Replace(message)
		commands = append(commands, c)
	}
	return commands, others
}

// element is an XML element with its content in order.
type element struct {
	name       string
	attributes map[string]string
	children   []*element
	text       string
}

// parseXML reads a document strictly.
func parseXML(t *testing.T, text string) *element {
	t.Helper()
	root := &element{}
	stack := []*element{root}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if token == nil {
			if err.Error() != "EOF" {
				t.Fatalf("XML: %v", err)
			}
			return root.children[0]
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attributes: map[string]string{}}
			for _, a := range token.Attr {
				e.attributes[a.Name.Local] = a.Value
			}
			top.children = append(top.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text += string(token)
		}
	}
}

// find returns the elements below n that match, in order.
func find(n *html.Node, match func(*html.Node) bool) []*html.Node {
	var found []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && match(d) {
			found = append(found, d)
		}
	}
	return found
}

// hasClass matches elements of a class.
func hasClass(name string) func(*html.Node) bool {
	return func(n *html.Node) bool {
		for _, a := range n.Attr {
			if a.Key == "class" && strings.Contains(" "+a.Val+" ", " "+name+" ") {
				return true
			}
		}
		return false
	}
}

// textOf is the text below n.
func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
