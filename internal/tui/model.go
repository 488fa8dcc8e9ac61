package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcx/grpcx/internal/invoke"
	"github.com/grpcx/grpcx/internal/termtext"
	"github.com/grpcx/grpcx/internal/tui/editor"
	"github.com/grpcx/grpcx/internal/tui/response"
	"github.com/grpcx/grpcx/internal/tui/traffic"
)

// Model is the screen: focus, layout, what lies over it, and the parts below. It
// belongs to the goroutine of the program's loop; what runs elsewhere comes back
// as messages, and what is stale by then is told by the number of its link or by
// its call.
type Model struct {
	cfg      Config
	ctx      context.Context // ends with the program
	cancel   context.CancelFunc
	actions  []action
	theme    theme
	sessions sessions

	width, height int
	focus         pane
	zoomed, mouse bool
	overlay       overlay // what lies over the screen and takes the keys; nil for nothing
	covered       rect    // where it was drawn last
	working       int     // commands of later that are under way
	notice        string  // over the bar until the next key

	link      link
	healthLog []healthChange
	watched   *healthView // whose services are watched; nil for none
	tree      tree

	method    protoreflect.MethodDescriptor // of the request; nil before one is picked
	picking   *pick                         // a method on its way
	typed     []tea.Msg                     // for its editor
	awaiting  bool                          // the search's first method is to be opened when it is known
	number    int                           // of the latest pick or link
	editor    *editor.Model
	drafts    drafts // of the other methods
	headers   headers
	asHeaders bool // the request pane shows them, not the message

	response   *response.Model
	call       *traffic.Call // the latest one
	sent       Request       // what it was made of
	remembered *traffic.Call // the call whose request went to the history
	ticking    bool
	woken      chan struct{} // holds one if the response has something new to show

	vault   vault
	history history
}

func newModel(ctx context.Context, cfg Config) *Model {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Secret == nil {
		cfg.Secret = func(string) bool { return false }
	}
	if cfg.LookupEnv == nil {
		cfg.LookupEnv = func(string) (string, bool) { return "", false }
	}
	if cfg.Metadata == nil {
		cfg.Metadata = func(headers []Header) (metadata.MD, error) {
			md := metadata.MD{}
			for _, h := range headers {
				md.Append(h.Name, h.Value)
			}
			return md, nil
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	m := &Model{cfg: cfg, ctx: ctx, cancel: cancel, theme: newTheme(), mouse: true, woken: make(chan struct{}, 1)}
	m.actions = allActions()
	m.editor = editor.New(editor.Options{Styles: m.theme.editor(), Now: cfg.Now})
	m.response = response.New(response.Options{Styles: m.theme.response(), Secret: cfg.Secret, Wake: m.wake})
	m.headers.secret, m.headers.check = cfg.Secret, m.checkHeader
	m.tree.sections = []*section{{name: savedSection}, {name: historySection}}
	m.vault = vault{secret: cfg.Secret, lookup: cfg.LookupEnv}
	return m
}

// close ends everything that the model began. It is called once the program's
// loop is over.
func (m *Model) close() {
	if m.call != nil {
		m.call.Cancel()
		<-m.call.Ended()
		m.remember()
	}
	m.cancel()
	m.sessions.close()
}

// Init begins to connect; the first frame does not wait for it.
func (m *Model) Init() tea.Cmd {
	if m.cfg.Address == "" {
		return tea.Batch(m.askAddress(), m.readSaved(), m.awaitWake())
	}
	return tea.Batch(m.connect(Target{Address: m.cfg.Address}), m.readSaved(), m.awaitWake())
}

// wake asks for a frame. It may be called at any time, by anybody.
func (m *Model) wake() {
	select {
	case m.woken <- struct{}{}:
	default:
	}
}

// wakeMsg asks for a frame.
type wakeMsg struct{}

func (m *Model) awaitWake() tea.Cmd {
	return func() tea.Msg {
		select {
		case <-m.woken:
			return wakeMsg{}
		case <-m.ctx.Done():
			return nil
		}
	}
}

// tickMsg is the pace at which a call under way is looked at.
type tickMsg struct{}

const tickRate = time.Second / 30

func tick() tea.Cmd { return tea.Tick(tickRate, func(time.Time) tea.Msg { return tickMsg{} }) }

// endedMsg tells that a call is over.
type endedMsg struct{ call *traffic.Call }

// Update takes one message.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.update(msg)
	m.endWatch()
	return m, cmd
}

func (m *Model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		m.notice = ""
		return m.key(msg)
	case tea.PasteMsg:
		return m.paste(msg)
	case tea.MouseClickMsg:
		return m.click(msg)
	case tea.MouseWheelMsg:
		return m.wheel(msg)
	case connectedMsg:
		return m.connected(msg)
	case methodsMsg:
		return m.methodsLoaded(msg)
	case healthMsg:
		return m.healthChanged(msg)
	case foundMsg:
		return m.found(msg)
	case wakeMsg:
		return m.awaitWake()
	case tickMsg:
		return m.tick()
	case endedMsg:
		m.ended(msg.call)
	case response.Saved:
		m.savedAll(msg)
	case func(*Model) tea.Cmd:
		return msg(m)
	default:
		return tea.Batch(m.editor.Update(msg), m.response.Update(msg))
	}
	return nil
}

// later is a command that works elsewhere and comes back with what the model is
// to do then.
func (m *Model) later(work func() func(*Model) tea.Cmd) tea.Cmd {
	m.working++
	return func() tea.Msg {
		done := work()
		return func(m *Model) tea.Cmd {
			m.working--
			return done(m)
		}
	}
}

// say puts a notice over the bar. It may hold a stranger's text.
func (m *Model) say(notice string) { m.notice = ansi.Truncate(termtext.Line(notice), maxSaid, "…") }

// maxSaid bounds a notice, in cells.
const maxSaid = 1000

func (m *Model) now() time.Time { return m.cfg.Now() }

// explain is what an error says to the user, in one line.
func (m *Model) explain(err error) string {
	return strings.ReplaceAll(strings.TrimSpace(invoke.ErrorText(err)), "\n", "; ")
}
