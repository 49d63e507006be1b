package metric

import (
	"math/big"
	"slices"

	"rechost/host/matrix"
)

// lists are ranked lists whose users and items are dense ids of the test
// data, matrix.None where it does not have them.
type lists struct {
	users   []uint32 // of each list
	offsets []uint64 // lists+1
	items   []uint32 // best first
	raw     []uint32 // the items as dense ids of the lists' own dictionary
}

// repeated finds the first list that has an item twice, and the item in its
// own dictionary of so many.
func (l *lists) repeated(items int) (list int, item uint32, twice bool) {
	last := make([]int32, items) // the last list, from 1, that had the item
	for i := range l.users {
		for _, x := range l.raw[l.offsets[i]:l.offsets[i+1]] {
			if last[x] == int32(i+1) {
				return i, x, true
			}
			last[x] = int32(i + 1)
		}
	}
	return 0, 0, false
}

// measure computes every metric for every test user that has an item, in
// ascending order of dense ids. offsets and index are the test matrix by users.
func measure(l lists, offsets []uint64, index []uint32, at []int) *Result {
	testUsers := len(offsets) - 1
	place := make([]int32, testUsers) // 1 + list of each test user; 0 is none
	res := &Result{At: at}
	longest := uint64(0)
	for i, u := range l.users {
		n := l.offsets[i+1] - l.offsets[i]
		if n == 0 {
			continue
		}
		res.Lists++
		if u == matrix.None || offsets[u] == offsets[u+1] {
			res.LeftOut++
			continue
		}
		place[u] = int32(i + 1)
		longest = max(longest, n)
	}
	for u := range testUsers {
		if n := offsets[u+1] - offsets[u]; n > 0 {
			res.who = append(res.who, uint32(u))
			longest = max(longest, n)
		}
	}
	res.Users = len(res.who)
	res.tests, res.listed = make([]int64, res.Users), make([]int64, res.Users)
	res.per = make([][]float64, len(at)*len(Definitions))
	for m := range res.per {
		res.per[m] = make([]float64, res.Users)
	}
	gain := gains(int(min(longest, uint64(at[len(at)-1]))))
	ideal := make([]float64, len(gain)+1)
	for i, g := range gain {
		ideal[i+1] = ideal[i] + g
	}

	var score userScore
	for row, u := range res.who {
		truth := index[offsets[u]:offsets[u+1]]
		res.tests[row] = int64(len(truth))
		if place[u] == 0 {
			res.WithoutList++
			continue
		}
		i := place[u] - 1
		list := l.items[l.offsets[i]:l.offsets[i+1]]
		res.listed[row] = int64(len(list))
		if n := len(list); res.Shortest == 0 || n < res.Shortest {
			res.Shortest = n
		}
		score = userScore{}
		done := 0
		for c, k := range at {
			score.walk(list[done:min(k, len(list))], truth, gain)
			done = min(k, len(list))
			score.at(k, len(truth), ideal, func(m int, x float64) { res.per[c*len(Definitions)+m][row] = x })
		}
	}
	for c, k := range at {
		for m, d := range Definitions {
			sum := 0.0
			for _, x := range res.per[c*len(Definitions)+m] {
				sum += x
			}
			v := Value{Metric: d.Name, K: k, Definition: d.ID}
			if res.Users > 0 {
				v.Mean = sum / float64(res.Users)
			}
			res.Values = append(res.Values, v)
		}
	}
	return res
}

// userScore is what one user's list has gathered, place by place.
type userScore struct {
	places, hits, first int     // first is the rank of the first hit, 0 for none
	dcg, precisions     float64 // sums over hits
}

// walk goes on through the list. truth is sorted.
func (s *userScore) walk(list, truth []uint32, gain []float64) {
	for _, item := range list {
		s.places++
		if item == matrix.None {
			continue
		}
		if _, hit := slices.BinarySearch(truth, item); !hit {
			continue
		}
		s.hits++
		if s.first == 0 {
			s.first = s.places
		}
		s.dcg += gain[s.places-1]
		s.precisions += float64(s.hits) / float64(s.places)
	}
}

// at gives each metric, by its place in Definitions, for the cut-off k and so
// many test items.
func (s *userScore) at(k, tests int, ideal []float64, set func(metric int, x float64)) {
	best := min(k, tests)
	set(0, float64(s.hits)/float64(tests))
	set(1, s.dcg/ideal[best])
	set(2, float64(s.hits)/float64(k))
	if s.hits > 0 {
		set(3, 1)
		set(4, 1/float64(s.first))
	}
	set(5, s.precisions/float64(best))
}

// gains returns 1/log2(i+2) for i = 0..n-1, the gain of a hit at rank i+1.
func gains(n int) []float64 {
	g := make([]float64, n)
	for i := range g {
		g[i] = 1 / log2(i+2)
	}
	return g
}

// log2 is the base-2 logarithm of n >= 2, rounded to float64. It squares a
// number of 192 bits once for each bit of the result: slow, and the same on every
// machine, which math.Log2 is not: it goes through assembly on some of them.
func log2(n int) float64 {
	const bits, precision = 64, 192
	x := new(big.Float).SetPrec(precision).SetInt64(int64(n))
	whole := x.MantExp(x) - 1 // x in [1/2, 1)
	x.SetMantExp(x, 1)        // in [1, 2)
	result := new(big.Int).SetInt64(int64(whole))
	two := big.NewFloat(2)
	for range bits {
		x.Mul(x, x)
		result.Lsh(result, 1)
		if x.Cmp(two) >= 0 {
			result.Add(result, big.NewInt(1))
			x.SetMantExp(x, -1)
		}
	}
	f, _ := new(big.Float).SetMantExp(new(big.Float).SetInt(result), -bits).Float64()
	return f
}
