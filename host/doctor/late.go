package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rechost/host/executor"
)

// A guest or a host function that takes too long is a hole; a machine that has
// no time for it is not. They are told apart by processor time, and by trying
// again: what computes or waits too long does so every time.

// tries is how often an attack may be late for want of a processor.
const tries = 3

// onTime runs f, which should take no longer than most, and says how it was
// late, or "". spent is the processor time of whoever works for f, and slow how
// many times longer than on an idle machine anything takes now.
func onTime(most time.Duration, spent func() time.Duration, slow func() float64, f func() error) (late string, err error) {
	for range tries {
		before, start := spent(), time.Now()
		err = f()
		took := time.Since(start)
		if used := spent() - before; used > most {
			return fmt.Sprintf("took %v of processor time", used.Round(time.Millisecond)), err
		}
		if took <= most {
			return "", err
		}
		if float64(took) <= float64(most)*slow() {
			return "", err
		}
		late = fmt.Sprintf("took %v", took.Round(time.Millisecond))
	}
	return late, err
}

// slowness measures how many times longer than on an idle machine a tenth of a
// second of computing takes now; at least 1.
func slowness() float64 {
	start, before := time.Now(), executor.Processor(nil)
	for executor.Processor(nil)-before < 100*time.Millisecond && time.Since(start) < 10*time.Second {
	}
	used := executor.Processor(nil) - before
	return max(1, float64(time.Since(start))/float64(max(used, time.Millisecond)))
}

// patiently is once, where a deadline too short for a slow machine is forgiven
// twice: one to load the module in, for a guest that never ends; for one that
// ends by itself, one within which it had no processor for half of the time. It
// is given twice as much then.
func (l *lab) patiently(ctx context.Context, a *attack, wasm []byte) (o outcome) {
	deadline := l.deadline(a)
	for i := range tries {
		var spent time.Duration
		o, spent = l.once(ctx, a, wasm, deadline)
		switch late := strings.Contains(o.text, stillRunning); {
		case !late || i == tries-1 || ctx.Err() != nil:
			return o
		case a.endless && (o.end != refused || a.want.may(refused)):
			return o
		case !a.endless && spent >= deadline/2:
			return o
		case !a.endless:
			deadline *= 2
		}
	}
	return o
}

// stillRunning is in the error of what met its deadline.
const stillRunning = "still running"
