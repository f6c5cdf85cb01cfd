"""Estimate what blocking misses, without labels: by samples that are compared in full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from linkage.linker.block import BlockKeys, PassPlan
from linkage.linker.sample import draw_pairs

#: Tells of pairs of rows which are links: `(left rows, right rows) -> bool[pairs]`.
IsLink = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]]

_SAMPLED_PAIRS = 200_000
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Completeness:
    """Of the `links` among sampled rows compared with all others, how many the passes meet.

    `by_pass` are those that each pass meets, `alone` those that no other pass does.
    """

    links: int
    met: int
    by_pass: tuple[int, ...]
    alone: tuple[int, ...]

    def __add__(self, other: Completeness) -> Completeness:
        """Put two samples together."""
        return Completeness(
            self.links + other.links,
            self.met + other.met,
            tuple(map(sum, zip(self.by_pass, other.by_pass, strict=True))),
            tuple(map(sum, zip(self.alone, other.alone, strict=True))),
        )

    @property
    def share(self) -> float:
        """The estimated pairs completeness; NaN without links."""
        return self.met / self.links if self.links else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval (Wilson 1927); 0 to 1 without links."""
        return wilson(self.met, self.links)


def wilson(hits: float, trials: float) -> tuple[float, float]:
    """Give the 95 % score interval of a share (Wilson 1927); 0 to 1 without trials."""
    if trials <= 0:
        return 0.0, 1.0
    z = float(ndtri((1 + _CONFIDENCE) / 2))
    share, scale = hits / trials, 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z / scale * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return float(min(share, max(0, centre - half))), float(max(share, min(1, centre + half)))


def meetings(
    keys: BlockKeys, left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which passes have both rows of each pair under one key, `bool[pairs, passes]`."""
    one, other = keys.left[left], keys.right[right]
    same: NDArray[np.bool_] = (one == other) & (one != 0)
    return same


def measure_completeness(
    keys: BlockKeys, left: NDArray[np.int64], right: NDArray[np.int64]
) -> Completeness:
    """Measure how many of the links of a sample the passes meet."""
    met = meetings(keys, left, right)
    passes = met.sum(axis=1)
    return Completeness(
        len(left),
        int((passes > 0).sum()),
        tuple(met.sum(axis=0).tolist()),
        tuple((met & (passes == 1)[:, None]).sum(axis=0).tolist()),
    )


def lost_links(plan: PassPlan, keys: BlockKeys, is_link: IsLink, seed: int) -> float:
    """Estimate how many links are lost by the blocks that a pass leaves out for their size.

    Those are links among a sample of the blocks' pairs that no block of any pass meets.
    """
    task = plan.as_task(plan.skipped)
    if not task.comparisons:
        return 0.0
    random = np.random.default_rng([seed, plan.number])
    keep = min(1.0, _SAMPLED_PAIRS / task.comparisons)
    left, right = draw_pairs(task, keep, random)
    lost = is_link(left, right) & ~meetings(keys, left, right).any(axis=1)
    return float(np.count_nonzero(lost) / keep)


def pooled(parts: Sequence[Completeness]) -> Completeness:
    """Put the samples of several pairs of data sets together."""
    return sum(parts[1:], parts[0])
