"""Blocking: turn keyed tokens into tasks, ranges of rows that share a block key.

A task holds no pairs: what it compares is enumerated by the kernel only while it compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from linkage.model import Encodings, Task

#: Comparisons of one task: large enough to keep a thread busy, small enough to share out.
TASK_COMPARISONS = 4_000_000


def plan_tasks(
    left: Encodings, right: Encodings, blocking_pass: int, *, within: bool
) -> Iterator[Task]:
    """Yield the tasks of one pass over two data sets, or one `within` itself, by block key.

    A block of more than `TASK_COMPARISONS` is split by its left rows. Encodings without passes
    are one block: all pairs are compared.
    """
    if left.tokens.shape[1]:
        left_order, left_keys = _sorted_rows(left, blocking_pass)
        right_order, right_keys = _sorted_rows(right, blocking_pass)
        shared = _shared_blocks(left_keys, right_keys)
    else:
        left_order, right_order = (np.arange(len(one.owner)) for one in (left, right))
        shared = np.array([[0, len(left_order), 0, len(right_order)]], np.int64)
    blocks = _split(shared)
    sizes = np.cumsum((blocks[:, 1] - blocks[:, 0]) * (blocks[:, 3] - blocks[:, 2]))
    cuts = np.flatnonzero(np.diff(sizes // TASK_COMPARISONS)) + 1
    for start, stop in pairwise([0, *cuts.tolist(), len(blocks)]):
        if start < stop:
            part = np.ascontiguousarray(blocks[start:stop])
            yield Task(blocking_pass, left_order, right_order, part, within)


def _sorted_rows(
    encodings: Encodings, blocking_pass: int
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Give the rows that have a key, ordered by key then row, and their keys."""
    tokens = encodings.tokens[:, blocking_pass]
    order = np.argsort(tokens, kind="stable")
    order = order[np.searchsorted(tokens[order], 1) :]
    return order, tokens[order]


def _shared_blocks(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Give the ranges of equal keys in two sorted arrays, `int64[blocks, 4]`."""
    keys, left_start, left_size = np.unique(left, return_index=True, return_counts=True)
    right_start = np.searchsorted(right, keys, side="left")
    right_stop = np.searchsorted(right, keys, side="right")
    blocks = np.column_stack([left_start, left_start + left_size, right_start, right_stop])
    return blocks[right_stop > right_start].astype(np.int64)


def _split(blocks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cut blocks by their left rows so that no piece has more than `TASK_COMPARISONS`."""
    left, right = blocks[:, 1] - blocks[:, 0], blocks[:, 3] - blocks[:, 2]
    step = np.maximum(1, TASK_COMPARISONS // np.maximum(right, 1))
    pieces = -(-left // step)
    which = np.repeat(np.arange(len(blocks)), pieces)
    piece = np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    split = blocks[which]
    split[:, 0] += piece * step[which]
    split[:, 1] = np.minimum(split[:, 0] + step[which], split[:, 1])
    return split
