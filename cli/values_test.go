package cli

import (
	"testing"
	"time"
)

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{
		"512MB": 512e6, "2GiB": 2 << 30, "1.5k": 1500, "4096": 4096, "1 KiB": 1024, "0": 0, "3b": 3, "1tb": 1e12,
	} {
		var s size
		if err := s.Set(text); err != nil || int64(s) != want {
			t.Errorf("%s: %d, %v; want %d", text, s, err, want)
		}
	}
	for _, text := range []string{"", "x", "-1", "1PB", "nan", "inf", "0x10", "1e30GB", "MB", "1 2", "1.5.2k"} {
		var s size
		if err := s.Set(text); err == nil {
			t.Errorf("%q is taken as %d", text, s)
		}
	}
}

func TestBound(t *testing.T) {
	var b bound
	if err := b.Set("2GiB"); err != nil || b != 2<<30 || b.String() != "2147483648" {
		t.Errorf("2GiB: %s, %v", b.String(), err)
	}
	for _, text := range []string{"0", "0MB", "0.4", "-1", "x"} {
		if err := b.Set(text); err == nil || b != 2<<30 {
			t.Errorf("%q is taken as %d", text, b)
		}
	}
}

func TestSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "10m": 10 * time.Minute, "2h30m": 150 * time.Minute, "30d": 720 * time.Hour,
		"1w2d": 9 * 24 * time.Hour, "1d12h": 36 * time.Hour, "250ms": 250 * time.Millisecond, "1.5d": 36 * time.Hour,
	} {
		var s span
		if err := s.Set(text); err != nil || time.Duration(s) != want {
			t.Errorf("%s: %v, %v; want %v", text, time.Duration(s), err, want)
		}
	}
	for _, text := range []string{"", "10", "x", "-3s", "0s", "d", "1y", "1e300d"} {
		var s span
		if err := s.Set(text); err == nil {
			t.Errorf("%q is taken as %v", text, time.Duration(s))
		}
	}
}

func TestShare(t *testing.T) {
	for text, want := range map[string]float64{"0.02": 0.02, "2%": 0.02, "99.5%": 0.995} {
		for _, all := range []bool{false, true} {
			var x float64
			if err := (share{&x, all}).Set(text); err != nil || x != want {
				t.Errorf("%s: %v, %v; want %v", text, x, err, want)
			}
		}
	}
	for _, text := range []string{"", "0", "1", "100%", "2", "-0.1", "nan", "x%"} {
		var x float64
		if err := (share{&x, false}).Set(text); err == nil {
			t.Errorf("%q is taken as %v", text, x)
		}
		all := text == "1" || text == "100%"
		if err := (share{&x, true}).Set(text); (err == nil) != all || all && x != 1 {
			t.Errorf("%q of all is taken as %v: %v", text, x, err)
		}
	}
}

func TestParams(t *testing.T) {
	m, err := paramValues([]string{"a=1", "b=x=y,z", "c=", "a=1"})
	if err != nil || len(m) != 3 || m["b"] != "x=y,z" || m["c"] != "" {
		t.Errorf("%v, %v", m, err)
	}
	for _, bad := range [][]string{{"a"}, {"=1"}, {"a=1", "a=2"}} {
		if _, err := paramValues(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
