package datasets

import "math/bits"

// Everything random in the generator is a function of the seed, the name of
// a stream and a counter, in integer arithmetic alone: row n can be computed
// without row n-1, on any machine, with the same result.

// stream is a keyed family of random words.
type stream uint64

// newStream derives an independent stream from a seed.
func newStream(seed uint64, number uint64) stream {
	return stream(mix(mix(seed+0x9e3779b97f4a7c15) ^ mix(number*0xd1342543de82ef95+0x2545f4914f6cdd1d)))
}

// at returns word n of the stream, uniform over all 64-bit words.
func (s stream) at(n uint64) uint64 { return mix(uint64(s) + n*0x9e3779b97f4a7c15) }

// sub returns a stream for one member (one user, one row) of s.
func (s stream) sub(n uint64) stream { return stream(s.at(n)) }

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood 2014, variant 13
// of Stafford): a bijection on 64-bit words.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// scale maps a uniform word to 0..n-1.
func scale(word, n uint64) uint64 {
	hi, _ := bits.Mul64(word, n)
	return hi
}

// mulDiv returns floor((a*b + c) / d); the quotient must fit 64 bits.
func mulDiv(a, b, c, d uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	lo, carry := bits.Add64(lo, c, 0)
	q, _ := bits.Div64(hi+carry, lo, d)
	return q
}

// shuffle is a keyed permutation of 0..n-1 that needs no memory: a balanced
// Feistel network over the next even power of two, walked until it lands
// inside. At most four steps are expected, usually one or two.
type shuffle struct {
	n    uint64
	half uint   // bits of one side
	mask uint64 // 1<<half - 1
	key  stream
}

func newShuffle(n uint64, key stream) shuffle {
	half := uint(1)
	if n > 1 {
		half = uint(bits.Len64(n-1)+1) / 2
	}
	return shuffle{n: n, half: half, mask: 1<<half - 1, key: key}
}

// at returns the place of x, 0 <= x < n. Different x have different places.
func (p shuffle) at(x uint64) uint64 {
	for {
		l, r := x>>p.half, x&p.mask
		for round := uint64(0); round < 4; round++ {
			l, r = r, l^mix(uint64(p.key)^(r<<3|round))&p.mask
		}
		x = l<<p.half | r
		if x < p.n {
			return x
		}
	}
}
