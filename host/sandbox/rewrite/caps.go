package rewrite

// Caps bound the shape of a module. Zero means the default, which leaves the
// modules that compilers make generous room and a compiler bounded work.
type Caps struct {
	Size      int    // bytes of the module: 64 MiB
	Functions int    // defined: 100,000
	Body      int    // bytes of one function: 1 MiB
	Locals    int    // of one function: 4,096
	Nesting   int    // of blocks in one function: 4,096
	Params    int    // of one type: 256
	Results   int    // of one type: 64
	Types     int    // 10,000
	Imports   int    // 1,000
	Exports   int    // 10,000
	Globals   int    // defined: 10,000
	Tables    int    // 4
	TableSize uint32 // entries a table starts with: 1,000,000
	Pages     uint32 // pages of 64 KiB that memory starts with: 65,535
	Data      int    // data segments: 100,000
	Elements  int    // element segments: 10,000
	Custom    int    // custom sections: 100
	Name      int    // bytes of one name: 64 KiB
}
