package sandbox

import (
	"time"
)

// timers are what a call took, by kind.
type timers struct {
	functions []timer       // by the host function's number
	began     time.Time     // the instance was there
	guest     time.Duration // calls into the guest, host functions included
	memory    int64
	fuel      int64
}

// timer sums the time of one host function. Reading the clock twice costs as
// much as a small host function, so while a function is short only one call in
// sampling is timed and stands for the others.
type timer struct {
	sum   time.Duration
	last  time.Duration
	skip  int
	short bool
}

const (
	sampling  = 16
	shortCall = 2 * time.Microsecond
)

func (t *timer) add(d time.Duration) {
	t.sum += d
	if t.short {
		// The untimed calls before this one: if it was held up by chance, they
		// were not.
		t.sum += (sampling - 1) * min(d, t.last)
	}
	t.short = d < shortCall
	if t.short {
		t.last = d
		t.skip = sampling - 1
	}
}

// stats fills s; all is the whole duration of the call.
func (c *call) stats(s *Stats, all time.Duration) {
	var host time.Duration
	for i := range c.times.functions {
		if c.module.provided[i].module == numModule {
			s.Kernel += c.times.functions[i].sum
		} else {
			host += c.times.functions[i].sum
		}
	}
	s.Guest = max(c.times.guest-s.Kernel-host, 0)
	s.Host = max(all-s.Guest-s.Kernel, 0)
	s.Memory = c.times.memory
	s.LogBytes = c.guest.logBytes
	s.Calls = c.calls
	s.Fuel = c.times.fuel
}
