package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"time"
)

// Usage is what a store holds.
type Usage struct {
	Dir     string `json:"dir"`
	Arrays  Kind   `json:"arrays"`
	Records Kind   `json:"records"`
	Modules Kind   `json:"modules"`
	Total   int64  `json:"total_bytes"`
}

// Kind counts the files of one kind.
type Kind struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

type entry struct {
	path string // a file, or a module's folder
	size int64
	used time.Time
	kind *Kind
}

// Usage walks the store.
func (s *Store) Usage() (Usage, error) {
	u, _, err := s.walk()
	return u, err
}

func (s *Store) walk() (Usage, []entry, error) {
	u := Usage{Dir: s.dir}
	var all []entry
	add := func(e entry) {
		e.kind.Files++
		e.kind.Bytes += e.size
		u.Total += e.size
		all = append(all, e)
	}
	for _, part := range []struct {
		name string
		kind *Kind
	}{{"arrays", &u.Arrays}, {"blobs", &u.Records}, {"tmp", &u.Records}} {
		err := filepath.WalkDir(filepath.Join(s.dir, part.name), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return skipMissing(err)
			}
			fi, err := d.Info()
			if err != nil {
				return skipMissing(err)
			}
			add(entry{path, fi.Size(), fi.ModTime(), part.kind})
			return nil
		})
		if err != nil {
			return u, nil, s.failed(err)
		}
	}
	mods, err := os.ReadDir(filepath.Join(s.dir, "modules"))
	if err != nil {
		return u, nil, s.failed(err)
	}
	for _, d := range mods {
		e := entry{path: filepath.Join(s.dir, "modules", d.Name()), kind: &u.Modules}
		err := filepath.WalkDir(e.path, func(_ string, d fs.DirEntry, err error) error {
			if err != nil {
				return skipMissing(err)
			}
			fi, err := d.Info()
			if err != nil {
				return skipMissing(err)
			}
			if !d.IsDir() {
				e.size += fi.Size()
			}
			if fi.ModTime().After(e.used) {
				e.used = fi.ModTime()
			}
			return nil
		})
		if err != nil {
			return u, nil, s.failed(err)
		}
		add(e)
	}
	return u, all, nil
}

// skipMissing lets a walk go on where another process removed a file.
func skipMissing(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// Prune removes what was not used since olderThan ago (0: keeps all), then the
// least recently used until at most maxSize bytes remain (negative: no bound).
// A run that uses the store at the same time finds an array gone and makes it
// again, or fails by name; it never reads half of one.
func (s *Store) Prune(maxSize int64, olderThan time.Duration) (removed Kind, err error) {
	u, all, err := s.walk()
	if err != nil {
		return removed, err
	}
	sort.Slice(all, func(i, j int) bool {
		if !all[i].used.Equal(all[j].used) {
			return all[i].used.Before(all[j].used)
		}
		return all[i].path < all[j].path
	})
	total := u.Total
	limit := time.Now().Add(-olderThan)
	for _, e := range all {
		old := olderThan > 0 && e.used.Before(limit)
		if !old && (maxSize < 0 || total <= maxSize) {
			continue
		}
		if err := os.RemoveAll(e.path); err != nil {
			return removed, s.failed(err)
		}
		removed.Files++
		removed.Bytes += e.size
		total -= e.size
	}
	return removed, nil
}
