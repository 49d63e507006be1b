package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rechost/host/executor"
)

// children are the processes that this one started.
func children() (pids []int) {
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, f := range files {
		b, _ := os.ReadFile(f)
		for _, s := range strings.Fields(string(b)) {
			var pid int
			fmt.Sscan(s, &pid)
			pids = append(pids, pid)
		}
	}
	return pids
}

// isWorker tells whether a process has become a worker. Before, it holds up
// whoever starts it.
func isWorker(pid int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.HasSuffix(string(b), "\x00"+executor.WorkerCommand+"\x00")
}

// A guest whose worker had no processor until its deadline is no hole: it is
// given more time. A worker that is stopped is one that the machine has no time
// for.
func TestHeldUp(t *testing.T) {
	l, err := newLab(context.Background(), Processes, t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if _, err := os.Stat("/proc/self/task/" + fmt.Sprint(os.Getpid()) + "/children"); err != nil {
		t.Skipf("this kernel does not tell which processes are whose: %v", err)
	}
	l.patience = time.Second
	before := map[int]bool{}
	for _, pid := range children() {
		before[pid] = true
	}
	stopped := make(chan int)
	go func() {
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
			for _, pid := range children() {
				if !before[pid] && isWorker(pid) && syscall.Kill(pid, syscall.SIGSTOP) == nil {
					stopped <- pid
					return
				}
			}
		}
		stopped <- 0
	}()
	x := l.try(context.Background(), attack{kind: "test", name: "ends", want: mustGive("ends", byHost, nil), modules: []func() []byte{guest{}.bytes}})
	if pid := <-stopped; pid == 0 {
		t.Error("no worker was held up")
	}
	if !x.Held || x.Seconds < l.patience.Seconds() {
		t.Errorf("after %.1f s: %s", x.Seconds, x.Happened)
	}
}
