package guest

import "math"

// Log is the natural logarithm of a normal number x > 0, to about 1e-15. It is
// made of operations that every machine rounds alike; math.Log is not, and a
// module that uses it can give other bits natively than in the sandbox.
func Log(x float64) float64 {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	// log m = 2 artanh s, with s² < 0.0295
	s := (m - 1) / (m + 1)
	s2 := float64(s * s)
	var r float64
	for k := 21; k >= 1; k -= 2 {
		r = float64(r*s2) + 1/float64(k)
	}
	return float64(float64(e)*math.Ln2) + float64(2*float64(s*r))
}

// Exp is e to the power of x, for x between -700 and 700, as Log is.
func Exp(x float64) float64 {
	const (
		hi = 6.93147180369123816490e-01 // ln 2 in two parts, the first exact times any k here
		lo = 1.90821492927058770002e-10
	)
	k := math.Floor(float64(x/math.Ln2) + 0.5)
	x = (x - float64(k*hi)) - float64(k*lo)
	r := 1.0
	for n := 16; n >= 1; n-- { // Taylor, |x| < 0.35
		r = 1 + float64(x*r)/float64(n)
	}
	return math.Ldexp(r, int(k))
}

// Pow is x > 0 to the power of y, as Log is.
func Pow(x, y float64) float64 { return Exp(float64(y * Log(x))) }
