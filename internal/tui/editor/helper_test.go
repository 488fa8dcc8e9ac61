package editor

import (
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/bufbuild/protocompile"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const schema = `syntax = "proto3";
package test;

import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

// Which way an order goes. Not more.
enum Side {
  SIDE_UNSPECIFIED = 0;
  SIDE_BUY = 1; // 
  // Sells what is held. All of it.
  SIDE_SELL = 2;
}

// Where somebody lives.
message Address {
  string street = 1;
  string zip_code = 2;
  optional string country = 3;
}

// A Person is asked for.
message Person {
  // The name in full. No titles.
  string display_name = 1;
  int32 age = 2;
  int64 big = 3;
  bool active = 4;
  Side side = 5;
  bytes blob = 6;
  double score = 7;
  repeated string tags = 8;
  repeated Address homes = 9;
  map<string, int32> counts = 10;
  map<string, Address> places = 11;
  Address address = 12;
  Person parent = 13;
  optional int32 rank = 14;
  oneof contact {
    string email = 15;
    string phone = 16;
    Address letter = 17;
  }
  google.protobuf.Timestamp born = 18;
  google.protobuf.Duration wait = 19;
  google.protobuf.FieldMask mask = 20;
  google.protobuf.Any extra = 21;
  google.protobuf.Struct free = 22;
  google.protobuf.StringValue nick = 23;
  repeated Side sides = 24;
}

message Short {
  string name = 1;
  int32 age = 2;
  optional string note = 3;
  Address address = 4;
  Side side = 5;
}

message Empty {}

service People {
  rpc Ask(Person) returns (Empty);
  rpc Tell(Short) returns (Empty);
  rpc Feed(stream Short) returns (Empty);
  rpc Ping(Empty) returns (Empty);
}
`

func compile(t testing.TB, files map[string]string, name string) protoreflect.FileDescriptor {
	t.Helper()
	c := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(files)}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	got, err := c.Compile(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return got[0]
}

func method(t testing.TB, name string) protoreflect.MethodDescriptor {
	t.Helper()
	md := compile(t, map[string]string{"test.proto": schema}, "test.proto").Services().Get(0).Methods().ByName(protoreflect.Name(name))
	if md == nil {
		t.Fatalf("no method %s", name)
	}
	return md
}

var noon = time.Date(2026, 3, 4, 12, 30, 15, 999, time.UTC)

func newModel(t testing.TB, name, text string) *Model {
	t.Helper()
	m := New(Options{Now: func() time.Time { return noon }, Pause: time.Nanosecond})
	m.SetMethod(method(t, name), protoregistry.GlobalTypes, text)
	return m
}

// at makes a model of a text in which | is the cursor.
func at(t testing.TB, name, text string) *Model {
	t.Helper()
	i := strings.Index(text, "|")
	if i < 0 {
		t.Fatalf("no cursor in %q", text)
	}
	clean := text[:i] + text[i+1:]
	if clean == "" {
		clean = "\n"
		m := newModel(t, name, clean)
		m.SetText("")
		return m
	}
	m := newModel(t, name, clean)
	m.buffer.moveTo(endOf(place{}, text[:i]))
	return m
}

// show gives the text with | for the cursor.
func show(m *Model) string {
	return m.buffer.slice(place{}, m.buffer.at) + "|" + m.buffer.slice(m.buffer.at, m.buffer.end())
}

// press types a script: characters as they are, keys in angle brackets.
func press(m *Model, script string) {
	for script != "" {
		if name, rest, ok := strings.Cut(script[1:], ">"); ok && script[0] == '<' {
			script = rest
			switch name {
			case "undo":
				m.Undo()
			case "redo":
				m.Redo()
			case "toggle":
				m.ToggleField()
			case "form":
				m.ToggleForm()
			case "next":
				m.NextValue()
			case "prev":
				m.PrevValue()
			case "complete":
				m.Complete()
			default:
				m.Update(keyNamed(name))
			}
			continue
		}
		r := []rune(script)[0]
		script = script[len(string(r)):]
		m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

func keyNamed(name string) tea.KeyPressMsg {
	codes := map[string]rune{
		"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "home": tea.KeyHome, "end": tea.KeyEnd,
		"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "enter": tea.KeyEnter, "tab": tea.KeyTab, "esc": tea.KeyEscape,
		"backspace": tea.KeyBackspace, "delete": tea.KeyDelete, "space": tea.KeySpace, "insert": tea.KeyInsert,
	}
	var k tea.KeyPressMsg
	for {
		if rest, ok := strings.CutPrefix(name, "ctrl+"); ok {
			k.Mod |= tea.ModCtrl
			name = rest
		} else if rest, ok := strings.CutPrefix(name, "alt+"); ok {
			k.Mod |= tea.ModAlt
			name = rest
		} else if rest, ok := strings.CutPrefix(name, "shift+"); ok {
			k.Mod |= tea.ModShift
			name = rest
		} else {
			break
		}
	}
	code, ok := codes[name]
	if !ok {
		code = []rune(name)[0]
	}
	k.Code = code
	return k
}

func labels(m *Model) []string {
	var names []string
	for _, it := range m.popup.items {
		names = append(names, it.label)
	}
	return names
}

// checkFrame fails when a frame has not the size that was asked for.
func checkFrame(t testing.TB, frame string, width, height int) {
	t.Helper()
	lines := strings.Split(frame, "\n")
	if len(lines) != max(height, 1) {
		t.Fatalf("%d lines, want %d", len(lines), height)
	}
	for i, line := range lines {
		if w := lipgloss.Width(line); w > max(width, 0) {
			t.Fatalf("line %d has %d cells, want at most %d: %q", i, w, width, line)
		}
	}
}

// frame gives a frame with the blanks at the ends of its lines taken off.
func frame(t testing.TB, m *Model, width, height int) string {
	t.Helper()
	s := m.View(width, height, true)
	checkFrame(t, s, width, height)
	lines := slices.Collect(strings.Lines(s + "\n"))
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \n")
	}
	return strings.Join(lines, "\n")
}

// colours is a palette in which everything shows.
func colours() Styles {
	c := func(n string) lipgloss.Style { return lipgloss.NewStyle().Foreground(lipgloss.Color(n)) }
	return Styles{
		Key: c("6"), String: c("2"), Number: c("5"), Literal: c("3"), Punctuation: c("7"), Comment: c("8"), LineNumber: c("8"),
		Problem: c("1").Underline(true), Bracket: c("4").Bold(true), Popup: c("7"), Selected: c("7").Reverse(true), Detail: c("8"),
	}
}

func paste(s string) tea.PasteMsg { return tea.PasteMsg{Content: s} }
