// Command gen writes the assembly of package kernel with avo:
//
//	go generate ./host/kernel        # go run -C host/kernel/gen . -dir ../
//
// It is a Go module of its own so that rechost does not depend on avo. The
// pinned version is 0.5.0: 0.6.0 does not compile with what it requires.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	out := flag.String("dir", ".", "folder to write to")
	flag.Parse()
	for _, isa := range []isa{avx512(), avx2()} {
		g := &generator{Context: build.NewContext(), isa: isa}
		g.ConstraintExpr("amd64,!purego")
		g.dot()
		g.axpy()
		g.divide()
		g.gemv()
		g.fit()
		g.energy()
		g.line()
		g.aim()
		g.along()
		g.peak()
		g.tile()
		g.score()
		g.rows()
		g.turn()
		g.clean()
		g.scatter()
		g.spread()
		g.tally()
		g.ask()
		g.widen()
		g.peaks()
		g.pick()
		g.fetch()
		g.rate()
		g.above()
		g.sift()
		g.lanesOf()
		g.blocks()
		g.ascend()
		g.meet()
		g.column()
		g.corner()
		g.sweep()
		g.lift()
		g.deal()
		if err := g.write(*out); err != nil {
			fmt.Fprintln(os.Stderr, "gen:", err)
			os.Exit(1)
		}
	}
}

// write compiles what the generator built and writes NAME_amd64.s and its Go
// declarations.
func (g *generator) write(dir string) error {
	f, err := g.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(f); err != nil {
		return err
	}
	cfg := printer.Config{Name: "go generate ./host/kernel", Pkg: "kernel"}
	for name, p := range map[string]printer.Printer{
		g.isa.file + "_amd64.s":  printer.NewGoAsm(cfg),
		g.isa.file + "_amd64.go": printer.NewStubs(cfg),
	} {
		b, err := p.Print(f)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
