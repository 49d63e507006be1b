package cli

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"rechost/host/executor"

	"github.com/rogpeppe/go-internal/testscript" // command lines and what they print, as text files
)

// update rewrites expected outputs: go test ./cli -update
var update = flag.Bool("update", false, "rewrite the expected outputs in testdata and README.md")

// TestMain makes the test binary the rechost command, its workers among them:
// what is installed as rechost for the scripts is this binary.
func TestMain(m *testing.M) {
	if executor.IsWorker() {
		executor.WorkerMain() // of a test that calls package host itself
	}
	testscript.Main(cleaning{m}, map[string]func(){
		"rechost": func() { os.Exit(Main(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// cleaning removes what all tests share once they are over.
type cleaning struct{ *testing.M }

func (c cleaning) Run() int {
	code := c.M.Run()
	for _, dir := range shared {
		os.RemoveAll(dir)
	}
	return code
}

var shared []string

// sharedDir makes a folder that is there until the last test is over.
func sharedDir() (string, error) {
	dir, err := os.MkdirTemp("", "rechost-test")
	shared = append(shared, dir)
	return dir, err
}

// modules builds the modules once and returns their folder.
var modules = sync.OnceValues(func() (string, error) {
	dir, err := sharedDir()
	if err != nil {
		return "", err
	}
	folders, err := os.ReadDir("../guest/modules")
	if err != nil {
		return "", err
	}
	for _, f := range folders {
		m := f.Name()
		cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w",
			"-o", filepath.Join(dir, m+".wasm"), "./guest/modules/"+m)
		cmd.Dir = ".."
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", errors.New(string(out))
		}
	}
	return dir, nil
})

// sharedStore keeps compiled modules for all scripts; those that are about the
// store have their own.
var sharedStore = sync.OnceValues(sharedDir)

// needModules returns the modules' folder.
func needModules(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("building and compiling modules takes seconds")
	}
	dir, err := modules()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestScripts(t *testing.T) {
	dir := needModules(t)
	store, err := sharedStore()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("M", dir)
			e.Setenv("RECHOST_STORE", store)
			return nil
		},
		Condition: func(c string) (bool, error) {
			switch c {
			case "root":
				return os.Geteuid() == 0, nil
			case "devfull":
				_, err := os.Stat("/dev/full")
				return err == nil, nil
			case "processes":
				return runtime.GOOS == "linux", nil
			}
			return false, errors.New("unknown condition " + c)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// code N command…: the command must end with exit code N.
			"code": func(ts *testscript.TestScript, neg bool, args []string) {
				want, err := strconv.Atoi(args[0])
				if neg || err != nil || len(args) < 2 {
					ts.Fatalf("usage: code N command…")
				}
				got := 0
				if err := ts.Exec(args[1], args[2:]...); err != nil {
					var exit *exec.ExitError
					if !errors.As(err, &exit) {
						ts.Fatalf("%v", err)
					}
					got = exit.ExitCode()
				}
				if got != want {
					ts.Fatalf("exit code %d, not %d", got, want)
				}
			},
		},
	})
}
