package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// In a narrow terminal the widest columns are cut and numbers stay; text for
// copying is wrapped at blanks, and not touched where it fits.
func TestGridFits(t *testing.T) {
	t.Setenv("COLUMNS", "40")
	table := grid{head: []string{"user", "title", "what", "score"}, right: []bool{false, false, false, true}}
	table.add("1", strings.Repeat("東", 20), "twelve chars", "12345.678")
	table.add("2", "Alien", "x", "1")
	text := grid{uncut: true}
	text.add("  files", "one two  three")
	text.add("  digest", strings.Repeat("0", 64))
	text.add("  long", "collaborative filtering by the nearest neighbours")
	var b bytes.Buffer
	if err := firstOf(table.write(&b), text.write(&b)); err != nil {
		t.Fatal(err)
	}
	want := `
user  title       what             score
1     東東東東…   twelve cha…  12345.678
2     Alien       x                    1
  files   one two  three
  digest  ` + strings.Repeat("0", 64) + `
  long    collaborative filtering by the
          nearest neighbours
`
	if got := "\n" + b.String(); got != want {
		t.Errorf("got%s\nwant%s", got, want)
	}
	t.Setenv("COLUMNS", "")
	b.Reset()
	if err := table.write(&b); err != nil || strings.Contains(b.String(), "…") {
		t.Errorf("cut without a terminal: %v\n%s", err, b.String())
	}
}

// Help is wrapped to the terminal, names too long for their column alone on
// their line, and to its own width where there is none.
func TestHelpFits(t *testing.T) {
	for columns, most := range map[string]int{"50": 50, "400": helpWidth, "": helpWidth} {
		t.Setenv("COLUMNS", columns)
		var b strings.Builder
		pairs := [][2]string{{"    --module-sha256 DIGEST", strings.Repeat("word ", 40)}, {"-q, --quiet", "x"}}
		writePairs(&b, pairs, cmp.Or(min(screen(&b), helpWidth), helpWidth))
		longest := 0
		for _, l := range strings.Split(b.String(), "\n") {
			longest = max(longest, len(l))
			if l != strings.TrimRight(l, " ") {
				t.Errorf("COLUMNS=%s: blanks at the end of %q", columns, l)
			}
		}
		if longest > most || longest < most-10 {
			t.Errorf("COLUMNS=%s: lines of up to %d columns, not %d:\n%s", columns, longest, most, b.String())
		}
	}
}

func TestGridAligns(t *testing.T) {
	g := grid{head: []string{"item", "title", "score"}, right: []bool{false, false, true}}
	g.add("1", "東京物語", "0.5")
	g.add("22", "Ame\u0301lie", "10") // a combining accent takes no column
	g.add("3", "a\x1b[2Jb\nc", "1")
	g.add("4", strings.Repeat("x", 100), "1")
	var b bytes.Buffer
	if err := g.write(&b); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 59) + "…"
	pad := func(s string, cells int) string { return s + strings.Repeat(" ", 60-cells) }
	want := strings.Join([]string{
		"item  " + pad("title", 5) + "  score",
		"1     " + pad("東京物語", 8) + "    0.5",
		"22    " + pad("Ame\u0301lie", 6) + "     10",
		"3     " + pad("a�[2Jb�c", 8) + "      1",
		"4     " + long + "      1",
	}, "\n") + "\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// What could trick a terminal is escaped in JSON, and reads back the same.
func TestJSONIsHarmless(t *testing.T) {
	in := map[string]string{"id": "a\x1b[2J\u009b\u202eb<&>", "name": "東京"}
	var b bytes.Buffer
	if err := writeJSON(&b, in); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); clean(s) != strings.TrimSuffix(s, "\n") || !strings.Contains(s, "東京") || !strings.Contains(s, "<&>") {
		t.Errorf("%q", s)
	}
	var out map[string]string
	if err := json.Unmarshal(b.Bytes(), &out); err != nil || out["id"] != in["id"] || out["name"] != in["name"] {
		t.Errorf("%q, %v", out, err)
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		count(1234567):              "1,234,567",
		count(-1234):                "-1,234",
		count(999):                  "999",
		plural(1, "row"):            "1 row",
		plural(0, "row"):            "0 rows",
		bytesText(1023):             "1023 B",
		bytesText(1536):             "1.5 KiB",
		bytesText(20 << 20):         "20 MiB",
		secondsText(0.00421):        "0.004 s",
		secondsText(1.234):          "1.23 s",
		shortTime(10 * time.Minute): "10m",
		shortTime(2 * time.Hour):    "2h",
		shortTime(90 * time.Second): "1m30s",
		secondsText(200):            "3m20s",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
