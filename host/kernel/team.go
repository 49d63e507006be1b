package kernel

import (
	"sync"
	"sync/atomic"
	"time"

	"rechost/guest/num/naive"
)

// stopped is what a helper's pause panics with once the work is given up.
type stopped struct{}

// share does pieces 0 to n-1 of some work on so many threads, the caller's
// among them. Pieces must not depend on each other, nor on who does them;
// worker is below threads, and one piece at a time runs under its number.
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
		next   atomic.Int64
		stop   atomic.Bool
		failed atomic.Value
		wg     sync.WaitGroup
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
	for w := 1; w < threads; w++ {
		wg.Go(func() {
			defer func() {
				if x := recover(); x != nil && x != any(stopped{}) {
					failed.CompareAndSwap(nil, &x)
					stop.Store(true)
				}
			}()
			work(w, check)
		})
	}
	defer func() {
		stop.Store(true)
		wg.Wait()
	}()
	work(0, pause)
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for waiting := true; waiting; {
		select {
		case <-done:
			waiting = false
		case <-tick.C:
			if pause != nil {
				pause()
			}
		}
	}
	if x, ok := failed.Load().(*any); ok {
		panic(*x)
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
		p.Offsets = make([]uint64, to-from+1)
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
