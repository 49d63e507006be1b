//go:build unix

package executor

import (
	"syscall"
	"time"
)

// ownProcessor is the processor time that this process has taken.
func ownProcessor() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
