package guest

import (
	"rechost/guest/abi"
	"rechost/guest/num"
)

// Lists writes a frame that has entries: row after row, any number of entries
// each.
type Lists struct {
	t       *Task
	frame   string
	ids     string // full names of the arrays
	values  string
	offsets []uint64
	idBuf   []uint32
	valBuf  []float32
	end     uint64
}

// flushAt is the number of entries that are gathered before a host call.
const flushAt = 1 << 14

// Recommendations opens the lists of a stage that [Stage.Recommends]: one row
// a target, best first, ties by smaller item.
func (t *Task) Recommendations() *Lists {
	return t.Lists(abi.Recommendations, "item", "score")
}

// Mask is what the lists for rows [first, first+rows) of the task's targets may
// hold, for package num: none of the target's own items unless [Config.KeepSeen]
// says so, and where the run ranks candidates only, none but those. The stage
// binds "targets" aligned.
func (t *Task) Mask(first, rows int) (m num.Mask) {
	if !t.KeepSeen() {
		m.Without = t.Sparse(abi.Targets, "item", "", t.Items()).Slice(first, rows)
	}
	if t.c.Candidates != "" {
		m.Only = t.Sparse(abi.Candidates, "item", "", t.Items())
	}
	if t.c.Candidates == abi.ForEach {
		m.Only = m.Only.Slice(first, rows)
	}
	return m
}

// Candidates returns what gives the items that the list of row r may hold,
// ascending, where the run [Config.HasCandidates]: for loops of a module's own,
// which have no use for Mask.
func (t *Task) Candidates() func(r int) []uint32 {
	e := t.Entries(abi.Candidates, "item", "")
	return func(r int) []uint32 {
		if t.c.Candidates == abi.ForAll {
			r = 0
		}
		items, _ := e.Row(r)
		return items
	}
}

// Lists opens a frame of the stage's outputs whose entries are ids and values,
// such as "item" and "score". Either name can be empty where the frame has
// only the other. A second call gives the same lists.
func (t *Task) Lists(frame, ids, values string) *Lists {
	for _, l := range t.lists {
		if l.frame == frame {
			return l
		}
	}
	l := &Lists{t: t, frame: frame, offsets: make([]uint64, 1, t.Rows+1)}
	if ids != "" {
		l.ids = frame + "." + ids
	}
	if values != "" {
		l.values = frame + "." + values
	}
	t.lists = append(t.lists, l)
	return l
}

// Add appends a row: ids and values, equally long, or the one that there is.
func (l *Lists) Add(ids []uint32, values []float32) {
	n := len(ids)
	if l.ids == "" {
		n = len(values)
	}
	if l.values != "" && n != len(values) {
		mistake[int]("row " + text(len(l.offsets)-1) + " of " + l.frame + " has " + text(len(ids)) +
			" ids and " + text(len(values)) + " values")
	}
	l.end += uint64(n)
	l.offsets = append(l.offsets, l.end)
	if l.ids != "" {
		l.idBuf = append(l.idBuf, ids...)
	}
	if l.values != "" {
		l.valBuf = append(l.valBuf, values...)
	}
	if len(l.idBuf)+len(l.valBuf) >= flushAt {
		l.flush()
	}
}

// AddAll appends the rows of lists as package num returns them.
func (l *Lists) AddAll(rows num.Lists) {
	l.flush()
	for _, o := range rows.Offsets[1:] {
		l.offsets = append(l.offsets, l.end+o)
	}
	l.end = l.offsets[len(l.offsets)-1]
	if l.ids != "" {
		l.t.WriteU32(l.ids, rows.Index)
	}
	if l.values != "" {
		l.t.WriteF32(l.values, rows.Score)
	}
}

func (l *Lists) flush() {
	if l.ids != "" {
		l.t.WriteU32(l.ids, l.idBuf)
		l.idBuf = l.idBuf[:0]
	}
	if l.values != "" {
		l.t.WriteF32(l.values, l.valBuf)
		l.valBuf = l.valBuf[:0]
	}
}

// flush writes what the task's lists still hold, when its function has ended.
func (t *Task) flush() {
	for _, l := range t.lists {
		l.flush()
		t.WriteU64(l.frame+"."+abi.Offsets, l.offsets)
	}
}
