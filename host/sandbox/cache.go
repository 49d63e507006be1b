package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"rechost/host/fault"
)

// A CacheDir holds wazero's folder, with a file for each module that it
// compiled, and beside it the digest of each of these files. wazero believes an
// entry's lengths, and its checksum covers part of it, so entries are compared
// with their digests before wazero is told of the folder.

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
	for _, pattern := range []string{entryFolders, digestPrefix + "*", newDigests} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern)) // its error is of the pattern
		for _, d := range found {
			if e := os.RemoveAll(d); err == nil {
				err = e
			}
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
	entryFolders = "wazero-*"
	digestPrefix = "sum-" // and an entry's name
	newDigests   = "new-*"
)

// cached calls f for each entry.
func cached(dir string, f func(entry, digest string) error) error {
	found, err := filepath.Glob(filepath.Join(dir, entryFolders, "*"))
	if err != nil {
		return err
	}
	for _, e := range found {
		if filepath.Ext(e) == ".tmp" {
			continue // of somebody who writes at this moment, or died while he did; wazero does not look at it
		}
		if err := f(e, filepath.Join(dir, digestPrefix+filepath.Base(e))); err != nil {
			return err
		}
	}
	return nil
}

// checkCache compares every entry with its digest.
func checkCache(dir string) error {
	return cached(dir, func(entry, digest string) error {
		want, err := os.ReadFile(digest)
		if err != nil {
			return err
		}
		got, err := entryDigest(entry)
		if err == nil && got != string(want) {
			err = fmt.Errorf("%s is not as it was written", filepath.Base(entry))
		}
		return err
	})
}

// sealCache writes the digests that are not there, of entries that are new:
// the others were checked before. Where it fails, the next who comes finds an
// entry without a digest and compiles again.
func sealCache(dir string) error {
	return cached(dir, func(entry, digest string) error {
		if _, err := os.Lstat(digest); err == nil {
			return nil
		}
		sum, err := entryDigest(entry)
		if err != nil {
			return err
		}
		f, err := os.CreateTemp(dir, newDigests)
		if err != nil {
			return err
		}
		_, err = f.WriteString(sum)
		if e := f.Close(); err == nil {
			err = e
		}
		if err == nil {
			err = os.Rename(f.Name(), digest)
		}
		if err != nil {
			os.Remove(f.Name())
		}
		return err
	})
}

// entryDigest is the SHA-256 of a file, in hexadecimal digits.
func entryDigest(name string) (string, error) {
	fi, err := os.Lstat(name)
	if err != nil {
		return "", err
	}
	if !fi.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file", filepath.Base(name))
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
