package rewrite

import (
	"math"

	"rechost/host/fault"
)

// Caps bound the shape of a module. Zero means the default, which leaves the
// modules that compilers make generous room and a compiler bounded work.
type Caps struct {
	Size      int    // bytes of the module: 64 MiB
	Functions int    // defined: 200,000
	Body      int    // bytes of one function: 2 MiB
	Locals    int    // of one function: 10,000
	Nesting   int    // of blocks in one function: 8,192
	Blocks    int    // blocks, loops, ifs, elses and conditional branches of one function: 40,000
	Loops     int    // of one function: 5,000
	Labels    int    // in the branch tables of one function: 65,536
	Merges    int    // branches of a label squared, over the labels of one function: 64,000,000
	State     int    // blocks times locals of one function: 12,000,000
	Params    int    // of one type: 256
	Results   int    // of one type: 64
	Types     int    // 10,000
	Imports   int    // 1,000
	Exports   int    // 10,000
	Globals   int    // defined: 10,000
	Tables    int    // 4
	TableSize uint32 // entries that a table starts with: 1,000,000
	Pages     uint32 // pages of 64 KiB that memory starts with: 65,535
	Data      int    // data segments: 100,000
	Elements  int    // element segments: 10,000
	Entries   int    // in all element segments: 1,000,000
	Custom    int    // custom sections: 100
	Name      int    // bytes of one name: 64 KiB
}

var defaults = Caps{
	Size: 64 << 20, Functions: 200_000, Body: 2 << 20, Locals: 10_000, Nesting: 8192,
	Blocks: 40_000, Loops: 5000, Labels: 65_536, Merges: 64_000_000, State: 12_000_000,
	Params: 256, Results: 64, Types: 10_000, Imports: 1000, Exports: 10_000, Globals: 10_000,
	Tables: 4, TableSize: DefaultTableMax, Pages: 65_535,
	Data: 100_000, Elements: 10_000, Entries: 1_000_000, Custom: 100, Name: 64 << 10,
}

// widest are the caps of Inspect and Rewrite: what is stored for each thing
// counted stays within a small multiple of the bytes that it took.
var widest = Caps{
	Size: 1 << 30, Functions: 1 << 24, Body: 1 << 30, Locals: 1 << 30, Nesting: 1 << 22,
	Blocks: math.MaxInt, Loops: math.MaxInt, Labels: math.MaxInt, Merges: math.MaxInt, State: math.MaxInt,
	Params: 1 << 16, Results: 1 << 16, Types: 1 << 24, Imports: 100_000, Exports: 100_000, Globals: 1 << 24,
	Tables: 1 << 16, TableSize: 1<<32 - 1, Pages: 65_536,
	Data: 1 << 24, Elements: 1 << 24, Entries: 1 << 28, Custom: 10_000, Name: 1 << 24,
}

func (c Caps) filled() Caps {
	fill(&c.Size, defaults.Size)
	fill(&c.Functions, defaults.Functions)
	fill(&c.Body, defaults.Body)
	fill(&c.Locals, defaults.Locals)
	fill(&c.Nesting, defaults.Nesting)
	fill(&c.Blocks, defaults.Blocks)
	fill(&c.Loops, defaults.Loops)
	fill(&c.Labels, defaults.Labels)
	fill(&c.Merges, defaults.Merges)
	fill(&c.State, defaults.State)
	fill(&c.Params, defaults.Params)
	fill(&c.Results, defaults.Results)
	fill(&c.Types, defaults.Types)
	fill(&c.Imports, defaults.Imports)
	fill(&c.Exports, defaults.Exports)
	fill(&c.Globals, defaults.Globals)
	fill(&c.Tables, defaults.Tables)
	fill(&c.TableSize, defaults.TableSize)
	fill(&c.Pages, defaults.Pages)
	fill(&c.Data, defaults.Data)
	fill(&c.Elements, defaults.Elements)
	fill(&c.Entries, defaults.Entries)
	fill(&c.Custom, defaults.Custom)
	fill(&c.Name, defaults.Name)
	return c
}

func fill[T int | uint32](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// within refuses a module that has n of something and may have at most max.
func (r *reader) within(n, max int, what string) bool {
	if n > max {
		r.refuse(fault.Mod("the module has %d %s: at most %d are allowed", n, what, max))
	}
	return r.err == nil
}

// perFunction does the same for one function, by its index.
func (r *reader) perFunction(f, n, max int, what string) {
	if n > max {
		r.refuse(fault.Mod("function %d has %d %s: at most %d are allowed", f, n, what, max))
	}
}
