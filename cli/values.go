package cli

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"rechost/host/digest"
	"rechost/host/fault"
)

// The types here are values of flags: each reads its text in Set and says in
// one line what it would have taken.

// size is a number of bytes: 512MB, 2GiB, 1.5k, 4096.
type size int64

var units = []struct {
	name  string
	bytes float64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12},
	{"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"t", 1e12}, {"b", 1}, {"", 1},
}

func (s *size) Set(text string) error {
	low := strings.ToLower(strings.TrimSpace(text))
	for _, u := range units {
		digits, ok := strings.CutSuffix(low, u.name)
		if !ok {
			continue
		}
		x, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || !(x >= 0) || strings.ContainsAny(digits, "xpin") {
			break
		}
		if x*u.bytes > math.MaxInt64/2 {
			return fmt.Errorf("more bytes than there are")
		}
		*s = size(x * u.bytes)
		return nil
	}
	return fmt.Errorf("not a size such as 512MB or 2GiB")
}

func (s *size) String() string {
	if s == nil || *s == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*s), 10)
}

// bound is a size of at least a byte: 0 would be the default, not none.
type bound int64

func (b *bound) Set(text string) error {
	var s size
	if err := s.Set(text); err != nil {
		return err
	}
	if s == 0 {
		return fmt.Errorf("not a size above 0 such as 512MB or 2GiB")
	}
	*b = bound(s)
	return nil
}

func (b *bound) String() string { return (*size)(b).String() }

// span is a duration: 30s, 10m, 2h30m, 30d, 2w. A plain number is refused: it
// would have to be guessed whether it means seconds.
type span time.Duration

func (s *span) Set(text string) error {
	rest := strings.ToLower(strings.TrimSpace(text))
	var whole time.Duration
	for _, u := range []struct {
		letter string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		digits, after, ok := strings.Cut(rest, u.letter)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(digits, 64)
		if err != nil || !(n >= 0) || n*float64(u.length) > math.MaxInt64/2 {
			return fmt.Errorf("not a time such as 30s, 10m or 30d")
		}
		whole += time.Duration(n * float64(u.length))
		rest = after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return fmt.Errorf("not a time such as 30s, 10m or 30d")
		}
		whole += d
	}
	if whole <= 0 || strings.TrimSpace(text) == "" {
		return fmt.Errorf("not a time such as 30s, 10m or 30d")
	}
	*s = span(whole)
	return nil
}

func (s *span) String() string {
	if s == nil || *s == 0 {
		return ""
	}
	return time.Duration(*s).String()
}

// share is a part of a whole above 0: 0.02 or 2%. All of it, 1 or 100%, is one
// only where all is set.
type share struct {
	value *float64
	all   bool
}

func (s share) Set(text string) error {
	digits, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	x, err := strconv.ParseFloat(digits, 64)
	if percent {
		x /= 100
	}
	switch {
	case err == nil && x > 0 && (x < 1 || s.all && x == 1):
		*s.value = x
		return nil
	case s.all:
		return fmt.Errorf("not a share above 0 and at most 1, such as 0.02 or 2%%")
	}
	return fmt.Errorf("not a share above 0 and below 1, such as 0.02 or 2%%")
}

func (s share) String() string {
	if s.value == nil || *s.value == 0 {
		return ""
	}
	return strconv.FormatFloat(*s.value, 'g', -1, 64)
}

// number is a finite number that may be left unset.
type number struct{ value **float64 }

func (n number) Set(text string) error {
	x, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Errorf("not a number such as 4 or 0.5")
	}
	*n.value = &x
	return nil
}

func (n number) String() string {
	if n.value == nil || *n.value == nil {
		return ""
	}
	return strconv.FormatFloat(**n.value, 'g', -1, 64)
}

// whole is a whole number of at least Min.
type whole struct {
	value *int
	min   int
}

func (n whole) Set(text string) error {
	x, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return fmt.Errorf("not a whole number such as %d", max(n.min, 20))
	}
	if x < n.min {
		return fmt.Errorf("must be at least %d", n.min)
	}
	*n.value = x
	return nil
}

func (n whole) String() string {
	if n.value == nil || *n.value == 0 {
		return ""
	}
	return strconv.Itoa(*n.value)
}

// output is a file to write. "-" would be a file of that name, where people
// mean standard output, which only ever carries results as text.
type output struct{ value *string }

func (o output) Set(text string) error {
	if text == "-" {
		return errNoFile
	}
	*o.value = text
	return nil
}

func (o output) String() string {
	if o.value == nil {
		return ""
	}
	return *o.value
}

var errNoFile = errors.New("not a file: what is written here never goes to standard output (./- is a file of that name)")

// choice is one of some words.
type choice struct {
	value *string
	words []string
}

func (c choice) Set(text string) error {
	for _, w := range c.words {
		if text == w {
			*c.value = w
			return nil
		}
	}
	if near := fault.Nearest(text, c.words); near != "" {
		return fmt.Errorf("not one of %s; did you mean %s?", strings.Join(c.words, ", "), near)
	}
	return fmt.Errorf("not one of %s", strings.Join(c.words, ", "))
}

func (c choice) String() string {
	if c.value == nil {
		return ""
	}
	return *c.value
}

func (c choice) options() []string { return c.words }

// choices is some of a few words; the flag is given once for each.
type choices struct {
	list  *[]string
	words []string
}

func (c choices) Set(text string) error {
	var word string
	if err := (choice{&word, c.words}).Set(text); err != nil {
		return err
	}
	if !slices.Contains(*c.list, word) {
		*c.list = append(*c.list, word)
	}
	return nil
}

func (c choices) String() string {
	if c.list == nil {
		return ""
	}
	return strings.Join(*c.list, " ")
}

func (c choices) options() []string { return c.words }

// sha256Of is a digest, with or without "sha256:" before it.
type sha256Of struct{ sum *digest.Digest }

func (d sha256Of) Set(text string) error {
	x, err := digest.Parse(strings.ToLower(strings.TrimPrefix(strings.TrimSpace(text), "sha256:")))
	if err != nil {
		return err
	}
	if x.IsZero() {
		return fmt.Errorf("no file has it")
	}
	*d.sum = x
	return nil
}

func (d sha256Of) String() string {
	if d.sum == nil || d.sum.IsZero() {
		return ""
	}
	return d.sum.String()
}

// paramValues reads repeated name=value. The value may be empty and may hold "=".
func paramValues(list []string) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	m := map[string]string{}
	for _, p := range list {
		name, value, ok := strings.Cut(p, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return nil, fault.Use("--param %s: not name=value", p).WithHint("--param neighbours=100")
		}
		if old, ok := m[name]; ok && old != value {
			return nil, fault.Use("--param %s is given twice, as %s and as %s", name, old, value)
		}
		m[name] = value
	}
	return m, nil
}

// amount is a whole number of at least 1 of what it is of, with k, M or G for
// thousands, millions and billions.
type amount struct {
	value *int64
	of    string
}

func (a amount) Set(text string) error {
	var s size
	if strings.ContainsAny(text, "bBiI") || s.Set(text) != nil || s == 0 {
		return fmt.Errorf("not a number of %s such as 5000000 or 2G", a.of)
	}
	*a.value = int64(s)
	return nil
}

func (a amount) String() string {
	if a.value == nil || *a.value == 0 {
		return ""
	}
	return strconv.FormatInt(*a.value, 10)
}

func asDuration(s span) time.Duration { return time.Duration(s) }
