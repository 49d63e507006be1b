package sandbox

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tetratelabs/wazero"

	"rechost/host/digest"
	"rechost/host/fault"
)

// A CacheDir holds a folder of wazero's for each module that it compiled, and
// for each a note that names the file in it and the file's checksum. Files stay
// in the folder where they were made: a process that Landlock leaves one folder
// may not be able to move them to another.
//
// wazero finds a file by the module that it is given, which it decodes and
// checks before it looks, instruction by instruction: half of the time of
// loading code that is there. So it is given the module's hollow, and the file
// has the name that it looks for then. A module gets a note when wazero has
// checked and compiled all of it, and only a module with a note is loaded so.
//
// wazero believes a file's lengths, and its checksum covers part of it, so a
// file is compared with its checksum before wazero is told of it.

// StaleCache is the error of Load where the compiled code in CacheDir is
// damaged, or was not there and could not be put there: this process may only
// read it, or another one clears the folder. After ClearCache a process that may
// write can load.
type StaleCache struct{ err error }

func (s *StaleCache) Error() string {
	return "the compiled code in the cache cannot be used: " + s.err.Error()
}

// Unwrap returns the cause.
func (s *StaleCache) Unwrap() error { return s.err }

// uncached is the error of a folder for compiled code that cannot be made, used
// or written to; doing names what was tried.
func uncached(doing, dir string, err error) error {
	e := fault.New(fault.Failed, "cannot %s %s: %v", doing, dir, fault.Cause(err))
	if fault.NoRoom(err) {
		return e.WithHint("make room: rechost store prune --max-size 1GB, with the --store of the run; or use --no-cache, which takes room under TMPDIR")
	}
	return e.WithHint("choose another place with --store FOLDER, or run without one: --no-cache")
}

// ClearCache removes the compiled code in a CacheDir.
func ClearCache(dir string) error {
	var err error
	for _, prefix := range []string{codePrefix, notePrefix, preparedPrefix, newPrefix} {
		found, e := beginning(dir, prefix)
		for _, d := range found {
			if e := os.RemoveAll(d); err == nil {
				err = e
			}
		}
		if err == nil && !os.IsNotExist(e) {
			err = e
		}
	}
	if err != nil {
		return uncached("clear the folder for compiled code", dir, err)
	}
	return nil
}

// PrivateDir makes the folder dir, or makes sure that nobody else can put compiled code
// into it.
func PrivateDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return uncached("make the folder for compiled code", dir, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return uncached("make the folder for compiled code", dir, err)
	}
	fi, err := os.Lstat(dir)
	if err != nil {
		return uncached("use the folder for compiled code", dir, err)
	}
	if !fi.IsDir() || !ownedByMe(fi) {
		return fault.New(fault.Failed, "%s is not a folder of yours with mode 0700: code in it would not be trusted", dir).
			WithHint("remove it: rm -r %s", dir)
	}
	return nil
}

// The names in a CacheDir.
const (
	codePrefix     = "wazero-code-" // of folders
	notePrefix     = "code-"        // and the SHA-256 of the module
	preparedPrefix = "prepared-"
	newPrefix      = "new-" // of what will have another name
)

// beginning lists what in a folder has a name that begins so. The folder's own
// name may have any character, which is why it is no pattern.
func beginning(dir, prefix string) (paths []string, err error) {
	found, err := os.ReadDir(dir)
	for _, e := range found {
		if strings.HasPrefix(e.Name(), prefix) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, err
}

// readWhole reads a file of at most so many bytes. A pipe is not waited for.
func readWhole(name string, most int64) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil {
		return nil, err
	} else if !fi.Mode().IsRegular() || fi.Size() > most {
		return nil, fmt.Errorf("%s is no file, or too long", filepath.Base(name))
	}
	return io.ReadAll(io.LimitReader(f, most))
}

// writeWhole writes a file in a CacheDir, which has its name when it is complete.
func writeWhole(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), newPrefix+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// code is compiled code in a CacheDir.
type code struct {
	folder string // to be named to wazero
	file   string
	fi     os.FileInfo
}

// readNote returns the note of the compiled code of a module, made of this
// digest, or "" where there is none.
func readNote(dir string, made digest.Digest) (string, error) {
	note, err := readWhole(notePath(dir, made), mostNote)
	if os.IsNotExist(err) {
		return "", nil
	}
	if err == nil && !strings.HasPrefix(string(note), made.String()+" ") {
		err = errors.New("its note is of another module")
	}
	return string(note), err
}

const mostNote = 4096 // bytes

// parseNote returns the code that a note is of, unseen, and its checksum: a note
// has the module's digest, the file and that.
func parseNote(dir, note string) (*code, string, error) {
	_, rest, _ := strings.Cut(note, " ")
	name, sum, ok := strings.Cut(rest, " ")
	parts := strings.Split(filepath.ToSlash(name), "/")
	if !ok || !filepath.IsLocal(name) || len(parts) != 3 { // our folder, wazero's, the file
		return nil, "", errors.New("a note of it is not as it was written")
	}
	return &code{folder: filepath.Join(dir, parts[0]), file: filepath.Join(dir, name)}, sum, nil
}

// findCode returns the code that a note is of. Any error means that the cache is
// damaged.
func findCode(dir, note string) (*code, error) {
	c, sum, err := parseNote(dir, note)
	if err != nil {
		return nil, err
	}
	got, err := c.checksum()
	if err == nil && got != sum {
		err = fmt.Errorf("%s is not as it was written", filepath.Base(c.file))
	}
	return c, err
}

func notePath(dir string, made digest.Digest) string {
	return filepath.Join(dir, notePrefix+made.String())
}

// served tells whether wazero, which has loaded the module, had its code from
// the file. Where it did not find it, because somebody removed it, or it is of
// another wazero, wazero has compiled the hollow and written a file of its own.
func (c *code) served() bool {
	found, err := codeFiles(c.folder)
	if err != nil || len(found) != 1 || found[0] != c.file {
		return false
	}
	fi, err := os.Lstat(c.file)
	// A file system may give the number of one that was removed to the next.
	return err == nil && os.SameFile(fi, c.fi) && fi.Size() == c.fi.Size() && fi.ModTime().Equal(c.fi.ModTime())
}

// newCode is a folder in a CacheDir for code that is not complete yet.
type newCode struct {
	dir, folder string
	cache       wazero.CompilationCache
}

func makeCode(dir string) (*newCode, error) {
	removeOld(dir)
	folder, err := os.MkdirTemp(dir, codePrefix+"*")
	if err != nil {
		return nil, err
	}
	n := &newCode{dir: dir, folder: folder}
	if n.cache, err = wazero.NewCompilationCacheWithDir(folder); err != nil {
		n.remove()
		return nil, err
	}
	return n, nil
}

// keep names the code that was compiled of the module of this digest so that it
// is found, and writes its note, which it returns.
func (n *newCode) keep(ctx context.Context, config wazero.RuntimeConfig, made digest.Digest, hollow []byte) (note string, err error) {
	compiled, err := codeFiles(n.folder)
	if err != nil {
		return "", err
	}
	if len(compiled) != 1 {
		return "", fmt.Errorf("%d files of one module's code", len(compiled))
	}
	// What wazero calls the hollow's code is told by its compiling it.
	r := wazero.NewRuntimeWithConfig(ctx, config)
	_, err = r.CompileModule(ctx, hollow)
	r.Close(ctx)
	if err != nil {
		return "", err
	}
	all, err := codeFiles(n.folder)
	if err != nil {
		return "", err
	}
	c := code{file: compiled[0]} // a module without functions is its own hollow
	for _, name := range all {
		if name != compiled[0] {
			c.file = name
		}
	}
	if err := os.Rename(compiled[0], c.file); err != nil {
		return "", err
	}
	sum, err := c.checksum()
	if err != nil {
		return "", err
	}
	local, err := filepath.Rel(n.dir, c.file)
	if err != nil {
		return "", err
	}
	note = made.String() + " " + local + " " + sum
	return note, writeWhole(notePath(n.dir, made), []byte(note))
}

// codeFiles lists the files in a folder of compiled code.
func codeFiles(folder string) (files []string, err error) {
	folders, err := beginning(folder, "")
	for _, d := range folders {
		found, e := beginning(d, "")
		if err == nil {
			err = e
		}
		files = append(files, found...)
	}
	return files, err
}

// removeOld removes what processes left that were killed while they compiled: it
// is an hour old, and no note has it.
func removeOld(dir string) {
	notes, _ := beginning(dir, notePrefix)
	noted := map[string]bool{}
	for _, name := range notes {
		if b, err := readWhole(name, mostNote); err == nil {
			if c, _, err := parseNote(dir, string(b)); err == nil {
				noted[c.folder] = true
			}
		}
	}
	for _, prefix := range []string{codePrefix, newPrefix} {
		found, _ := beginning(dir, prefix)
		for _, name := range found {
			if fi, err := os.Lstat(name); err == nil && !noted[name] && time.Since(fi.ModTime()) > time.Hour {
				os.RemoveAll(name)
			}
		}
	}
}

func (n *newCode) remove() { os.RemoveAll(n.folder) }

// sum is two cyclic redundancy checks, of different polynomials, which
// processors have instructions for: a SHA-256 of 8 MB of code took longer than
// loading them. It is against damage. Whoever could put code of his own here could
// write a note for it, too; see PrivateDir.
type sum struct{ a, b hash.Hash32 }

func newSum() sum { return sum{crc32.New(crc32.MakeTable(crc32.Castagnoli)), crc32.NewIEEE()} }

func (s sum) Write(b []byte) (int, error) {
	s.a.Write(b)
	return s.b.Write(b)
}

// String is sumLength digits.
func (s sum) String() string { return fmt.Sprintf("%08x%08x", s.a.Sum32(), s.b.Sum32()) }

const sumLength = 16

// checksum is the file's length and sum.
func (c *code) checksum() (string, error) {
	fi, err := os.Lstat(c.file)
	if err != nil {
		return "", err
	}
	if !fi.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file", filepath.Base(c.file))
	}
	f, err := os.OpenFile(c.file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if c.fi, err = f.Stat(); err != nil {
		return "", err
	}
	s := newSum()
	n, err := io.Copy(s, f)
	if err != nil {
		return "", err
	}
	return fmt.Sprint(n, " ", s), nil
}
