package host

import (
	"math/bits"

	"rechost/host/manifest"
	"rechost/host/recs"
)

// What a summary and a manifest say of each stage and of a run that a module
// can sway, in numbers of 64 bits: the fields of task.Stats and the stage's own
// time; the fields of Times and the peak of memory.
const (
	figuresOfStage = 8
	figuresOfRun   = 11
)

// leak bounds the bits that a run let out of the sandbox, way by way, by what it
// takes to write all of that down in words of fixed length. With T targets, R
// recommendations, lists of at most K of N items, A arrays that the tasks wrote
// (F of them of as many entries as they liked), S stages, and a stop test read Q
// times:
//
//	items   = T·⌈log2(K+1)⌉ + R·⌈log2 N⌉
//	scores  = R·32
//	emitted = emit.Emission.Bits of each
//	log     = 8 for each byte that the summary shows, and for the end of each message
//	record  = A·256 + F·64 + Q
//	figures = (8·S + 11)·64, and with Job.Shadow 64 more for each turn of a stage
//
// A module that takes its time on the other engine decides how many tasks of a
// turn the two are compared on.
func (s *session) leak(o *outcome, w recs.Written) manifest.Leak {
	l := manifest.Leak{
		Items:   int64(len(s.targets.Users))*width(s.job.Top+1) + w.Rows*width(s.matrix.Items.Len()),
		Scores:  w.Rows * 32,
		Log:     8 * (o.logged + int64(len(o.log))),
		Record:  int64(o.free)*64 + int64(o.asked),
		Figures: int64(figuresOfStage*len(o.stages)+figuresOfRun) * 64,
	}
	if s.shadow != nil {
		for _, st := range o.stages {
			l.Figures += int64(st.Turns) * 64
		}
	}
	for _, e := range o.emissions {
		l.Emitted += e.Bits()
	}
	for _, t := range o.tasks {
		l.Record += int64(len(t.Outputs)) * 256
	}
	l.Total = l.Items + l.Scores + l.Emitted + l.Log + l.Errors + l.Record + l.Figures
	return l
}

// width is the bits that tell n things apart: ⌈log2 n⌉.
func width(n int) int64 { return int64(bits.Len(uint(max(n, 1) - 1))) }
