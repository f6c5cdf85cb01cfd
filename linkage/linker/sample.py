"""Draw pairs at random from the blocks of a task."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
