package fault

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzClean: what is cleaned is text without anything that a terminal obeys,
// not longer than asked for, and stays as it is when it is cleaned again.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "a\nb\tc", "\x1b[31mred\x07", "\u202eabc\u2069", "\xff\xfe", "\u0085\u2028x", "é…", "\xc3"} {
		f.Add(s, uint8(200))
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, s string, most uint8) {
		c := Clean(s, int(most))
		if !utf8.ValidString(c) {
			t.Errorf("%q is not UTF-8", c)
		}
		for _, r := range c {
			if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) && r != 0x61c {
				t.Errorf("%q holds %U", c, r)
			}
		}
		if n := utf8.RuneCountInString(c); n > int(most)+1 {
			t.Errorf("%d characters, of at most %d", n, most)
		}
		if again := Clean(c, len(c)); again != c {
			t.Errorf("%q becomes %q", c, again)
		}
	})
}
