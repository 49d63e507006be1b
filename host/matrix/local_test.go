package matrix

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"rechost/host/interactions"
)

func TestLocal(t *testing.T) {
	for _, n := range strings.Fields(os.Getenv("LOCAL")) {
		for range 3 {
			t0 := time.Now()
			set, err := interactions.Open([]string{n}, interactions.Options{})
			if err != nil {
				t.Fatal(err)
			}
			b := &builder{options: Options{Duplicates: Sum, Workers: 2}, set: set}
			if err := b.read(context.Background()); err != nil {
				t.Fatal(err)
			}
			t1 := time.Now()
			if err := b.index(); err != nil {
				t.Fatal(err)
			}
			t2 := time.Now()
			if err := b.byUser(context.Background()); err != nil {
				t.Fatal(err)
			}
			t3 := time.Now()
			b.m.ByItem = transpose(&b.m.ByUser, b.m.Items.Len(), 2)
			t4 := time.Now()
			st, _ := os.ReadFile("/proc/self/status")
			i := strings.Index(string(st), "VmHWM")
			fmt.Println(n, "read", t1.Sub(t0), "index", t2.Sub(t1), "byuser", t3.Sub(t2), "transpose", t4.Sub(t3), "all", t4.Sub(t0), b.m.Users.Len(), b.m.Items.Len(), b.m.ByUser.Entries(), strings.TrimSpace(string(st)[i:i+24]))
			set.Close()
		}
	}
}
