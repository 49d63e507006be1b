package doctor

import (
	"context"
	"time"

	"rechost/host/executor"
	"rechost/host/fault"
)

const escape = "escape drill"

// drill plays a guest that broke out, and notes how the kernel answered.
func drill(ctx context.Context, l *lab, o Options, note func(Row)) error {
	for _, t := range executor.Attempts() {
		x := Row{Kind: escape, Attack: t.String(), Executor: l.kind, Tries: 1, Want: "refused by the kernel"}
		if o.Only != nil && !o.Only.MatchString(x.Kind+": "+x.Attack) {
			continue
		}
		start := time.Now()
		a, err := executor.Drill(ctx, l.setup(guest{}.bytes(), &attack{}, l.cache), t, l.input)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			x.Happened = fault.Clean(err.Error(), 300)
		default:
			x.Happened, x.Wall, x.Held = a.Answer, a.Wall, a.Refused
		}
		if err := l.well(ctx); x.Held && err != nil {
			x.Held, x.Happened, x.Wall = false, fault.Clean(err.Error(), 300), ""
		}
		x.Seconds = time.Since(start).Seconds()
		note(x)
	}
	return nil
}
