"""Draw pairs at random from blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.blocks import match_keys
from linkage.model import Task


def draw_pairs(
    task: Task, keep: float, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw a share `keep` of the pairs of a task, with replacement; all if it is 1.

    Gives left and right rows. Within one data set each pair comes with the lower row first.
    """
    blocks = task.blocks
    widths = blocks[:, 3] - blocks[:, 2]
    ends = np.cumsum((blocks[:, 1] - blocks[:, 0]) * widths)
    total = int(ends[-1]) if len(ends) else 0
    if keep >= 1.0:
        pair = np.arange(total)
    else:
        pair = random.integers(0, total, random.binomial(total, keep)) if total else np.arange(0)
    block = np.searchsorted(ends, pair, side="right")
    inside = pair - (ends[block] - (blocks[block, 1] - blocks[block, 0]) * widths[block])
    left = task.left_order[blocks[block, 0] + inside // widths[block]].astype(np.int64)
    right = task.right_order[blocks[block, 2] + inside % widths[block]].astype(np.int64)
    if task.within:
        left, right = left[left < right], right[left < right]
    return left, right


def draw_equal(
    left: NDArray[np.uint64],
    right: NDArray[np.uint64],
    most: int,
    random: np.random.Generator,
    *,
    within: bool,
) -> tuple[NDArray[np.int64], NDArray[np.int64], float]:
    """List the pairs of equal keys, or draw `most` of them; also give how many each stands for.

    0 is no key. Within one data set each pair comes once, the lower row first.
    """
    orders = [np.argsort(one, kind="stable").astype(np.int32) for one in (left, right)]
    ordered = [one[order] for one, order in zip((left, right), orders, strict=True)]
    starts = [int(np.searchsorted(one, 1)) for one in ordered]
    blocks = match_keys(ordered[0][starts[0] :], ordered[1][starts[1] :]) + np.repeat(starts, 2)
    sizes = (blocks[:, 1] - blocks[:, 0]) * (blocks[:, 3] - blocks[:, 2])
    total = int(sizes.sum())
    task = Task(0, orders[0], orders[1], blocks, within)
    i, j = draw_pairs(task, min(1.0, most / max(total, 1)), random)
    return i, j, max(1.0, total / most)
