//go:build unix

package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rechost/host/fault"
)

// A terminal that closes ends a run in good order, as Ctrl-C does, and its
// second signal, which comes from the shell, does not cut that short.
func TestHangup(t *testing.T) {
	ctx, stop := interruptible(context.Background(), io.Discard)
	defer stop()
	for range 3 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			t.Fatal("it goes on")
		}
		time.Sleep(50 * time.Millisecond) // in which a process that stops at once would be gone
	}
}

// A second signal ends the process at once, also where the first one could
// not: here it waits for somebody to write into a named pipe.
func TestSecondSignal(t *testing.T) {
	dir := t.TempDir()
	csv, recs, pipe := filepath.Join(dir, "r.csv"), filepath.Join(dir, "r.parquet"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(csv, []byte("user,item,score\n1,2,3\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Skipf("skipped: no named pipes here: %v", err)
	}
	if out, err := exec.Command("rechost", "datasets", "import", "--format", "csv", csv, recs).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command("rechost", "show", recs, "--titles", pipe)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	deadline := time.After(20 * time.Second)
	for sent := 0; ; sent++ {
		select {
		case err := <-done:
			var exit *exec.ExitError
			if sent < 2 || !errors.As(err, &exit) || exit.ExitCode() != int(fault.Interrupted) || !strings.Contains(errs.String(), "stopped at once") {
				t.Fatalf("after %d signals: %v: %s", sent, err, errs.String())
			}
			return
		case <-deadline:
			cmd.Process.Kill()
			t.Fatal("it goes on")
		case <-time.After(300 * time.Millisecond): // by then it listens, and reads
			cmd.Process.Signal(os.Interrupt)
		}
	}
}
