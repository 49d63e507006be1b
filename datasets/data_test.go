package datasets

import (
	"os"
	"path/filepath"
	"testing"
)

// dataFile returns the path of a file of public data, which is not part of
// the repository, or skips the test.
func dataFile(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("RECHOST_DATA")
	if dir == "" {
		root, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			if root == filepath.Dir(root) {
				t.Fatal("no go.mod above the test")
			}
			root = filepath.Dir(root)
		}
		dir = filepath.Join(root, "..", "shared", "data")
	}
	path := filepath.Join(dir, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no %s: set RECHOST_DATA to the folder of public data", path)
	}
	return path
}
