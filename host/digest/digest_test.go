package digest

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	d := Of([]byte("x"))
	if got, err := Parse(d.String()); err != nil || got != d {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", d.String()[1:], d.String() + "0", strings.ToUpper(d.String()), strings.Repeat("g", 64)} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if d != OfParts([]byte(""), []byte("x")) {
		t.Error("the digest of parts is not that of the whole")
	}
}
