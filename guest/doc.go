// Package guest is what the author of a module imports.
//
// A module is a Go program built for the sandbox. It says of itself what it
// is, builds a plan from its parameters, and has one function for each stage
// of the plan. The host cuts the data into shards and calls the functions,
// each call a task in an instance of its own; a function reads arrays, writes arrays
// and knows nothing else: no files, no network, no clock.
//
//	package main
//
//	import "rechost/guest"
//
//	func init() { guest.Register(module) }
//	func main() {} // never runs; the compiler wants one
//
//	var module = guest.Module{
//		Name:    "first",
//		Version: "1.0.0",
//		Summary: "recommends the first item to everybody",
//		Plan: func(c *guest.Config, p *guest.Plan) {
//			p.Stage("score", score).Over(guest.Targets).Aligned("targets").Recommends()
//		},
//	}
//
//	func score(t *guest.Task) {
//		lists := t.Recommendations()
//		for range t.Rows {
//			lists.Add([]uint32{0}, []float32{1})
//		}
//	}
//
// Build it with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared \
//		-ldflags='-s -w' -trimpath -buildvcs=false -o first.wasm .
//
// # Notes
//
// The plan is rebuilt in every task, to find the function of the stage, so
// Plan must depend on nothing but its arguments.
//
// The same program compiles for any other system, where package guesttest
// runs it as plain Go: test there first.
//
// Users, items and values come to every module. Times come to one that asks for
// them, in [Module.Uses] or [Module.Needs], where its user grants them;
// [Config.HasTimes] tells the plan.
//
// Heavy inner loops belong to package num, whose functions run in the host at
// native speed on arrays that never enter the guest ([Task.Matrix],
// [Task.Sparse]); Go in a sandbox is four to seven times slower.
//
// Mistakes in the use of this package end the task with a message; so does
// [Task.Fail]. Any other panic ends it too, and its trace names the line. A plan
// for which parameters do not go together says so by [Plan.Refuse].
//
// In arithmetic that reaches an output write float32(x*y)+z: the conversion
// keeps the compiler from fusing the two, so a native test sees the sandbox's
// bits on every machine.
package guest
