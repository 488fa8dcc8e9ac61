package testserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	chatpb "github.com/grpcx/grpcx/testserver/proto/chat"
)

// TestRoomAcrossNodes has many talk at once to many, on two nodes, through
// streams that come and go: everybody hears the same, in one order, each
// message once.
func TestRoomAcrossNodes(t *testing.T) {
	t.Parallel()
	const members, senders, each = 100, 20, 10
	onNodes(t, 2, Config{MaxStreams: 1000}, func(t *testing.T, nodes []*Server) {
		clients := []chatClient{chatOn(t, nodes[0]), chatOn(t, nodes[1])}
		room := clients[0].room()
		joined := make(chan member, members)
		var joins sync.WaitGroup
		for i := range members {
			joins.Go(func() { joined <- clients[i%2].join(room, fmt.Sprintf("user%d", i)) })
		}
		joins.Wait()
		heard := make(chan []string, members)
		for range members {
			m := <-joined
			go func() { heard <- hearUntil(t, m, senders*each) }()
		}
		var talk sync.WaitGroup
		for i := range senders {
			talk.Go(func() {
				for n := range each {
					clients[n%2].say(room, fmt.Sprintf("user%d", i), fmt.Sprintf("%d.%d", i, n))
				}
			})
		}
		talk.Wait()
		stored := wholeHistory(t, clients[1], room)
		for range members {
			got := <-heard
			// A member hears at most 20 messages from before its joining, and all after.
			if first := slices.Index(stored, got[0]); first < 0 || !slices.Equal(got, stored[first:]) {
				t.Fatalf("a member heard %d messages, from number %d of %d, in another order", len(got), first, len(stored))
			}
		}
		if n := clients[1].members(room); n != members {
			t.Errorf("%d members, want %d", n, members)
		}
	})
}

// hearUntil returns the ids of what a member hears until that many of it were said.
func hearUntil(t *testing.T, m member, said int) []string {
	var ids []string
	for said > 0 {
		msg, err := m.Recv()
		if err != nil {
			t.Errorf("%d messages to come: %v", said, err)
			return ids
		}
		ids = append(ids, msg.GetMessageId())
		if msg.GetType() == chatpb.MessageType_USER_MESSAGE {
			said--
		}
	}
	return ids
}

// wholeHistory returns the ids of all messages of the room.
func wholeHistory(t *testing.T, c chatClient, room string) []string {
	t.Helper()
	resp, err := c.GetRoomHistory(withDeadline(t), &chatpb.GetRoomHistoryRequest{RoomId: room, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range resp.GetMessages() {
		ids = append(ids, m.GetMessageId())
	}
	return ids
}

// TestJoiningWhileOthersTalk holds the seam between the history and what follows.
func TestJoiningWhileOthersTalk(t *testing.T) {
	t.Parallel()
	onNodes(t, 2, Config{}, func(t *testing.T, nodes []*Server) {
		clients := []chatClient{chatOn(t, nodes[0]), chatOn(t, nodes[1])}
		room := clients[0].room()
		clients[0].join(room, "ada")
		stop := make(chan struct{})
		var talk sync.WaitGroup
		talk.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					clients[0].say(room, "ada", fmt.Sprint(n))
				}
			}
		})
		var joins sync.WaitGroup
		for i := range 10 {
			joins.Go(func() {
				for n := range 5 {
					m := clients[(i+n)%2].join(room, fmt.Sprintf("user%d", i))
					wantContiguous(t, m, 40)
					m.cancel()
				}
			})
		}
		joins.Wait()
		close(stop)
		talk.Wait()
	})
}

// wantContiguous receives that many messages, of which none may be missing.
func wantContiguous(t *testing.T, m member, n int) {
	var last int
	for range n {
		msg, err := m.Recv()
		if err != nil {
			t.Errorf("after message %d: %v", last, err)
			return
		}
		var room, seq int
		if _, err := fmt.Sscanf(msg.GetMessageId(), "%d-%d", &room, &seq); err != nil {
			t.Error(err)
		}
		if last != 0 && seq != last+1 {
			t.Errorf("message %d after %d", seq, last)
		}
		last = seq
	}
}

func TestChatAcrossNodes(t *testing.T) {
	t.Parallel()
	onNodes(t, 2, Config{}, func(t *testing.T, nodes []*Server) {
		a, b := chatOn(t, nodes[0]), chatOn(t, nodes[1])
		ada, bob := a.chat(), b.chat()
		ada.joins("", "ada", "Ada")
		ada.hears("SYSTEM default System: Welcome to room default, Ada! (1)", "JOIN default Ada: Ada joined the room (1)")
		bob.joins("", "bob", "Bob")
		bob.hears("SYSTEM default System: Welcome to room default, Bob! (2)", "JOIN default Bob: Bob joined the room (2)")
		ada.hears("JOIN default Bob: Bob joined the room (2)")
		bob.sends(&chatpb.ChatEvent{Type: chatpb.ChatEvent_TYPING})
		ada.hears("TYPING default Bob:  (2)")
		bob.says("", "over there?")
		ada.hears("MESSAGE default Bob: over there? (2)")
		bob.hears("MESSAGE default Bob: over there? (2)")

		second := a.join("default", "bob") // of one who is on the other node
		second.hears("System: Ada joined the room", "System: Bob joined the room", "Bob: over there?")
		a.leave("default", "bob", true)
		bob.hears("LEAVE default Bob: Bob left the room (1)")
		second.hears("System: Bob left the room")
		second.ends(codes.OK, "")
		if n := b.members("default"); n != 1 {
			t.Errorf("%d members, want 1", n)
		}
	})
}

// TestShutdownLeavesRooms ends a node that has members.
func TestShutdownLeavesRooms(t *testing.T) {
	t.Parallel()
	onNodes(t, 2, Config{}, func(t *testing.T, nodes []*Server) {
		a, b := chatOn(t, nodes[0]), chatOn(t, nodes[1])
		room := a.room()
		watcher := b.join(room, "ada")
		watcher.hears("System: ADA joined the room")
		going := a.join(room, "bob")
		talk := a.chat()
		talk.joins(room, "eve", "EVE")
		watcher.hears("System: BOB joined the room", "System: EVE joined the room")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := nodes[0].Shutdown(ctx); err != nil {
			t.Error(err)
		}
		for _, recv := range []func() error{
			func() error { _, err := going.Recv(); return err },
			func() error { _, err := talk.Recv(); return err },
		} {
			var err error
			for err == nil {
				err = recv()
			}
			wantStatus(t, err, codes.Unavailable, "the server is shutting down")
		}
		var left []string
		for range 2 {
			msg, err := watcher.Recv()
			if err != nil {
				t.Fatal(err)
			}
			left = append(left, msg.GetContent())
		}
		slices.Sort(left)
		if got := strings.Join(left, ", "); got != "BOB left the room, EVE left the room" {
			t.Error(got)
		}
		if n := b.members(room); n != 1 {
			t.Errorf("%d members, want 1", n)
		}
	})
}

// storeOfNode is the variable by which this test binary is told to be a node.
const storeOfNode = "GRPCX_TEST_STORE"

// nodeBeat is the same for nodes that watch each other; five of them are a
// pause that a busy machine does not make.
const nodeBeat = 600 * time.Millisecond

// runNode is a server in a process of its own, which ends with its input or by
// being killed. It tells its address, and for each line of input the bytes of its heap.
func runNode(store string) error {
	s, err := Listen(Config{Store: store, MaxStreams: 1000, beat: nodeBeat})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(os.Stdout, s.Addr())
	for in := bufio.NewScanner(os.Stdin); err == nil && in.Scan(); {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		_, err = fmt.Fprintln(os.Stdout, m.HeapAlloc)
	}
	return errors.Join(err, s.Shutdown(context.Background()))
}

// node is a server in another process.
type node struct {
	t    testing.TB
	addr string
	kill func() // with no chance to say goodbye
	in   io.Writer
	out  *bufio.Reader
}

func startNode(t testing.TB, store string) *node {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), storeOfNode+"="+store)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, out: bufio.NewReader(out)}
	if n.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n.kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(n.kill)
	n.addr = n.line()
	return n
}

func (n *node) line() string {
	n.t.Helper()
	line, err := n.out.ReadString('\n')
	if err != nil {
		n.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// chat connects to the node.
func (n *node) chat(opts ...grpc.DialOption) chatClient {
	n.t.Helper()
	cc, err := grpc.NewClient(n.addr, append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = cc.Close() })
	return chatClient{chatpb.NewChatServiceClient(cc), n.t}
}

// TestKilledNode kills a node that has members and a subscription.
func TestKilledNode(t *testing.T) {
	t.Parallel()
	onNodes(t, 1, Config{beat: nodeBeat}, func(t *testing.T, nodes []*Server) {
		other := startNode(t, nodes[0].cfg.Store)
		doomed, c := other.chat(), chatOn(t, nodes[0])
		room := c.room()
		watcher := c.join(room, "ada")
		victim := doomed.join(room, "bob")
		watcher.hears("System: ADA joined the room", "System: BOB joined the room")
		id := doomed.say(room, "bob", "my last words")
		if said := watcher.hears("BOB: my last words"); said[0].GetMessageId() != id {
			t.Errorf("%v", said)
		}
		other.kill()
		var lost error
		for lost == nil {
			_, lost = victim.Recv()
		}
		if errors.Is(lost, io.EOF) {
			t.Error("the stream of a killed node ended well")
		}
		watcher.hears("System: BOB left the room")
		if n := c.members(room); n != 1 {
			t.Errorf("%d members, want 1", n)
		}
	})
}

// TestNodeTakenForDead removes a node that lives, as others do after a pause of it.
func TestNodeTakenForDead(t *testing.T) {
	t.Parallel()
	onNodes(t, 1, Config{beat: 20 * time.Millisecond}, func(t *testing.T, nodes []*Server) {
		c := chatOn(t, nodes[0])
		room := c.room()
		joined := c.join(room, "ada")
		joined.hears("System: ADA joined the room")
		if err := nodes[0].store.RetireNode(t.Context(), nodes[0].presence.stay.node); err != nil {
			t.Fatal(err)
		}
		var err error
		for err == nil {
			_, err = joined.Recv()
		}
		if !errors.Is(err, io.EOF) { // it left the room before it knew why
			wantStatus(t, err, codes.Unavailable, "lost touch")
		}
		// A later stream begins a new stay, once the loss is known.
		for {
			stream, err := c.JoinRoom(withDeadline(t), &chatpb.JoinRoomRequest{RoomId: room, UserId: "bob"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = stream.Recv(); err == nil {
				break
			}
			wantStatus(t, err, codes.Unavailable, "lost touch")
		}
	})
}
