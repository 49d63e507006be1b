package host_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"rechost/host/array"
	"rechost/host/store"
	"rechost/host/table"
)

// rating is a row of a test's data.
type rating struct {
	user, item int64
	value      float32
	time       int64
}

// ratings makes rows in which even users like even items, with repeated pairs.
func ratings(users, items, rows int) []rating {
	r := rand.New(rand.NewPCG(7, 7))
	list := make([]rating, 0, rows)
	for len(list) < rows {
		u := int64(r.ExpFloat64()*float64(users)/4) % int64(users)
		i := int64(r.ExpFloat64()*float64(items)/4) % int64(items)
		if (u+i)%2 == 1 && r.IntN(8) > 0 {
			i ^= 1
		}
		list = append(list, rating{1000 + u*17, 10 + i%int64(items), float32(r.IntN(5) + 1), 1_600_000_000 + int64(len(list))*60})
	}
	return list
}

// write writes rows as a Parquet file of row groups of at most group rows.
func write(t testing.TB, name string, rows []rating, group int) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w, err := table.NewWriter(f, []table.Column{
		{Name: "user_id", Type: table.TypeInt64}, {Name: "item_id", Type: table.TypeInt64},
		{Name: "rating", Type: table.TypeFloat}, {Name: "timestamp", Type: table.TypeSeconds},
	}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for len(rows) > 0 {
		n := min(group, len(rows))
		b := []table.Vector{{Kind: table.Ints}, {Kind: table.Ints}, {Kind: table.Floats32}, {Kind: table.Ints}}
		for _, r := range rows[:n] {
			b[0].Ints = append(b[0].Ints, r.user)
			b[1].Ints = append(b[1].Ints, r.item)
			b[2].Floats32 = append(b[2].Floats32, r.value)
			b[3].Ints = append(b[3].Ints, r.time)
		}
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		rows = rows[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// shuffled is rows in another order.
func shuffled(rows []rating, seed uint64) []rating {
	s := append([]rating(nil), rows...)
	rand.New(rand.NewPCG(seed, 1)).Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
	return s
}

// split writes rows to n files in a folder.
func split(t testing.TB, dir string, rows []rating, n int) string {
	t.Helper()
	for i := range n {
		part := rows[len(rows)*i/n : len(rows)*(i+1)/n]
		write(t, filepath.Join(dir, fmt.Sprintf("part-%d.parquet", (i*7)%n)), part, 301)
	}
	return dir
}

// changed puts a copy of an array with one element changed into a store.
func changed(t testing.TB, dir string, m array.Meta, element int) array.Meta {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, release, err := s.Read(m)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	c := append([]byte(nil), b...)
	c[element*m.DType.Size()] ^= 1
	m, err = s.Put(m, c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
