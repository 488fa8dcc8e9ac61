package tui

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/sahilm/fuzzy"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/message"
	"github.com/grpcx/grpcx/internal/tui/response"
)

// linearCommand is a command of the accessible mode.
type linearCommand struct {
	name, operands, about string
	run                   func(l *linear, operand string)
}

func linearCommands() []linearCommand {
	act := func(do func(*Model) tea.Cmd) func(*linear, string) {
		return func(l *linear, _ string) { l.start(do(l.m)) }
	}
	return []linearCommand{
		{"help", "", "tell of the commands", func(l *linear, _ string) { l.help() }},
		{"connect", "ADDRESS", "connect to a server", func(l *linear, a string) { l.start(l.m.goTo(a)) }},
		{"reconnect", "", "connect again and read the schema again", act((*Model).reconnect)},
		{"schema", "FILE...", "take the schema from .proto files or descriptor sets", func(l *linear, a string) { l.start(useFiles(strings.Fields(a)...)(l.m)) }},
		{"list", "[TEXT]", "number the methods, or those that the letters of TEXT are in", (*linear).list},
		{"open", "METHOD", "open a method, by its number or any end of its name", (*linear).open},
		{"request", "", "tell what the request is", func(l *linear, _ string) { l.request() }},
		{"fill", "", "ask for each field of the request; an empty line leaves one as it is", func(l *linear, _ string) { l.fill() }},
		{"set", "FIELD VALUE", "set a field; VALUE is text for a string, and else JSON", (*linear).set},
		{"message", "JSON", "replace the request", func(l *linear, a string) { l.start(l.m.editor.SetText(a)) }},
		{"metadata", "NAME: VALUE", "add a line of metadata, or without VALUE remove those of NAME; ${env.NAME} is a variable", (*linear).metadata},
		{"timeout", "DURATION", "set the time limit of calls", (*linear).timeout},
		{"send", "", "send the request; on a stream, another message", act((*Model).send)},
		{"end", "", "end the sending of a stream", act((*Model).halfClose)},
		{"cancel", "", "cancel the call", func(l *linear, _ string) { l.cancel() }},
		{"hold", "", "stop reading, so that the server has to wait", func(l *linear, _ string) { l.hold(true) }},
		{"resume", "", "read on", func(l *linear, _ string) { l.hold(false) }},
		{"wait", "", "take no command until the call is over", func(l *linear, _ string) { l.waiting = l.m.running() }},
		{"show", "NUMBER", "show a message in full", (*linear).show},
		{"status", "", "show status and error details", func(l *linear, _ string) { l.page(response.Status) }},
		{"headers", "", "show metadata of the response", func(l *linear, _ string) { l.page(response.Metadata) }},
		{"timing", "", "show what took how long", func(l *linear, _ string) { l.page(response.Timing) }},
		{"again", "", "run the last request again", act((*Model).again)},
		{"history", "[NUMBER]", "number what was sent to this server, or open one of it", (*linear).history},
		{"saved", "[NUMBER]", "number the saved requests, or open one of them", (*linear).savedRequests},
		{"save", "NAME", "save the request to the suite file", (*linear).save},
		{"command", "[grpcurl]", "tell the request as a grpcx or grpcurl command", (*linear).commandLine},
		{"generate", "DIR", "generate a TypeScript client", func(l *linear, a string) { l.start(l.m.generateInto(nil, a)) }},
		{"quit", "", "leave", func(l *linear, _ string) { l.over = true }},
	}
}

// command takes a line of input.
func (l *linear) command(text string) {
	if l.filling != nil {
		l.filled(text)
		return
	}
	name, operand, _ := strings.Cut(strings.TrimSpace(text), " ")
	if name == "" {
		return
	}
	for _, c := range linearCommands() {
		if c.name != name {
			continue
		}
		operand = strings.TrimSpace(operand)
		if operand == "" && c.operands != "" && c.operands[0] != '[' {
			l.say("%s wants %s.", c.name, c.operands)
			return
		}
		c.run(l, operand)
		return
	}
	l.say("Unknown command %s; help tells of the commands.", name)
}

func (l *linear) help() {
	for _, c := range linearCommands() {
		l.say("%s: %s.", strings.TrimSpace(c.name+" "+c.operands), c.about)
	}
}

func (l *linear) list(text string) {
	l.found = nil
	var all []string
	for _, s := range l.m.tree.services {
		for _, method := range s.methods {
			all = append(all, string(s.name)+"/"+string(method.Name))
		}
	}
	if text != "" {
		matches := fuzzy.Find(text, all)
		for _, match := range matches[:min(len(matches), maxTold)] {
			l.found = append(l.found, match.Str)
		}
	} else {
		l.found = all
	}
	for i, path := range l.found {
		l.say("%d. %s", i+1, path)
	}
	l.say("%d of %d methods.", len(l.found), len(all))
}

func (l *linear) open(name string) {
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= len(l.found) {
		name = l.found[n-1]
	}
	var matches []string
	for _, s := range l.m.tree.services {
		for _, method := range s.methods {
			path := string(s.name) + "/" + string(method.Name)
			if path == name {
				matches = []string{path}
				break
			}
			if strings.HasSuffix(path, "/"+name) || strings.HasSuffix(path, "."+name) {
				matches = append(matches, path)
			}
		}
	}
	switch len(matches) {
	case 0:
		l.say("Unknown method %s; list finds one.", name)
	case 1:
		l.method = ""
		l.start(l.m.pick(pick{path: matches[0]}))
	default:
		l.say("%s may be %s.", name, strings.Join(matches, " or "))
	}
}

// filling asks for the fields of a message one by one.
type filling struct {
	fields protoreflect.FieldDescriptors
	at     int
}

func (l *linear) fill() {
	if l.m.method == nil {
		l.say("Open a method first.")
		return
	}
	l.filling = &filling{fields: l.m.method.Input().Fields()}
	l.ask()
}

func (l *linear) ask() {
	f := l.filling
	if f.at >= f.fields.Len() {
		l.filling = nil
		l.say("Done. send sends it.")
		return
	}
	field := f.fields.Get(f.at)
	l.say("%s, %s?", field.JSONName(), fieldType(field))
}

// fieldType is a field's type in words.
func fieldType(field protoreflect.FieldDescriptor) string {
	kind := field.Kind().String()
	switch {
	case field.IsMap():
		return "a map, as JSON"
	case field.Enum() != nil:
		var names []string
		for i := range min(field.Enum().Values().Len(), maxTold) {
			names = append(names, string(field.Enum().Values().Get(i).Name()))
		}
		kind = "one of " + strings.Join(names, ", ")
	case field.Message() != nil:
		kind = string(field.Message().FullName()) + ", as JSON"
	}
	if field.IsList() {
		return "a JSON list of " + kind
	}
	return kind
}

func (l *linear) filled(text string) {
	f := l.filling
	if text != "" && !l.put(f.fields.Get(f.at), text) {
		l.ask()
		return
	}
	f.at++
	l.ask()
}

func (l *linear) set(operand string) {
	name, value, _ := strings.Cut(operand, " ")
	if l.m.method == nil {
		l.say("Open a method first.")
		return
	}
	fields := l.m.method.Input().Fields()
	field := fields.ByJSONName(name)
	if field == nil {
		field = fields.ByName(protoreflect.Name(name))
	}
	if field == nil {
		l.say("%s has no field %s.", l.m.method.Input().Name(), name)
		return
	}
	l.put(field, strings.TrimSpace(value))
}

// put sets a field of the request, and says what is wrong with its value.
func (l *linear) put(field protoreflect.FieldDescriptor, value string) bool {
	name := field.JSONName()
	raw := json.RawMessage(value)
	if !field.IsList() && !field.IsMap() && !json.Valid(raw) || field.Kind() == protoreflect.StringKind && !field.IsList() && !field.IsMap() {
		quoted, err := json.Marshal(value)
		if err != nil {
			l.say("%v", err)
			return false
		}
		raw = quoted
	}
	fields, err := l.fields()
	if err != nil {
		l.say("%v", err)
		return false
	}
	fields[name] = raw
	before := l.m.editor.Text()
	text, err := json.MarshalIndent(fields, "", "  ")
	if err == nil {
		l.start(l.m.editor.SetText(string(text)))
		_, err = l.m.editor.Messages()
	}
	if err != nil {
		l.say("Not set: %v", err)
		l.start(l.m.editor.SetText(before))
		return false
	}
	return true
}

// fields are those of the request as it stands.
func (l *linear) fields() (map[string]json.RawMessage, error) {
	wires, err := l.m.editor.Messages()
	fields := map[string]json.RawMessage{}
	if err != nil || len(wires) == 0 {
		return fields, err
	}
	encoder := message.NewEncoder(l.m.method.Input(), message.EncodeOptions{Types: l.m.link.types()})
	text, err := encoder.Append(nil, wires[0])
	if err == nil {
		err = json.Unmarshal(text, &fields)
	}
	if err != nil {
		return nil, fmt.Errorf("the request is no object of fields: %w", err)
	}
	return fields, nil
}

func (l *linear) metadata(text string) {
	if name, value, ok := strings.Cut(text, ":"); ok && strings.TrimSpace(value) == "" {
		name = strings.TrimSpace(name)
		l.m.headers.list = slices.DeleteFunc(l.m.headers.list, func(h Header) bool { return strings.EqualFold(h.Name, name) })
		l.say("Removed.")
		return
	}
	l.m.headers.add()
	l.m.headers.line = newLine(text)
	l.keepHeader()
}

func (l *linear) timeout(text string) {
	l.m.headers.at = 0
	l.m.headers.edit()
	l.m.headers.line = newLine(text)
	l.keepHeader()
}

func (l *linear) keepHeader() {
	if err := l.m.headers.keep(); err != nil {
		l.m.headers.leave()
		l.say("%v", err)
		return
	}
	l.say("Kept.")
}

func (l *linear) cancel() {
	if l.m.running() {
		l.m.call.Cancel()
	}
}

func (l *linear) hold(held bool) {
	if !l.m.running() {
		l.say("There is no call under way.")
		return
	}
	l.m.call.Hold(held)
}

func (l *linear) show(number string) {
	n, err := strconv.Atoi(number)
	if err != nil || l.call == nil {
		l.say("There is no message %s.", number)
		return
	}
	e, ok := l.call.Entry(n - 1)
	if !ok {
		l.say("There is no message %d, or it is no longer kept.", n)
		return
	}
	l.say("%s", l.messageText(n-1, e, message.Pretty))
}

// page tells what a tab of the response says.
func (l *linear) page(tab response.Tab) {
	if l.m.call == nil {
		l.say("There was no call yet.")
		return
	}
	l.m.response.Tick()
	l.m.response.SetTab(tab)
	text, err := l.m.response.Copy()
	if err != nil {
		text = err.Error()
	}
	l.say("%s", text)
}

func (l *linear) history(number string) { l.keptRequests(l.m.keptHistory(maxHistory), number) }

func (l *linear) savedRequests(number string) {
	for _, s := range l.m.tree.sections {
		if s.name == savedSection {
			l.keptRequests(s.kept, number)
			return
		}
	}
	l.say("There are none.")
}

func (l *linear) keptRequests(all []kept, number string) {
	if n, err := strconv.Atoi(number); err == nil && n >= 1 && n <= len(all) {
		l.method = ""
		l.start(l.m.take(all[n-1].request, false))
		return
	}
	for i, k := range all {
		l.say("%d. %s, %s", i+1, k.name, k.note)
	}
	if len(all) == 0 {
		l.say("There are none.")
	}
}

func (l *linear) save(name string) {
	r, err := l.m.current()
	if err != nil {
		l.say("Not saved: %v", err)
		return
	}
	l.start(l.m.save(l.m.cfg.SavedFile, name, r, l.m.method.IsStreamingClient()))
}

func (l *linear) commandLine(tool string) {
	r, err := l.m.current()
	text := ""
	if err == nil && l.m.cfg.Command != nil {
		if tool == "" {
			tool = string(Grpcx)
		}
		text, err = l.m.cfg.Command(r, Tool(tool))
	}
	if err != nil {
		l.say("%v", err)
		return
	}
	l.say("%s", text)
}
