package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/grpcx/grpcx/testserver/store"
)

func file(id, owner string) store.File {
	return store.File{
		ID: id, Content: "content of " + id, Filename: "notes.txt", Size: 1 << 40,
		ContentType: "text/plain", Checksum: "abc", UploadedBy: owner,
	}
}

func mustCreateFile(t *testing.T, s *store.Store, id, owner string) store.File {
	t.Helper()
	f, err := s.CreateFile(t.Context(), file(id, owner))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func anybody(store.File) error { return nil }

func testFiles(t *testing.T, open opener) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.UTC)
	s := open(t, store.Options{Now: func() time.Time { return now }})
	want := file("f1", "ada")
	want.UploadedAt = now.Truncate(time.Microsecond)
	if d := cmp.Diff(want, mustCreateFile(t, s, "f1", "ada")); d != "" {
		t.Error("created file: -want +got\n" + d)
	}
	got, err := s.File(t.Context(), "f1")
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error("read file:", err, "-want +got\n"+d)
	}
	_, err = s.CreateFile(t.Context(), file("f1", "bob"))
	if e := coded(t, err, store.AlreadyExists); e.Name != "f1" || e.Unique != "file_id" {
		t.Errorf("error %+v", e)
	}
	same := file("f2", "bob")
	same.Content = want.Content
	if _, err := s.CreateFile(t.Context(), same); err == nil {
		t.Error("two files have one content")
	}
	for content, want := range map[string]bool{want.Content: true, "other": false, "": false} {
		if has, err := s.HasContent(t.Context(), content); has != want || err != nil {
			t.Errorf("content %q: %t, %v, want %t", content, has, err, want)
		}
	}
	for _, id := range []string{"F1", "f2", "", "f1 ", "f\x00", "f%", strings.Repeat("f", 1000)} {
		_, err := s.File(t.Context(), id)
		wantCode(t, err, store.NotFound)
		_, err = s.DeleteFile(t.Context(), id, anybody)
		wantCode(t, err, store.NotFound)
	}
	refused := errors.New("refused")
	if _, err := s.DeleteFile(t.Context(), "f1", func(store.File) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("error %v, want that of the check", err)
	}
	got, err = s.DeleteFile(t.Context(), "f1", func(f store.File) error {
		if d := cmp.Diff(want, f); d != "" {
			t.Error("file to delete: -want +got\n" + d)
		}
		return nil
	})
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error("deleted file:", err, "-want +got\n"+d)
	}
	_, err = s.File(t.Context(), "f1")
	wantCode(t, err, store.NotFound)
	mustCreateFile(t, s, "f1", "bob")
}

func testInvalidFiles(t *testing.T, open opener) {
	s := open(t, store.Options{})
	_, err := s.CreateFile(t.Context(), store.File{ID: "a/b", Filename: "a/b", UploadedBy: "a\nb"})
	var fields []string
	for _, f := range coded(t, err, store.Invalid).Fields {
		fields = append(fields, f.Field)
	}
	if d := cmp.Diff([]string{"file_id", "filename", "uploaded_by"}, fields); d != "" {
		t.Error("-want +got\n" + d)
	}
	for _, owner := range []string{"a\x00", "\xff", strings.Repeat("a", 201)} {
		_, _, err := s.Files(t.Context(), store.FilePage{UploadedBy: owner, Limit: 1})
		wantCode(t, err, store.Invalid)
	}
}

func testFilePages(t *testing.T, open opener) {
	s := open(t, store.Options{})
	for i := range 12 {
		mustCreateFile(t, s, fmt.Sprintf("f%d", i), []string{"ada", "bob"}[i%2])
	}
	for _, c := range []struct {
		page  store.FilePage
		want  string
		total int64
	}{
		{store.FilePage{Limit: 3}, "f0 f1 f2", 12},
		{store.FilePage{Limit: 3, Offset: 10}, "f10 f11", 12},
		{store.FilePage{Limit: 3, Offset: 1 << 40}, "", 12},
		{store.FilePage{Limit: 3, UploadedBy: "bob"}, "f1 f3 f5", 6},
		{store.FilePage{Limit: 3, UploadedBy: "bob", Offset: 5}, "f11", 6},
		{store.FilePage{Limit: 3, UploadedBy: "Bob"}, "", 0},
		{store.FilePage{Limit: 3, UploadedBy: "b%"}, "", 0},
	} {
		files, total, err := s.Files(t.Context(), c.page)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, f := range files {
			ids = append(ids, f.ID)
		}
		if got := strings.Join(ids, " "); got != c.want || total != c.total {
			t.Errorf("%+v: files %s of %d, want %s of %d", c.page, got, total, c.want, c.total)
		}
	}
}

// testFileRace creates and deletes one file by many at once: each time one wins.
func testFileRace(t *testing.T, open opener) {
	s := open(t, store.Options{})
	race := func(try func(i int) error, lost store.Code) {
		t.Helper()
		var wg sync.WaitGroup
		results := make(chan error, 8)
		for i := range cap(results) {
			wg.Go(func() { results <- try(i) })
		}
		wg.Wait()
		close(results)
		won := 0
		for err := range results {
			if err == nil {
				won++
			} else {
				wantCode(t, err, lost)
			}
		}
		if won != 1 {
			t.Errorf("%d of 8 won, want 1", won)
		}
	}
	race(func(i int) error {
		f := file("one", "ada")
		f.Content = fmt.Sprint(i)
		_, err := s.CreateFile(t.Context(), f)
		return err
	}, store.AlreadyExists)
	race(func(int) error {
		_, err := s.DeleteFile(t.Context(), "one", anybody)
		return err
	}, store.NotFound)
}

func testIdentity(t *testing.T, open opener) {
	a, b := open(t, store.Options{}), open(t, store.Options{})
	first, err := a.Identity(t.Context())
	if err != nil || first == "" {
		t.Fatalf("%q, %v", first, err)
	}
	if again, err := a.Identity(t.Context()); again != first || err != nil {
		t.Errorf("%q, %v, want %q again", again, err, first)
	}
	if other, err := b.Identity(t.Context()); other == first || err != nil {
		t.Errorf("%q, %v of another database", other, err)
	}
}
