package guest_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The same source gives the same bytes wherever it lies, and modules stay
// small: a program of Go alone takes 1.8 MB, encoding/json 1.4 MB more.
func TestBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a module twice")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(copied, name), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(copied, "guest"), os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	a, b := build(t, root), build(t, copied)
	if !bytes.Equal(a, b) {
		t.Errorf("two folders give modules of %d and %d bytes that differ", len(a), len(b))
	}
	if len(a) > 2_300_000 {
		t.Errorf("the module has %d bytes: what did package guest begin to import?", len(a))
	}
}

func build(t *testing.T, root string) []byte {
	out := filepath.Join(t.TempDir(), "popular.wasm")
	c := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, "./guest/modules/popular")
	c.Dir = root
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=", "GOPROXY=off")
	if msg, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, msg)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
