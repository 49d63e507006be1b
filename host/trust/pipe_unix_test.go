//go:build unix

package trust

import (
	"path/filepath"
	"syscall"
	"testing"

	"rechost/host/fault"
)

// A pipe is no trust file, and is not waited for.
func TestReadOfAPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trust.json")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := Read(name); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a pipe: %v", err)
	}
}
