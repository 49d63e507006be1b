//go:build linux && !purego

package kernel

func init() { peaks["avx512"], peaks["avx2"] = peakOf{peakAVX512, 16}, peakOf{peakAVX2, 8} }
