package testserver

import (
	"cmp"
	"context"
	"errors"
	"math"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	filepb "github.com/grpcx/grpcx/testserver/proto/file"
	"github.com/grpcx/grpcx/testserver/store"
)

const (
	downloadChunk    = 64 << 10 // bytes of a chunk that the server sends
	maxFileSize      = 2 << 30  // bytes, where the configuration sets no limit
	maxUploads       = 100      // at a time, likewise
	transferIdle     = 5 * time.Minute
	storeTimeout     = time.Minute     // of describing uploaded content to the store
	undoTimeout      = 5 * time.Second // of taking that back; it may delay a shutdown
	defaultFileLimit = 50
)

// fileServer is file.FileService. The store describes the files, and dir holds
// their content: the content is there before its description is, and goes after
// it.
type fileServer struct {
	filepb.UnimplementedFileServiceServer
	store   *store.Store
	dir     *fileDir
	limit   int64         // bytes of a file
	idle    time.Duration // longest pause of a transfer
	uploads chan struct{} // holds a token for each upload under way
}

// newFileServer opens the directory of files if cfg names it or if it exists.
func newFileServer(cfg Config, st *store.Store) (*fileServer, error) {
	dir, err := newFileDir(cfg, st.Identity)
	if err != nil {
		return nil, err
	}
	if _, err := dir.open(context.Background(), cfg.Files != ""); err != nil && !errors.Is(err, errNoFileDir) {
		return nil, err
	}
	return &fileServer{
		store:   st,
		dir:     dir,
		limit:   cmp.Or(max(0, cfg.MaxFileBytes), maxFileSize),
		idle:    cmp.Or(cfg.fileIdle, transferIdle),
		uploads: make(chan struct{}, cmp.Or(max(0, cfg.MaxUploads), maxUploads)),
	}, nil
}

// fileUser returns the user for whom a call of the file service is made: the one
// that the request claims, else the one of the metadata user-id, as far as the
// caller may act for them.
func fileUser(ctx context.Context, claimed string) (string, error) {
	if claimed == "" {
		values := metadata.ValueFromIncomingContext(ctx, "user-id")
		if len(values) > 1 {
			return "", invalidField("request", "user-id", "is given more than once")
		}
		if len(values) == 1 {
			claimed = values[0]
		}
	}
	user, err := actsAs(ctx, claimed)
	return cmp.Or(user, anonymous), err
}

func (s *fileServer) ListFiles(ctx context.Context, req *filepb.ListFilesRequest) (*filepb.ListFilesResponse, error) {
	var bad []store.FieldError
	if req.GetLimit() < 0 || req.GetLimit() > maxPageLimit {
		bad = append(bad, store.FieldError{Field: "limit", Reason: "must be from 1 to 1000, or 0 for the default"})
	}
	if req.GetOffset() < 0 {
		bad = append(bad, store.FieldError{Field: "offset", Reason: "must not be negative"})
	}
	if len(bad) > 0 {
		return nil, invalid(&store.Error{Code: store.Invalid, Kind: "request", Fields: bad, Index: -1})
	}
	files, total, err := s.store.Files(ctx, store.FilePage{
		UploadedBy: req.GetUserId(),
		Offset:     int64(req.GetOffset()),
		Limit:      cmp.Or(int(req.GetLimit()), defaultFileLimit),
	})
	if err != nil {
		return nil, err
	}
	resp := &filepb.ListFilesResponse{TotalCount: int32(min(total, math.MaxInt32))}
	for _, f := range files {
		resp.Files = append(resp.Files, fileInfo(f))
	}
	return resp, nil
}

func (s *fileServer) GetFileInfo(ctx context.Context, req *filepb.GetFileInfoRequest) (*filepb.FileInfo, error) {
	f, err := s.file(ctx, req.GetFileId())
	if err != nil {
		return nil, err
	}
	return fileInfo(f), nil
}

func (s *fileServer) DeleteFile(ctx context.Context, req *filepb.DeleteFileRequest) (*filepb.DeleteFileResponse, error) {
	if req.GetFileId() == "" {
		return nil, errNoFileID()
	}
	user, err := fileUser(ctx, req.GetUserId())
	if err != nil {
		return nil, err
	}
	f, err := s.store.DeleteFile(ctx, req.GetFileId(), func(f store.File) error {
		id, proved := caller(ctx)
		if user == f.UploadedBy || proved && id.has(roleAdmin) && user == id.UserID {
			return nil
		}
		return status.Errorf(codes.PermissionDenied, "file %s belongs to another user than %s", f.ID, shorten(user))
	})
	if err != nil {
		return nil, err
	}
	// The file is gone; content that cannot be removed now is swept later.
	_ = s.dir.remove(ctx, f.Content)
	return &filepb.DeleteFileResponse{Success: true, Message: "File deleted successfully"}, nil
}

func (s *fileServer) file(ctx context.Context, id string) (store.File, error) {
	if id == "" {
		return store.File{}, errNoFileID()
	}
	return s.store.File(ctx, id)
}

func errNoFileID() error { return invalidField("request", "file_id", "is required") }

func fileInfo(f store.File) *filepb.FileInfo {
	return &filepb.FileInfo{
		FileId: f.ID, Filename: f.Filename, Size: f.Size, ContentType: f.ContentType,
		Checksum: f.Checksum, UploadedAt: f.UploadedAt.UnixMilli(), UploadedBy: f.UploadedBy,
	}
}

// idleTimer ends a call whose transfer stands still, even while its handler
// waits for the client.
type idleTimer struct {
	timer *time.Timer
	limit time.Duration
}

// watchIdle starts a timer for the call of ctx. The caller stops it.
func watchIdle(ctx context.Context, limit time.Duration) *idleTimer {
	return &idleTimer{limit: limit, timer: time.AfterFunc(limit, func() {
		interrupt(ctx, status.Errorf(codes.DeadlineExceeded, "nothing was transferred for %v", limit))
	})}
}

func (t *idleTimer) moved() { t.timer.Reset(t.limit) }

func (t *idleTimer) stop() { t.timer.Stop() }
