package abi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"rechost/guest/abi"
	"rechost/guest/guesttest"
)

// names returns the names of exports and imports that the package declares.
func names(t *testing.T) (list []string) {
	for _, file := range []string{"abi.go", "num.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, id := range v.Names {
				if strings.HasPrefix(id.Name, "Fn") || strings.HasPrefix(id.Name, "Export") || strings.HasSuffix(id.Name, "Module") {
					s, err := strconv.Unquote(v.Values[i].(*ast.BasicLit).Value)
					if err != nil {
						t.Fatal(err)
					}
					list = append(list, s)
				}
			}
			return true
		})
	}
	if len(list) < 30 {
		t.Fatalf("only %d names were found: %v", len(list), list)
	}
	return list
}

func TestEveryNameIsDocumented(t *testing.T) {
	text, header := read(t, "ABI.md"), read(t, "rechost.h")
	for _, n := range names(t) {
		if !strings.Contains(text, "`"+n) {
			t.Errorf("ABI.md does not have `%s`", n)
		}
		if n != abi.ExportInitialize && !regexp.MustCompile(`\b`+n+`\b`).MatchString(header) {
			t.Errorf("rechost.h does not have %s", n)
		}
	}
	for _, d := range abi.DTypes {
		if !strings.Contains(header, "RECHOST_"+strings.ToUpper(d)) || !strings.Contains(abi.PlanSchema, `"`+d+`"`) {
			t.Errorf("the element type %s is not in rechost.h and plan.schema.json", d)
		}
	}
}

// The example of a plan in ABI.md is a plan.
func TestExample(t *testing.T) {
	checked := 0
	for _, block := range strings.Split(read(t, "ABI.md"), "```json\n")[1:] {
		if text, _, _ := strings.Cut(block, "```"); strings.HasPrefix(text, `{"steps"`) {
			checked++
			if err := guesttest.Schema(abi.PlanSchema, text); err != nil {
				t.Error(err)
			}
		}
	}
	if checked != 1 {
		t.Errorf("ABI.md has %d plans", checked)
	}
}

func read(t *testing.T, name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
