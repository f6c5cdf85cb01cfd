"""NumKong (the kernels of USearch), Jaccard distances of all pairs; see worker.py.

It fills matrices, so the left rows go in strips whose distances stay in the cache, and NumPy picks
the pairs: Dice >= t where Jaccard >= t / (2 - t).
"""

from importlib.metadata import version

import numkong
import numpy as np
import worker

STRIP = 64


def prepare(left, right):
    """Give the rows as bytes."""
    return [np.ascontiguousarray(side).view(np.uint8) for side in (left, right)]


def find(left, right, threshold):
    """Pack the right rows, and compare them with all left rows."""
    packed = numkong.hammings_pack(right, dtype="uint1")
    most = np.float32(1 - threshold / (2 - threshold))
    found = []
    for start in range(0, len(left), STRIP):
        distance = np.asarray(numkong.jaccards_packed(left[start : start + STRIP], packed))
        row, column = np.nonzero(distance <= most)
        jaccard = 1 - distance[row, column].astype(np.float64)
        found.append((row + start, column, 2 * jaccard / (1 + jaccard)))
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


worker.run(version("numkong"), prepare, find)
