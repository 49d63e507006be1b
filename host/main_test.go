package host_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"rechost/host/executor"
)

// TestMain lets the test binary serve as its own worker.
func TestMain(m *testing.M) {
	if executor.IsWorker() {
		executor.WorkerMain()
	}
	code := m.Run()
	for _, dir := range cleanUp {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// cleanUp lists folders that all tests share.
var cleanUp []string

var built struct {
	sync.Mutex
	dir string
}

// module builds the module in a folder of this repository, once a test run.
func module(t testing.TB, pkg string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "rechost-modules-")
		if err != nil {
			t.Fatal(err)
		}
		built.dir = dir
		cleanUp = append(cleanUp, dir)
	}
	out := filepath.Join(built.dir, filepath.Base(pkg)+".wasm")
	if _, err := os.Stat(out); err == nil {
		return out
	}
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, b)
	}
	return out
}

func modules(t testing.TB, name string) string { return module(t, "rechost/guest/modules/"+name) }
func hostile(t testing.TB) string              { return module(t, "./testdata/hostile") }

// dataDir is where data that may not be redistributed lies.
func dataDir(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("RECHOST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("skipped: %s is not on this machine; RECHOST_DATA says where such data is", name)
	}
	return path
}
