//go:build !linux && !darwin

package host

import "runtime"

// peakMemory is a fallback: the memory that this process has from the system,
// without its children.
func peakMemory() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}
