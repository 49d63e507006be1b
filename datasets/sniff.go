package datasets

import (
	"bytes"
	"io"
	"strings"
)

// delimiters are what a csv file's fields may stand apart by, in the order of
// preference among those that cut every record into equally many fields.
var delimiters = []string{"::", "\t", ";", "|", ","}

// sampleBytes is how much of a file is looked at to find its delimiter and
// header.
const sampleBytes = 1 << 18

// sample is the first records of a file, copied: with an error, those before it.
func sample(name string, head []byte, whole bool, delim string, quote bool) ([][][]byte, error) {
	const enough = 500
	c := newRecords(name, bytes.NewReader(head), delim, quote)
	var all [][][]byte
	for len(all) < enough {
		fields, err := c.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			if !whole && len(all) > 0 { // a quoted field that the sample cuts
				break
			}
			return all, err
		}
		rec := make([][]byte, len(fields))
		for i, f := range fields {
			rec[i] = bytes.Clone(f)
		}
		all = append(all, rec)
	}
	return all, nil
}

// sniffDelimiter finds the delimiter that cuts all records of the beginning into
// the same number of fields, at least two: the one that gives most fields.
// Where none does, the one for which most records agree with the first, so
// that what does not fit, a quote that is never closed among it, is named as an
// error; where no record has any of them, "", one field a line.
func sniffDelimiter(name string, head []byte, whole bool, quote func(delim string) bool) string {
	best, bestFields, bestAgree, even := "", 1, 0, false
	for _, d := range delimiters {
		recs, err := sample(name, head, whole, d, quote(d))
		if len(recs) == 0 || len(recs[0]) < 2 {
			continue
		}
		n, agree := len(recs[0]), 0
		for _, r := range recs {
			if len(r) == n {
				agree++
			}
		}
		all := err == nil && agree == len(recs)
		switch {
		case all && (!even || n > bestFields), !all && !even && agree > bestAgree:
			best, bestFields, bestAgree, even = d, n, agree, all
		}
	}
	return best
}

// names that a column of interactions goes by, in the form of plainName.
var roleNames = map[string]bool{}

func init() {
	for _, n := range strings.Fields(`user userid uid u customerid customer visitorid reviewerid sessionid session accountid memberid
		item itemid iid i movieid movie asin parentasin stockcode productid articleid businessid bookid isbn artistid trackid songid videoid
		rating ratings weight value count label overall stars score quantity playcount plays
		timestamp datetime time ts date eventtime unixreviewtime invoicedate
		title name genres genre tag split`) {
		roleNames[n] = true
	}
}

// plainName is a column name without case, blanks, underscores and hyphens.
func plainName(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(string(b)))
}

// looksLikeHeader reports whether the first record names the columns, and why
// one would think so: its fields are different texts, none empty, none a
// number, and either one of them is a usual name, or a column
// that is numbers below has a text on top.
func looksLikeHeader(recs [][][]byte) (bool, string) {
	if len(recs) == 0 {
		return false, "the file is empty"
	}
	first := recs[0]
	seen := map[string]bool{}
	for _, f := range first {
		n := plainName(f)
		if n == "" || isNumber(f) || seen[n] {
			return false, "its first line has a number, an empty field or a repetition"
		}
		seen[n] = true
	}
	for _, f := range first {
		if roleNames[plainName(f)] {
			return true, "its first line has usual column names"
		}
	}
	for k := range first {
		numbers, texts := 0, 0
		for _, r := range recs[1:] {
			switch {
			case k >= len(r) || len(r[k]) == 0:
			case isNumber(r[k]):
				numbers++
			default:
				texts++
			}
		}
		if numbers > 0 && texts == 0 {
			return true, "a column has a text on top and numbers below"
		}
	}
	return false, "its first line is like the others"
}
