package executor

import (
	"context"
	"sync"
	"time"

	"rechost/host/fault"
)

// grace is how long tasks before a failed one may go on, to fail first.
const grace = time.Second

// each runs n tasks, workers at a time, and hands on what they gave in the
// order in which they end. After a failure no task is started; later ones are
// stopped, earlier ones have a little time to fail as well. The failure of the
// lowest task is returned, so that the same run fails in the same words as far
// as can be.
func each(ctx context.Context, workers, n int, run func(ctx context.Context, worker, i int) (Result, error), done func(int, Result) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu      sync.Mutex
		wg      sync.WaitGroup
		next    int
		failed  int
		cause   error
		running = map[int]context.CancelFunc{}
	)
	fail := func(i int, err error) {
		// A task that was stopped because another failed is no cause.
		if cause != nil && (i > failed || fault.CodeOf(err) == fault.Interrupted) {
			return
		}
		if cause == nil {
			time.AfterFunc(grace, cancel)
		}
		failed, cause = i, err
		for k, stop := range running {
			if k > i || fault.CodeOf(err) == fault.Interrupted {
				stop()
			}
		}
	}
	for w := range min(workers, n) {
		wg.Go(func() {
			for {
				mu.Lock()
				if cause != nil || ctx.Err() != nil || next == n {
					mu.Unlock()
					return
				}
				i := next
				next++
				own, stop := context.WithCancel(ctx)
				running[i] = stop
				mu.Unlock()

				r, err := run(own, w, i)
				stop()

				mu.Lock()
				delete(running, i)
				switch {
				case err != nil:
					fail(i, err)
				case cause != nil:
					r.Release()
				default:
					if err := done(i, r); err != nil {
						fail(i, err)
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if cause != nil {
		return cause
	}
	return ctx.Err()
}
