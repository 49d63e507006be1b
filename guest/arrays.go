package guest

import (
	"rechost/guest/abi"
	"rechost/guest/num"
)

// Vector returns an input array of float32 for the kernels of package num. In
// the sandbox its numbers stay with the host.
func (t *Task) Vector(name string) num.Vec[float32] {
	return vector[float32](t.open(name, "f32"))
}

// Matrix returns an input array of float32 with columns, as Vector does.
func (t *Task) Matrix(name string) num.Matrix {
	in := t.open(name, "f32")
	if in.Width == 0 {
		mistake[int]("input " + name + " has no columns")
	}
	return num.Matrix{Rows: in.Rows, Cols: in.Width, Data: vector[float32](in)}
}

// Sparse returns a frame with entries as a sparse matrix, as Vector does: ids
// names the array of column numbers, below cols, and values that of the
// values; with values empty every value is 1.
func (t *Task) Sparse(frame, ids, values string, cols int) num.Sparse {
	m := num.Sparse{Cols: cols, Offsets: vector[uint64](t.open(frame+"."+abi.Offsets, "u64")),
		Index: vector[uint32](t.open(frame+"."+ids, "u32"))}
	m.Rows = m.Offsets.Len() - 1
	if values != "" {
		m.Value = t.Vector(frame + "." + values)
	}
	return m
}

func vector[T uint32 | uint64 | float32](in Input) num.Vec[T] {
	if v, ok := in.Data.([]T); ok {
		return num.Of(v)
	}
	return num.Opened[T](in.Handle, 0, in.Elements)
}

// Blocks calls do for the rows of the shard in blocks of at most size, first
// counting from 0, and reports progress after each. It keeps the memory of a
// task small whatever the shard's size, and lets the host in between.
func (t *Task) Blocks(size int, do func(first, rows int)) {
	for first := 0; first < t.Rows; first += size {
		n := min(size, t.Rows-first)
		do(first, n)
		breathe()
		t.Progress(first+n, t.Rows)
	}
}
