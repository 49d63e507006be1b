package kernel

import (
	"runtime"
	"sync/atomic"
	"time"

	"rechost/guest/num/naive"
)

// stopped is what a helper's pause panics with once the work is given up.
type stopped struct{}

// share does pieces 0 to n-1 of some work on so many threads, the caller's
// among them. They are begun in order, so that a piece may await what earlier
// ones give; who does a piece must make no difference. worker is below threads,
// and one piece at a time runs under its number.
//
// Only the caller's thread calls pause. If that panics, the helpers are waited
// for before the panic goes on: they work in memory that may be gone after it.
func share(threads, n int, pause func(), do func(worker, piece int, pause func())) {
	if threads = min(threads, n); threads <= 1 {
		for i := range n {
			do(0, i, pause)
		}
		return
	}
	var (
		next, working atomic.Int64
		stop          atomic.Bool
		failed        atomic.Value
	)
	work := func(worker int, pause func()) {
		for !stop.Load() {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			do(worker, i, pause)
		}
	}
	check := func() {
		if stop.Load() {
			panic(stopped{})
		}
	}
	working.Store(int64(threads - 1))
	for w := 1; w < threads; w++ {
		go func() {
			defer working.Add(-1)
			defer func() {
				if x := recover(); x != nil && x != any(stopped{}) {
					failed.CompareAndSwap(nil, &x)
					stop.Store(true)
				}
			}()
			work(w, check)
		}()
	}
	idle := func() bool { return working.Load() == 0 }
	defer func() {
		stop.Store(true)
		await(idle, nil)
		if x, ok := failed.Load().(*any); ok {
			if own := recover(); own != nil && own != any(stopped{}) {
				panic(own)
			}
			panic(*x)
		}
	}()
	watch := func() {
		check()
		if pause != nil {
			pause()
		}
	}
	work(0, watch)
	await(idle, watch)
}

// await returns once ready says so, which another thread will bring about, and
// calls pause, if it is not nil, now and then until then. Threads that work
// wait for each other for microseconds, less than it takes to wake one: only
// who waits for longer gives its processor to others.
func await(ready func() bool, pause func()) {
	const spins = 1 << 10 // some microseconds
	for i := 0; !ready(); i++ {
		if i%spins != spins-1 {
			continue
		}
		if pause != nil {
			pause()
		}
		if i < 256*spins {
			runtime.Gosched()
		} else {
			time.Sleep(100 * time.Microsecond)
		}
	}
}

// shareLists runs a kernel that writes lists of at most k entries a row on
// several threads: each takes a run of rows [from, to) at a time, writes to the
// place where full lists would put it, and the runs are then moved together.
func shareLists(dst naive.Sparse, rows, k, threads, runs int, pause func(), do func(dst naive.Sparse, from, to int, pause func()) int) int {
	if threads <= 1 || rows < 2 {
		return do(dst, 0, rows, pause)
	}
	size := (rows + runs - 1) / runs
	runs = (rows + size - 1) / size
	parts := make([]naive.Sparse, runs)
	share(threads, runs, pause, func(_, i int, pause func()) {
		from, to := i*size, min(i*size+size, rows)
		p := &parts[i]
		p.Offsets = cleared[uint64](streaming(pause), to-from+1)
		p.Index, p.Value = dst.Index[from*k:to*k], dst.Value[from*k:to*k]
		do(*p, from, to, pause)
	})
	n, meter := 0, streaming(pause)
	dst.Offsets[0] = 0
	for i, p := range parts {
		for r, o := range p.Offsets[1:] {
			dst.Offsets[i*size+r+1] = uint64(n) + o
			meter.spend(4)
		}
		m := int(p.Offsets[len(p.Offsets)-1])
		move(meter, dst.Index[n:], p.Index[:m]) // never to the right of where they are
		move(meter, dst.Value[n:], p.Value[:m])
		n += m
	}
	return n
}

// maskOf is a mask for the lists [from, to).
func maskOf(m naive.Mask, from, to int) naive.Mask {
	m.Without = rowsOf(m.Without, from, to)
	if m.Only.Rows > 1 {
		m.Only = rowsOf(m.Only, from, to)
	}
	return m
}

// rowsOf is rows [from, to) of a matrix that may have none.
func rowsOf(m naive.Sparse, from, to int) naive.Sparse {
	if m.Rows == 0 {
		return m
	}
	m.First, m.Rows = m.First+from, to-from
	return m
}
