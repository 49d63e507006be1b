package datasets

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"rechost/host/fault"
)

func readRecords(text []byte, delim string, quote bool) (all [][]string, err error) {
	c := newRecords("f", bytes.NewReader(text), delim, quote)
	for {
		fields, err := c.next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		rec := make([]string, len(fields))
		for i, f := range fields {
			rec[i] = string(f)
		}
		all = append(all, rec)
	}
}

func TestRecordNumbersAndLimit(t *testing.T) {
	c := newRecords("f", strings.NewReader("a,b\n\n\"x\ny\",2\n3,4"), ",", true)
	for _, want := range []int64{1, 3, 5} {
		if _, err := c.next(); err != nil || c.first != want {
			t.Errorf("record at line %d, want %d (%v)", c.first, want, err)
		}
	}
	for _, text := range []string{strings.Repeat("x", maxRecord+1), "\"" + strings.Repeat("x\n", maxRecord)} {
		_, err := readRecords([]byte(text), ",", true)
		if err == nil || !strings.HasPrefix(err.Error(), "f: line 1: the record that begins here is longer than 1048576 bytes: ") || len(err.Error()) > 300 {
			t.Errorf("%.200v", err)
		}
	}
}

// Where the standard library's strict reader takes a text, this one must give
// the same records.
func FuzzRecords(f *testing.F) {
	for _, s := range []string{"", "a,b\n1,2\n", "\"a\",\"b\"\"c\"\r\n", "\"a\nb\",c", "a;b|c\td::e", "a,\"", "\"a\"b", "\r\n\r", "a,\r\n,", "\"\"\"\"", "\xe9,\xef\xbb\xbf", "x\x00"} {
		f.Add([]byte(s), byte(0))
		f.Add([]byte(s), byte(1))
	}
	f.Fuzz(func(t *testing.T, text []byte, pick byte) {
		delim := delimiters[int(pick)%len(delimiters)]
		got, err := readRecords(text, delim, true)
		if err != nil {
			var fe *fault.Error
			if !errors.As(err, &fe) || fe.Code != fault.BadData || !strings.HasPrefix(fe.Msg, "f: ") {
				t.Fatalf("not a bad-data error: %v", err)
			}
		}
		if len(delim) != 1 || bytes.IndexByte(text, 0) >= 0 {
			return
		}
		std := csv.NewReader(bytes.NewReader(text))
		std.Comma, std.FieldsPerRecord = rune(delim[0]), -1
		want, stdErr := std.ReadAll()
		if stdErr != nil {
			return
		}
		if err != nil {
			t.Fatalf("encoding/csv reads %q as %q, this says %v", text, want, err)
		}
		for _, r := range got {
			for i := range r { // the standard library rewrites line ends in quotes
				r[i] = strings.ReplaceAll(r[i], "\r\n", "\n")
			}
		}
		if !slices.EqualFunc(got, want, slices.Equal[[]string]) {
			t.Fatalf("%q: %q, encoding/csv has %q", text, got, want)
		}
	})
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"0": "int", "7": "int", "-7": "int", "9223372036854775807": "int", "-9223372036854775808": "int",
		"9223372036854775808": "text", "-9223372036854775809": "text", "99999999999999999999": "text",
		"": "text", "-": "text", "+1": "text", "01": "text", "-0": "float", "1.5": "float", "-1.5e-3": "float", ".5": "float", "5.": "float",
		"1e5": "float", "1e": "text", ".": "text", "1e999": "text", "NaN": "text", "Inf": "text", "0x10": "text", "1_000": "text", "007.5": "text", "0.5": "float", "1,5": "text", " 1": "text",
	} {
		_, isInt := parseInt([]byte(text))
		_, isFloat := parseFloat([]byte(text))
		got := "text"
		switch {
		case isInt:
			got = "int"
		case isFloat:
			got = "float"
		}
		if got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
