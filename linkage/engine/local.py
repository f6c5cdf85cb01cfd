"""The local engine: the linker's stages on the threads of one machine.

Kernels release the GIL, so threads compare tasks side by side; results are put together in the
order of tasks, so the number of threads changes nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.errors import UsageError
from linkage.linker.assign import Assignment, assign
from linkage.linker.block import Blocking, BlockKeys, PassPlan, compared_keys, split_tasks
from linkage.linker.compare import Scored, compare_task
from linkage.linker.completeness import lost_links
from linkage.linker.decide import Candidates, Decision
from linkage.linker.persons import join_persons
from linkage.linker.setup import Choices, set_up
from linkage.linker.spool import Spool
from linkage.linker.together import DataPair, check_together, data_pairs
from linkage.model import Encodings, Pairs, PassCount, Persons, Task

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class LinkResult:
    """What a run found: links and pairs for review by pair of data sets, persons, and counts.

    `decision` describes the decision, `seconds` the time by stage; `spilled` are the bytes of
    found pairs that went to disk.
    """

    links: tuple[Pairs, ...]
    review: tuple[Pairs, ...]
    persons: Persons
    passes: tuple[PassCount, ...]
    all_pairs: int
    decision: dict[str, Any]
    seconds: dict[str, float]
    spilled: int


def link(
    encodings: Sequence[Encodings],
    *,
    threshold: float | None = None,
    probability: float | None = None,
    single: tuple[str, ...] | None = None,
    assignment: Assignment = "many-to-many",
    deduplicate: bool = False,
    blocking: Blocking | None = None,
    threads: int | None = None,
    seed: int = 0,
    pairs_budget: float = np.inf,
    spill_folder: Path | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> LinkResult:
    """Link two or more data sets: block, compare, decide, assign, join persons.

    Parameters
    ----------
    threshold, probability
        Dice (record level) or match probability (field level) from which on a pair is a link;
        the schema's own where not given.
    single
        The data sets that have one record a person; found out if not given.
    assignment
        How records of two data sets are assigned to each other; see `linkage.linker.assign`.
    deduplicate
        Also link the records within each data set.
    blocking
        How candidate pairs are found; by the keyed tokens of the files if not given.
    pairs_budget, spill_folder
        Bytes of memory that found pairs may take before they go to a folder's disk.
    progress
        Called with the stage, the comparisons done and all comparisons.

    Raises
    ------
    MismatchError
        If schema or key of the data sets differ.
    UsageError
        For options that contradict each other or the data.
    """
    check_together(encodings)
    if deduplicate and assignment != "many-to-many":
        raise UsageError(
            f"--assignment {assignment} says one record a person in each data set, and "
            "--deduplicate says several; use one of them"
        )
    clock = _Clock()
    data = data_pairs(encodings, deduplicate)
    clock.lap("prepare")
    how, _ = set_up(encodings, data, Choices(threshold, probability, single), seed)
    clock.lap("train")
    found, counts, spilled = [], [], 0
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        plans = Plans(encodings, blocking or Blocking(), pool)
        for one in data:
            spool = Spool(len(one.left.owner), pairs_budget, spill_folder)
            counts.append(_compare(plans, one, how, spool, seed, progress))
            spilled += spool.spilled
            scored = pool.map(lambda part, one=one: how.score(part, one), spool.parts())
            found.append(Candidates.joined(list(scored)))
    clock.lap("compare")
    assigned = [_assign(pairs, how, assignment) for pairs in how.settle(found, data)]
    links, review = (tuple(one) for one in zip(*assigned, strict=True))
    clock.lap("decide")
    persons = join_persons([len(one.records) for one in encodings], links)
    clock.lap("persons")
    return LinkResult(
        links=links,
        review=review,
        persons=persons,
        passes=tuple(sum(one[1:], one[0]) for one in zip(*counts, strict=True)),
        all_pairs=sum(one.all_pairs for one in data),
        decision=how.summary() | {"assignment": assignment, "deduplicate": deduplicate},
        seconds=clock.seconds,
        spilled=spilled,
    )


class Plans:
    """The plans of all passes, made for one pair of data sets after the other."""

    def __init__(
        self, encodings: Sequence[Encodings], blocking: Blocking, pool: ThreadPoolExecutor
    ) -> None:
        """Make the block keys of each data set."""
        self.pool = pool
        self._blocking = blocking
        self._names = blocking.names(encodings[0])
        self._keys = list(pool.map(blocking.keys, encodings))

    def of(self, one: DataPair) -> tuple[BlockKeys, list[PassPlan]]:
        """Plan all passes over two data sets, or one within itself; with the keys compared."""
        left, right = one.places
        keys = BlockKeys(self._names, self._keys[left], self._keys[right])

        def plan(number: int) -> PassPlan:
            return self._blocking.plan(keys, number, within=one.within)

        plans = list(self.pool.map(plan, range(max(1, len(self._names)))))
        return compared_keys(keys, plans), plans


def _compare(
    plans_of: Plans, one: DataPair, how: Decision, spool: Spool, seed: int, progress: Progress
) -> list[PassCount]:
    """Compare two data sets; found pairs go to the spool."""
    keys, plans = plans_of.of(one)
    left, right = how.sides(one, keys)
    rules = [how.rule(plan) for plan in plans]
    total, done = sum(plan.comparisons for plan in plans), 0
    stage = f"{one.left.dataset} and {one.right.dataset}"
    found = [0 for _ in plans]

    def compare(task: Task) -> Scored:
        return compare_task(task, left, right, rules[task.blocking_pass])

    for task, scored in _in_order(plans_of.pool, compare, plans):
        done += task.comparisons
        found[task.blocking_pass] += len(scored.left)
        progress(stage, done, total)
        spool.add(scored)

    def are_links(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.bool_]:
        return how.are_links(one, left, right)

    return [
        plan.count(number, lost_links(plan, keys, are_links, seed))
        for plan, number in zip(plans, found, strict=True)
    ]


def _in_order(
    pool: ThreadPoolExecutor, compare: Callable[[Task], Scored], plans: Sequence[PassPlan]
) -> Iterator[tuple[Task, Scored]]:
    tasks = [task for plan in plans for task in split_tasks(plan)]
    return zip(tasks, pool.map(compare, tasks), strict=True)


def _assign(pairs: Pairs, how: Decision, assignment: Assignment) -> tuple[Pairs, Pairs]:
    """Split pairs in links and pairs for review; one-to-one, review gets free records only."""
    accepted = how.accepted(pairs)
    strong, weak = pairs.take(accepted), pairs.take(~accepted & how.reviewed(pairs))
    links = strong.take(assign(strong, assignment))
    if assignment == "many-to-many":
        return links, weak
    free = ~np.isin(weak.left, links.left) & ~np.isin(weak.right, links.right)
    unsure = weak.take(free)
    return links, unsure.take(assign(unsure, assignment))


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = round(now - self._last, 3)
        self._last = now
