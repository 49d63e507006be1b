package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	w "rechost/host/sandbox/rewrite/wasmenc"
)

const floods = "floods and lies"

// calledTooOften is what the sandbox says of a guest at its limit of calls.
const calledTooOften = "called host functions more than"

// dirty is text that a terminal must not see.
const dirty = "\x1b[2J\x1b]0;owned\x07\rrechost: done\b\x00\u202e\u2066\x9b31m\xff\xfe"

// plainText checks that the log has nothing of it.
func plainText(r reply) error {
	if len(r.log) == 0 {
		return errors.New("nothing was logged")
	}
	for _, s := range r.log {
		if controls(s) {
			return fmt.Errorf("the log has %q", s)
		}
	}
	return nil
}

// text puts bytes at atRoom.
func text(s string) func(m *w.Module, x names) {
	return func(m *w.Module, _ names) { m.Data(atRoom, []byte(s)) }
}

// outputFloods say too much, too often, or what is not so.
func outputFloods() []attack {
	a := func(name string, want want, gs ...guest) attack {
		x := attack{kind: floods, name: name, want: want}
		for _, g := range gs {
			x.modules = append(x.modules, g.bytes)
		}
		return x
	}
	said := func(p phase, name string, want want, gs ...guest) attack {
		x := a(name, want, gs...)
		x.call = p
		return x
	}
	// An attack by a guest with more than 1 GiB of memory.
	vast := func(name string, want want, gs ...guest) attack {
		x := a(name, want, gs...)
		x.memory = 1100 << 20
		return x
	}
	// An attack with a limit of calls of host functions.
	often := func(name string, want want, calls int64, gs ...guest) attack {
		x := a(name, want, gs...)
		x.calls = calls
		return x
	}
	// A guest whose attack is this, with a text at atRoom.
	does := func(imp, s string, f func(x names) []byte) guest {
		return guest{imports: []string{imp}, more: text(s), attack: f}
	}
	iov := func(fd int32, at, n int32) func(x names) []byte {
		return func(x names) []byte {
			return w.Join(w.I32Const(0), w.I32Const(at), w.I32Store(0), w.I32Const(4), w.I32Const(n), w.I32Store(0),
				dropped(w.I32Const(fd), w.I32Const(0), w.I32Const(1), w.I32Const(8), x.call(wasi+".fd_write")))
		}
	}
	again := func(f func(x names) []byte) func(x names) []byte {
		return func(x names) []byte { return forever(f(x)) }
	}
	log := func(n int32) func(x names) []byte {
		return func(x names) []byte {
			return w.Join(w.I32Const(1), w.I32Const(atRoom), w.I32Const(n), x.call("rechost.log"))
		}
	}
	logged := mustLimit("of log, stdout and stderr")
	valid := `{"name":"x","version":"1","summary":"s","parameters":[%s]}`
	param := func(s string) string { return fmt.Sprintf(valid, s) }
	offer := func(name string) string {
		return `{"name":"` + name + `","frame":"x","rows":"items","values":"y","help":""}`
	}
	deep := strings.Repeat("[", 500_000)
	return []attack{
		a("stdout without end", logged, does(wasi+".fd_write", "line\n", again(iov(1, atRoom, 5))), does(wasi+".fd_write", "x", again(iov(1, atRoom, 1)))),
		a("stderr without end", logged, does(wasi+".fd_write", "line\n", again(iov(2, atRoom, 5)))),
		a("60 KiB a line, and empty lines", logged, does(wasi+".fd_write", "", again(iov(1, 0, 60_000))), does(wasi+".fd_write", "", again(iov(2, 0, 0)))),
		a("60,000 empty lines in one write", logged, guest{pages: 2, imports: []string{wasi + ".fd_write"}, attack: func(x names) []byte {
			return w.Join(w.I32Const(atRoom), w.I32Const('\n'), w.I32Const(60_000), w.MemoryFill(), iov(1, atRoom, 60_000)(x), w.I32Const(0))
		}}),
		a("one write of 62 MiB", logged, guest{pages: 1000, imports: []string{wasi + ".fd_write"}, attack: again(iov(1, 0, 990<<16))}),
		a("log without end", logged, does("rechost.log", "hello", again(log(5))), does("rechost.log", "", again(log(0)))),
		a("a log message of 1 MiB, of an unknown level", want{ends: []end{stopped, limited}, words: []string{"longer than|no level|of log"}},
			guest{pages: 20, imports: []string{"rechost.log"}, attack: func(x names) []byte { return w.Join(log(1<<20)(x), w.I32Const(0)) }},
			does("rechost.log", "", func(x names) []byte {
				return w.Join(w.I32Const(9), w.I32Const(0), w.I32Const(0), x.call("rechost.log"), w.I32Const(0))
			})),
		a("a million calls of progress", mustGive("runs", byHost, nil), guest{imports: []string{"rechost.progress"}, locals: []w.Local{{N: 1, Type: w.I32}}, attack: func(x names) []byte {
			return w.Join(times(0, 1_000_000, w.I64Const(1), w.I64Const(2), x.call("rechost.progress")), w.I32Const(0))
		}}),
		often("host functions called without end", mustLimit(calledTooOften), 1000,
			does("rechost.progress", "", again(code(w.I64Const(1), w.I64Const(2), w.Call(1)))),
			does("rechost.config_size", "", again(code(dropped(w.Call(1))))),
			does("rechost.log", "", again(log(0))),
			does(wasi+".sched_yield", "", again(code(dropped(w.Call(1))))),
			does(wasi+".sched_yield", "", func(x names) []byte { return w.Join(dropped(w.Call(1)), w.Call(x.attack)) })),
		{kind: floods, name: "host functions called without end in the start function and _initialize", want: mustLimit(calledTooOften), calls: 1000, everywhere: true, modules: []func() []byte{
			guest{imports: []string{wasi + ".sched_yield"}, start: code(w.Loop(w.Void, dropped(w.Call(1)), w.Br(0)))}.bytes,
			guest{imports: []string{wasi + ".sched_yield"}, init: code(w.Loop(w.Void, dropped(w.Call(1)), w.Br(0)))}.bytes}},
		often("as many calls of host functions as are allowed", mustGive("runs", byHost, gave(7)), 1000, guest{imports: []string{wasi + ".sched_yield"}, locals: []w.Local{{N: 1, Type: w.I32}}, attack: func(x names) []byte {
			return w.Join(times(0, 999, dropped(x.call(wasi+".sched_yield"))), keep(0, w.I32Const(7)), x.write(atRoom, 4), w.I32Const(0))
		}}),
		a("progress backwards and beyond", mustStop("progress: "), does("rechost.progress", "", func(x names) []byte {
			return w.Join(w.I64Const(-1), w.I64Const(2), x.call("rechost.progress"), w.I32Const(0))
		}), does("rechost.progress", "", func(x names) []byte {
			return w.Join(w.I64Const(3), w.I64Const(2), x.call("rechost.progress"), w.I32Const(0))
		})),
		vast("an error message of 1 GiB", mustStop("stage attack").short(), guest{pages: 16<<10 + 1, imports: []string{"rechost.fail"}, attack: func(x names) []byte {
			return w.Join(w.I32Const(atRoom), w.I32Const('x'), w.I32Const(1<<30), w.MemoryFill(), w.I32Const(atRoom), w.I32Const(1<<30), x.call("rechost.fail"), w.I32Const(0))
		}}, guest{pages: 16<<10 + 1, imports: []string{"rechost.fail"}, attack: func(x names) []byte {
			return w.Join(w.I32Const(atRoom), w.I32Const(1<<30), x.call("rechost.fail"), w.I32Const(0))
		}}),
		vast("1 GiB on stderr, then a trap", logged.short(), guest{pages: 16<<10 + 1, imports: []string{wasi + ".fd_write"}, attack: func(x names) []byte {
			return w.Join(w.I32Const(atRoom), w.I32Const('x'), w.I32Const(1<<30), w.MemoryFill(), iov(2, atRoom, 1<<30)(x), trap)
		}}, guest{pages: 17, imports: []string{wasi + ".fd_write"}, locals: []w.Local{{N: 1, Type: w.I32}}, attack: func(x names) []byte {
			return w.Join(times(0, 1<<10, iov(2, 0, 1<<20)(x)), trap)
		}}),
		a("an error message that plays with the terminal", want{ends: []end{stopped}, words: []string{"stage attack"}}.clean(), does("rechost.fail", dirty, func(x names) []byte {
			return w.Join(w.I32Const(atRoom), w.I32Const(int32(len(dirty))), x.call("rechost.fail"), w.I32Const(0))
		}), guest{imports: []string{wasi + ".fd_write"}, more: text(dirty), attack: func(x names) []byte {
			return w.Join(iov(2, atRoom, int32(len(dirty)))(x), trap)
		}}),
		a("log, stdout and stderr that play with the terminal", mustGive("its control characters are gone", byClean, plainText),
			does("rechost.log", dirty, func(x names) []byte { return w.Join(log(int32(len(dirty)))(x), w.I32Const(0)) }),
			does(wasi+".fd_write", dirty+"\n", func(x names) []byte { return w.Join(iov(1, atRoom, int32(len(dirty)+1))(x), w.I32Const(0)) }),
			does(wasi+".fd_write", dirty, func(x names) []byte { return w.Join(iov(2, atRoom, int32(len(dirty)))(x), w.I32Const(0)) })),
		a("exit, with every status", mustStop("exited with status"), does(wasi+".proc_exit", "", func(x names) []byte {
			return w.Join(w.I32Const(0), x.call(wasi+".proc_exit"), w.I32Const(0))
		}), does(wasi+".proc_exit", "", func(x names) []byte {
			return w.Join(w.I32Const(-1), x.call(wasi+".proc_exit"), w.I32Const(0))
		})),
		a("fail without a reason", mustStop("without saying why"), guest{attack: code(w.I32Const(1))}, guest{attack: code(w.I32Const(-1))}),
		a("results without end", mustLimit("of output"), guest{attack: func(x names) []byte { return forever(x.write(0, 60_000)) }},
			guest{pages: 600, attack: func(x names) []byte { return w.Join(x.write(0, 599<<16), w.I32Const(0)) }}),
		a("a result that is not whole rows, of another name", mustStop("not whole rows|no output"), guest{attack: func(x names) []byte {
			return w.Join(x.write(0, 3), w.I32Const(0))
		}}, guest{attack: func(x names) []byte {
			return w.Join(w.I32Const(atIn), w.I32Const(inLen), w.I32Const(0), w.I32Const(4), x.call("rechost.output_write"), w.I32Const(0))
		}}),
		said(describing, "no description, and two", mustStop("without calling|called twice|already|again"), guest{}, guest{imports: []string{"rechost.describe"}, more: text(param("")),
			describe: func(x names) []byte {
				once := w.Join(w.I32Const(atRoom), w.I32Const(int32(len(param("")))), x.call("rechost.describe"))
				return w.Join(once, once, w.I32Const(0))
			}}),
		textLie("a description of 2 MiB, of nothing but brackets, not JSON, empty", describing, "", strings.Repeat(" ", 2<<20), deep, `{"name":`, "\xff\xfe", "{}"),
		textLie("parameters named like flags, twice, 2,000 of them", describing, "parameter",
			param(`{"name":"--store=/","type":"int","default":1}`), param(`{"name":"a b","type":"int","default":1}`),
			param(`{"name":"a","type":"int","default":1},{"name":"a","type":"int","default":1}`), param(`{"name":"\u001b[2J","type":"int","default":1}`),
			param(`{"name":"a","type":"shell","default":1}`), param(strings.TrimSuffix(strings.Repeat(`{"name":"a","type":"int"},`, 2000), ","))),
		said(planning, "describe while planning", mustStop("called outside"), guest{imports: []string{"rechost.describe"}, plan: func(x names) []byte {
			return w.Join(w.I32Const(0), w.I32Const(2), x.call("rechost.describe"), w.I32Const(0))
		}}),
		textLie("a plan of nothing but brackets", planning, "", deep),
		textLie("a plan of 9 MiB", planning, "", strings.Repeat(" ", 9<<20)),
		textLie("a plan that is not JSON", planning, "plan", "]", "\xff", `{"steps":[`),
		textLie("a plan without steps, with text behind, with unknown fields", planning, "plan", `{"steps":[]}`, `{"steps":[]} x`, `{"steps":[],"run":"/bin/sh"}`),
		textLie("repeats within repeats, 2^60 turns", planning, "plan", repeats(30, 4), repeats(4, 1<<15), repeats(5_000, 1)),
		textLie("stages that play with the terminal", planning, "stage named", stagePlan(`"\u001b[2J"`)),
		textLie("--emit: names that are paths, play with the terminal, are there twice, a thousand of them", planning, "emit",
			emitsPlan(offer("../../etc/cron.d/x")), emitsPlan(offer("/tmp/x.parquet")), emitsPlan(offer(`\u001b[2J`)), emitsPlan(offer("a b")), emitsPlan(offer("")),
			emitsPlan(offer("a"), offer("a")), emitsPlan(offer(strings.Repeat("a", 1000))), emitsPlan(slices.Repeat([]string{offer("a")}, 1000)...)),
		textLie("stages over what there is not, frames that there are not", planning, "plan", stagePlan(`"a"`)),
		{kind: floods, name: "lists with NaN, infinity, ids out of range, seen items, twice, unsorted, too long", do: lists, tries: len(listLies),
			want: want{ends: []end{stopped}}},
	}
}

// short adds that the error, with what it has of the module's words, does not
// grow with what the module says.
func (w want) short() want {
	w.most = 16 << 10
	return w
}

// clean adds that the error has no control characters.
func (w want) clean() want {
	w.plain = true
	return w
}
