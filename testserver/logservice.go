package testserver

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/grpcx/grpcx/testserver/proto/telemetry"
)

// logServer is telemetry.LogService. Whom it lets read is for the stages to decide.
type logServer struct {
	pb.UnimplementedLogServiceServer
	tail    *logTail
	running context.Context
	now     func() time.Time
}

func (l *logServer) StreamLogs(req *pb.StreamLogsRequest, stream grpc.ServerStreamingServer[pb.LogEntry]) error {
	want, err := newLogFilter(req)
	if err != nil {
		return err
	}
	ctx, stop := untilStop(stream.Context(), l.running)
	defer stop()
	if want.level < slog.LevelInfo {
		l.tail.debug.Add(1)
		defer l.tail.debug.Add(-1)
	}
	at := l.tail.oldest()
	for {
		records, missed, next, changed := l.tail.read(at)
		at = next
		if missed > 0 {
			if err := stream.Send(missedRecords(l.now(), missed)); err != nil {
				return err
			}
		}
		for len(records) > 0 {
			r := records.next()
			if entry := want.entry(&r); entry != nil {
				if err := stream.Send(entry); err != nil {
					return err
				}
			}
		}
		if changed == nil {
			// Records may be there as fast as they are read.
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// missedRecords tells a reader who did not keep up how many records it missed,
// no matter which of them it would have been shown.
func missedRecords(now time.Time, n uint64) *pb.LogEntry {
	return &pb.LogEntry{
		Timestamp: timestamppb.New(now),
		Level:     slog.LevelWarn.String(),
		Service:   pb.LogService_ServiceDesc.ServiceName,
		Message:   strconv.FormatUint(n, 10) + " records were dropped before they could be sent",
		Metadata:  map[string]string{"missed": strconv.FormatUint(n, 10)},
	}
}

// logFilter is what a reader asked for.
type logFilter struct {
	service string // "" is all
	level   slog.Level
	since   time.Time // zero is the beginning
}

func newLogFilter(req *pb.StreamLogsRequest) (logFilter, error) {
	f := logFilter{service: req.GetServiceName(), level: slog.LevelDebug}
	switch strings.ToUpper(req.GetLevel()) {
	case "", "DEBUG":
	case "INFO":
		f.level = slog.LevelInfo
	case "WARN":
		f.level = slog.LevelWarn
	case "ERROR":
		f.level = slog.LevelError
	default:
		return f, invalidField("request", "level", "must be DEBUG, INFO, WARN or ERROR")
	}
	if since := req.GetSince(); since != nil {
		if err := since.CheckValid(); err != nil {
			return f, invalidField("request", "since", "must be a time from the year 1 to 9999")
		}
		f.since = since.AsTime()
	}
	return f, nil
}

// entry returns the record as the reader gets it, or nil if it was not asked for.
func (f *logFilter) entry(r *logRecord) *pb.LogEntry {
	if r.level < f.level || r.time.Before(f.since) {
		return nil
	}
	service := r.service()
	if f.service != "" && f.service != service {
		return nil
	}
	entry := &pb.LogEntry{
		Timestamp: timestamppb.New(r.time),
		Level:     levelName(r.level),
		Service:   validText(service),
		Message:   validText(r.message),
		Metadata:  make(map[string]string, len(r.attrs)),
	}
	for _, a := range r.attrs {
		entry.Metadata[validText(a.key)] = validText(a.value)
	}
	return entry
}

// levelName is the name of the level, or of the nearest below it that has one.
func levelName(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "ERROR"
	case level >= slog.LevelWarn:
		return "WARN"
	case level >= slog.LevelInfo:
		return "INFO"
	}
	return "DEBUG"
}

// validText makes a text fit for a message: clients send what they like.
func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
