package matrix

import (
	"os"
	"syscall"
)

// maxRSS is the peak of memory of a process that ended, in bytes.
func maxRSS(s *os.ProcessState) int64 { return s.SysUsage().(*syscall.Rusage).Maxrss << 10 }
