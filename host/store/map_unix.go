//go:build linux || darwin

package store

import (
	"os"
	"syscall"

	"rechost/host/array"
	"rechost/host/fault"
)

// mapFile maps the data of an array file. The header is one page of 4096
// bytes; where pages are larger the whole file is mapped and the header cut.
func mapFile(path string, n int64) ([]byte, func(), error) {
	if n == 0 {
		return nil, func() {}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	b, err := syscall.Mmap(int(f.Fd()), 0, int(array.HeaderSize+n), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return b[array.HeaderSize:], func() { _ = syscall.Munmap(b) }, nil
}

// ownedByMe refuses a folder of a store that somebody else could change under
// us.
func ownedByMe(dir string, sticky bool) error {
	fi, err := os.Stat(dir)
	if err != nil {
		return fault.New(fault.Failed, "cannot open the store: %v", err)
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if int(st.Uid) != os.Geteuid() {
		return fault.New(fault.Failed, "the store %s belongs to another user (uid %d)", dir, st.Uid).
			WithHint("choose a folder of your own: --store FOLDER")
	}
	if fi.Mode().Perm()&0o022 != 0 && !(sticky && fi.Mode()&os.ModeSticky != 0) {
		return fault.New(fault.Failed, "other users may write to the store %s (mode %04o)", dir, fi.Mode().Perm()).
			WithHint("chmod go-w %s", dir)
	}
	return nil
}
