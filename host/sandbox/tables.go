package sandbox

import "encoding/binary"

// capTables gives every table a maximum of at most most entries. Rewrite does
// it as well, but decodes all code for it: 20 ms of a worker's start, for a Go
// module. The module is one that Check let pass, so it is well formed, and
// each table starts with at most most entries.
func capTables(wasm []byte, most uint32) []byte {
	const sectionTable = 4
	for at := 8; at < len(wasm); {
		size, n := binary.Uvarint(wasm[at+1:])
		start := at + 1 + n
		if n <= 0 || uint64(len(wasm)-start) < size {
			return wasm
		}
		end := start + int(size)
		if wasm[at] == sectionTable {
			body := wasm[start:end]
			count, n := binary.Uvarint(body)
			out := binary.AppendUvarint(nil, count)
			body = body[max(n, 0):]
			for range count {
				// Element type, 0 or 1 for without or with a maximum, least, most.
				if len(body) < 3 {
					return wasm
				}
				elem, has := body[0], body[1]
				least, n := binary.Uvarint(body[2:])
				if n <= 0 || has > 1 {
					return wasm
				}
				body = body[2+n:]
				top := uint64(most)
				if has == 1 {
					given, n := binary.Uvarint(body)
					if n <= 0 {
						return wasm
					}
					body = body[n:]
					top = min(top, given)
				}
				out = append(out, elem, 1)
				out = binary.AppendUvarint(out, least)
				out = binary.AppendUvarint(out, top)
			}
			all := append(make([]byte, 0, len(wasm)+len(out)), wasm[:at+1]...)
			all = binary.AppendUvarint(all, uint64(len(out)))
			return append(append(all, out...), wasm[end:]...)
		}
		at = end
	}
	return wasm
}
