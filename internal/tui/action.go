package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/grpcx/grpcx/internal/tui/editor"
	"github.com/grpcx/grpcx/internal/tui/response"
)

// action is something that the user can do. Keys, bottom bar, help, palette and
// documentation are all made of the one table of them.
type action struct {
	keys   []string // as bubbletea names them; the first is the one that is shown
	places place    // where they count; a letter counts only outside of text
	short  string   // for the bar
	name   string   // what it does, for palette, help and documentation
	run    func(*Model) tea.Cmd
}

// group is a heading of help and documentation.
type group struct {
	name    string
	actions []action
}

// groups is the table. Within a group, and from group to group, what comes first
// has the first claim to a place in the bar.
func groups() []group {
	return []group{
		{"Requests", requestActions()},
		{"Services", treeActions()},
		{"Writing", writingActions()},
		{"Responses", responseActions()},
		{"Screen", screenActions()},
	}
}

func allActions() []action {
	var all []action
	for _, g := range groups() {
		all = append(all, g.actions...)
	}
	return all
}

func requestActions() []action {
	return []action{
		{[]string{"ctrl+s"}, everywhere, "send", "send the request; on a stream under way, send another message", (*Model).send},
		{[]string{"ctrl+d"}, everywhere, "half-close", "end the sending of a stream (half-close)", (*Model).halfClose},
		{[]string{"esc"}, everywhere, "back", "leave what is under edit or open; otherwise cancel the call", (*Model).back},
		{[]string{"."}, outside, "again", "run the last request again", (*Model).again},
		{[]string{"Y"}, outside, "copy command", "copy the request as a grpcx command", (*Model).copyGrpcx},
		{[]string{"w"}, outside, "save", "save the request to a suite file, for grpcx test", (*Model).saveRequest},
		{[]string{"ctrl+r"}, everywhere, "history", "choose from the history of requests to this server", (*Model).showHistory},
		{[]string{"U"}, outside, "copy grpcurl", "copy the request as a grpcurl command", (*Model).copyGrpcurl},
		{[]string{"ctrl+c"}, everywhere, "cancel", "cancel the call; without one, quit", (*Model).cancelOrQuit},
	}
}

func treeActions() []action {
	return []action{
		{[]string{"enter"}, inTree | inSearch, "open", "open the service, the method or the kept request", (*Model).open},
		{[]string{"right", "l"}, inTree, "unfold", "show what is below the row, or go to the first of it", (*Model).unfold},
		{[]string{"left", "h"}, inTree, "fold", "hide what is below the row, or go to what it is below of", (*Model).foldUp},
		{[]string{"/"}, outside, "search", "search methods by any letters of their names", (*Model).search},
		{[]string{"g"}, inTree, "generate", "generate a TypeScript client of the service", (*Model).askGenerate},
		{[]string{"R"}, outside, "reconnect", "reconnect and read the schema again", (*Model).reconnect},
		{[]string{"o"}, outside, "connect to", "connect to another server", (*Model).askAddress},
		{[]string{"F"}, outside, "schema files", "take the schema from .proto files or a descriptor set", (*Model).pickFiles},
		{[]string{"H"}, outside, "health", "watch the server's health", (*Model).showHealth},
	}
}

func writingActions() []action {
	return []action{
		{[]string{"ctrl+@", "ctrl+space"}, inBody, "complete", "offer completions", write((*editor.Model).Complete)},
		{[]string{"ctrl+down", "alt+down"}, inBody, "next value", "go to the next value of the message", write((*editor.Model).NextValue)},
		{[]string{"ctrl+up", "alt+up"}, inBody, "prev value", "go to the value before", write((*editor.Model).PrevValue)},
		{[]string{"ctrl+t"}, inBody, "form", "show the request as a form, or as JSON again", write((*editor.Model).ToggleForm)},
		{[]string{"ctrl+_", "ctrl+/"}, inBody, "set/unset", "set or unset the field of this line (ctrl+/)", write((*editor.Model).ToggleField)},
		{[]string{"f3", "m"}, everywhere, "metadata", "show metadata and timeout of the request, or the message again", (*Model).toggleHeaders},
		{[]string{"ctrl+o"}, inBody, "$EDITOR", "edit the request in $EDITOR", (*Model).editElsewhere},
		{[]string{"ctrl+n"}, inBody, "new", "begin the request anew, from its template", write((*editor.Model).Restart)},
		{[]string{"ctrl+z"}, inBody, "undo", "undo", write((*editor.Model).Undo)},
		{[]string{"ctrl+y"}, inBody, "redo", "redo", write((*editor.Model).Redo)},
		{[]string{"ctrl+g"}, inBody, "problem", "go to what is wrong", (*Model).gotoProblem},
		{[]string{"enter"}, inHeaders | inHeader, "edit", "edit the line, or keep what was edited", (*Model).editHeader},
		{[]string{"a"}, inHeaders, "add", "add a line of metadata", (*Model).addHeader},
		{[]string{"d", "delete"}, inHeaders, "delete", "delete the line", (*Model).removeHeader},
	}
}

func responseActions() []action {
	return []action{
		{[]string{"enter"}, inResponse, "expand", "show the selected message in full, or the list again", respond((*response.Model).Expand)},
		{[]string{"f"}, inResponse, "follow", "follow the newest message, or stop to", respond((*response.Model).Follow)},
		{[]string{"p"}, inResponse, "hold", "stop reading, so that the server has to wait, or read on", respond((*response.Model).Hold)},
		{[]string{"]"}, inResponse, "next tab", "go to the next tab: messages, metadata, status, timing", respond((*response.Model).NextTab)},
		{[]string{"["}, inResponse, "prev tab", "go to the tab before", respond((*response.Model).PrevTab)},
		{[]string{"ctrl+f"}, inResponse, "find", "search in the message", respond((*response.Model).Search)},
		{[]string{"n"}, inResponse, "next", "go to the next match", respond((*response.Model).NextMatch)},
		{[]string{"N"}, inResponse, "prev", "go to the match before", respond((*response.Model).PrevMatch)},
		{[]string{"y"}, inResponse, "copy", "copy the message, or the text of the tab", (*Model).copyResponse},
		{[]string{"s"}, inResponse, "save message", "save the selected message to a file", (*Model).saveMessage},
		{[]string{"S"}, inResponse, "save all", "save all messages of the call to a file, also those to come", (*Model).saveAll},
		{[]string{"x"}, inResponse, "hex", "show the bytes of the message, or its JSON again", respond((*response.Model).ToggleHex)},
		{[]string{"g"}, inResponse, "oldest", "go to the oldest message kept", respond((*response.Model).Top)},
	}
}

func screenActions() []action {
	return []action{
		{[]string{"j", "down"}, outside, "down", "move down", step(1)},
		{[]string{"k", "up"}, outside, "up", "move up", step(-1)},
		{[]string{"tab"}, everywhere, "next pane", "go to the next pane", turn(1)},
		{[]string{"shift+tab"}, everywhere, "prev pane", "go to the pane before", turn(-1)},
		{[]string{"f2", ":"}, everywhere, "actions", "find any action by its name", (*Model).showPalette},
		{[]string{"1"}, outside, "services", "go to the services", to(treePane)},
		{[]string{"2"}, outside, "request", "go to the request", to(requestPane)},
		{[]string{"3"}, outside, "response", "go to the response", to(responsePane)},
		{[]string{"z"}, outside, "zoom", "give the pane the whole screen, or end that", (*Model).zoom},
		{[]string{"%"}, outside, "mouse", "leave the mouse to the terminal, or take it back", (*Model).toggleMouse},
		{[]string{"pgdown"}, outside, "page down", "move a page down", page(1)},
		{[]string{"pgup"}, outside, "page up", "move a page up", page(-1)},
		{[]string{"home"}, outside, "first", "go to the first row", (*Model).first},
		{[]string{"G", "end"}, outside, "last", "go to the last row; in a stream, follow it", (*Model).last},
		{[]string{"q"}, outside, "quit", "quit", (*Model).quit},
		{[]string{"f1", "?"}, everywhere, "help", "show this help", (*Model).showHelp},
	}
}

// write is an action of the editor, once its method is there.
func write(do func(*editor.Model) tea.Cmd) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd {
		if m.method == nil {
			m.say("no method is open")
			return nil
		}
		return do(m.editor)
	}
}

// respond is an action of the response.
func respond(do func(*response.Model)) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd {
		do(m.response)
		return nil
	}
}
