package datasets

import (
	"sort"
)

// world is everything a synthetic data set follows from. It grows with users
// and items, never with rows, and any row can be asked of it alone.
type world struct {
	o       SynthOptions
	active  int      // users that occur: all of them where there are rows enough
	owed    []uint64 // owed[u] = slots of the users before u; active+1 of them
	guide   []int32  // guide[s>>guideShift] = the user that owns the first slot there
	shift   uint
	slots   shuffle // row -> slot
	items   *catalogue
	userIDs shuffle // user -> 40-bit id
	itemIDs shuffle // item -> 0..items-1

	tastes, picks, noise, clock, userBias, itemBias stream
}

// The synthetic clock: three years from 2020-09-13T12:26:40Z, in seconds.
const (
	synthEpoch = 1_600_000_000
	synthSpan  = 94_608_000
)

func newWorld(o SynthOptions) *world {
	w := &world{
		o:        o,
		active:   int(min(int64(o.Users), o.Rows)),
		slots:    newShuffle(uint64(o.Rows), newStream(o.Seed, 1)),
		items:    newCatalogue(o.Items),
		userIDs:  newShuffle(1<<40, newStream(o.Seed, 2)),
		itemIDs:  newShuffle(uint64(o.Items), newStream(o.Seed, 3)),
		tastes:   newStream(o.Seed, 4),
		picks:    newStream(o.Seed, 5),
		noise:    newStream(o.Seed, 6),
		clock:    newStream(o.Seed, 7),
		userBias: newStream(o.Seed, 8),
		itemBias: newStream(o.Seed, 9),
	}
	w.owe()
	return w
}

// owe gives every active user one row and spreads the others by a power law,
// rank^-3/4, with nobody above a ceiling: half of the catalogue, or more where
// the density asks for it.
func (w *world) owe() {
	n, rows := w.active, uint64(w.o.Rows)
	mean := (rows + uint64(n) - 1) / uint64(n)
	ceiling := min(uint64(w.o.Items), max(uint64(w.o.Items)/2, 2*mean)) - 1
	offset := uint64(max(4, n/1000))
	weight := make([]uint64, n+1) // weight[u] = weight of the users before u
	for u := range n {
		weight[u+1] = weight[u] + powerWeight(uint64(u), offset, 6)
	}
	extra := rows - uint64(n)
	// The first t users are at the ceiling; t is the least for which the next is not.
	t := sort.Search(n, func(u int) bool {
		full := uint64(u) * ceiling
		if full >= extra {
			return true
		}
		return mulDiv(extra-full, weight[u+1]-weight[u], 0, weight[n]-weight[u]) < ceiling
	})
	rest := extra - uint64(t)*ceiling
	w.owed = make([]uint64, n+1)
	for u := 1; u <= n; u++ {
		if u <= t {
			w.owed[u] = uint64(u) * (ceiling + 1)
			continue
		}
		w.owed[u] = uint64(u) + uint64(t)*ceiling + mulDiv(rest, weight[u]-weight[t], 0, weight[n]-weight[t])
	}
	for rows>>w.shift > uint64(4*n) {
		w.shift++
	}
	w.guide = make([]int32, rows>>w.shift+1)
	u := 0
	for b := range w.guide {
		for w.owed[u+1] <= uint64(b)<<w.shift && u < n-1 {
			u++
		}
		w.guide[b] = int32(u)
	}
}

// event is one row: who took what, and what the columns say of it.
type event struct {
	user, item     int
	taste          uint8 // 0 the hits, 1 the user's first love, … 6 a group taken for want of others
	rating         float32
	userID, itemID int64
	time           int64
}

// event returns row r. Rows are a random permutation of the users' slots, so a
// user's interactions are spread over the whole time.
func (w *world) event(r uint64, buf []part) (event, []part) {
	slot := w.slots.at(r)
	u := int(w.guide[slot>>w.shift])
	for w.owed[u+1] <= slot {
		u++
	}
	j, n := int(slot-w.owed[u]), int(w.owed[u+1]-w.owed[u])
	buf = w.items.parts(buf, w.tastes.sub(uint64(u)), n)
	k := 0
	for j >= buf[k].n {
		j -= buf[k].n
		k++
	}
	p := buf[k]
	own := w.picks.sub(uint64(u)).sub(uint64(p.group))
	e := event{
		user:   u,
		userID: int64(w.userIDs.at(uint64(u))),
		time:   w.time(r),
	}
	w.give(&e, r, w.items.groups[p.group].pick(j, p.n, own.at(0), own.at(uint64(j)+1)), k)
	return e, buf
}

// give sets the item of an event and what follows from it.
func (w *world) give(e *event, r uint64, item, part int) {
	e.item, e.taste = item, uint8(min(part, tastesPerUser+1))
	e.itemID = int64(w.itemIDs.at(uint64(item))) + 1
	e.rating = w.rating(r, e)
}

// liking is what a taste adds to a rating, in 256ths of half a star.
var liking = [tastesPerUser + 2]int{100, 420, 260, 60, -120, -300, -600}

// rating is 0.5, 1, … 5: a user's mood, an item's quality, how near the item's
// kind is to the user's heart, and noise.
func (w *world) rating(r uint64, e *event) float32 {
	x := 7*256 + liking[e.taste]
	x += int(w.userBias.at(uint64(e.user))%512) - 256
	x += int(w.itemBias.at(uint64(e.item))%768) - 384
	z := w.noise.at(r)
	for range 4 { // four uniforms: nearly normal, sd 1.15 half stars
		x += int(z&511) - 256
		z >>= 16
	}
	return float32(min(max((x+128)>>8, 1), 10)) / 2
}

// time is the row's second; it never falls.
func (w *world) time(r uint64) int64 {
	return synthEpoch + int64(mulDiv(r, synthSpan, scale(w.clock.at(r), synthSpan), uint64(w.o.Rows)))
}

// block is a run of consecutive events.
type block struct {
	first  uint64
	events []event
}

// blocks calls fn with the data set's events in order, computed by `workers`
// goroutines ahead of it. The slice is only good during the call.
//
// An item that has not occurred when only as many rows are left as there are
// such items is put in the place of the one drawn: nobody has it yet, so no pair
// repeats. With thirty rows an item and more that is hardly ever needed.
func (w *world) blocks(done <-chan struct{}, workers int, fn func(block) error) error {
	const size = 1 << 14
	rows := uint64(w.o.Rows)
	count := (rows + size - 1) / size
	out := make([]chan []event, workers)
	back := make([]chan []event, workers)
	stop := make(chan struct{})
	defer close(stop)
	for k := range workers {
		out[k], back[k] = make(chan []event, 2), make(chan []event, 4)
		go func() {
			var buf []part
			for b := uint64(k); b < count; b += uint64(workers) {
				var ev []event
				select {
				case ev = <-back[k]:
				default:
				}
				ev = ev[:0]
				for r := b * size; r < min(rows, (b+1)*size); r++ {
					var e event
					e, buf = w.event(r, buf)
					ev = append(ev, e)
				}
				select {
				case out[k] <- ev:
				case <-stop:
					return
				}
			}
		}()
	}
	seen := make([]bool, w.o.Items)
	unseen, next := uint64(w.o.Items), 0
	for b := range count {
		k := b % uint64(workers)
		var ev []event
		select {
		case ev = <-out[k]:
		case <-done:
			return errStopped
		}
		first := b * size
		for i := range ev {
			e := &ev[i]
			if unseen == 0 {
				break
			}
			if seen[e.item] && unseen >= rows-first-uint64(i) {
				for seen[next] {
					next++
				}
				w.give(e, first+uint64(i), next, tastesPerUser+1)
			}
			if !seen[e.item] {
				seen[e.item] = true
				unseen--
			}
		}
		if err := fn(block{first, ev}); err != nil {
			return err
		}
		select {
		case back[k] <- ev:
		default:
		}
	}
	return nil
}
