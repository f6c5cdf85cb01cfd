"""The work of one machine on pairs of data sets: plan passes, compare, sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linkage.linker.block import (
    ALL_PAIRS,
    Blocking,
    BlockKeys,
    PassPlan,
    compared_keys,
    plan_pass,
    split_tasks,
)
from linkage.linker.compare import Scored, compare_task
from linkage.linker.completeness import Completeness, lost_links, measure_completeness, pooled
from linkage.linker.decide import Candidates, Decision
from linkage.linker.spool import Spool
from linkage.linker.together import DataPair
from linkage.model import Encodings, PassCount, Task

Progress = Callable[[str, int, int], None]
#: Comparisons of the sample that tells of pairs completeness.
_SAMPLED = 100_000_000


def whole_passes(plans: Sequence[PassPlan]) -> list[str]:
    """Name the passes that meet all pairs of equal keys: those that leave no block out."""
    return [plan.name for plan in plans if not len(plan.skipped)]


class Plans:
    """The plans of all passes, made for one pair of data sets after the other."""

    def __init__(
        self, encodings: Sequence[Encodings], blocking: Blocking, pool: ThreadPoolExecutor
    ) -> None:
        """Make the block keys of each data set."""
        self._pool = pool
        self._blocking = blocking
        self._names = blocking.names(encodings[0])
        self._keys = list(pool.map(blocking.keys, encodings))

    def keys(self, one: DataPair) -> BlockKeys:
        """Give the block keys of two data sets."""
        left, right = one.places
        return BlockKeys(self._names, self._keys[left], self._keys[right])

    def of(self, one: DataPair) -> tuple[BlockKeys, list[PassPlan]]:
        """Plan all passes over two data sets, or one within itself; with the keys compared."""
        keys = self.keys(one)

        def plan(number: int) -> PassPlan:
            return self._blocking.plan(keys, number, within=one.within)

        plans = list(self._pool.map(plan, range(max(1, len(self._names)))))
        return compared_keys(keys, plans), plans


@dataclass(frozen=True)
class Compared:
    """Candidates that came through, what each pass did, and the bytes that went to disk."""

    found: Candidates
    passes: list[PassCount]
    spilled: int


@dataclass(frozen=True)
class Work:
    """All that comparing a pair of data sets needs to know of the run."""

    pool: ThreadPoolExecutor
    plans: Plans
    how: Decision
    seed: int
    pairs_budget: float
    spill_folder: Path | None
    progress: Progress

    def compare(self, one: DataPair) -> Compared:
        """Compare two data sets by all passes, and score what comes through."""
        spool = Spool(one.left.owner, self.pairs_budget, self.spill_folder)
        keys, plans = self.plans.of(one)
        counts = self._pass_by_pass(one, keys, plans, spool)
        scored = self.pool.map(lambda part: self.how.score(part, one), spool.parts())
        return Compared(Candidates.joined(list(scored)), counts, spool.spilled)

    def completeness(self, data: Sequence[DataPair], comparisons: int = _SAMPLED) -> Completeness:
        """Compare some rows with all others, and see which of the links the passes meet."""
        parts = []
        for one in data:
            if one.left.schema.anchored:  # whose codes compare within blocks alone
                passes = (0,) * one.left.tokens.shape[1]
                parts.append(Completeness(0, 0, passes, passes))
                continue
            random = np.random.default_rng([self.seed, *one.places])
            links = self._full_links(one, random, comparisons // len(data))
            parts.append(measure_completeness(self.plans.keys(one), *links))
        return pooled(parts)

    def lost_links(self, one: DataPair, keys: BlockKeys, plan: PassPlan) -> float:
        """Estimate the links that a pass loses by its cap."""
        return lost_links(plan, keys, lambda i, j: self.how.are_links(one, i, j), self.seed)

    def _pass_by_pass(
        self, one: DataPair, keys: BlockKeys, plans: list[PassPlan], spool: Spool
    ) -> list[PassCount]:
        whole = self.how.sides(one, keys)
        sides = [self.how.seen(whole, plan) for plan in plans]
        rules = [self.how.rule(plan, whole_passes(plans[: plan.number])) for plan in plans]
        total, done = sum(plan.comparisons for plan in plans), 0
        stage = f"{one.left.dataset} and {one.right.dataset}"
        found = [0 for _ in plans]

        def compare(task: Task) -> Scored:
            return compare_task(task, *sides[task.blocking_pass], rules[task.blocking_pass])

        for task, scored in self._in_order(compare, plans):
            done += task.comparisons
            found[task.blocking_pass] += len(scored.left)
            self.progress(stage, done, total)
            spool.add(scored)
        return [
            plan.count(number, self.lost_links(one, keys, plan))
            for plan, number in zip(plans, found, strict=True)
        ]

    def _in_order(
        self, compare: Callable[[Task], Scored], plans: Sequence[PassPlan]
    ) -> Iterator[tuple[Task, Scored]]:
        tasks = [task for plan in plans for task in split_tasks(plan)]
        return zip(tasks, self.pool.map(compare, tasks), strict=True)

    def _full_links(
        self, one: DataPair, random: np.random.Generator, comparisons: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Compare some left rows with all right rows; give the links."""
        rows, others = len(one.left.owner), len(one.right.owner)
        sample = min(rows, max(1, comparisons // max(1, others)))
        chosen = np.sort(random.choice(rows, sample, replace=False))
        ones = [np.ones((size, 1), np.uint64) for size in (sample, rows, others)]
        whole = plan_pass(BlockKeys((ALL_PAIRS,), ones[0], ones[2]), 0, within=False)
        sides = self.how.sides(one, BlockKeys((ALL_PAIRS,), ones[1], ones[2]))
        rule = self.how.link_rule()

        def compare(task: Task) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            order = chosen.astype(np.int32)
            placed = Task(0, order, task.right_order, task.blocks, within=False)
            found = compare_task(placed, *sides, rule)
            links = self.how.are_links(one, found.left, found.right)
            return found.left[links], found.right[links]

        found = list(self.pool.map(compare, split_tasks(whole)))
        left = np.concatenate([part[0] for part in found])
        right = np.concatenate([part[1] for part in found])
        if one.within:
            apart = one.left.owner[left] != one.right.owner[right]
            left, right = left[apart], right[apart]
        return left, right
