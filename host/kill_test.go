package host_test

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"rechost/host"
	"rechost/host/executor"
	"rechost/host/fault"
	"rechost/host/task"
)

// TestHelperRun is not a test: it is the run that TestKilledAndResumed starts
// in a process of its own, to be killed.
func TestHelperRun(t *testing.T) {
	args := os.Getenv("RECHOST_TEST_RUN")
	if args == "" {
		t.Skip("started by TestKilledAndResumed only")
	}
	a := strings.Split(args, "\n")
	_, err := host.Run(context.Background(), killJob(a[0], a[1], a[2], a[3], func(e host.Event) {
		if e.Phase == "stage" {
			fmt.Printf("\nstage %s %d of %d\n", e.Stage, e.Done, e.Total)
		}
	}))
	fmt.Println("ended:", err)
}

func killJob(module, data, store, ex string, progress func(host.Event)) host.Job {
	return host.Job{
		Module: module, Params: map[string]string{"how": "nothing", "spin": "30000000"}, Paths: []string{data}, Shards: 6,
		Executor: ex, Workers: 1, Store: store, Out: filepath.Join(filepath.Dir(data), "out.parquet"), Progress: progress,
	}
}

// A run that is killed with SIGKILL half way leaves no output, and the same
// job goes on from the stages and tasks that were finished, to the same bytes.
func TestKilledAndResumed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("skipped: this test reads another process's progress as it is killed, which was not tried on Windows")
	}
	for _, ex := range []string{host.Processes, host.Goroutines} {
		if ex == host.Processes && !executor.HasProcesses {
			continue
		}
		t.Run(ex, func(t *testing.T) {
			dir := t.TempDir()
			data := write(t, filepath.Join(dir, "d.parquet"), ratings(120, 40, 1500), 500)
			store := filepath.Join(dir, "store")
			cmd := exec.Command(os.Args[0], "-test.run=^TestHelperRun$", "-test.v")
			cmd.Env = append(os.Environ(), "RECHOST_TEST_RUN="+strings.Join([]string{hostile(t), data, store, ex}, "\n"))
			pipe, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(pipe)
			seen := ""
			for lines.Scan() {
				seen += lines.Text() + "\n"
				if lines.Text() == "stage lists 2 of 6" {
					break
				}
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			for lines.Scan() {
				seen += lines.Text() + "\n"
			}
			_ = cmd.Wait()
			if strings.Contains(seen, "ended:") || !strings.Contains(seen, "stage lists 2 of 6") {
				t.Fatalf("it was not killed half way:\n%s", seen)
			}
			j := killJob(hostile(t), data, store, ex, nil)
			if _, err := os.Stat(j.Out); !os.IsNotExist(err) {
				t.Error("there is an output")
			}
			resumed := run(t, j)
			// Of the stage under way the short tasks of the last second may be lost.
			if resumed.Reused < 6 || resumed.Reused >= resumed.Tasks {
				t.Errorf("%d of %d tasks reused, want at least the 6 of the stage that was finished", resumed.Reused, resumed.Tasks)
			}
			j.Store, j.NoCache = "", true
			if fresh := run(t, j); fresh.Output.Digest != resumed.Output.Digest || fresh.Root != resumed.Root {
				t.Error("a fresh run gives other bytes")
			}
		})
	}
}

// A run that is stopped in the middle of a stage keeps what short tasks gave
// that ended before.
func TestStoppedAndResumed(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(120, 40, 1500), 500)
	for _, ex := range []string{host.Processes, host.Goroutines} {
		if ex == host.Processes && !executor.HasProcesses {
			continue
		}
		t.Run(ex, func(t *testing.T) {
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			j := killJob(hostile(t), data, filepath.Join(dir, "store-"+ex), ex, func(e host.Event) {
				if e.Phase == "stage" && e.Stage == "lists" && e.Done == 2 {
					stop()
				}
			})
			j.Params = map[string]string{"how": "nothing", "spin": "100000"}
			if _, err := host.Run(ctx, j); fault.CodeOf(err) != fault.Interrupted {
				t.Fatalf("it was not stopped: %v", err)
			}
			j.Progress = nil
			resumed := run(t, j)
			if resumed.Reused < 8 || resumed.Reused >= resumed.Tasks {
				t.Errorf("%d of %d tasks reused, want at least the 8 that had ended", resumed.Reused, resumed.Tasks)
			}
		})
	}
}

// A turn's records follow when its frames are joined: one that cannot be kept
// ends the run all the same, before there is an output, also that of the last turn.
func TestRecordsCannotBeKept(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(120, 40, 1500), 500)
	j := killJob(hostile(t), data, "", host.DefaultExecutor(), nil)
	for stage, how := range map[string]string{"first": "nothing", "lists": "blind"} { // blind has this stage only
		t.Run(stage, func(t *testing.T) {
			j := j
			j.Params, j.NoCache = map[string]string{"how": how}, true
			fresh := run(t, j)
			j.NoCache = false
			j.Store, j.Out = filepath.Join(dir, "store-"+stage), filepath.Join(dir, stage+".parquet")
			blobs, away := filepath.Join(j.Store, "blobs"), filepath.Join(dir, "away-"+stage)
			broken := 0
			j.Progress = func(e host.Event) {
				if e.Stage != stage || e.End || e.Done < e.Total {
					return
				}
				broken++
				if err := os.Rename(blobs, away); err != nil {
					t.Error(err)
				}
				if err := os.WriteFile(blobs, nil, 0o600); err != nil {
					t.Error(err)
				}
			}
			if _, err := host.Run(context.Background(), j); fault.CodeOf(err) != fault.Failed || !strings.Contains(err.Error(), j.Store) || broken != 1 {
				t.Fatalf("%v, and the last task of the stage was seen %d times", err, broken)
			}
			for _, name := range []string{j.Out, host.DefaultManifest(j.Out)} {
				if _, err := os.Stat(name); !os.IsNotExist(err) {
					t.Errorf("there is %s", name)
				}
			}
			if err := cmp.Or(os.Remove(blobs), os.Rename(away, blobs)); err != nil {
				t.Fatal(err)
			}
			j.Progress = nil
			if s := run(t, j); s.Reused < 5 || s.Output.Digest != fresh.Output.Digest || s.Root != fresh.Root {
				t.Errorf("%d of %d tasks reused; the bytes of a fresh run: %v", s.Reused, s.Tasks, s.Output.Digest == fresh.Output.Digest)
			}
		})
	}
}

// A run that an alarm ends keeps what the other tasks of the turn gave.
func TestAlarmKeepsTheTurn(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(120, 40, 1500), 500)
	j := killJob(hostile(t), data, filepath.Join(dir, "store"), host.Goroutines, nil)
	j.Params, j.Shadow = map[string]string{"how": "nothing"}, 1e-9 // one task, of the first turn
	undo := host.ForgeShadow(func(_ task.Task, data [][]byte) [][]byte {
		forged := slices.Clone(data[0])
		forged[0] ^= 1
		return append([][]byte{forged}, data[1:]...)
	})
	_, err := host.Run(context.Background(), j)
	undo()
	if fault.CodeOf(err) != fault.Differs {
		t.Fatalf("no alarm: %v", err)
	}
	j.Shadow = 0
	if resumed := run(t, j); resumed.Reused != 5 {
		t.Errorf("%d of %d tasks reused, want the 5 of the first turn that were not compared", resumed.Reused, resumed.Tasks)
	}
}
