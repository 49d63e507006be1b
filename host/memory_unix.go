//go:build linux || darwin

package host

import (
	"runtime"
	"syscall"
)

// peakMemory is the largest resident size of this process and of the largest
// of its ended children, added, in bytes.
func peakMemory() int64 {
	unit := int64(1024)
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	var total int64
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			total += int64(u.Maxrss) * unit
		}
	}
	return total
}
