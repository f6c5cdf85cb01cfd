"""Blocking: turn block keys into tasks, ranges of rows that share a block key.

A task holds no pairs: what it compares is enumerated by the kernel only while it compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from linkage.errors import InputError, UsageError, shown
from linkage.kernels.blocks import match_keys
from linkage.linker.levels import telling_passes
from linkage.linker.lsh import HammingLsh
from linkage.model import Encodings, PassCount, Task

BlockingMethod = Literal["tokens", "lsh", "all-pairs"]

#: Comparisons of one task: large enough to keep a thread busy, small enough to share out.
TASK_COMPARISONS = 8_000_000
#: Orders of rows are int32.
_MOST_ROWS = (1 << 31) - 1
#: Name of the one pass that compares all pairs.
ALL_PAIRS = "all_pairs"


@dataclass(frozen=True)
class Blocking:
    """How candidate pairs are found in one run.

    `method` is the keyed tokens of the encoded files, Hamming LSH over their bits, or all pairs;
    to the last two come the passes whose equal tokens the model takes for evidence.
    `caps` are the most rows that a block may have on either side, by pass; '' stands for the
    passes that aren't named. A larger block is left out.
    """

    method: BlockingMethod = "tokens"
    lsh: HammingLsh = field(default_factory=HammingLsh)
    caps: Mapping[str, int] = field(default_factory=dict)

    def names(self, encodings: Encodings) -> tuple[str, ...]:
        """Give the names of the passes. Raises `UsageError` for a cap on one that there isn't."""
        if encodings.schema.anchored and self.method != "tokens":
            raise UsageError(
                f"--blocking {self.method} compares records of different blocks, and anchored "
                "codes can't be; leave it out"
            )
        names = tuple(encodings.schema.blocking[p].name for p in self._tokens(encodings))
        if self.method == "lsh":
            names += tuple(f"lsh_{table + 1}" for table in range(self.lsh.tables))
        elif self.method == "all-pairs" or not names:
            names += (ALL_PAIRS,)
        for name in self.caps:
            if name and name not in names:
                raise UsageError(
                    f"there is no blocking pass '{shown(name)}' to cap; there are: "
                    f"{', '.join(names)}"
                )
        return names

    def keys(self, encodings: Encodings) -> NDArray[np.uint64]:
        """Give the block keys of every row, `uint64[n, passes]`; 0 is missing."""
        tokens = self._tokens(encodings)
        if self.method == "tokens" and tokens:
            return encodings.tokens
        if self.method == "lsh":
            more = self.lsh.keys(encodings.bits)
        else:
            more = np.ones((len(encodings.owner), 1), np.uint64)
        return np.column_stack([encodings.tokens[:, tokens], more])

    def _tokens(self, encodings: Encodings) -> list[int]:
        """Give the passes of the schema that are compared; those that tell something always are."""
        if self.method == "tokens":
            return list(range(encodings.tokens.shape[1]))
        return telling_passes(encodings.schema)

    def plan(self, keys: BlockKeys, number: int, *, within: bool) -> PassPlan:
        """Plan one pass under its cap."""
        name = keys.names[number]
        return plan_pass(keys, number, within=within, cap=self.caps.get(name, self.caps.get("")))

    def summary(self) -> dict[str, Any]:
        """Describe the blocking for the manifest."""
        lsh = asdict(self.lsh) if self.method == "lsh" else None
        return {"method": self.method, "lsh": lsh, "largest_block": dict(self.caps)}

    @classmethod
    def from_summary(cls, content: Mapping[str, Any]) -> Blocking:
        """Take a description back."""
        lsh = HammingLsh(**(content["lsh"] or {}))
        return cls(content["method"], lsh, content["largest_block"])


@dataclass(frozen=True)
class BlockKeys:
    """The block keys of two data sets by pass: `left` `uint64[n, p]`, `right` `uint64[m, p]`.

    0 is missing: such a row is in no block of the pass.
    """

    names: tuple[str, ...]
    left: NDArray[np.uint64]
    right: NDArray[np.uint64]


@dataclass(frozen=True)
class PassPlan:
    """The blocks of one pass, `int64[b, 4]` as in `Task`, and those left out for their size."""

    name: str
    number: int
    left_order: NDArray[np.int32]
    right_order: NDArray[np.int32]
    blocks: NDArray[np.int64]
    skipped: NDArray[np.int64]
    within: bool

    @property
    def comparisons(self) -> int:
        """Number of pairs of rows that the pass compares."""
        return self.as_task(self.blocks).comparisons

    def count(self, found: int = 0, lost_links: float = 0.0) -> PassCount:
        """Count what the pass does."""
        sizes = np.maximum(
            self.blocks[:, 1] - self.blocks[:, 0], self.blocks[:, 3] - self.blocks[:, 2]
        )
        return PassCount(
            self.name,
            len(self.blocks),
            int(sizes.max(initial=0)),
            self.comparisons,
            found,
            len(self.skipped),
            self.as_task(self.skipped).comparisons,
            lost_links,
        )

    def with_blocks(self, blocks: NDArray[np.int64]) -> PassPlan:
        """Give the plan with other blocks."""
        return replace(self, blocks=blocks)

    def as_task(self, blocks: NDArray[np.int64]) -> Task:
        """Give a task of the given blocks."""
        return Task(self.number, self.left_order, self.right_order, blocks, self.within)


def plan_pass(keys: BlockKeys, number: int, *, within: bool, cap: int | None = None) -> PassPlan:
    """Plan one pass: the rows ordered by key, and the blocks that both sides share.

    A block with more rows on either side than `cap` is left out.
    """
    if max(len(keys.left), len(keys.right)) >= _MOST_ROWS:
        raise InputError(f"more than {_MOST_ROWS:,} rows in a data set overflow the row numbers")
    left_order, left_keys = _sorted_rows(keys.left[:, number])
    if within:
        right_order, right_keys = left_order, left_keys
    else:
        right_order, right_keys = _sorted_rows(keys.right[:, number])
    blocks = match_keys(left_keys, right_keys)
    name = keys.names[number]
    rows = np.maximum(blocks[:, 1] - blocks[:, 0], blocks[:, 3] - blocks[:, 2])
    large = np.zeros(len(blocks), bool) if cap is None else rows > cap
    skipped = blocks[large]
    kept = blocks[~large] if large.any() else blocks
    return PassPlan(name, number, left_order, right_order, kept, skipped, within)


def compared_keys(keys: BlockKeys, plans: list[PassPlan]) -> BlockKeys:
    """Give the keys as far as they are compared: rows of blocks left out have none.

    Which pass found a pair first is told by these.
    """
    if not any(len(plan.skipped) for plan in plans):
        return keys
    left, right = keys.left.copy(), keys.right.copy()
    for plan in plans:
        for start, stop, other_start, other_stop in plan.skipped.tolist():
            left[plan.left_order[start:stop], plan.number] = 0
            right[plan.right_order[other_start:other_stop], plan.number] = 0
    return BlockKeys(keys.names, left, right)


def split_tasks(plan: PassPlan) -> Iterator[Task]:
    """Yield the tasks of a pass, by block key.

    A block of more than `TASK_COMPARISONS` is split by its left rows.
    """
    blocks = _split(plan.blocks)
    sizes = np.cumsum((blocks[:, 1] - blocks[:, 0]) * (blocks[:, 3] - blocks[:, 2]))
    cuts = np.flatnonzero(np.diff(sizes // TASK_COMPARISONS)) + 1
    for start, stop in pairwise([0, *cuts.tolist(), len(blocks)]):
        if start < stop:
            yield plan.as_task(blocks[start:stop])


def _sorted_rows(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
    """Give the rows that have a key, ordered by key then row, and their keys."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = int(np.searchsorted(ordered, 1))
    return order[first:].astype(np.int32), ordered[first:]


def _split(blocks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cut blocks by their left rows so that no piece has more than `TASK_COMPARISONS`."""
    left, right = blocks[:, 1] - blocks[:, 0], blocks[:, 3] - blocks[:, 2]
    step = np.maximum(1, TASK_COMPARISONS // np.maximum(right, 1))
    pieces = -(-left // step)
    if pieces.max(initial=1) == 1:
        return blocks
    which = np.repeat(np.arange(len(blocks)), pieces)
    piece = np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    split = blocks[which]
    split[:, 0] += piece * step[which]
    split[:, 1] = np.minimum(split[:, 0] + step[which], split[:, 1])
    return split
