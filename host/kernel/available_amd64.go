//go:build amd64 && !purego

package kernel

import "github.com/klauspost/cpuid/v2"

// available lists the forms that can be used here, best first.
func available() []*set {
	all := []*set{&plain}
	if cpuid.CPU.Supports(cpuid.AVX2, cpuid.BMI2) {
		all = append([]*set{&formAVX2}, all...)
	}
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.BMI2) {
		all = append([]*set{&formAVX512}, all...)
	}
	return all
}

var formAVX512 = set{
	name: "avx512",
	dot:  dotAVX512, lanes: lanesAVX512, axpy: axpyAVX512, divide: divideAVX512, gemv: gemvAVX512,
	line: lineAVX512, aim: aimAVX512, fit: fitAVX512, energy: energyAVX512, along: alongAVX512,
	tall: 12, wide: 32, tile: tileAVX512, column: columnAVX512, corner: cornerAVX512, sweep: sweepAVX512, score: scoreAVX512, rows: rowsAVX512, turn: turnAVX512, lift: liftAVX512, deal: dealAVX512, clean: cleanAVX512,
	spread: spreadAVX512, scatter: scatterAVX512, fetch: fetchAVX512, rate: rateAVX512, above: aboveAVX512, sift: siftAVX512,
	tally: tallyAVX512, ask: askAVX512, widen: widenAVX512, peaks: peaksAVX512, pick: pickAVX512,
	blocks: blocksAVX512, ascend: ascendAVX512, meet: meetIfCounting(),
}

// meetIfCounting is meetAVX512 where the processor has its instruction, which
// came later than the others.
func meetIfCounting() func(dst *float32, ldd int, rows, columns *uint64, words, n int) {
	if cpuid.CPU.Supports(cpuid.AVX512VPOPCNTDQ) {
		return meetAVX512
	}
	return nil
}

var formAVX2 = set{
	name: "avx2",
	dot:  dotAVX2, lanes: lanesAVX2, axpy: axpyAVX2, divide: divideAVX2, gemv: gemvAVX2,
	line: lineAVX2, aim: aimAVX2, fit: fitAVX2, energy: energyAVX2, along: alongAVX2,
	tall: 6, wide: 16, tile: tileAVX2, column: columnAVX2, corner: cornerAVX2, sweep: sweepAVX2, score: scoreAVX2, rows: rowsAVX2, turn: turnAVX2, lift: liftAVX2, deal: dealAVX2, clean: cleanAVX2,
	spread: spreadAVX2, scatter: scatterAVX2, fetch: fetchAVX2, rate: rateAVX2, above: aboveAVX2, sift: goSift,
	tally: tallyAVX2, ask: askAVX2, widen: widenAVX2,
	blocks: blocksAVX2, ascend: ascendAVX2,
}
