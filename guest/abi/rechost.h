/* rechost.h: the interface of rechost modules, version 1, for C and C++.
 * ABI.md beside this file says what each function does. Build a module with
 *
 *   clang --target=wasm32 -mbulk-memory -O3 -nostdlib -Wl,--no-entry -o module.wasm module.c
 *
 * (or any toolchain for wasm32-wasip1, as a reactor). Pointers are addresses in
 * the module's own memory, lengths count bytes, n and first count elements.
 * A wrong argument ends the task; no function returns an error. */
#ifndef RECHOST_H
#define RECHOST_H

#include <stdint.h>

#define RECHOST_ABI 1
#define RECHOST_IMPORT(name) __attribute__((import_module("rechost"), import_name(#name))) extern
#define RECHOST_NUM(name) __attribute__((import_module("rechost_num"), import_name(#name))) extern
#define RECHOST_EXPORT(name) __attribute__((export_name(#name), used))

/* What a module exports, beside its memory. Define all four: */
RECHOST_EXPORT(rechost_abi) int32_t rechost_abi(void);           /* returns RECHOST_ABI */
RECHOST_EXPORT(rechost_describe) int32_t rechost_describe(void); /* calls describe once, returns 0 */
RECHOST_EXPORT(rechost_plan) int32_t rechost_plan(void);         /* calls plan once, returns 0 */
RECHOST_EXPORT(rechost_run) int32_t rechost_run(int32_t stage);  /* runs a task of the stage, returns 0 */
/* Optional, called just before each of these three: void rechost_resume(void). See ABI.md. */

enum { RECHOST_U8, RECHOST_U32, RECHOST_I32, RECHOST_U64, RECHOST_I64, RECHOST_F32, RECHOST_F64 };
struct rechost_info { uint64_t dtype, rows, width, elements; }; /* width 0: 1-D */

RECHOST_IMPORT(config_size) int32_t rechost_config_size(void);
RECHOST_IMPORT(config_read) void rechost_config_read(char *to);
RECHOST_IMPORT(describe) void rechost_describe_as(const char *json, int32_t len);
RECHOST_IMPORT(plan) void rechost_plan_as(const char *json, int32_t len);
RECHOST_IMPORT(input_open) int32_t rechost_input_open(const char *name, int32_t len); /* -1: none */
RECHOST_IMPORT(input_info) void rechost_input_info(int32_t handle, struct rechost_info *to);
RECHOST_IMPORT(input_read) void rechost_input_read(int32_t handle, int64_t first, int64_t n, void *to);
RECHOST_IMPORT(output_write) void rechost_output_write(const char *name, int32_t len, const void *data, int32_t bytes);
RECHOST_IMPORT(log) void rechost_log(int32_t level, const char *text, int32_t len); /* 0 debug, 1 info, 2 warning */
RECHOST_IMPORT(progress) void rechost_progress(int64_t done, int64_t total);
RECHOST_IMPORT(fail) __attribute__((noreturn)) void rechost_fail(const char *text, int32_t len);
RECHOST_IMPORT(refuse) __attribute__((noreturn)) void rechost_refuse(const char *text, int32_t len); /* in rechost_plan */

/* Kernels. A vector is {input, at}: RECHOST_MEMORY and an address, or a handle
 * and the number of an element. A value input of RECHOST_ONES is 1 everywhere. */
#define RECHOST_MEMORY (-1)
#define RECHOST_ONES (-2)
struct rechost_matrix { int64_t input, at, rows, cols; };
struct rechost_sparse {
  int64_t rows, cols, first, offsets_input, offsets_at, index_input, index_at, value_input, value_at, entries;
};
typedef struct rechost_matrix rechost_matrix;
typedef struct rechost_sparse rechost_sparse;

RECHOST_NUM(dot) float rechost_dot(int64_t n, const float *x, const float *y);
RECHOST_NUM(sum) float rechost_sum(int64_t n, const float *x);
RECHOST_NUM(axpy) void rechost_axpy(int64_t n, float a, const float *x, float *y);
RECHOST_NUM(scale) void rechost_scale(int64_t n, float a, float *x);
RECHOST_NUM(row_sums) void rechost_row_sums(float *dst, const rechost_sparse *m, int32_t power);
RECHOST_NUM(col_sums) void rechost_col_sums(float *dst, const rechost_sparse *m, int32_t power);
RECHOST_NUM(transpose) void rechost_transpose(const rechost_sparse *m, uint64_t *offsets, uint32_t *index, float *value);
RECHOST_NUM(add_gram) void rechost_add_gram(float *dst, const rechost_matrix *m);
RECHOST_NUM(gather) void rechost_gather(float *dst, const rechost_matrix *m, int64_t n, const uint32_t *rows);
RECHOST_NUM(product_rows) void rechost_product_rows(float *dst, const rechost_sparse *a, const rechost_sparse *b);
RECHOST_NUM(product_topk) int64_t rechost_product_topk(const rechost_sparse *a, const rechost_sparse *b,
    const rechost_sparse *without, const rechost_sparse *only, int64_t diagonal, const float *norms, const float *alpha, const float *beta,
    float gamma, int64_t k, uint64_t *offsets, uint32_t *index, float *score);
RECHOST_NUM(score_topk) int64_t rechost_score_topk(const rechost_matrix *users, int64_t n, const uint32_t *rows,
    const rechost_matrix *items, const rechost_sparse *without, const rechost_sparse *only,
    int64_t k, uint64_t *offsets, uint32_t *index, float *score);
RECHOST_NUM(ridge_cg) void rechost_ridge_cg(float *x, const rechost_sparse *rows, const rechost_matrix *factors,
    const float *gram, const float *lambda, float w0, float w1, float t0, float t1, int32_t steps);
RECHOST_NUM(ridge_cholesky) int64_t rechost_ridge_cholesky(float *x, const rechost_sparse *rows,
    const rechost_matrix *factors, const float *gram, const float *lambda, float w0, float w1, float t0, float t1);
RECHOST_NUM(bpr) int64_t rechost_bpr(float *users, float *items, float *bias, int64_t k, const rechost_sparse *rows, int64_t n,
    const uint32_t *index, int64_t passes, float rate, float decay, uint32_t flags, uint64_t seed, uint64_t stream);
RECHOST_NUM(gemm) void rechost_gemm(float *dst, const rechost_matrix *a, const rechost_matrix *b);
RECHOST_NUM(inverse) int64_t rechost_inverse(float *a, int64_t n);
RECHOST_NUM(sparse_gram) void rechost_sparse_gram(float *dst, const rechost_sparse *m);
RECHOST_NUM(divide_columns) void rechost_divide_columns(float *x, int64_t rows, int64_t cols, const float *by);
RECHOST_NUM(rows_topk) int64_t rechost_rows_topk(const rechost_sparse *x, const rechost_matrix *w,
    const rechost_sparse *without, const rechost_sparse *only, int64_t k, uint64_t *offsets, uint32_t *index, float *score);
RECHOST_NUM(add_sparse) void rechost_add_sparse(float *dst, float a, const rechost_sparse *s, const rechost_matrix *m);
RECHOST_NUM(add_product) void rechost_add_product(float *dst, const rechost_matrix *a, const rechost_matrix *b);
RECHOST_NUM(whiten) int64_t rechost_whiten(float *dst, const float *g, int64_t k, float tolerance);
RECHOST_NUM(eigen) void rechost_eigen(float *values, float *vectors, const float *g, int64_t k);
RECHOST_NUM(elastic_net) void rechost_elastic_net(float *w, float *slope, int64_t rows, const rechost_matrix *gram, int64_t first,
    float l1, float l2, float tolerance, int64_t turns);
RECHOST_NUM(uniform) void rechost_uniform(int64_t n, float *dst, uint64_t seed, uint64_t stream, uint64_t counter);
RECHOST_NUM(normal) void rechost_normal(int64_t n, float *dst, uint64_t seed, uint64_t stream, uint64_t counter);

#endif
