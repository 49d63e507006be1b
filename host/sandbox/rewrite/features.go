package rewrite

import "rechost/host/fault"

// feature is something that WebAssembly has and the sandbox does not run: each
// widens what must be trusted in the engine.
type feature struct{ name, hint string }

var (
	featThreads     = feature{"threads (shared memory and atomics)", "compile without -pthread and -matomics; a task has one thread"}
	featTailCall    = feature{"tail calls", "compile with -mno-tail-call, or rustc -C target-feature=-tail-call"}
	featExceptions  = feature{"exception handling", "compile with -fno-exceptions, or let errors be values"}
	featMultiMemory = feature{"more than one memory", "link without -Wl,--multi-memory"}
	featMemory64    = feature{"64-bit memory", "compile for wasm32"}
	featPageSizes   = feature{"custom page sizes", "use pages of 64 KiB"}
	featRelaxedSIMD = feature{"relaxed SIMD, whose results differ between machines", "compile with -mno-relaxed-simd"}
	featGC          = feature{"garbage collection or typed function references", "compile for linear memory"}
	featExtended    = feature{"extended constant expressions", "compile with -mno-extended-const and without -fPIC"}
)

func (r *reader) unsupported(f feature) {
	r.refuse(fault.Mod("the module uses %s, which is not supported, at byte %d", f.name, r.pos).WithHint("%s", f.hint))
}

// preamble checks the first eight bytes.
func (r *reader) preamble() {
	const magic = "\x00asm"
	b := r.b
	switch {
	case len(b) >= 8 && string(b[:4]) == magic && b[4] == 1 && b[5] == 0 && b[6] == 0 && b[7] == 0:
		r.pos = 8
	case len(b) >= 8 && string(b[:4]) == magic && b[6] == 1 && b[7] == 0:
		r.refuse(fault.Mod("this is a WebAssembly component: only core modules are run").
			WithHint("build for wasip1 instead of wasip2 (rustc --target wasm32-wasip1, GOOS=wasip1, tinygo -target wasip1), or take the core module out with: wasm-tools component unbundle"))
	case len(b) >= 8 && string(b[:4]) == magic:
		r.refuse(fault.Mod("not a valid module: version %d of the binary format is not known", uint32(b[4])|uint32(b[5])<<8|uint32(b[6])<<16|uint32(b[7])<<24))
	case len(b) > 1 && (b[0] == '(' || b[0] == ';'):
		r.refuse(fault.Mod("not a WebAssembly module: this looks like its text form").WithHint("assemble it: wat2wasm in.wat -o out.wasm"))
	default:
		r.refuse(fault.Mod("not a WebAssembly module: it does not start with \\0asm and a version"))
	}
}
