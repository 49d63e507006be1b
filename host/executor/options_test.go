package executor

import (
	"testing"

	"rechost/host/task"
)

func TestThreads(t *testing.T) {
	for _, c := range []struct{ workers, shards, want int }{{1, 1, 1}, {4, 2, 1}, {1, 7, 1}} {
		if got := (Options{Workers: c.workers}).threads(&task.Task{Shards: c.shards}); got != c.want {
			t.Errorf("%d workers, %d shards: %d threads, want %d", c.workers, c.shards, got, c.want)
		}
	}
	if got := (Options{Workers: 1 << 20}).threads(&task.Task{Shards: 1}); got < 1 || got > 1<<12 {
		t.Errorf("%d threads, more than the processor has", got)
	}
}
