package testserver

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/grpcx/grpcx/testserver/proto/telemetry"
	userpb "github.com/grpcx/grpcx/testserver/proto/userservice"
)

// readLog begins to read a server's log. The stream has begun when it returns.
func readLog(t *testing.T, s *Server, req *pb.StreamLogsRequest) grpc.ServerStreamingClient[pb.LogEntry] {
	t.Helper()
	stream, err := pb.NewLogServiceClient(dial(t, s)).StreamLogs(withDeadline(t), req)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func recvEntry(t *testing.T, stream grpc.ServerStreamingClient[pb.LogEntry]) *pb.LogEntry {
	t.Helper()
	entry, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

// wantMessages reads entries whose messages are these and no others.
func wantMessages(t *testing.T, stream grpc.ServerStreamingClient[pb.LogEntry], want ...string) {
	t.Helper()
	for _, w := range want {
		if got := recvEntry(t, stream); got.GetMessage() != w {
			t.Fatalf("%v, want %q", got, w)
		}
	}
}

func TestStreamLogs(t *testing.T) {
	t.Run("what is kept and then what comes", func(t *testing.T) {
		s := Start(t, Config{})
		s.log.Info("one", "n", 1, slog.Group("g", "d", time.Second))
		stream := readLog(t, s, &pb.StreamLogsRequest{})
		first := recvEntry(t, stream)
		if first.GetMessage() != "one" || first.GetLevel() != "INFO" || first.GetService() != "" ||
			first.GetMetadata()["n"] != "1" || first.GetMetadata()["g.d"] != "1s" || time.Since(first.GetTimestamp().AsTime()) > time.Minute {
			t.Errorf("%v", first)
		}
		s.log.With("k", "v").WithGroup("h").Warn("two", "token", "s3cr3t")
		if got := recvEntry(t, stream); got.GetLevel() != "WARN" || got.GetMetadata()["k"] != "v" || got.GetMetadata()["h.token"] != redactedText {
			t.Errorf("%v", got)
		}
	})
	t.Run("calls, by service", func(t *testing.T) {
		s := Start(t, Config{})
		stream := readLog(t, s, &pb.StreamLogsRequest{ServiceName: "userservice.UserService"})
		cc := dial(t, s)
		_, _ = userpb.NewAuthServiceClient(cc).ValidateToken(withDeadline(t), &userpb.TokenRequest{Token: "x"})
		_, _ = userpb.NewUserServiceClient(cc).GetUser(withDeadline(t), &userpb.GetUserRequest{UserId: "9"})
		got := recvEntry(t, stream)
		if got.GetService() != "userservice.UserService" || got.GetMessage() != "call" || got.GetMetadata()["code"] != "NotFound" ||
			got.GetMetadata()["method"] != "/userservice.UserService/GetUser" {
			t.Errorf("%v", got)
		}
	})
	t.Run("by level", func(t *testing.T) {
		s := Start(t, Config{})
		for _, level := range []slog.Level{slog.LevelInfo, slog.LevelWarn, slog.LevelWarn + 1, slog.LevelError, slog.LevelError + 4} {
			s.log.Log(t.Context(), level, level.String())
		}
		wantMessages(t, readLog(t, s, &pb.StreamLogsRequest{Level: "warn"}), "WARN", "WARN+1", "ERROR", "ERROR+4")
		wantMessages(t, readLog(t, s, &pb.StreamLogsRequest{Level: "ERROR"}), "ERROR", "ERROR+4")
		wantMessages(t, readLog(t, s, &pb.StreamLogsRequest{Level: "INFO"}), "INFO", "WARN")
	})
	t.Run("debug is logged while it is read", func(t *testing.T) {
		s := Start(t, Config{})
		s.log.Debug("unheard")
		s.log.Info("begin")
		stream := readLog(t, s, &pb.StreamLogsRequest{Level: "DEBUG"})
		wantMessages(t, stream, "begin")
		s.log.Debug("heard")
		wantMessages(t, stream, "heard")
		s.log.Debug("heard too")
		wantMessages(t, stream, "heard too")
	})
	t.Run("since a time", func(t *testing.T) {
		s := Start(t, Config{})
		now := time.Now()
		for i, message := range []string{"old", "then", "new"} {
			s.tail.add(now.Add(time.Duration(i-1)*time.Hour), slog.LevelInfo, message, nil)
		}
		wantMessages(t, readLog(t, s, &pb.StreamLogsRequest{Since: timestamppb.New(now)}), "then", "new")
	})
	t.Run("what a client sends is made fit", func(t *testing.T) {
		s := Start(t, Config{})
		s.log.Info("bad \xff message", "bad \xff key", "bad \xff value", "method", "/bad.\xff/Method")
		if got := recvEntry(t, readLog(t, s, &pb.StreamLogsRequest{})); got.GetMessage() != "bad \uFFFD message" ||
			got.GetMetadata()["bad \uFFFD key"] != "bad \uFFFD value" || got.GetService() != "bad.\uFFFD" {
			t.Errorf("%v", got)
		}
	})
	t.Run("ends when the server stops", func(t *testing.T) {
		s := Start(t, Config{})
		s.log.Info("one")
		stream := readLog(t, s, &pb.StreamLogsRequest{})
		wantMessages(t, stream, "one")
		if err := s.Shutdown(withDeadline(t)); err != nil {
			t.Error(err)
		}
		_, err := stream.Recv()
		wantStatus(t, err, codes.Unavailable, "shutting down")
	})
}

func TestStreamLogsRefuses(t *testing.T) {
	s := Start(t, Config{})
	for field, req := range map[string]*pb.StreamLogsRequest{
		"level": {Level: "LOUD"},
		"since": {Since: &timestamppb.Timestamp{Nanos: -1}},
	} {
		_, err := readLog(t, s, req).Recv()
		st := wantStatus(t, err, codes.InvalidArgument, field)
		if v := detail[*errdetails.BadRequest](t, st).GetFieldViolations(); len(v) != 1 || v[0].GetField() != field {
			t.Errorf("%s: %v", field, v)
		}
	}
}

// What a reader is sent is no news for the log: else it would never be quiet.
func TestStreamLogsDoesNotFeedItself(t *testing.T) {
	s := Start(t, Config{})
	stream := readLog(t, s, &pb.StreamLogsRequest{Level: "DEBUG"})
	for i := range 500 {
		s.log.Info(strconv.Itoa(i))
	}
	for i := range 500 {
		wantMessages(t, stream, strconv.Itoa(i))
	}
	s.log.Info("end")
	wantMessages(t, stream, "end")
}

func TestSlowReaderMissesRecordsAndIsTold(t *testing.T) {
	s := Start(t, Config{})
	s.log.Info("begin")
	stream := readLog(t, s, &pb.StreamLogsRequest{})
	wantMessages(t, stream, "begin")
	// More than the windows of the connection hold, and then more than is kept.
	const total = 40_000
	text := strings.Repeat("x", 200)
	for i := range total {
		s.log.Info("record", "i", i, "text", text)
	}
	s.log.Info("end")
	seen, missed, gaps := 0, 0, 0
	for {
		entry := recvEntry(t, stream)
		if entry.GetMessage() == "end" {
			break
		}
		n, lost := entry.GetMetadata()["missed"]
		switch {
		case lost:
			m, err := strconv.Atoi(n)
			if err != nil || entry.GetLevel() != "WARN" || !strings.Contains(entry.GetMessage(), n) {
				t.Errorf("%v, %v", entry, err)
			}
			missed += m
			gaps++
		case entry.GetMetadata()["i"] != strconv.Itoa(seen+missed):
			t.Fatalf("%v after %d records and %d missed ones", entry, seen, missed)
		default:
			seen++
		}
	}
	if seen+missed != total || gaps == 0 {
		t.Errorf("%d seen and %d missed in %d gaps, want %d in all", seen, missed, gaps, total)
	}
}

func TestLogTailIsBounded(t *testing.T) {
	many := make([]slog.Attr, 1000)
	for i := range many {
		many[i] = slog.Int("a"+strconv.Itoa(i), i)
	}
	for name, c := range map[string]struct {
		message string
		attrs   []slog.Attr
		want    logRecord // with the first attributes alone
		kept    int       // attributes
	}{
		"small records": {"m", nil, logRecord{message: "m"}, 0},
		"long texts": {strings.Repeat("é", 1<<15), []slog.Attr{slog.String("k", strings.Repeat("v", 1<<16))}, logRecord{
			message: strings.Repeat("é", maxTailText/2) + "...", attrs: []logAttr{{"k", strings.Repeat("v", maxTailText) + "..."}},
		}, 1},
		"many attributes": {"m", many, logRecord{message: "m", attrs: []logAttr{{"a0", "0"}, {"a1", "1"}}}, 255},
		"large ones":      {"m", slices.Repeat([]slog.Attr{slog.String("k", strings.Repeat("v", 5000))}, 100), logRecord{message: "m"}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			tail := &logTail{}
			added := uint64(100_000)
			if len(c.attrs) > 0 {
				added = 5000
			}
			at := time.Now()
			for range added {
				tail.add(at, slog.LevelWarn, c.message, c.attrs)
			}
			held := 0
			for _, b := range tail.blocks {
				held += cap(b.bytes)
			}
			if held > 2*tailBlock*tailBlocks {
				t.Errorf("room for %d bytes", held)
			}
			total := uint64(0)
			for from := uint64(0); from < added; {
				records, missed, next, _ := tail.read(from)
				total += missed
				for from = next; len(records) > 0; total++ {
					r := records.next()
					if !r.time.Equal(at) || r.level != slog.LevelWarn || r.message != c.want.message || len(r.attrs) != c.kept ||
						!slices.Equal(r.attrs[:len(c.want.attrs)], c.want.attrs) {
						t.Fatalf("%.200v", r)
					}
				}
			}
			if kept := added - tail.oldest(); total != added || kept < 10 || tail.next != added {
				t.Errorf("%d of %d records read or missed, %d kept", total, added, kept)
			}
		})
	}
}

func TestLogTailConcurrently(t *testing.T) {
	t.Parallel()
	const writers, each, readers = 4, 2000, 3
	s := Start(t, Config{})
	s.log.Info("begin")
	var wg sync.WaitGroup
	for range readers {
		stream := readLog(t, s, &pb.StreamLogsRequest{})
		wantMessages(t, stream, "begin")
		wg.Go(func() {
			for got := 0; got < writers*each; {
				entry, err := stream.Recv()
				if err != nil {
					t.Error(status.Convert(err))
					return
				}
				if n, lost := entry.GetMetadata()["missed"]; lost {
					missed, err := strconv.Atoi(n)
					if err != nil {
						t.Error(err)
					}
					got += missed
				} else {
					got++
				}
			}
		})
	}
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				s.log.Info(fmt.Sprint(w, i), "w", w)
			}
		})
	}
	wg.Wait()
}
