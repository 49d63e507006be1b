package profile

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Text says how a profile is written for people.
type Text struct {
	Width int  // columns at most; 0 is 80, less than 40 is 40
	ASCII bool // bars of # instead of blocks
}

// WriteText writes p as lines of at most t.Width columns: the sizes, then a
// histogram of interactions per user and one per item.
func (p Profile) WriteText(w io.Writer, t Text) error {
	var b strings.Builder
	line := func(name, format string, a ...any) { fmt.Fprintf(&b, "%-14s%s\n", name, fmt.Sprintf(format, a...)) }
	line("rows", "%s", count(p.Rows))
	left := p.LeftOut
	for _, r := range []struct {
		n   int64
		why string
	}{
		{left.User, "without a user"},
		{left.Item, "without an item"},
		{left.Value, "without a value"},
		{left.MinValue, "with too small a value"},
		{left.Time, "without a time"},
	} {
		if r.n > 0 {
			line("  left out", "%s %s", count(r.n), r.why)
		}
	}
	if p.Repeated > 0 {
		line("  repeated", "%s of a pair that another row has", count(p.Repeated))
	}
	line("interactions", "%s", count(int64(p.Entries)))
	line("users", "%s", count(int64(p.Users)))
	line("items", "%s", count(int64(p.Items)))
	line("density", "%s", percent(p.Density))
	if p.Value != nil {
		line("values", "%s to %s", strconv.FormatFloat(p.Value.Min, 'g', -1, 32), strconv.FormatFloat(p.Value.Max, 'g', -1, 32))
	}
	if p.Time != nil {
		line("times", "%s to %s", clock(p.Time.From), clock(p.Time.To))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	if err := p.PerUser.WriteText(w, "interactions per user", "users", t); err != nil {
		return err
	}
	return p.PerItem.WriteText(w, "interactions per item", "items", t)
}

// WriteText writes a title, the quantiles (the share of users or items that have at
// most so many interactions) and a histogram, one line a bucket:
// its bounds, a bar, how many of what there are, and their share.
func (s Spread) WriteText(w io.Writer, title, what string, t Text) error {
	width := t.Width
	if width == 0 {
		width = 80
	}
	width = max(width, 40)
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", title)
	if len(s.Buckets) > 0 {
		words := []string{}
		for _, q := range s.Quantiles {
			name := fmt.Sprintf("%d %%:", q.Percent)
			switch q.Percent {
			case 0:
				name = "least"
			case 50:
				name = "median"
			case 100:
				name = "most"
			}
			words = append(words, fmt.Sprintf("%s %s", name, count(int64(q.N))))
		}
		words = append(words, "mean "+strconv.FormatFloat(s.Mean, 'f', 1, 64), "gini "+strconv.FormatFloat(s.Gini, 'f', 3, 64))
		wrap(&b, words, width)
	}
	total, most, bounds, counts := 0, 0, 0, len(what)
	names := make([]string, len(s.Buckets))
	for i, k := range s.Buckets {
		names[i] = count(int64(k.From))
		if k.To > k.From {
			names[i] += " - " + count(int64(k.To))
		}
		total += k.Count
		most = max(most, k.Count)
		bounds = max(bounds, len(names[i]))
		counts = max(counts, len(count(int64(k.Count))))
	}
	room := max(width-bounds-counts-14, 5) // two blanks at the left, the share at the right
	if total > 0 {
		fmt.Fprintf(&b, "  %*s  %s %*s\n", bounds, "", strings.Repeat(" ", room), counts, what)
	}
	for i, k := range s.Buckets {
		fmt.Fprintf(&b, "  %*s |%s %*s %7s\n", bounds, names[i], pad(bar(k.Count, most, room, t.ASCII), room), counts, count(int64(k.Count)), share(k.Count, total))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// bar is n of most, in a field of so many columns. Anything that is there at
// all shows.
func bar(n, most, columns int, ascii bool) string {
	if n == 0 || most == 0 {
		return ""
	}
	if ascii {
		return strings.Repeat("#", max(1, (n*columns+most/2)/most))
	}
	eighths := max(1, (n*columns*8+most/2)/most)
	s := strings.Repeat("█", eighths/8)
	if r := eighths % 8; r > 0 {
		s += string([]rune(" ▏▎▍▌▋▊▉")[r])
	}
	return s
}

func pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(columns-utf8.RuneCountInString(s), 0))
}

// wrap writes words on lines of at most width columns, two blanks before and
// between them.
func wrap(b *strings.Builder, words []string, width int) {
	at := 0
	for _, w := range words {
		if at > 0 && at+2+len(w) > width {
			b.WriteByte('\n')
			at = 0
		}
		b.WriteString("  " + w)
		at += 2 + len(w)
	}
	b.WriteByte('\n')
}

// count writes 1234567 as 1,234,567.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func percent(x float64) string { return strconv.FormatFloat(100*x, 'g', 3, 64) + " %" }

func share(n, total int) string {
	return strconv.FormatFloat(100*float64(n)/float64(total), 'f', 1, 64) + " %"
}

func clock(micros int64) string {
	return time.UnixMicro(micros).UTC().Format("2006-01-02 15:04:05Z")
}
