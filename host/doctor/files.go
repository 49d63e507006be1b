package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	w "rechost/host/sandbox/rewrite/wasmenc"
	"rechost/host/task"
)

const (
	caches = "compiled code in the cache"
	arrays = "arrays that are not what they were"
)

// constant is a guest that writes one number.
func constant(v int32) []byte {
	return guest{attack: func(x names) []byte { return w.Join(keep(0, w.I32Const(v)), x.write(atRoom, 4), w.I32Const(0)) }}.bytes()
}

// cacheAttacks tamper with compiled code between two runs.
func cacheAttacks() []attack {
	tamper := func(name string, want want, change func(l *lab, dir string) error) attack {
		return attack{kind: caches, name: name, cached: true, want: want, do: func(ctx context.Context, l *lab, a *attack) outcome {
			dir, err := os.MkdirTemp(l.dir, "cache-")
			if err != nil {
				return outcome{end: failed, text: err.Error()}
			}
			own := filepath.Join(dir, "own")
			wasm := constant(11)
			once := func() error {
				e, err := l.open(wasm, a, own)
				if err != nil {
					return err
				}
				defer e.Close()
				r, err := run(ctx, e, l.task(stageAttack, -1))
				if err == nil {
					if err = gave(11)(r); err != nil {
						err = wrongResult(err)
					}
				}
				return err
			}
			if err := once(); err != nil {
				return outcome{end: failed, text: "before the attack: " + err.Error()}
			}
			if err := change(l, own); err != nil {
				return outcome{end: failed, text: err.Error()}
			}
			return l.told(a, once(), wasm, "compiled again, the result is right")
		}}
	}
	entries := func(dir string, f func(name string, b []byte) error) error {
		n := 0
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || !strings.HasPrefix(filepath.Base(filepath.Dir(name)), "wazero-") {
				return err
			}
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			n++
			return f(name, b)
		})
		if err == nil && n == 0 {
			err = fmt.Errorf("nothing was cached")
		}
		return err
	}
	right := mustGive("compiled again, the result is right", byDigest, nil)
	private := want{ends: []end{failed, refused}, words: []string{"mode 0700"}}
	return []attack{
		tamper("a flipped bit in the middle", right, func(_ *lab, dir string) error {
			return entries(dir, func(name string, b []byte) error {
				b[len(b)/2] ^= 1
				return os.WriteFile(name, b, 0o600)
			})
		}),
		tamper("a flipped bit at the end", right, func(_ *lab, dir string) error {
			return entries(dir, func(name string, b []byte) error {
				b[len(b)-1] ^= 0x80
				return os.WriteFile(name, b, 0o600)
			})
		}),
		tamper("another module's code", right, func(l *lab, dir string) error {
			var other []byte // with everything as wazero wrote it
			e, err := l.open(constant(12), &attack{}, dir+"-other")
			if err != nil {
				return err
			}
			defer e.Close()
			if _, err := run(context.Background(), e, l.task(stageAttack, -1)); err != nil {
				return err
			}
			if err := entries(dir+"-other", func(_ string, b []byte) error { other = b; return nil }); err != nil {
				return err
			}
			return entries(dir, func(name string, _ []byte) error { return os.WriteFile(name, other, 0o600) })
		}),
		tamper("cut in half", right, func(_ *lab, dir string) error {
			return entries(dir, func(name string, b []byte) error { return os.WriteFile(name, b[:len(b)/2], 0o600) })
		}),
		tamper("empty", right, func(_ *lab, dir string) error {
			return entries(dir, func(name string, b []byte) error { return os.WriteFile(name, nil, 0o600) })
		}),
		tamper("gone", right, func(_ *lab, dir string) error {
			return entries(dir, func(name string, b []byte) error { return os.Remove(name) })
		}),
		tamper("a folder that everybody may write to", private, func(_ *lab, dir string) error { return os.Chmod(dir, 0o777) }),
		tamper("a folder that the group may read", private, func(_ *lab, dir string) error { return os.Chmod(dir, 0o750) }),
		tamper("a symbolic link in place of the folder", private, func(_ *lab, dir string) error {
			if err := os.Rename(dir, dir+"-elsewhere"); err != nil {
				return err
			}
			return os.Symlink(dir+"-elsewhere", dir)
		}),
	}
}

// arrayAttacks change an array's file before it is handed to a guest, or while
// a guest has it mapped.
func arrayAttacks() []attack {
	before := func(name string, change func(path string) error) attack {
		return attack{kind: arrays, name: name, want: want{ends: []end{failed}}, do: func(ctx context.Context, l *lab, a *attack) outcome {
			_, err := l.changed(ctx, a, guest{}.bytes(), change, 0)
			return a.want.judge(err, nil, l.kind)
		}}
	}
	return []attack{
		before("missing", os.Remove),
		before("truncated", func(path string) error { return os.Truncate(path, array.HeaderSize+100) }),
		before("truncated within its header", func(path string) error { return os.Truncate(path, 100) }),
		before("longer", func(path string) error { return os.Truncate(path, 10<<20) }),
		before("of another shape", func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteAt(array.Meta{DType: array.F64, Rows: inputRows / 2}.Header(), 0)
				f.Close()
			}
			return err
		}),
		before("a folder in its place", func(path string) error {
			os.Remove(path)
			return os.Mkdir(path, 0o700)
		}),
		{kind: arrays, name: "truncated while a guest reads it", on: Processes, want: want{ends: []end{stopped, failed}, words: []string{"its worker process|input"}},
			do: func(ctx context.Context, l *lab, a *attack) outcome {
				// Maps the input and reads an element until it dies of it.
				g := guest{pages: 8, imports: []string{"rechost.input_open", "rechost.input_read"}, attack: func(x names) []byte {
					return w.Join(
						dropped(w.I32Const(atIn), w.I32Const(inLen), x.call("rechost.input_open")),
						w.I32Const(0), w.I64Const(0), w.I64Const(inputRows), w.I32Const(1<<16), x.call("rechost.input_read"),
						forever(keep(0, w.Join(w.I32Const(1<<16+4*40_000), w.I32Load(0))))) // kept: the compiler leaves out loads that nobody needs
				}}
				_, err := l.changed(ctx, a, g.bytes(), func(path string) error { return os.Truncate(path, array.HeaderSize) }, 300*time.Millisecond)
				return a.want.judge(err, nil, l.kind)
			}},
	}
}

// changed runs the attack with an input of its own, changed before the task or
// so long after its start.
func (l *lab) changed(ctx context.Context, a *attack, wasm []byte, change func(path string) error, after time.Duration) (reply, error) {
	m, err := l.put(inputRows + 1)
	if err != nil {
		return reply{}, err
	}
	path := l.Path(m.Digest)
	defer os.RemoveAll(path)
	if err := os.Chmod(path, 0o600); err != nil {
		return reply{}, err
	}
	e, err := l.open(wasm, a, "")
	if err != nil {
		return reply{}, err
	}
	defer e.Close()
	t := l.task(stageAttack, -1)
	t.Inputs = []task.Input{{Name: "in.x", Array: m, Rows: m.Rows}}
	if after == 0 {
		err = change(path)
	} else {
		timer := time.AfterFunc(after, func() { change(path) })
		defer timer.Stop()
	}
	if err != nil {
		return reply{}, wrongResult(fault.New(fault.Failed, "cannot change the array: %v", err))
	}
	t.ID = digest.Of([]byte(a.name))
	return run(ctx, e, t)
}
