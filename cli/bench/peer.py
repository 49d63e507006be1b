"""The same jobs with the libraries that one would use otherwise, whole processes:

    peer.py cf|als|bpr|ease IN.parquet OUT.parquet
    peer.py read IN.parquet                 prints the seconds, imports not counted
    peer.py gemm|score|inverse [THREADS]    prints the seconds

cf, als and bpr are implicit's; ease is NumPy with SciPy's LAPACK; read is
DuckDB and SciPy; the rest is NumPy's BLAS. Recommending is 20 items to every
user without the ones they have. implicit asks for one thread of BLAS; the
others use all cores.
"""
import os
import sys
import time

job = sys.argv[1]
if job in ("cf", "als", "bpr"):
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
elif len(sys.argv) > 2 and job in ("gemm", "score", "inverse"):
    os.environ["OPENBLAS_NUM_THREADS"] = sys.argv[2]
import numpy as np
from scipy.sparse import csr_matrix

TOP = 20


def columns(source):
    """The names of the columns of users and items, which come first."""
    import pyarrow.parquet as pq
    return pq.read_schema(source).names[:2]


def pairs(source):
    """Two columns of pairs to a sparse matrix of ones, by Arrow's hash tables."""
    import pyarrow.parquet as pq
    user, item = columns(source)
    table = pq.read_table(source, columns=[user, item])

    def dense(column):
        d = column.combine_chunks().dictionary_encode()
        d = d.combine_chunks() if hasattr(d, "combine_chunks") else d
        return d.indices.to_numpy(), d.dictionary.to_numpy()

    (u, users), (i, items) = dense(table[user]), dense(table[item])
    x = csr_matrix((np.ones(len(u), np.float32), (u, i)), shape=(len(users), len(items)))
    x.sum_duplicates()
    x.data[:] = 1
    return users, items, x


def write(target, users, items, ids, scores):
    import pyarrow as pa
    import pyarrow.parquet as pq
    who = np.repeat(np.arange(len(users)), ids.shape[1])
    rank = np.tile(np.arange(1, ids.shape[1] + 1, dtype=np.int32), len(users))
    keep = ids.ravel() >= 0
    pq.write_table(pa.table({
        "user": users[who[keep]], "item": items[ids.ravel()[keep]],
        "score": scores.ravel()[keep].astype(np.float32), "rank": rank[keep],
    }), target)


def implicit(source, target):
    users, items, x = pairs(source)
    if job == "cf":
        from implicit.nearest_neighbours import CosineRecommender
        model = CosineRecommender(K=100)
    elif job == "als":
        from implicit.als import AlternatingLeastSquares
        model = AlternatingLeastSquares(factors=64, iterations=15, regularization=0.01, alpha=1.0, random_state=42)
    else:
        from implicit.bpr import BayesianPersonalizedRanking
        model = BayesianPersonalizedRanking(factors=64, iterations=100, random_state=42)
    model.fit(x, show_progress=False)
    ids, scores = model.recommend(np.arange(len(users)), x, N=TOP, filter_already_liked_items=True)
    write(target, users, items, ids, scores)


def best(y):
    """The TOP greatest of each row, in order."""
    t = np.argpartition(y, -TOP, axis=1)[:, -TOP:]
    v = np.take_along_axis(y, t, 1)
    o = np.argsort(-v, axis=1, kind="stable")
    return np.take_along_axis(t, o, 1), np.take_along_axis(v, o, 1)


def ease(source, target):
    from scipy.linalg import get_lapack_funcs
    users, items, x = pairs(source)
    g = (x.T @ x).toarray()
    g[np.diag_indices(len(items))] += 500
    p = inverse(g, get_lapack_funcs)
    b = p / -np.diagonal(p).copy()
    b[np.diag_indices(len(items))] = 0
    ids, scores = [], []
    for s in range(0, len(users), 2048):
        part = x[s:s + 2048]
        y = part.toarray() @ b
        y[part.nonzero()] = -np.inf
        t, v = best(y)
        ids.append(t)
        scores.append(v)
    write(target, users, items, np.concatenate(ids), np.concatenate(scores))


def inverse(g, funcs):
    potrf, potri = funcs(("potrf", "potri"), (g,))
    l, info = potrf(g.T, lower=True, overwrite_a=True)
    assert info == 0
    p, info = potri(l, lower=True, overwrite_c=True)
    assert info == 0
    p = np.tril(p)
    return p + np.tril(p, -1).T


def read(source):
    """Dense ids in the order of the ids, then rows and columns of the matrix."""
    import duckdb
    user, item = columns(source)
    db = duckdb.connect()
    db.execute("set preserve_insertion_order=false")
    start = time.perf_counter()
    db.execute(f"""create table t as select "{user}" u, "{item}" i from read_parquet('{source}')""")
    for c in "ui":
        db.execute(f"create table d_{c} as select {c}, (row_number() over (order by {c}) - 1)::int d from (select distinct {c} from t)")
    r = db.execute("select d_u.d u, d_i.d i from t join d_u using (u) join d_i using (i)").fetchnumpy()
    u, i = np.asarray(r["u"]), np.asarray(r["i"])
    csr_matrix((np.ones(len(u), np.float32), (u, i)), shape=(u.max() + 1, i.max() + 1)).tocsc()
    return time.perf_counter() - start


def fastest(run, *args):
    times = []
    for _ in range(5):
        start = time.perf_counter()
        run(*args)
        times.append(time.perf_counter() - start)
    return min(times)


def dense():
    """Seconds of one product, of the product in scoring alone, or of an inverse."""
    r = np.random.default_rng(1)
    if job == "gemm":
        return fastest(np.matmul, *(r.standard_normal((1024, 1024), np.float32) for _ in range(2)))
    if job == "score":
        return fastest(np.matmul, r.standard_normal((2000, 64), np.float32), r.standard_normal((64, 40000), np.float32))
    from scipy.linalg import get_lapack_funcs
    x = r.standard_normal((3706, 4000), np.float32)
    g = x @ x.T
    potrf, potri = get_lapack_funcs(("potrf", "potri"), (g,))
    return fastest(lambda: potri(potrf(g.T, lower=True)[0], lower=True, overwrite_c=True))


if job == "read":
    print(read(sys.argv[2]))
elif job in ("gemm", "score", "inverse"):
    print(dense())
elif job == "ease":
    ease(*sys.argv[2:])
else:
    implicit(*sys.argv[2:])
