package abi

// Imports of NumModule. What each computes is the function of that name in
// package guest/num/naive, to the bit; what follows is only how arguments are
// handed over. As in DataModule, pointers are i32 byte addresses in the guest's
// memory (aligned to the element), counts are i64, and wrong arguments (a range
// outside memory or input, an index out of range, offsets that go backwards)
// end the task with an error; nothing returns an error code.
//
// A vector may be named in two ways, by two numbers: input -1 and the address
// of its first element, or the handle of an opened input and the number of its
// first element there. Matrices are passed as the address of a record of i64:
//
//	matrix {input, at, rows, cols}
//	sparse {rows, cols, first, offsets input, at, index input, at, value input, at, entries}
//
// offsets are u64, first+rows+1 of them (none where rows is 0); index u32 and value f32, entries of
// them; a value input of -2 stands for 1 at every entry. A record address of 0
// is a matrix without rows, where a function allows it. Results go to the
// guest's memory and must not overlap arguments.
//
//	dot(n i64, x i32, y i32) -> f32
//	sum(n i64, x i32) -> f32
//	axpy(n i64, a f32, x i32, y i32)
//	scale(n i64, a f32, x i32)
//	row_sums(dst i32, m i32, power i32)                 rows of f32
//	col_sums(dst i32, m i32, power i32)                 cols of f32
//	transpose(m i32, offsets i32, index i32, value i32) cols+1 of u64; entries of u32 and f32; value 0 where m has none
//	add_gram(dst i32, m i32)                            cols*cols of f32, symmetric, the upper half added to
//	gather(dst i32, m i32, n i64, rows i32)             n*cols of f32; rows u32
//	product_rows(dst i32, a i32, b i32)                 a.rows*b.cols of f32
//	product_topk(a i32, b i32, without i32, only i32, diagonal i64, norms i32, alpha i32, beta i32, gamma f32,
//	             k i64, offsets i32, index i32, score i32) -> i64
//	    without and only may be 0; diagonal -1: not left out; norms 0: no division;
//	    rows+1 of u64, rows*k of u32 and f32; returns the entries written
//	score_topk(users i32, n i64, rows i32, items i32, without i32, only i32,
//	           k i64, offsets i32, index i32, score i32) -> i64
//	    rows 0: every row of users, n of them; without and only may be 0
//	ridge_cg(x i32, rows i32, factors i32, gram i32, lambda i32, w0 f32, w1 f32, t0 f32, t1 f32, steps i32)
//	ridge_cholesky(x i32, rows i32, factors i32, gram i32, lambda i32, w0 f32, w1 f32, t0 f32, t1 f32) -> i64
//	    x rows*k, gram k*k, lambda rows of f32, k the factors' columns
//	bpr(users i32, items i32, bias i32, k i64, rows i32, n i64, index i32,
//	    passes i64, rate f32, decay f32, flags i32, seed i64, stream i64) -> i64
//	    rows.rows*k, n*k and n of f32; n of u32, each once; rows ascending;
//	    flags 1 verify, 2 per user; returns the samples taken
//	gemm(dst i32, a i32, b i32)                         a.rows*b.cols of f32
//	inverse(a i32, n i64) -> i64                        n*n of f32, in place
//	sparse_gram(dst i32, m i32)                         cols*cols of f32; rows in ascending order
//	divide_columns(x i32, rows i64, cols i64, by i32)   rows*cols and cols of f32
//	rows_topk(x i32, w i32, without i32, only i32, k i64, offsets i32, index i32, score i32) -> i64
//	    w a matrix; the rest as in score_topk
//	add_sparse(dst i32, a f32, s i32, m i32)            s.rows*m.cols of f32, added to
//	add_product(dst i32, a i32, b i32)                  a.rows*b.cols of f32, added to
//	whiten(dst i32, g i32, k i64, tolerance f32) -> i64 k*k of f32 each; k at most MaxEigen
//	eigen(values i32, vectors i32, g i32, k i64)        k, k*k and k*k of f32; k at most MaxEigen
//	elastic_net(w i32, slope i32, rows i64, gram i32, first i64, l1 f32, l2 f32, tolerance f32, turns i64)
//	    gram a matrix of n rows and columns; w and slope rows*n of f32, in place; first+rows at most n
//	uniform(n i64, dst i32, seed i64, stream i64, counter i64)
//	normal(n i64, dst i32, seed i64, stream i64, counter i64)
const (
	FnDot           = "dot"
	FnSum           = "sum"
	FnAxpy          = "axpy"
	FnScale         = "scale"
	FnRowSums       = "row_sums"
	FnColSums       = "col_sums"
	FnTranspose     = "transpose"
	FnAddGram       = "add_gram"
	FnGather        = "gather"
	FnProductRows   = "product_rows"
	FnProductTopK   = "product_topk"
	FnScoreTopK     = "score_topk"
	FnRidgeCG       = "ridge_cg"
	FnRidgeCholesky = "ridge_cholesky"
	FnBPR           = "bpr"
	FnUniform       = "uniform"
	FnNormal        = "normal"
	FnGemm          = "gemm"
	FnInverse       = "inverse"
	FnSparseGram    = "sparse_gram"
	FnDivideColumns = "divide_columns"
	FnRowsTopK      = "rows_topk"
	FnAddSparse     = "add_sparse"
	FnAddProduct    = "add_product"
	FnWhiten        = "whiten"
	FnEigen         = "eigen"
	FnElasticNet    = "elastic_net"
)

// Words of the records that describe a matrix, and their special inputs.
const (
	MatrixWords = 4
	SparseWords = 10
	InMemory    = -1 // input of a vector in the guest's memory
	AllOnes     = -2 // value input of a sparse matrix without values
)

// MaxEigen is the largest k of whiten and eigen.
const MaxEigen = 4096
