"""The same jobs with the library implicit: peer.py cf|als IN.parquet OUT.parquet

Reads two columns of pairs, makes dense ids and a sparse matrix, fits, recommends
20 items to every user without the ones they have, writes Parquet. Threads: all
cores, but one for BLAS, as implicit asks.
"""
import os
import sys

os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender
from scipy.sparse import csr_matrix

job, source, target = sys.argv[1:]
table = pq.read_table(source).select([0, 1])
users, u = np.unique(table.column(0).to_numpy(), return_inverse=True)
items, i = np.unique(table.column(1).to_numpy(), return_inverse=True)
matrix = csr_matrix((np.ones(len(u), np.float32), (u, i)), shape=(len(users), len(items)))
if job == "cf":
    model = CosineRecommender(K=100)
else:
    model = AlternatingLeastSquares(factors=64, iterations=15, regularization=0.01, alpha=1.0, random_state=42)
model.fit(matrix, show_progress=False)
ids, scores = model.recommend(np.arange(len(users)), matrix, N=20, filter_already_liked_items=True)
who = np.repeat(np.arange(len(users)), ids.shape[1])
rank = np.tile(np.arange(1, ids.shape[1] + 1, dtype=np.int32), len(users))
keep = ids.ravel() >= 0
pq.write_table(pa.table({
    "user": users[who[keep]], "item": items[ids.ravel()[keep]],
    "score": scores.ravel()[keep].astype(np.float32), "rank": rank[keep],
}), target)
