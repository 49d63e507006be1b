package doctor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"rechost/host/digest"
	w "rechost/host/sandbox/rewrite/wasmenc"
	"rechost/host/task"
)

const (
	worlds = "files, environment, clocks, randomness"
	traces = "what an earlier task left"
)

const badf = 8 // WASI: bad file descriptor

// worldly look for the world outside through WASI.
func worldly() []attack {
	// A guest that writes the results of calls.
	asks := func(name, gives string, check func(reply) error, imports []string, asks func(x names) [][]byte) attack {
		return attack{kind: worlds, name: name, want: mustGive(gives, byWASI, check), modules: []func() []byte{guest{
			imports: imports, pages: 2, more: text("/etc/passwd"), attack: func(x names) []byte {
				var body [][]byte
				list := asks(x)
				for i, ask := range list {
					body = append(body, w.I32Const(int32(1<<16+4*i)), ask, w.I32Store(0))
				}
				return w.Join(w.Join(body...), x.write(1<<16, int32(4*len(list))), w.I32Const(0))
			}}.bytes}}
	}
	each := func(n int, v uint32) func(reply) error { return gave(slices.Repeat([]uint32{v}, n)...) }
	// How many of the descriptors 3 to 1023 answer other than "bad".
	scan := func(f string, args ...[]byte) func(x names) []byte {
		return func(x names) []byte {
			return w.Join(
				w.I32Const(3), w.LocalSet(0),
				w.Loop(w.Void,
					w.LocalGet(0), w.Join(args...), x.call(wasi+"."+f), w.I32Const(badf), w.Op(w.I32Ne), w.LocalGet(1), w.Op(w.I32Add), w.LocalSet(1),
					w.LocalGet(0), w.I32Const(1), w.Op(w.I32Add), w.LocalTee(0), w.I32Const(1024), w.Op(w.I32LtU), w.BrIf(0)),
				w.I32Const(0), w.LocalGet(1), w.I32Store(0), x.write(0, 4), w.I32Const(0))
		}
	}
	scans := attack{kind: worlds, name: "every descriptor from 3 to 1023", want: mustGive("none is open", byWASI, zeros(1))}
	for f, args := range map[string][]byte{
		"fd_prestat_get": w.I32Const(0), "fd_fdstat_get": w.I32Const(0), "fd_filestat_get": w.I32Const(0), "fd_close": nil,
		"fd_renumber": w.I32Const(1), "fd_write": w.Join(w.I32Const(0), w.I32Const(0), w.I32Const(0)), "fd_read": w.Join(w.I32Const(0), w.I32Const(0), w.I32Const(0)),
	} {
		scans.modules = append(scans.modules, guest{imports: []string{wasi + "." + f}, locals: []w.Local{{N: 2, Type: w.I32}}, attack: scan(f, args)}.bytes)
	}
	open := func(fd int32) func(x names) []byte {
		return func(x names) []byte {
			return w.Join(w.I32Const(fd), w.I32Const(1), w.I32Const(atRoom), w.I32Const(11), w.I32Const(0), w.I64Const(-1), w.I64Const(-1), w.I32Const(0), w.I32Const(0), x.call(wasi+".path_open"))
		}
	}
	return []attack{
		scans,
		asks("open a file, from any folder", "bad descriptor", each(5, badf), []string{wasi + ".path_open"}, func(x names) (s [][]byte) {
			for _, fd := range []int32{0, 3, 4, -100, 1023} {
				s = append(s, open(fd)(x))
			}
			return s
		}),
		asks("stat, unlink, list", "bad descriptor", each(3, badf), []string{wasi + ".path_filestat_get", wasi + ".path_unlink_file", wasi + ".fd_readdir"}, func(x names) [][]byte {
			path := w.Join(w.I32Const(atRoom), w.I32Const(11))
			return [][]byte{
				w.Join(w.I32Const(3), w.I32Const(0), path, w.I32Const(0), x.call(wasi+".path_filestat_get")),
				w.Join(w.I32Const(3), path, x.call(wasi+".path_unlink_file")),
				w.Join(w.I32Const(3), w.I32Const(0), w.I32Const(100), w.I64Const(0), w.I32Const(0), x.call(wasi+".fd_readdir")),
			}
		}),
		asks("environment and arguments", "none", zeros(6), []string{wasi + ".environ_sizes_get", wasi + ".args_sizes_get"}, func(x names) [][]byte {
			call := func(f string, at int32) []byte {
				return w.Join(w.I32Const(at), w.I32Const(at+4), x.call(wasi+"."+f))
			}
			load := func(at int32) []byte { return w.Join(w.I32Const(at), w.I32Load(0)) }
			return [][]byte{call("environ_sizes_get", 100), load(100), load(104), call("args_sizes_get", 200), load(200), load(204)}
		}),
		asks("standard input", "empty", zeros(2), []string{wasi + ".fd_read"}, func(x names) [][]byte {
			return [][]byte{w.Join(w.I32Const(0), w.I32Const(0), w.I32Const(0), w.I32Const(300), x.call(wasi+".fd_read")), w.Join(w.I32Const(300), w.I32Load(0))}
		}),
		{kind: worlds, name: "the clocks", do: clocks, tries: 2, want: mustGive("the same readings in every run, none of today", byWASI, nil)},
		{kind: worlds, name: "randomness", do: randomness, tries: 3, want: mustGive("follows from the task", byWASI, nil)},
		asks("sleep for a year", "over at once", zeros(1), []string{wasi + ".poll_oneoff"}, func(x names) [][]byte {
			return [][]byte{w.Join(
				w.I32Const(1024+24), w.I64Const(365*24*3600*1e9), w.Mem(0x37, 3, 0),
				w.I32Const(1024), w.I32Const(2048), w.I32Const(1), w.I32Const(3000), x.call(wasi+".poll_oneoff"))}
		}),
	}
}

// reading is a guest that reads both clocks, or 32 random bytes.
func reading(random bool) []byte {
	return guest{imports: []string{wasi + ".clock_time_get", wasi + ".random_get"}, attack: func(x names) []byte {
		read := w.Join(dropped(w.I32Const(64), w.I32Const(32), x.call(wasi+".random_get")))
		if !random {
			at := func(clock, at int32) []byte {
				return dropped(w.I32Const(clock), w.I64Const(1), w.I32Const(at), x.call(wasi+".clock_time_get"))
			}
			read = w.Join(at(0, 64), at(1, 72), at(0, 80), at(1, 88))
		}
		return w.Join(read, x.write(64, 32), w.I32Const(0))
	}}.bytes()
}

// twice runs a guest's attack as two tasks, in executors of their own.
func (l *lab) twice(ctx context.Context, a *attack, wasm []byte, first, second task.Task) (x, y reply, err error) {
	for i, t := range []task.Task{first, second} {
		e, err := l.open(wasm, a, "")
		if err != nil {
			return x, y, err
		}
		defer e.Close()
		r, err := run(ctx, e, t)
		if err != nil {
			return x, y, err
		}
		if i == 0 {
			x = r
		} else {
			y = r
		}
	}
	return x, y, nil
}

func clocks(ctx context.Context, l *lab, a *attack) outcome {
	wasm := reading(false)
	t := l.task(stageAttack, -1)
	x, y, err := l.twice(ctx, a, wasm, t, t)
	const start, hour = 946684800e9, 3600e9 // 2000-01-01, where the guest's wall clock starts
	if err == nil && !slices.Equal(x.data[0], y.data[0]) {
		err = wrongResult(errors.New("two runs read different times"))
	}
	if err == nil {
		wall, steady := binary.LittleEndian.Uint64(x.data[0]), binary.LittleEndian.Uint64(x.data[0][8:])
		if wall < start || wall > start+hour || steady > hour {
			err = wrongResult(fmt.Errorf("the clocks say %d and %d", wall, steady))
		}
	}
	return l.told(a, err, wasm, "2000-01-01, twice")
}

func randomness(ctx context.Context, l *lab, a *attack) outcome {
	wasm := reading(true)
	t := l.task(stageAttack, -1)
	other := t
	other.ID = digest.Of([]byte("another task"))
	x, y, err := l.twice(ctx, a, wasm, t, t)
	if err == nil && !slices.Equal(x.data[0], y.data[0]) {
		err = wrongResult(errors.New("the same task got different bytes"))
	}
	if err == nil {
		if _, y, err = l.twice(ctx, a, wasm, t, other); err == nil && slices.Equal(x.data[0], y.data[0]) {
			err = wrongResult(errors.New("another task got the same bytes"))
		}
	}
	return l.told(a, err, wasm, "the same task the same bytes, another task others")
}

// told is the outcome of what a check of its own found.
func (l *lab) told(a *attack, err error, wasm []byte, text string) outcome {
	o := a.want.judge(err, wasm, l.kind)
	if o.end == harmless {
		o.text = text
	}
	return o
}

// leftovers are tasks that look for what a task before them, in the same
// executor, left behind.
func leftovers() []attack {
	// A guest that writes what it finds, then leaves a mark. Its first task
	// finds nothing; nor must the next ones.
	mark := func(name, wall string, find, leave func(x names) []byte, g guest) attack {
		g.attack = func(x names) []byte {
			return w.Join(keep(0, find(x)), leave(x), x.write(atRoom, 4), w.I32Const(0))
		}
		return attack{kind: traces, name: name, tries: 3, want: mustGive("nothing is found", wall, nil), do: func(ctx context.Context, l *lab, a *attack) outcome {
			return again(ctx, l, a, g.bytes(), 0)
		}}
	}
	// A memory that can grow no further is still there for the next task as it
	// was at first.
	full := func(name string, most int64) attack {
		const pages = 4
		return mark(name, byFresh, func(names) []byte {
			return w.Join(w.MemorySize(), w.I32Const(pages), w.Op(w.I32Sub))
		}, code(dropped(w.I32Const(int32(most)-pages), w.MemoryGrow()), w.I32Const(int32(most)<<16-4), w.I32Const(77), w.I32Store(0)), guest{pages: pages, most: most})
	}
	const last = 512<<16 - 4
	grown := dropped(w.I32Const(511), w.MemoryGrow())
	return []attack{
		mark("in memory", byFresh, func(names) []byte {
			return w.Join(w.I32Const(8192), w.I32Load(0))
		}, code(w.I32Const(8192), w.I32Const(77), w.I32Store(0)), guest{}),
		mark("in 32 MiB of grown memory", byFresh, func(names) []byte {
			return w.Join(grown, w.I32Const(last), w.I32Load(0), w.I32Const(100<<16), w.I32Load(0), w.Op(w.I32Add))
		}, code(w.I32Const(70_000), w.I32Const(77), w.I32Const(last-70_000+4), w.MemoryFill()), guest{}),
		full("memory of its own maximum, 2.5 MiB", 40),
		full("memory of its own maximum, 62.5 MiB", 1000),
		mark("in a global", byFresh, code(w.GlobalGet(0)), code(w.I32Const(77), w.GlobalSet(0)), guest{more: func(m *w.Module, _ names) {
			m.Global(w.I32, true, w.I32Const(0))
		}}),
		mark("in a table", byFresh, code(w.TableSize(0), w.I32Const(1), w.Op(w.I32Sub)), code(dropped(w.RefNull(w.FuncRef), w.I32Const(100), w.TableGrow(0))), guest{more: func(m *w.Module, _ names) {
			m.Table(w.FuncRef, 1, -1)
		}}),
		mark("a data segment that was dropped", byFresh, func(names) []byte {
			return w.Join(w.I32Const(8192), w.I32Const(0), w.I32Const(4), w.MemoryInit(2), w.I32Const(0))
		}, code(w.Op(0xfc, 9, 2)), guest{more: func(m *w.Module, _ names) { m.PassiveData([]byte{1, 2, 3, 4}) }}),
		mark("an input under a handle that an earlier task opened", byFresh, func(x names) []byte {
			return w.Join(w.I32Const(atIn), w.I32Const(inLen), x.call("rechost.input_open"))
		}, zeroDropped, guest{imports: []string{"rechost.input_open"}}),
		{kind: traces, name: "a mapped input that an earlier task wrote to", tries: 3, want: mustGive("the input is as it was", byCopy, nil),
			do: func(ctx context.Context, l *lab, a *attack) outcome {
				g := guest{pages: 8, imports: []string{"rechost.input_open", "rechost.input_read"}, attack: func(x names) []byte {
					return w.Join(
						dropped(w.I32Const(atIn), w.I32Const(inLen), x.call("rechost.input_open")),
						w.I32Const(0), w.I64Const(0), w.I64Const(inputRows), w.I32Const(1<<16), x.call("rechost.input_read"),
						keep(0, w.Join(w.I32Const(1<<16+4*40_000), w.I32Load(0))),
						w.I32Const(1<<16), w.I32Const(255), w.I32Const(4*inputRows), w.MemoryFill(),
						x.write(atRoom, 4), w.I32Const(0))
				}}
				return again(ctx, l, a, g.bytes(), 40_000)
			}},
		{kind: traces, name: "a handle that this task did not open", want: mustStop("no input has the handle"), modules: []func() []byte{
			guest{imports: []string{"rechost.input_info"}, attack: func(x names) []byte {
				return w.Join(w.I32Const(0), w.I32Const(0), x.call("rechost.input_info"), w.I32Const(0))
			}}.bytes}},
		{kind: traces, name: "rows of an input that are not this task's", tries: 1, want: mustStop("which has 100"), do: func(ctx context.Context, l *lab, a *attack) outcome {
			wasm := guest{pages: 8, imports: []string{"rechost.input_open", "rechost.input_read"}, attack: func(x names) []byte {
				return w.Join(dropped(w.I32Const(atIn), w.I32Const(inLen), x.call("rechost.input_open")),
					w.I32Const(0), w.I64Const(50), w.I64Const(51), w.I32Const(1<<16), x.call("rechost.input_read"), w.I32Const(0))
			}}.bytes()
			e, err := l.open(wasm, a, "")
			if err == nil {
				defer e.Close()
				t := l.task(stageAttack, -1)
				t.Inputs[0].First, t.Inputs[0].Rows = 1000, 100
				_, err = run(ctx, e, t)
			}
			return a.want.judge(err, wasm, l.kind)
		}},
	}
}

func zeroDropped(names) []byte { return nil }

// again runs the attack of a guest three times in one executor: each time it
// must write the same.
func again(ctx context.Context, l *lab, a *attack, wasm []byte, find uint32) outcome {
	e, err := l.open(wasm, a, "")
	if err != nil {
		return outcome{end: failed, text: err.Error()}
	}
	defer e.Close()
	for i := range a.tries {
		r, err := run(ctx, e, l.task(stageAttack, -1))
		if err == nil {
			if err = gave(find)(r); err != nil {
				err = wrongResult(fmt.Errorf("task %d %w", i+1, err))
			}
		}
		if err != nil {
			return a.want.judge(err, wasm, l.kind)
		}
	}
	return l.told(a, l.honest(ctx, e), wasm, fmt.Sprintf("%d tasks, one after the other, found the same", a.tries))
}
