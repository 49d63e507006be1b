package datasets

import (
	"bufio"
	"bytes"
	"io"

	"rechost/host/fault"
)

// maxRecord bounds one record, so that a quote that is never closed, or a file
// that is no text at all, costs no more memory than this.
const maxRecord = 1 << 20

// records reads delimited text, record by record. Lines end in LF or CRLF;
// blank lines between records are skipped and counted. With quotes, a field
// that begins with a double quote ends at the next single one, "" standing for
// one, and may hold delimiters and line ends (RFC 4180); a quote anywhere else in
// a field is an ordinary character. Bytes beyond ASCII are not looked at.
type records struct {
	name  string
	r     *bufio.Reader
	delim []byte // empty: the line is the field
	quote bool

	line   int64 // lines read so far
	first  int64 // line on which the last record begins, from 1
	blank  int64
	crlf   bool // some line ended in CRLF
	raw    []byte
	fields [][]byte
	plain  []byte // unquoted text of the record
	ends   []int
}

func newRecords(name string, r io.Reader, delim string, quote bool) *records {
	b, ok := r.(*bufio.Reader)
	if !ok {
		b = bufio.NewReaderSize(r, 1<<16)
	}
	return &records{name: name, r: b, delim: []byte(delim), quote: quote}
}

// bad is an error about the last record.
func (c *records) bad(format string, a ...any) *fault.Error {
	e := fault.Data(format, a...)
	line := bytes.TrimRight(c.raw, "\r\n")
	e.Msg = lineError(c.name, c.first, line, e.Msg)
	return e
}

// lineError is the message for a bad line: file, number, what is wrong, and
// the line itself, made fit for a terminal.
func lineError(name string, number int64, line []byte, what string) string {
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	line = bytes.ReplaceAll(line, []byte{'\t'}, []byte(`\t`))
	return fault.New(fault.BadData, "%s: line %d: %s: %s", name, number, what, fault.Clean(string(line), 120)).Msg
}

// readLine appends the next line, with its end, to raw.
func (c *records) readLine() error {
	got := false
	for {
		part, err := c.r.ReadSlice('\n')
		if len(part) > 0 && !got {
			got = true
			c.line++
		}
		c.raw = append(c.raw, part...)
		if len(c.raw) > maxRecord {
			return c.bad("the record that begins here is longer than %d bytes", maxRecord)
		}
		switch err {
		case nil:
			return nil
		case bufio.ErrBufferFull:
		case io.EOF:
			if got {
				return nil
			}
			return io.EOF
		default:
			return fault.Data("%s: after line %d: %v", c.name, c.line, err)
		}
	}
}

// end is the length of raw without its line end.
func (c *records) end() int {
	n := len(c.raw)
	if n > 0 && c.raw[n-1] == '\n' {
		n--
		if n > 0 && c.raw[n-1] == '\r' {
			n--
			c.crlf = true
		}
	} else if n > 0 && c.raw[n-1] == '\r' { // the last line of a CRLF file that was cut
		n--
	}
	return n
}

// next returns the fields of the next record, valid until the call after it;
// io.EOF after the last one.
func (c *records) next() ([][]byte, error) {
	for {
		c.raw = c.raw[:0]
		c.first = c.line + 1
		if err := c.readLine(); err != nil {
			return nil, err
		}
		if c.end() > 0 {
			break
		}
		c.blank++
	}
	n := c.end()
	if bytes.IndexByte(c.raw[:n], 0) >= 0 {
		return nil, c.bad("has a zero byte, so this is not a text file")
	}
	c.fields = c.fields[:0]
	if !c.quote || bytes.IndexByte(c.raw[:n], '"') < 0 {
		c.split(c.raw[:n])
		return c.fields, nil
	}
	return c.fields, c.quoted()
}

// split cuts a line without quotes.
func (c *records) split(line []byte) {
	for len(c.delim) > 0 {
		i := bytes.Index(line, c.delim)
		if i < 0 {
			break
		}
		c.fields = append(c.fields, line[:i])
		line = line[i+len(c.delim):]
	}
	c.fields = append(c.fields, line)
}

// quoted cuts a record that has quotes in it, reading more lines where a
// quoted field spans them.
func (c *records) quoted() error {
	c.plain, c.ends = c.plain[:0], c.ends[:0]
	at := 0
	for {
		n := c.end()
		if at < n && c.raw[at] == '"' {
			at++
			for {
				i := bytes.IndexByte(c.raw[at:], '"')
				if i < 0 {
					c.plain = append(c.plain, c.raw[at:]...)
					at = len(c.raw)
					switch err := c.readLine(); err {
					case nil:
						if bytes.IndexByte(c.raw[at:], 0) >= 0 {
							return c.bad("has a zero byte, so this is not a text file")
						}
						continue
					case io.EOF:
						return c.bad("a quote is opened here and never closed").WithHint("where quotes are ordinary characters: --quotes no")
					default:
						return err
					}
				}
				c.plain = append(c.plain, c.raw[at:at+i]...)
				at += i + 1
				if at < len(c.raw) && c.raw[at] == '"' {
					c.plain = append(c.plain, '"')
					at++
					continue
				}
				break
			}
			n = c.end()
			if at < n && !(len(c.delim) > 0 && bytes.HasPrefix(c.raw[at:n], c.delim)) {
				return c.bad("text after a closing quote").WithHint("where quotes are ordinary characters: --quotes no")
			}
		} else {
			end := n
			if len(c.delim) > 0 {
				if i := bytes.Index(c.raw[at:n], c.delim); i >= 0 {
					end = at + i
				}
			}
			c.plain = append(c.plain, c.raw[at:end]...)
			at = end
		}
		c.ends = append(c.ends, len(c.plain))
		if at >= n {
			break
		}
		at += len(c.delim)
	}
	start := 0
	for _, e := range c.ends {
		c.fields = append(c.fields, c.plain[start:e])
		start = e
	}
	return nil
}
