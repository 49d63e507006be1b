package doctor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"rechost/host/array"
	"rechost/host/capsule"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/manifest"
	"rechost/host/matrix"
	"rechost/host/recs"
	"rechost/host/task"
	"rechost/host/trust"
)

const sent = "files that others send"

// most memory that reading one of these files may take, all told.
const sentMemory = 256 << 20

// A letter is a file, or a folder of them, that somebody sends: its text is
// what an honest one has, with old replaced by new, or what make leaves.
type letter struct {
	file     string // in a folder; "" where it is the one file
	old, new string
	make     func(path string) error // in place of old and new
}

// reader is how one kind of file is read, and how an honest one is made.
type reader struct {
	honest func(l *lab, dir string) (path string, err error)
	read   func(path string) error
}

// letters is an attack by files of one kind. Each must be refused as bad data,
// in words that name the file, without much memory.
func letters(name string, r reader, words string, list ...letter) attack {
	w := want{ends: []end{refused}, words: []string{words}}
	return attack{kind: sent, name: name, want: w, tries: len(list), once: true, do: func(_ context.Context, l *lab, a *attack) outcome {
		first, made := "", 0
		for i, x := range list {
			err := l.deliver(r, x)
			if errors.Is(err, errNotMade) {
				continue
			}
			made++
			switch text := strings.ReplaceAll(fmt.Sprint(err), l.dir+"/", ""); {
			case fault.CodeOf(err) != fault.BadData && fault.CodeOf(err) != fault.Usage && fault.CodeOf(err) != fault.Module:
				return outcome{end: broken, text: fmt.Sprintf("file %d: %s", i+1, text)}
			case controls(text):
				return outcome{end: broken, text: fmt.Sprintf("file %d: %q", i+1, text)}
			default:
				if o := (want{words: w.words}).judge(fault.Mod("%s", text), nil, ""); o.end == broken {
					return outcome{end: broken, text: fmt.Sprintf("file %d: %s", i+1, text)}
				}
				if first == "" {
					first = text
				}
			}
		}
		return outcome{refused, fmt.Sprintf("%d of %d; the first: %s", made, len(list), first), byFiles}
	}}
}

// errNotMade is for files that this system cannot have: links, or sizes without
// content.
var errNotMade = errors.New("cannot be made here")

// deliver makes an honest file, checks that it is read, changes it and reads it
// again.
func (l *lab) deliver(r reader, x letter) (err error) {
	dir := filepath.Join(l.dir, "sent")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fault.New(fault.Failed, "cannot make a scratch folder: %v", err)
	}
	defer os.RemoveAll(dir)
	path, err := r.honest(l, dir)
	if err == nil {
		err = r.read(path)
	}
	if err != nil {
		return fault.New(fault.Failed, "an honest one is refused: %v", err)
	}
	file := filepath.Join(path, x.file)
	if x.make != nil {
		err = x.make(file)
	} else {
		var b []byte
		if b, err = os.ReadFile(file); err == nil && !bytes.Contains(b, []byte(x.old)) {
			err = fmt.Errorf("an honest one has no %q", x.old)
		}
		if err == nil {
			err = os.WriteFile(file, bytes.Replace(b, []byte(x.old), []byte(x.new), 1), 0o600)
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errNotMade, err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.Failed, "panic: %v", p)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > sentMemory {
			err = fault.New(fault.Failed, "reading it took %d MiB of memory: %v", took>>20, err)
		}
	}()
	return r.read(path)
}

// nowhere takes what a capsule brings and keeps none of it.
type nowhere struct{}

func (nowhere) Copy(m array.Meta, r io.Reader) (array.Meta, error) {
	h := sha256.New()
	h.Write(m.Header())
	_, err := io.CopyN(h, r, m.Bytes())
	m.Digest = digest.Digest(h.Sum(nil))
	return m, err
}

// few is one small array, in place of a store.
type few []byte

func (b few) Read(array.Meta) ([]byte, func(), error) { return b, func() {}, nil }

func capsules() (r reader, arr string) {
	data := few{1, 2, 3}
	m := array.Meta{DType: array.U8, Rows: len(data)}
	m.Digest = digest.OfParts(m.Header(), data)
	return reader{
		honest: func(l *lab, dir string) (string, error) {
			t := task.Task{ID: digest.Of([]byte("sent")), Stage: "attack", Shard: 3, Shards: 16, Config: []byte(`{"abi":1}`),
				Inputs: []task.Input{{Name: "in.x", Array: m, Rows: m.Rows}}, Outputs: []task.Output{{Name: "out.y", DType: array.U32, Rows: -1}}}
			return capsule.Save(dir, capsule.Capsule{Module: capsule.Module{Name: "x.wasm"}, Executor: l.kind, Engine: "wazero",
				Limits: task.Limits{Memory: 1 << 20}, Seen: capsule.Seen{Why: capsule.Failed, Code: fault.Module, Error: "x.wasm: stage attack: trap"}}, &t, guest{}.bytes(), data)
		},
		read: func(path string) error { _, err := capsule.Open(path, nowhere{}); return err },
	}, m.Digest.String() + ".npy"
}

var manifests = reader{
	honest: func(_ *lab, dir string) (string, error) {
		s := &manifest.Statement{Type: manifest.StatementType, PredicateType: manifest.PredicateType,
			Subject: []manifest.Resource{{Name: "r.parquet", URI: "r.parquet", Digest: manifest.Sum{SHA256: digest.Of([]byte("r"))}}}}
		d := &s.Predicate.BuildDefinition
		d.BuildType = manifest.BuildType
		d.ExternalParameters = manifest.External{Module: "cf", Parameters: map[string]any{"k": 3}, Top: 20, Granted: []string{"value"}, Shards: 4}
		d.ResolvedDependencies = []manifest.Resource{{Name: manifest.InputName, URI: "in.parquet"}, {Name: manifest.ModuleName, URI: "cf.wasm"},
			{Name: manifest.IndexName}, {Name: manifest.PlanName}}
		s.Predicate.RunDetails.Byproducts = []manifest.Tasks{manifest.NewTasks([]manifest.Task{{ID: digest.Of([]byte("t")), Stage: "s", Shards: 1,
			Outputs: []manifest.Output{{Name: "f.a", Meta: array.Meta{DType: array.F32, Rows: 3, Digest: digest.Of([]byte("o"))}}}}})}
		b, err := json.Marshal(s)
		if err != nil {
			return "", err
		}
		path := filepath.Join(dir, "m.json")
		return path, os.WriteFile(path, b, 0o600)
	},
	read: func(path string) error { _, err := manifest.Read(path); return err },
}

// trusted is a module, a trust file with the key of its signer, and the
// signature beside it.
func trusted() reader {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	sum := digest.Of([]byte("module"))
	return reader{
		honest: func(_ *lab, dir string) (string, error) {
			f := &trust.File{Format: trust.Format}
			if err := f.Add(nil, []trust.Key{{Ed25519: trust.PublicOf(key), Comment: "ours", Allow: trust.Allow{Executors: []string{Processes}, Columns: []string{}}}}); err != nil {
				return "", err
			}
			if err := trust.Write(filepath.Join(dir, "trust.json"), f); err != nil {
				return "", err
			}
			return dir, trust.WriteSignature(filepath.Join(dir, "m.wasm"+trust.SignatureEnding), trust.Sign(key, sum))
		},
		read: func(path string) error {
			f, err := trust.Read(filepath.Join(path, "trust.json"))
			if err == nil {
				_, err = f.Admit(filepath.Join(path, "m.wasm"), sum)
			}
			return err
		},
	}
}

var listed = reader{
	honest: func(_ *lab, dir string) (string, error) {
		path := filepath.Join(dir, "candidates.csv")
		return path, os.WriteFile(path, []byte("user,item\n0,1\n2,3\n"), 0o600)
	},
	read: func(path string) error {
		_, err := recs.ReadCandidates(context.Background(), path, &matrix.Matrix{Users: smallIDs("user", 3), Items: smallIDs("item", 5)})
		return err
	},
}

// sentFiles are what somebody may be sent and asked to look at.
func sentFiles() []attack {
	capsules, arr := capsules()
	trusted := trusted()
	const record, sig = "capsule.json", "m.wasm" + trust.SignatureEnding
	is := func(text string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
	}
	link := func(path string) error { os.Remove(path); return os.Symlink("/etc/passwd", path) }
	folder := func(path string) error { os.Remove(path); return os.Mkdir(path, 0o700) }
	vast := func(path string) error { return os.Truncate(path, 1<<40) } // takes no room on the disk
	deep := is(strings.Repeat("[", 1<<20))
	dirtyJSON, _ := json.Marshal(dirty)
	other := trust.Sign(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)), digest.Of([]byte("module")))
	elsewhere := trust.Sign(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), digest.Of([]byte("another module")))
	signed := func(s trust.Signature) func(string) error {
		return func(path string) error { os.Remove(path); return trust.WriteSignature(path, s) }
	}
	return []attack{
		letters("replay: a capsule with another module or other rows", capsules, "was changed|is not the|no such file", letter{file: capsule.ModuleFile, old: "asm", new: "ASM"},
			letter{file: arr, old: "\x01\x02\x03", new: "\x01\x02\x04"}, letter{file: record, old: arr[:8], new: "00000000"}),
		letters("replay: a capsule whose names lead out of it", capsules, "not a digest|not a regular file|stage is named",
			letter{file: record, old: arr[:64], new: strings.Repeat("../", 18) + "etc/passwd"}, letter{file: arr, make: link}, letter{file: arr, make: folder},
			letter{file: capsule.ModuleFile, make: link}, letter{file: record, old: `"attack"`, new: `"../../attack"`}),
		letters("replay: a capsule with files of a terabyte", capsules, "more than", letter{file: arr, make: vast}, letter{file: capsule.ModuleFile, make: vast}, letter{file: record, make: vast}),
		letters("replay: a capsule whose record is out of range, not JSON, plays with the terminal", capsules, record, letter{file: record, old: `"shard": 3`, new: `"shard": 16`},
			letter{file: record, old: `"memory": 1048576`, new: `"memory": -1`}, letter{file: record, old: `"rows": 3`, new: `"rows": 9223372036854775807`},
			letter{file: record, old: `"in.x"`, new: string(dirtyJSON)}, letter{file: record, old: `"attack"`, new: string(dirtyJSON)}, letter{file: record, make: deep}, letter{file: record, make: is(dirty)}),
		letters("verify: a manifest of other tasks, types, fields, outputs", manifests, "m.json", letter{old: digest.Of([]byte("o")).String()[:8], new: "00000000"},
			letter{old: manifest.BuildType, new: "urn:other"}, letter{old: `"subject":`, new: `"run":"/bin/sh","subject":`}, letter{old: `"subject":[`, new: `"subject":[],"x":[`},
			letter{old: `"top":20`, new: `"emit":[{"name":"n","form":"x/../../../tmp/victim.parquet"}],"top":20`}, letter{old: `"rows":3`, new: `"rows":-3`}, letter{old: `"s"`, new: string(dirtyJSON)}),
		letters("verify: a manifest of nothing but brackets, not JSON, half", manifests, "m.json", letter{make: deep}, letter{make: is(dirty)}, letter{make: is("{}")},
			letter{old: `"parameters":{`, new: `"parameters":{"x":` + strings.Repeat("[", 1<<20)}, letter{make: func(path string) error { return os.Truncate(path, 300) }}),
		letters("a trust file that says a thing twice, null, or what there is not", trusted, "trust.json", letter{file: "trust.json", old: `"format"`, new: `"format": "x", "format"`},
			letter{file: "trust.json", old: `"keys"`, new: `"modules": null, "keys"`}, letter{file: "trust.json", old: `"keys"`, new: `"everything": true, "keys"`},
			letter{file: "trust.json", old: `"ours"`, new: string(dirtyJSON)}, letter{file: "trust.json", make: deep}, letter{file: "trust.json", make: vast}, letter{file: "trust.json", make: folder}),
		letters("a signature by another key, of another module, bent, too long", trusted, "m.wasm", letter{file: sig, make: signed(other)}, letter{file: sig, make: signed(elsewhere)},
			letter{file: sig, make: os.Remove}, letter{file: sig, make: is("{}")}, letter{file: sig, make: deep}, letter{file: sig, make: vast}, letter{file: sig, make: is(dirty)}),
		letters("candidates that are no table, of nobody, of a terabyte", listed, "candidates.csv", letter{make: is("")}, letter{make: is("user,item\n")}, letter{make: is("a,b\n1,2\n")},
			letter{make: is("user,item\n7,1\n")}, letter{make: is("PAR1")}, letter{make: is("PAR1" + strings.Repeat("\xff", 100) + "\xff\xff\xff\x7fPAR1")}, letter{make: is("PARE" + strings.Repeat("\x00", 100) + "PARE")},
			letter{make: is("user,item\n" + dirty + "\n")}, letter{make: is("user,item\n" + strings.Repeat(",", 1<<20) + "\n")}, letter{make: is(strings.Repeat("x", 64<<20))}, letter{make: vast}),
	}
}
