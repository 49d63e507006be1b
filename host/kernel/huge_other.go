//go:build !linux

package kernel

// Huge does nothing here; see huge_linux.go.
func Huge([]byte) {}
