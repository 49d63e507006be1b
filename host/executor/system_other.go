//go:build !linux

package executor

// HasProcesses reports whether this system has what worker processes need.
// Here it does not: NewProcesses fails, and says so.
const HasProcesses = false

// Confines reports whether workers of this binary lock themselves in.
const Confines = false
