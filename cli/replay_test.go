package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"rechost/host"
)

// Of a task that floods its log a replay prints both ends, and how much there
// is between them.
func TestReplayOfAFlood(t *testing.T) {
	for lines, between := range map[int]string{
		2 * logEnds:      "",
		2*logEnds + 1:    "(1 line between; --json prints them all)",
		2*logEnds + 2000: "(2,000 lines between; --json prints them all)",
	} {
		var v host.Replayed
		v.Runs = make([]host.Rerun, 1)
		for i := range lines {
			v.Runs[0].Log = append(v.Runs[0].Log, fmt.Sprint("line ", i+1))
		}
		var b bytes.Buffer
		if err := printReplay(&b, &v); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range strings.Split(b.String(), "\n") {
			if strings.HasPrefix(l, "says ") || strings.Contains(l, " between; ") {
				got = append(got, strings.Join(strings.Fields(l), " "))
			}
		}
		var want []string
		for i := range logEnds {
			want = append(want, fmt.Sprint("says line ", i+1))
		}
		if between != "" {
			want = append(want, between)
		}
		for i := range logEnds {
			want = append(want, fmt.Sprint("says line ", lines-logEnds+i+1))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("of %d lines it prints\n%s", lines, b.String())
		}
	}
}
