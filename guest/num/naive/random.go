package naive

import (
	"math"
	"math/bits"
)

// Block is Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011): four random words for a key and a
// 128-bit counter. The key is the seed, the counter's upper half the stream.
func Block(seed, stream, counter uint64) [4]uint32 {
	k0, k1 := uint32(seed), uint32(seed>>32)
	c := [4]uint32{uint32(counter), uint32(counter >> 32), uint32(stream), uint32(stream >> 32)}
	for range 10 {
		h0, l0 := bits.Mul32(0xD2511F53, c[0])
		h1, l1 := bits.Mul32(0xCD9E8D57, c[2])
		c = [4]uint32{h1 ^ c[1] ^ k0, l1, h0 ^ c[3] ^ k1, l0}
		k0, k1 = k0+0x9E3779B9, k1+0xBB67AE85
	}
	return c
}

// Uniform fills dst with numbers in [0, 1): element i is the upper 24 bits of
// word (counter+i)%4 of Block(seed, stream, (counter+i)/4), over 2^24. So a
// fill is part of one endless sequence, and counter is where it starts.
func Uniform(dst []float32, seed, stream, counter uint64) {
	fill(dst, seed, stream, counter, func(w uint32) float32 { return float32(w>>8) * (1.0 / (1 << 24)) })
}

// Normal fills dst with numbers of the normal distribution of mean 0 and
// deviation 1: the inverse of its distribution function at (w+0.5)/2^32, by
// Acklam's rational approximation (relative error 1.2e-9) in float64, w as for
// Uniform. The largest magnitude is 6.34.
func Normal(dst []float32, seed, stream, counter uint64) {
	fill(dst, seed, stream, counter, func(w uint32) float32 { return float32(quantile(w)) })
}

func fill(dst []float32, seed, stream, counter uint64, f func(uint32) float32) {
	var b [4]uint32
	for i := range dst {
		c := counter + uint64(i)
		if i == 0 || c%4 == 0 {
			b = Block(seed, stream, c/4)
		}
		dst[i] = f(b[c%4])
	}
}

// Acklam's coefficients: central numerator and denominator, then tails.
var (
	central = [2][]float64{
		{-3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02, 1.383577518672690e+02, -3.066479806614716e+01, 2.506628277459239e+00},
		{-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01, -1.328068155288572e+01, 1},
	}
	tails = [2][]float64{
		{-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00, -2.549732539343734e+00, 4.374664141464968e+00, 2.938163982698783e+00},
		{7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00, 1},
	}
)

// quantile is the normal distribution's quantile at (w+0.5)/2^32.
func quantile(w uint32) float64 {
	const low = 0.02425
	p := (float64(w) + 0.5) * (1.0 / (1 << 32)) // exact: 33 bits
	switch {
	case p < low:
		return tail(p)
	case p > 1-low:
		return -tail(1 - p)
	}
	q := p - 0.5
	r := q * q
	return float64(horner(r, central[0])*q) / horner(r, central[1])
}

func tail(p float64) float64 {
	q := math.Sqrt(float64(-2 * log(p)))
	return horner(q, tails[0]) / horner(q, tails[1])
}

func horner(x float64, c []float64) float64 {
	r := c[0]
	for _, a := range c[1:] {
		r = float64(r*x) + a
	}
	return r
}

// log is the natural logarithm of a normal x > 0, to about 1e-15, from
// operations that every machine rounds alike; math.Log is not one of them.
func log(x float64) float64 {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	s := (m - 1) / (m + 1)
	r := horner(float64(s*s), series)
	return float64(float64(e)*math.Ln2) + float64(2*float64(s*r))
}

// series is that of atanh(s)/s in s², highest power first; s² < 0.0295.
var series = []float64{1. / 21, 1. / 19, 1. / 17, 1. / 15, 1. / 13, 1. / 11, 1. / 9, 1. / 7, 1. / 5, 1. / 3, 1}
