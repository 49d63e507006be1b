package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mattn/go-runewidth" // columns of East Asian and combining characters; the progress bars bring it along
	"golang.org/x/term"             // the terminal's width
)

// writeJSON prints v. Characters that could trick a terminal are escaped, which
// for JSON is the same text.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, escapeControls(b.String()))
	return err
}

// escapeControls writes as \uXXXX what clean would replace. Only strings of a
// JSON text can hold such characters, the encoder having escaped the rest.
func escapeControls(s string) string {
	if clean(s) == strings.TrimRight(s, "\n") {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t' || r == utf8.RuneError:
			b.WriteRune(r)
		case clean(string(r)) != string(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// A grid is rows of text in aligned columns.
type grid struct {
	head  []string
	right []bool // columns of numbers
	uncut bool   // cells may be as long as they like; the last one of a row is wrapped to the terminal
	rows  [][]string
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// widest is the most columns of a terminal that one cell takes, narrowest the
// fewest that one is cut to.
const (
	widest    = 60
	narrowest = 8
)

// screen is the width of the terminal that w is, in columns, or 0 where w is
// none. COLUMNS overrides it, and stands for one where there is none.
func screen(w io.Writer) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return 0
}

// fit makes columns narrower, the widest first, until a line has at most room
// columns or none can give more. Those of numbers stay.
func (g *grid) fit(width []int, room int) {
	total := 2 * (len(width) - 1)
	for _, n := range width {
		total += n
	}
	for ; total > room; total-- {
		at := -1
		for c, n := range width {
			if n > narrowest && !(c < len(g.right) && g.right[c]) && (at < 0 || n > width[at]) {
				at = c
			}
		}
		if at < 0 {
			return
		}
		width[at]--
	}
}

// write prints the grid, a cell cleaned, on one line and cut to fit.
func (g *grid) write(w io.Writer) error {
	room := screen(w)
	lines := make([][]string, 0, len(g.rows)+1)
	if g.head != nil {
		lines = append(lines, g.head)
	}
	lines = append(lines, g.rows...)
	var width []int
	for i, row := range lines {
		cells := make([]string, len(row))
		for c, cell := range row {
			cells[c] = oneLine(cell)
			if !g.uncut {
				cells[c] = runewidth.Truncate(cells[c], widest, "…")
			}
			if c == len(width) {
				width = append(width, 0)
			}
			width[c] = max(width[c], runewidth.StringWidth(cells[c]))
		}
		lines[i] = cells
	}
	if room > 0 && !g.uncut {
		g.fit(width, room)
	}
	var b strings.Builder
	for _, row := range lines {
		var line strings.Builder
		for c, cell := range row {
			if c > 0 {
				line.WriteString("  ")
			}
			if !g.uncut {
				cell = runewidth.Truncate(cell, width[c], "…")
			} else if indent := runewidth.StringWidth(line.String()); c == len(row)-1 && room > 0 && indent+runewidth.StringWidth(cell) > room {
				line.WriteString(strings.Join(wrap(cell, max(room-indent, 20)), "\n"+strings.Repeat(" ", indent)))
				continue
			}
			pad := strings.Repeat(" ", width[c]-runewidth.StringWidth(cell))
			if c < len(g.right) && g.right[c] {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// oneLine is clean text without breaks.
func oneLine(s string) string {
	return strings.NewReplacer("\n", "�", "\t", " ").Replace(clean(s))
}

// count writes a whole number with its thousands apart.
func count[T ~int | ~int64 | ~uint64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural is "1 row" or "3 rows".
func plural[T ~int | ~int64](n T, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + one + "s"
}

// bytesText is a size as people read it.
func bytesText(n int64) string {
	x, unit := float64(n), "B"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if x < 1024 {
			break
		}
		x, unit = x/1024, u
	}
	switch {
	case unit == "B":
		return strconv.FormatInt(n, 10) + " B"
	case x < 10 && x != math.Trunc(x):
		return fmt.Sprintf("%.1f %s", x, unit)
	}
	return fmt.Sprintf("%.0f %s", x, unit)
}

// secondsText is a number of seconds as people read it: 0.004, 0.31, 12.8, 3m20s.
func secondsText(s float64) string {
	switch {
	case s < 0.01:
		return fmt.Sprintf("%.3f s", s)
	case s < 10:
		return fmt.Sprintf("%.2f s", s)
	case s < 100:
		return fmt.Sprintf("%.1f s", s)
	}
	return (time.Duration(math.Round(s)) * time.Second).String()
}

// shortTime is a duration without zeros at its end: 10m, not 10m0s.
func shortTime(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}
