package executor

import (
	"syscall"
	"time"
)

// ownProcessor is the processor time that this process has taken.
func ownProcessor() time.Duration {
	var created, ended, kernel, user syscall.Filetime
	self, err := syscall.GetCurrentProcess()
	if err != nil || syscall.GetProcessTimes(self, &created, &ended, &kernel, &user) != nil {
		return 0
	}
	ticks := func(f syscall.Filetime) int64 { return int64(f.HighDateTime)<<32 | int64(f.LowDateTime) } // of 100 ns; Nanoseconds is of a date
	return time.Duration(100 * (ticks(kernel) + ticks(user)))
}
