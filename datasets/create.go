package datasets

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"rechost/host/fault"
)

// create writes a file through fill: to a temporary file in the same folder,
// which then takes the name. Without force a file that exists is refused,
// before the work and again at its end; one of inputs is always refused. After
// a failure nothing is left behind. It returns the size.
func create(path string, force bool, inputs []string, fill func(io.Writer) error) (size int64, err error) {
	if path == "" || path == "-" {
		return 0, fault.Use("%q is no file to write to", path).WithHint("name a file, such as ratings.parquet")
	}
	if info, err := os.Stat(path); err == nil {
		if info.IsDir() {
			return 0, fault.Use("%s: is a folder; name a file in it", path)
		}
		for _, in := range inputs {
			if of, err := os.Stat(in); err == nil && os.SameFile(info, of) {
				return 0, fault.Use("%s: is the input and would be overwritten", path)
			}
		}
		if !force {
			return 0, exists(path)
		}
	}
	f, err := beside(path)
	if err != nil {
		return 0, fault.New(fault.Failed, "%s: cannot be created: %v", path, fault.Cause(err))
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := fill(w); err != nil {
		return 0, err
	}
	if err := w.Flush(); err != nil {
		return 0, fault.File(path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return 0, fault.File(path, err)
	}
	if err := f.Close(); err != nil {
		return 0, fault.File(path, err)
	}
	if !force {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return 0, exists(path)
		}
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return 0, fault.File(path, err)
	}
	return info.Size(), nil
}

// beside creates a new file in path's folder, as readable as the user's other
// files (os.CreateTemp would make it private).
func beside(path string) (*os.File, error) {
	dir, base := filepath.Split(path)
	for try := 0; ; try++ {
		name := fmt.Sprintf("%s.%s.%d-%d.tmp", dir, base, os.Getpid(), try)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) || try == 1000 {
			return f, err
		}
	}
}

func exists(path string) error {
	return fault.Use("%s: exists already", path).WithHint("give another name, or --force to replace it")
}
