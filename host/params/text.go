package params

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"rechost/guest/abi"
)

// DefaultText is a parameter's default as it would be typed.
func DefaultText(v any) string {
	if x, ok := v.(float64); ok {
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

// RangeText is what a parameter may be: "cosine|bm25", "1 to 100", "at least 0",
// or "".
func RangeText(p abi.Parameter) string {
	num := func(x float64) string {
		if x == math.Trunc(x) && math.Abs(x) < 1e15 {
			return strconv.FormatFloat(x, 'f', -1, 64)
		}
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	switch {
	case len(p.Choices) > 0:
		return strings.Join(p.Choices, "|")
	case p.Min != nil && p.Max != nil:
		return num(*p.Min) + " to " + num(*p.Max)
	case p.Min != nil:
		return "at least " + num(*p.Min)
	case p.Max != nil:
		return "at most " + num(*p.Max)
	}
	return ""
}
