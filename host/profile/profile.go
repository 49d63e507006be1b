// Package profile describes a matrix of interactions in the figures that one
// looks at before running anything: sizes, density, what was left out, and how
// interactions are spread over users and items.
//
//	p := profile.Of(m)
//	p.WriteText(os.Stdout, profile.Text{Width: 80})
//
// A Profile is a pure function of the matrix, with a JSON form.
package profile

import (
	"math/bits"
	"slices"

	"rechost/host/interactions"
	"rechost/host/matrix"
)

// Profile is what Of found.
type Profile struct {
	Rows     int64                `json:"rows"`          // of the input
	Kept     int64                `json:"kept"`          // of them with everything that an interaction needs
	LeftOut  interactions.LeftOut `json:"left_out"`      // the others, by reason
	Repeated int64                `json:"repeated_rows"` // kept rows that went into the entry of another row of the same pair
	Entries  int                  `json:"entries"`       // different (user, item) pairs
	Users    int                  `json:"users"`
	Items    int                  `json:"items"`
	Density  float64              `json:"density"` // Entries / (Users * Items), 0 to 1

	Value *Range `json:"value,omitempty"` // of the rows kept, before repetitions were combined
	Time  *Span  `json:"time,omitempty"`

	PerUser Spread `json:"per_user"` // entries of each user
	PerItem Spread `json:"per_item"` // entries of each item
}

// Range is the smallest and the largest value.
type Range struct {
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

// Span is the earliest and the latest time, in microseconds since the epoch.
type Span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Spread is how many entries each user, or each item, has.
type Spread struct {
	Mean      float64    `json:"mean"`
	Gini      float64    `json:"gini"` // 0 all have equally many, near 1 one has nearly all
	Quantiles []Quantile `json:"quantiles"`
	Buckets   []Bucket   `json:"buckets"` // from the least count to the largest, without gaps
}

// Quantile: Percent of the users (or items) have at most N entries, by the
// nearest-rank rule. 0 is the minimum.
type Quantile struct {
	Percent int `json:"percent"`
	N       int `json:"n"`
}

// Bucket is how many users (or items) have From to To entries. Bounds are
// powers of two: 1, 2-3, 4-7, and so on.
type Bucket struct {
	From  int `json:"from"`
	To    int `json:"to"`
	Count int `json:"count"`
}

var percents = []int{0, 1, 10, 25, 50, 75, 90, 99, 100}

// Of describes m.
func Of(m *matrix.Matrix) Profile {
	p := Profile{
		Rows:     m.Read.Rows,
		Kept:     m.Read.Kept,
		LeftOut:  m.Read.LeftOut,
		Repeated: m.Combined,
		Entries:  m.ByUser.Entries(),
		Users:    m.ByUser.Rows(),
		Items:    m.ByItem.Rows(),
		PerUser:  spread(m.ByUser.Offsets),
		PerItem:  spread(m.ByItem.Offsets),
	}
	if p.Users > 0 && p.Items > 0 {
		p.Density = float64(p.Entries) / (float64(p.Users) * float64(p.Items))
	}
	if m.Read.Value != nil && p.Kept > 0 {
		p.Value = &Range{m.Read.MinValue, m.Read.MaxValue}
	}
	if m.Read.Time != nil && p.Kept > 0 {
		p.Time = &Span{m.Read.MinTime, m.Read.MaxTime}
	}
	return p
}

// spread describes the row lengths that offsets delimit.
func spread(offsets []uint64) Spread {
	n := max(len(offsets)-1, 0)
	s := Spread{Quantiles: []Quantile{}, Buckets: []Bucket{}}
	if n == 0 {
		return s
	}
	counts := make([]int, n)
	for i := range counts {
		counts[i] = int(offsets[i+1] - offsets[i])
	}
	slices.Sort(counts)
	total := int(offsets[n] - offsets[0])
	s.Mean = float64(total) / float64(n)
	// Sum of (2i-n-1) * c_i over i = 1..n, exact in integers up to 10^9 rows and
	// as many entries each way.
	weighted := int64(0)
	for i, c := range counts {
		weighted += int64(2*(i+1)-n-1) * int64(c)
	}
	if total > 0 {
		s.Gini = float64(weighted) / (float64(n) * float64(total))
	}
	for _, q := range percents {
		rank := max((q*n+99)/100, 1)
		s.Quantiles = append(s.Quantiles, Quantile{q, counts[rank-1]})
	}
	for _, c := range counts {
		from, to := bucket(c)
		for len(s.Buckets) > 0 && s.Buckets[len(s.Buckets)-1].To+1 < from {
			f, t := bucket(s.Buckets[len(s.Buckets)-1].To + 1)
			s.Buckets = append(s.Buckets, Bucket{f, t, 0})
		}
		if len(s.Buckets) == 0 || s.Buckets[len(s.Buckets)-1].From != from {
			s.Buckets = append(s.Buckets, Bucket{from, to, 0})
		}
		s.Buckets[len(s.Buckets)-1].Count++
	}
	return s
}

// bucket returns the bounds of the bucket of n.
func bucket(n int) (from, to int) {
	if n == 0 {
		return 0, 0
	}
	b := bits.Len(uint(n))
	return 1 << (b - 1), 1<<b - 1
}
