"""FAISS's exhaustive binary index, range search by Hamming distance; see worker.py.

FAISS knows no Dice. The radius is the Hamming distance that two filters of mean popcount have at
the Dice threshold, so that about as many pairs are found; they are not the same ones.
"""

import faiss
import numpy as np
import worker


def prepare(left, right):
    """Give the rows as bytes, and the sum of mean popcounts."""
    sides = [np.ascontiguousarray(side).view(np.uint8) for side in (left, right)]
    return *sides, sum(np.unpackbits(side, axis=1).sum(axis=1).mean() for side in sides)


def find(left, right, ones, threshold):
    """Build the index of the right rows and search it for the left rows."""
    index = faiss.IndexBinaryFlat(8 * right.shape[1])
    index.add(right)
    radius = int((1 - threshold) * ones)
    ends, distance, rows = index.range_search(left, radius + 1)  # it finds what is below
    return np.repeat(np.arange(len(left)), np.diff(ends.astype(np.int64))), rows, -distance


faiss.omp_set_num_threads(1)
worker.run(faiss.__version__, prepare, find)
