package testserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	filepb "github.com/grpcx/grpcx/testserver/proto/file"
)

// uploadUnread sends all chunks before it reads the first report.
func uploadUnread(ctx context.Context, t *testing.T, c filepb.FileServiceClient, chunks []*filepb.FileChunk) []*filepb.UploadProgress {
	t.Helper()
	stream, err := c.UploadWithProgress(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, chunk := range chunks {
		if err := stream.Send(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	var reports []*filepb.UploadProgress
	for {
		p, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return reports
		}
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports, p)
	}
}

func TestUploadWithProgress(t *testing.T) {
	_, c := filesOf(t, Config{})
	content := randomBytes(45)
	begin := time.Now().Add(-time.Millisecond)
	for _, tc := range []struct {
		name  string
		total bool
		want  string // received/total bytes and percent of each report
	}{
		{"total known", true, "10/50 20%, 20/50 40%, 30/50 60%, 40/50 80%, 45/45 100%, 45/45 100%"},
		{"total not known", false, "10/0 0%, 20/0 0%, 30/0 0%, 40/0 0%, 45/0 0%, 45/45 100%"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			chunks := chunksOf("x", content, 10)
			if !tc.total {
				for _, c := range chunks {
					c.TotalChunks = 0
				}
			}
			reports := uploadUnread(withDeadline(t), t, c, chunks)
			var got []string
			for i, p := range reports {
				got = append(got, fmt.Sprintf("%d/%d %v%%", p.GetReceivedBytes(), p.GetTotalBytes(), p.GetPercent()))
				last := i == len(reports)-1
				if (p.Result != nil) != last || p.GetFileId() == "" || p.GetFileId() != reports[0].GetFileId() {
					t.Errorf("report %d of %d: %v", i+1, len(reports), p)
				}
				if at := p.GetTimestamp().AsTime(); at.Before(begin) || at.After(time.Now()) {
					t.Errorf("time %v", at)
				}
			}
			if s := strings.Join(got, ", "); s != tc.want {
				t.Errorf("reports %s, want %s", s, tc.want)
			}
			result := reports[len(reports)-1].GetResult()
			if result.GetFileId() != reports[0].GetFileId() || !result.GetSuccess() || result.GetTotalSize() != 45 || result.GetChecksum() != sha256Hex(content) {
				t.Errorf("result %v", result)
			}
		})
	}
}

// TestUnreadReports is the client that reads nothing before it has sent all. Its
// upload must not be held up by the reports that wait for it.
func TestUnreadReports(t *testing.T) {
	t.Parallel()
	s, _ := filesOf(t, Config{})
	c := filepb.NewFileServiceClient(dial(t, s, smallWindows()...))
	for _, total := range []bool{true, false} {
		t.Run(fmt.Sprintf("total known %t", total), func(t *testing.T) {
			chunks := chunksOf("x", randomBytes(20_000), 1)
			for _, c := range chunks {
				c.FileId = strings.Repeat("i", 120) + fmt.Sprint(total)
				if !total {
					c.TotalChunks = 0
				}
			}
			reports := uploadUnread(withDeadline(t), t, c, chunks)
			if n := len(reports); n < 80 || n > 240 {
				t.Errorf("%d reports", n)
			}
			for i, p := range reports[1:] {
				if p.GetReceivedBytes() < reports[i].GetReceivedBytes() || p.GetPercent() < reports[i].GetPercent() {
					t.Fatalf("report %d goes back", i+1)
				}
			}
		})
	}
}

// TestReportsPerUpload counts the reports of the largest upload in the smallest
// growing chunks.
func TestReportsPerUpload(t *testing.T) {
	var r reporter
	reports := 0
	for size := int64(0); size < maxFileSize; size += max(1, size/1000) {
		if r.due(&chunkSequence{size: size, count: 1}) {
			reports++
		}
	}
	if reports > 230 {
		t.Errorf("%d reports, want at most 230", reports)
	}
}
