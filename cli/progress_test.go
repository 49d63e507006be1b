package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"rechost/host"
)

// A run of two stages in a repeat of three turns, one of whose tasks the
// journal had, that stops after the second turn.
var repeated = []host.Event{
	{Phase: "read", Done: 1, Total: 2},
	{Phase: "read", Done: 2, Total: 2, End: true},
	{Phase: "stage", Stage: "users", Turn: "1/3", Done: 1, Total: 4, Kept: 1},
	{Phase: "stage", Stage: "users", Turn: "1/3", Done: 4, Total: 4, Kept: 1, End: true},
	{Phase: "stage", Stage: "items", Turn: "1/3", Done: 2, Total: 2, End: true},
	{Note: "the guest\x1b[31m is red"},
	{Phase: "stage", Stage: "users", Turn: "2/3", Done: 4, Total: 4, End: true},
	{Phase: "stage", Stage: "items", Turn: "2/3", Done: 1, Total: 2},
}

func TestLinesAreOneAStage(t *testing.T) {
	var b bytes.Buffer
	show, p := watch(&b, false)
	for _, e := range repeated {
		show.event(e)
	}
	show.close()
	var got []string
	for _, l := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		i := strings.LastIndex(l, ", ")
		if strings.HasSuffix(l, " s") && i > 0 {
			l = l[:i]
		}
		got = append(got, l)
	}
	want := []string{
		"rechost: read: 2 row groups",
		"rechost: the guest�[31m is red",
		"rechost: stage users: 8 tasks in 3 turns (1 from the journal)",
		"rechost: stage items: 3 tasks in 3 turns",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if p.done != 11 || p.kept != 1 {
		t.Errorf("%d tasks done, %d kept; want 11 and 1", p.done, p.kept)
	}
}

func TestQuietPrintsNothing(t *testing.T) {
	var b bytes.Buffer
	show, p := watch(&b, true)
	for _, e := range repeated {
		show.event(e)
	}
	show.close()
	if b.Len() > 0 || p.done != 11 {
		t.Errorf("printed %q, counted %d", b.String(), p.done)
	}
	show.event(host.Event{Note: "a task\x1b was not saved", Alert: true})
	if b.String() != "rechost: a task\ufffd was not saved\n" {
		t.Errorf("of an alert there is %q", b.String())
	}
}

// Bars are drawn on a terminal; here only that they end and that the last
// drawing says what was done.
func TestBarsEnd(t *testing.T) {
	var b bytes.Buffer
	p := newProgress()
	show := newBars(&b, p)
	for _, e := range repeated {
		show.event(e)
	}
	show.close()
	for _, want := range []string{"read", "2/2", "stage users", "stage items", "3/6", "is red"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in %q", want, b.String())
		}
	}
	if strings.Contains(b.String(), "\x1b[31m") {
		t.Error("a note's escape sequence reached the terminal")
	}
}

func TestStatus(t *testing.T) {
	now := time.Now()
	for _, x := range []struct {
		part part
		want string
	}{
		{part{done: 5, total: 0}, " 5"},
		{part{done: 5, total: 10, took: 5 * time.Second}, " 5/10, 1/s, 6s left"},
		{part{done: 5, total: 10, took: 3 * time.Second, since: now.Add(-2 * time.Second)}, " 5/10, 1/s, 6s left"},
		{part{done: 5, kept: 5, total: 10, took: 5 * time.Second}, " 5/10"},
		{part{earlier: 10, done: 5, total: 30, took: 3 * time.Second}, " 15/30, 5/s, 4s left"},
		{part{ended: true, took: 1500 * time.Millisecond}, " 1.50 s"},
		{part{done: 10, total: 10, ended: true, took: 1500 * time.Millisecond}, " 10/10, 1.50 s"},
	} {
		if got := x.part.status(now); got != x.want {
			t.Errorf("%+v: %q, want %q", x.part, got, x.want)
		}
	}
}

// A part's time is that from the event it begins with to the one it ends with,
// in all its turns; what passes between parts is nobody's.
func TestTimeOfTurns(t *testing.T) {
	p := newProgress()
	now := time.Now()
	after := func(seconds int, e host.Event) {
		now = now.Add(time.Duration(seconds) * time.Second)
		p.take(e, now)
	}
	for _, turn := range []string{"1/2", "2/2"} {
		after(100, host.Event{Phase: "stage", Stage: "a", Turn: turn, Total: 2})
		after(1, host.Event{Phase: "stage", Stage: "a", Turn: turn, Total: 2, Done: 1})
		after(1, host.Event{Phase: "stage", Stage: "a", Turn: turn, Total: 2, Done: 2, End: true})
		after(100, host.Event{Phase: "stage", Stage: "b", Turn: turn, Total: 1})
		after(4, host.Event{Phase: "stage", Stage: "b", Turn: turn, Total: 1, Done: 1, End: true})
	}
	if a, b := p.parts["stage a"].took, p.parts["stage b"].took; a != 4*time.Second || b != 8*time.Second {
		t.Errorf("a took %v, b %v; want 4s and 8s", a, b)
	}
}
