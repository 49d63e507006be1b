package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"rechost/host"

	"github.com/vbauerster/mpb/v8" // bars on a terminal: well kept, redraws in place, several at once
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term" // whether standard error is a terminal
)

// A watcher shows how far a run is. Its methods are called from one goroutine
// at a time.
type watcher interface {
	event(host.Event)
	close() // before anything else is printed
}

// watch chooses bars on a terminal, lines elsewhere, when quiet nothing but
// alerts.
func watch(w io.Writer, quiet bool) (watcher, *progress) {
	p := newProgress()
	switch {
	case quiet:
		return &silent{p, w}, p
	case terminal(w):
		return newBars(w, p), p
	}
	return &lines{p: p, w: w}, p
}

// terminal reports whether w is one that can redraw a line.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// progress adds up the events of a run.
type progress struct {
	order []string
	parts map[string]*part
	done  int // tasks of all stages
	kept  int // of done, found in the journal
}

// part is a phase, or all turns of one stage.
type part struct {
	name        string // read, index, stage users, write
	unit        string
	earlier     int // done in earlier turns
	earlierKept int
	turn        string
	turns       int // of all repeats around it; 1 outside one
	done, kept  int
	total       int
	ended       bool
	took        time.Duration // from its first event to the last; of a stage in a repeat, in its own turns only
	since       time.Time     // while it is the one going on: of the last event; else zero
}

func newProgress() *progress { return &progress{parts: map[string]*part{}} }

// take adds an event and returns the part it is about, or nil for a note.
func (p *progress) take(e host.Event, now time.Time) *part {
	if e.Note != "" {
		return nil
	}
	name, unit := e.Phase, "row group"
	if e.Stage != "" {
		name, unit = "stage "+e.Stage, "task"
	}
	x := p.parts[name]
	if x == nil {
		x = &part{name: name, unit: unit, turn: e.Turn, turns: 1}
		p.parts[name] = x
		p.order = append(p.order, name)
	}
	if x.turn != e.Turn {
		x.earlier += x.done
		x.earlierKept += x.kept
		x.turn, x.done, x.kept = e.Turn, 0, 0
	}
	last := true
	if turn, turns, ok := strings.Cut(e.Turn, "/"); ok {
		fmt.Sscan(turns, &x.turns)
		last = turn == turns
	}
	if unit == "task" {
		p.done += e.Done - x.done
		p.kept += e.Kept - x.kept
	}
	x.done, x.kept = e.Done, e.Kept
	x.total = e.Total * max(1, x.turns)
	// One thing goes on at a time, and its first event says that it begins.
	if !x.since.IsZero() {
		x.took += now.Sub(x.since)
	}
	for _, other := range p.parts {
		other.since = time.Time{}
	}
	x.ended = e.End && last
	if !e.End {
		x.since = now
	}
	return x
}

// all and allKept are the numbers over all turns so far.
func (x *part) all() int     { return x.earlier + x.done }
func (x *part) allKept() int { return x.earlierKept + x.kept }

// String is the part's line once it is over.
func (x *part) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", x.name)
	if n := x.all(); n > 0 {
		b.WriteString(plural(n, x.unit))
		if x.turns > 1 {
			fmt.Fprintf(&b, " in %d turns", x.turns)
		}
		if k := x.allKept(); k > 0 {
			fmt.Fprintf(&b, " (%s from the journal)", count(k))
		}
		b.WriteString(", ")
	}
	b.WriteString(secondsText(x.took.Seconds()))
	return clean(b.String())
}

// silent only adds up, and prints what nobody may miss.
type silent struct {
	p *progress
	w io.Writer
}

func (s *silent) event(e host.Event) {
	if s.p.take(e, time.Now()) == nil && e.Alert {
		fmt.Fprintf(s.w, "rechost: %s\n", oneLine(e.Note))
	}
}

func (s *silent) close() {}

// lines prints a line when a part is over.
type lines struct {
	p       *progress
	w       io.Writer
	printed map[string]bool
}

func (l *lines) event(e host.Event) {
	x := l.p.take(e, time.Now())
	if x == nil {
		fmt.Fprintf(l.w, "rechost: %s\n", oneLine(e.Note))
		return
	}
	if x.ended {
		l.print(x)
	}
}

// print prints each part once.
func (l *lines) print(x *part) {
	if l.printed == nil {
		l.printed = map[string]bool{}
	}
	if !l.printed[x.name] {
		l.printed[x.name] = true
		fmt.Fprintf(l.w, "rechost: %s\n", x)
	}
}

// close prints the parts whose last turn did not come: a repeat that stopped
// early, a run that failed.
func (l *lines) close() {
	for _, name := range l.p.order {
		if x := l.p.parts[name]; x.all() > 0 {
			l.print(x)
		}
	}
}

// bars draws a bar a part.
type bars struct {
	p      *progress
	out    *mpb.Progress
	bars   map[string]*mpb.Bar
	behind map[string]*behind
}

func newBars(w io.Writer, p *progress) *bars {
	return &bars{p: p, bars: map[string]*mpb.Bar{}, behind: map[string]*behind{},
		out: mpb.New(mpb.WithOutput(w), mpb.WithWidth(48), mpb.WithAutoRefresh())}
}

// behind is what the drawing goroutine reads of a part, to write behind its bar.
type behind struct {
	mu sync.Mutex
	x  part
}

func (s *behind) set(x part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.x = x
}

func (s *behind) get() part {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.x
}

func (b *bars) event(e host.Event) {
	x := b.p.take(e, time.Now())
	if x == nil {
		fmt.Fprintf(b.out, "rechost: %s\n", oneLine(e.Note))
		return
	}
	s := b.behind[x.name]
	if s == nil {
		s = &behind{x: *x}
		b.behind[x.name] = s
		name := oneLine(x.name)
		b.bars[x.name] = b.out.AddBar(int64(x.total),
			mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return s.get().status(time.Now()) })))
	}
	for name, s := range b.behind {
		s.set(*b.p.parts[name])
	}
	bar := b.bars[x.name]
	if x.total > 0 {
		bar.SetTotal(int64(x.total), false)
	}
	bar.SetCurrent(int64(x.all()))
	if x.ended {
		bar.SetTotal(int64(max(1, x.all())), true)
	}
}

func (b *bars) close() {
	for _, name := range b.p.order {
		if bar := b.bars[name]; bar != nil && !b.p.parts[name].ended {
			bar.Abort(false)
		}
	}
	b.out.Wait()
}

// status is what stands behind a bar: done of all, rate, time left.
func (x part) status(now time.Time) string {
	all := x.all()
	switch {
	case x.ended && all == 0:
		return " " + secondsText(x.took.Seconds())
	case x.ended:
		return fmt.Sprintf(" %d/%d, %s", all, all, secondsText(x.took.Seconds()))
	}
	text := fmt.Sprintf(" %d", all)
	if x.total > 0 {
		text += fmt.Sprintf("/%d", x.total)
	}
	// What the journal had took no time and says nothing about what is left.
	ran, took := all-x.allKept(), x.took.Seconds()
	if !x.since.IsZero() {
		took += now.Sub(x.since).Seconds()
	}
	if ran > 0 && took > 0.5 {
		rate := float64(ran) / took
		text += fmt.Sprintf(", %.3g/s", rate)
		if x.total > all {
			text += ", " + left(float64(x.total-all)/rate) + " left"
		}
	}
	return text
}

// left is a rough time.
func left(seconds float64) string {
	return (time.Duration(seconds+1) * time.Second).String()
}
