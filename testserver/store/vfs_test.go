package store_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// diskHandle is an open file and the locks that it holds.
type diskHandle struct {
	disk *disk
	file *diskFile
	lock int32 // on the file: SQLITE_LOCK_...

	temporary         bool
	shared, exclusive uint32 // masks of the locks on shared memory
}

// cFile is SQLite's side of a diskHandle.
type cFile struct {
	sqlite3.Tsqlite3_file
	handle uintptr
}

// handles are what C knows by number: disks and diskHandles.
var handles struct {
	sync.Mutex
	next uintptr
	all  map[uintptr]any
}

func addHandle(h any) uintptr {
	handles.Lock()
	defer handles.Unlock()
	if handles.all == nil {
		handles.all = map[uintptr]any{}
	}
	handles.next++
	handles.all[handles.next] = h
	return handles.next
}

func removeHandle(n uintptr) {
	handles.Lock()
	defer handles.Unlock()
	delete(handles.all, n)
}

func handleOf[T any](n uintptr) T {
	handles.Lock()
	defer handles.Unlock()
	h, _ := handles.all[n].(T)
	return h
}

// at returns what C keeps at an address.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

func bytesAt(p uintptr, n int32) []byte { return unsafe.Slice(at[byte](p), n) }

// pointer returns a top-level function as C calls it.
func pointer(function any) uintptr {
	type iface [2]uintptr
	return (*iface)(unsafe.Pointer(&function))[1]
}

// mount makes the disk known to SQLite for the length of the test, and returns
// the name of its VFS.
func mount(t *testing.T, d *disk) string {
	t.Helper()
	tls := libc.NewTLS()
	number := addHandle(d)
	name := fmt.Sprintf("disk%d", number)
	zName, err := libc.CString(name)
	if err != nil {
		t.Fatal(err)
	}
	p := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})))
	methods := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
	*at[sqlite3.Tsqlite3_io_methods](methods) = diskMethods()
	vfs := at[sqlite3.Tsqlite3_vfs](p)
	*vfs = *at[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(tls, 0)) // for the time and the like
	vfs.FiVersion, vfs.FszOsFile, vfs.FpNext, vfs.FzName = 2, int32(unsafe.Sizeof(cFile{})), 0, zName
	vfs.FpAppData = libc.Xcalloc(tls, 2, 8)
	app := at[[2]uintptr](vfs.FpAppData)
	app[0], app[1] = number, methods
	vfs.FxOpen, vfs.FxDelete = pointer(vfsOpen), pointer(vfsDelete)
	vfs.FxAccess, vfs.FxFullPathname = pointer(vfsAccess), pointer(vfsFullPathname)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, p, 0); rc != sqlite3.SQLITE_OK {
		t.Fatalf("register VFS: %d", rc)
	}
	t.Cleanup(func() {
		sqlite3.Xsqlite3_vfs_unregister(tls, p)
		for _, block := range []uintptr{vfs.FpAppData, methods, zName, p} {
			libc.Xfree(tls, block)
		}
		removeHandle(number)
		tls.Close()
	})
	return name
}

func diskMethods() sqlite3.Tsqlite3_io_methods {
	return sqlite3.Tsqlite3_io_methods{
		FiVersion: 2,
		FxClose:   pointer(fileClose), FxRead: pointer(fileRead), FxWrite: pointer(fileWrite),
		FxTruncate: pointer(fileTruncate), FxSync: pointer(fileSync), FxFileSize: pointer(fileSize),
		FxLock: pointer(fileLock), FxUnlock: pointer(fileUnlock), FxCheckReservedLock: pointer(fileCheckReservedLock),
		FxFileControl: pointer(fileControl), FxSectorSize: pointer(fileSectorSize),
		FxDeviceCharacteristics: pointer(fileCharacteristics),
		FxShmMap:                pointer(shmMap), FxShmLock: pointer(shmLock), FxShmBarrier: pointer(shmBarrier), FxShmUnmap: pointer(shmUnmap),
	}
}

func vfsApp(pVfs uintptr) (*disk, uintptr) {
	app := at[[2]uintptr](at[sqlite3.Tsqlite3_vfs](pVfs).FpAppData)
	return handleOf[*disk](app[0]), app[1]
}

func vfsOpen(_ *libc.TLS, pVfs, zName, pFile uintptr, flags int32, pOutFlags uintptr) int32 {
	d, methods := vfsApp(pVfs)
	d.mu.Lock()
	defer d.mu.Unlock()
	*at[cFile](pFile) = cFile{}
	if d.off {
		return sqlite3.SQLITE_CANTOPEN
	}
	f := &diskFile{users: map[*diskHandle]bool{}, created: flags&sqlite3.SQLITE_OPEN_MAIN_DB != 0}
	if zName != 0 {
		name := libc.GoString(zName)
		if known, ok := d.files[name]; ok {
			f = known
		} else if flags&sqlite3.SQLITE_OPEN_CREATE == 0 {
			return sqlite3.SQLITE_CANTOPEN
		}
		d.files[name] = f
	}
	h := &diskHandle{disk: d, file: f, temporary: zName == 0}
	f.users[h] = true
	*at[cFile](pFile) = cFile{Tsqlite3_file: sqlite3.Tsqlite3_file{FpMethods: methods}, handle: addHandle(h)}
	if pOutFlags != 0 {
		*at[int32](pOutFlags) = flags
	}
	return sqlite3.SQLITE_OK
}

func vfsDelete(_ *libc.TLS, pVfs, zName uintptr, dirSync int32) int32 {
	d, _ := vfsApp(pVfs)
	d.mu.Lock()
	defer d.mu.Unlock()
	name := libc.GoString(zName)
	if d.files[name] == nil {
		return sqlite3.SQLITE_IOERR_DELETE_NOENT
	}
	return result(d.remove(name, dirSync != 0))
}

// vfsAccess takes an empty file for a missing one, as SQLite's own does.
func vfsAccess(_ *libc.TLS, pVfs, zName uintptr, flags int32, pResult uintptr) int32 {
	d, _ := vfsApp(pVfs)
	d.mu.Lock()
	defer d.mu.Unlock()
	*at[int32](pResult) = 0
	if f := d.files[libc.GoString(zName)]; f != nil && (flags != sqlite3.SQLITE_ACCESS_EXISTS || len(f.content) > 0) {
		*at[int32](pResult) = 1
	}
	return sqlite3.SQLITE_OK
}

func vfsFullPathname(tls *libc.TLS, _, zName uintptr, size int32, zOut uintptr) int32 {
	libc.Xstrncpy(tls, zOut, zName, libc.Tsize_t(size))
	return sqlite3.SQLITE_OK
}

func result(ok bool) int32 {
	if !ok {
		return sqlite3.SQLITE_IOERR
	}
	return sqlite3.SQLITE_OK
}

// onFile returns the handle with its disk locked.
func onFile(pFile uintptr) *diskHandle {
	h := handleOf[*diskHandle](at[cFile](pFile).handle)
	h.disk.mu.Lock()
	return h
}

func fileClose(tls *libc.TLS, pFile uintptr) int32 {
	h := onFile(pFile)
	defer h.disk.mu.Unlock()
	delete(h.file.users, h)
	if len(h.file.users) == 0 {
		for _, region := range h.file.regions {
			libc.Xfree(tls, region)
		}
		h.file.regions = nil
	}
	removeHandle(at[cFile](pFile).handle)
	return sqlite3.SQLITE_OK
}

func fileRead(_ *libc.TLS, pFile, pBuffer uintptr, n int32, offset sqlite3.Tsqlite3_int64) int32 {
	h := onFile(pFile)
	defer h.disk.mu.Unlock()
	if h.disk.off {
		return sqlite3.SQLITE_IOERR_READ
	}
	buffer := bytesAt(pBuffer, n)
	copied := copy(buffer, h.file.content[min(int(offset), len(h.file.content)):])
	if copied < len(buffer) {
		clear(buffer[copied:])
		return sqlite3.SQLITE_IOERR_SHORT_READ
	}
	return sqlite3.SQLITE_OK
}

func fileWrite(_ *libc.TLS, pFile, pBuffer uintptr, n int32, offset sqlite3.Tsqlite3_int64) int32 {
	h := onFile(pFile)
	defer h.disk.mu.Unlock()
	return result(h.disk.write(h.file, diskWrite{int(offset), slices.Clone(bytesAt(pBuffer, n))}))
}

func fileTruncate(_ *libc.TLS, pFile uintptr, size sqlite3.Tsqlite3_int64) int32 {
	h := onFile(pFile)
	defer h.disk.mu.Unlock()
	return result(h.disk.write(h.file, diskWrite{at: int(size)}))
}

func fileSync(_ *libc.TLS, pFile uintptr, _ int32) int32 {
	h := onFile(pFile)
	defer h.disk.mu.Unlock()
	return result(h.disk.sync(h.file))
}

func fileSize(_ *libc.TLS, pFile, pSize uintptr) int32 {
	h := onFile(pFile)
	defer h.disk.mu.Unlock()
	*at[int64](pSize) = int64(len(h.file.content))
	return sqlite3.SQLITE_OK
}

// others returns the highest lock that other handles have on the file.
func (h *diskHandle) others() int32 {
	highest := int32(sqlite3.SQLITE_LOCK_NONE)
	for other := range h.file.users {
		if other != h {
			highest = max(highest, other.lock)
		}
	}
	return highest
}

func fileLock(_ *libc.TLS, pFile uintptr, want int32) int32 {
	h := onFile(pFile)
	defer h.disk.mu.Unlock()
	others := h.others()
	switch {
	case h.lock >= want:
	case want == sqlite3.SQLITE_LOCK_SHARED && others >= sqlite3.SQLITE_LOCK_PENDING,
		want >= sqlite3.SQLITE_LOCK_RESERVED && others >= sqlite3.SQLITE_LOCK_RESERVED:
		return sqlite3.SQLITE_BUSY
	case want == sqlite3.SQLITE_LOCK_EXCLUSIVE && others >= sqlite3.SQLITE_LOCK_SHARED:
		h.lock = sqlite3.SQLITE_LOCK_PENDING
		return sqlite3.SQLITE_BUSY
	default:
		h.lock = want
	}
	return sqlite3.SQLITE_OK
}

func fileUnlock(_ *libc.TLS, pFile uintptr, to int32) int32 {
	h := onFile(pFile)
	defer h.disk.mu.Unlock()
	h.lock = min(h.lock, to)
	return sqlite3.SQLITE_OK
}

func fileCheckReservedLock(_ *libc.TLS, pFile, pResult uintptr) int32 {
	h := onFile(pFile)
	defer h.disk.mu.Unlock()
	*at[int32](pResult) = 0
	if max(h.lock, h.others()) >= sqlite3.SQLITE_LOCK_RESERVED {
		*at[int32](pResult) = 1
	}
	return sqlite3.SQLITE_OK
}

func fileControl(*libc.TLS, uintptr, int32, uintptr) int32 { return sqlite3.SQLITE_NOTFOUND }
func fileSectorSize(*libc.TLS, uintptr) int32              { return 4096 }

// fileCharacteristics promises what SQLite's own VFS does: a write leaves alone
// what it does not write.
func fileCharacteristics(*libc.TLS, uintptr) int32 {
	return sqlite3.SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

func shmMap(tls *libc.TLS, pFile uintptr, region, size, extend int32, pp uintptr) int32 {
	h := onFile(pFile)
	defer h.disk.mu.Unlock()
	*at[uintptr](pp) = 0
	for int(region) >= len(h.file.regions) {
		if extend == 0 {
			return sqlite3.SQLITE_OK
		}
		h.file.regions = append(h.file.regions, libc.Xcalloc(tls, 1, libc.Tsize_t(size)))
	}
	*at[uintptr](pp) = h.file.regions[region]
	return sqlite3.SQLITE_OK
}

func shmLock(_ *libc.TLS, pFile uintptr, first, n, flags int32) int32 {
	h := onFile(pFile)
	defer h.disk.mu.Unlock()
	mask := uint32(1)<<(first+n) - uint32(1)<<first
	if flags&sqlite3.SQLITE_SHM_UNLOCK != 0 {
		h.shared, h.exclusive = h.shared&^mask, h.exclusive&^mask
		return sqlite3.SQLITE_OK
	}
	for other := range h.file.users {
		if other != h && (other.exclusive|other.shared&-uint32(flags>>3&1))&mask != 0 {
			return sqlite3.SQLITE_BUSY
		}
	}
	if flags&sqlite3.SQLITE_SHM_EXCLUSIVE != 0 {
		h.exclusive |= mask
	} else {
		h.shared |= mask
	}
	return sqlite3.SQLITE_OK
}

func shmBarrier(_ *libc.TLS, pFile uintptr) {
	h := onFile(pFile)
	h.disk.mu.Unlock()
}

func shmUnmap(_ *libc.TLS, pFile uintptr, _ int32) int32 {
	h := onFile(pFile)
	defer h.disk.mu.Unlock()
	h.shared, h.exclusive = 0, 0
	return sqlite3.SQLITE_OK
}
