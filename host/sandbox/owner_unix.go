//go:build unix

package sandbox

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedByMe reports whether only this user can change what fi describes.
func ownedByMe(fi fs.FileInfo) bool {
	s, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid() && fi.Mode().Perm()&0o077 == 0
}
