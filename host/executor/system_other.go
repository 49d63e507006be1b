//go:build !linux

package executor

// HasProcesses reports whether this system has what worker processes need.
// Here it does not: NewProcesses fails, and says so.
const HasProcesses = false
