//go:build unix

package capsule

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rechost/host/fault"
)

// A pipe under the name of any of a capsule's files is refused, not waited for.
func TestOpenOfPipes(t *testing.T) {
	path := save(t, t.TempDir())
	files, err := os.ReadDir(path)
	if err != nil || len(files) < 3 {
		t.Fatalf("%v in %s, %v", files, path, err)
	}
	for _, f := range files {
		path := save(t, t.TempDir())
		name := filepath.Join(path, f.Name())
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Skip(err)
		}
		if _, err := Open(path, memory{}); fault.CodeOf(err) != fault.BadData || !strings.HasSuffix(err.Error(), f.Name()+": not a regular file") {
			t.Errorf("%s is a pipe: %v", f.Name(), err)
		}
	}
}
