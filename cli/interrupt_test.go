package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"rechost/host"
	"rechost/host/fault"
)

// Ctrl-C stops a run within a second with code 130, leaves no output, says
// what is kept, and the same command goes on from there to the same bytes.
func TestInterruptAndResume(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("skipped: a process cannot be sent an interrupt on Windows")
	}
	modules := needModules(t)
	work := t.TempDir()
	rechost := func(store string, args ...string) *exec.Cmd {
		cmd := exec.Command("rechost", args...)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "RECHOST_STORE="+filepath.Join(work, store))
		return cmd
	}
	summary := func(store string, job []string) host.Summary {
		t.Helper()
		var errs bytes.Buffer
		cmd := rechost(store, append(job, "--json", "--quiet")...)
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, errs.String())
		}
		var s host.Summary
		if err := json.Unmarshal(out, &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if out, err := rechost("a", "datasets", "synth", "r.parquet", "--users", "3000", "--items", "1000", "--rows", "100000").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// Many small turns, so that the signal comes between them; enough of them
	// that it cannot come too late.
	job := []string{"run", "--module", filepath.Join(modules, "als.wasm"), "r.parquet",
		"--param", "iterations=120", "--param", "factors=16", "--workers", "2", "--shards", "2"}
	cmd := rechost("a", job...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-done:
			t.Fatalf("it ended before it could be interrupted: %v: %s", err, errs.String())
		default:
		}
		if n := arrays(t, filepath.Join(work, "a")); n >= 20 {
			break
		}
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			t.Fatalf("no finished task in a minute: %s", errs.String())
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	sent := time.Now()
	err := <-done
	took := time.Since(sent)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != int(fault.Interrupted) {
		t.Fatalf("%v, want exit code %d: %s", err, fault.Interrupted, errs.String())
	}
	t.Logf("it took %v to stop", took)
	if took > 10*time.Second { // a second where the machine is not busy
		t.Errorf("it took %v to stop", took)
	}
	for _, want := range []string{"interrupted: ", "finished tasks kept in " + filepath.Join(work, "a"), "hint: the same command goes on from there"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("no %q in %s", want, errs.String())
		}
	}
	if left, _ := filepath.Glob(filepath.Join(work, "*rec*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	resumed := summary("a", job)
	if resumed.Reused == 0 || resumed.Reused >= resumed.Tasks {
		t.Errorf("%d of %d tasks reused; want some and not all", resumed.Reused, resumed.Tasks)
	}
	fresh := summary("b", job)
	if fresh.Reused != 0 || fresh.Output.Digest != resumed.Output.Digest || fresh.Root != resumed.Root {
		t.Errorf("an uninterrupted run reused %d and gave %s, the resumed one gave %s", fresh.Reused, fresh.Output.Digest, resumed.Output.Digest)
	}
}

// arrays counts what a store holds.
func arrays(t *testing.T, dir string) int {
	n := 0
	filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".npy") {
			n++
		}
		return nil
	})
	return n
}
