"""The local engine: the linker's stages on the threads of one machine.

Kernels release the GIL, so threads compare tasks side by side; results are put together in the
order of tasks, so the number of threads changes nothing.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from linkage.errors import InputError, MismatchError, UsageError
from linkage.linker.assign import Assignment, assign
from linkage.linker.block import plan_tasks
from linkage.linker.compare import Scored, collapse, compare_task, side
from linkage.linker.decide import Decider, decider
from linkage.linker.persons import join_persons
from linkage.linker.train import DataPair
from linkage.model import UNKNOWN, Encodings, Pairs, PassCount, Persons, Task

_ALL_PAIRS = "all_pairs"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class LinkResult:
    """What a run found: links and pairs for review by pair of data sets, persons, and counts.

    `decision` describes the decision, `seconds` the time by stage.
    """

    links: tuple[Pairs, ...]
    review: tuple[Pairs, ...]
    persons: Persons
    passes: tuple[PassCount, ...]
    all_pairs: int
    decision: dict[str, Any]
    seconds: dict[str, float]


def link(
    encodings: Sequence[Encodings],
    *,
    threshold: float | None = None,
    probability: float | None = None,
    assignment: Assignment = "many-to-many",
    deduplicate: bool = False,
    threads: int | None = None,
    seed: int = 0,
    progress: Progress = lambda stage, done, total: None,
) -> LinkResult:
    """Link two or more data sets: block, compare, decide, assign, join persons.

    Parameters
    ----------
    threshold, probability
        Dice (record level) or match probability (field level) from which on a pair is a link;
        the schema's own where not given.
    assignment
        How records of two data sets are assigned to each other; see `linkage.linker.assign`.
    deduplicate
        Also link the records within each data set.
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
    data, places = _data_pairs(encodings, deduplicate)
    schema = encodings[0].schema
    clock.lap("prepare")
    how = decider(data, schema, threshold=threshold, probability=probability, seed=seed)
    clock.lap("train")
    names = [one.name for one in schema.blocking] or [_ALL_PAIRS]
    counts = [[0, 0] for _ in names]
    links, review = [], []
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        for place, one in zip(places, data, strict=True):
            scored = _compare(pool, one, how, counts, progress)
            pairs = how.pairs(scored, one, place)
            chosen, unsure = _assign(pairs, how, assignment)
            links.append(chosen)
            review.append(unsure)
    clock.lap("compare")
    persons = join_persons([len(one.records) for one in encodings], links)
    clock.lap("persons")
    return LinkResult(
        links=tuple(links),
        review=tuple(review),
        persons=persons,
        passes=tuple(PassCount(name, *count) for name, count in zip(names, counts, strict=True)),
        all_pairs=sum(one.all_pairs for one in data),
        decision=how.summary([one.name for one in encodings[0].slices])
        | {"assignment": assignment, "deduplicate": deduplicate},
        seconds=clock.seconds,
    )


def check_together(encodings: Sequence[Encodings]) -> None:
    """Refuse data sets that can't be linked: fewer than two, one given twice, or ill-matched."""
    if len(encodings) < 2:
        raise UsageError("linking needs two or more encoded files")
    names = [one.dataset for one in encodings]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"the data set '{name}' is given twice; encode one of them under another name "
                "(linkage encode --dataset NAME)"
            )
    first = encodings[0]
    for other in encodings[1:]:
        if UNKNOWN in (first.key_fingerprint, other.key_fingerprint):
            _check_lengths(first, other)
            continue
        if other.schema.digest() != first.schema.digest():
            raise MismatchError(
                f"'{first.dataset}' and '{other.dataset}' were encoded with different schemas "
                f"({first.schema.name} {first.schema.digest()[:12]} and {other.schema.name} "
                f"{other.schema.digest()[:12]}); agree on one and encode anew"
            )
        if other.key_fingerprint != first.key_fingerprint:
            raise MismatchError(
                f"'{first.dataset}' and '{other.dataset}' were encoded with different keys "
                f"(fingerprints {first.key_fingerprint} and {other.key_fingerprint}); the "
                "agencies must use one key, compare fingerprints, and encode anew"
            )
        if other.slices != first.slices or other.tokens.shape[1] != first.tokens.shape[1]:
            raise InputError(
                f"'{other.dataset}' has other slices or blocking passes than '{first.dataset}'"
            )


def _check_lengths(first: Encodings, other: Encodings) -> None:
    """Check what can be checked of CLKs that say nothing of their schema and key."""
    if other.bits.shape[1] != first.bits.shape[1] or other.tokens.shape[1] or first.tokens.shape[1]:
        raise MismatchError(
            f"'{first.dataset}' and '{other.dataset}' hold filters of different kinds or lengths; "
            "encode anew with one schema"
        )
    warnings.warn(
        f"'{first.dataset}' or '{other.dataset}' says nothing of its schema and key: if they "
        "differ from the other's, no link is right",
        stacklevel=4,
    )


def _data_pairs(
    encodings: Sequence[Encodings], deduplicate: bool
) -> tuple[list[DataPair], list[tuple[int, int]]]:
    sides = [side(one) for one in encodings]
    places = list(combinations(range(len(encodings)), 2))
    if deduplicate:
        places = sorted(places + [(one, one) for one in range(len(encodings))])
    data = [DataPair(encodings[a], encodings[b], sides[a], sides[b], a == b) for a, b in places]
    return data, places


def _compare(
    pool: ThreadPoolExecutor,
    one: DataPair,
    how: Decider,
    counts: list[list[int]],
    progress: Progress,
) -> Scored:
    tasks = [
        task
        for blocking_pass in range(len(counts))
        for task in plan_tasks(one.left, one.right, blocking_pass, within=one.within)
    ]
    total = sum(task.comparisons for task in tasks)
    stage = f"{one.left.dataset} and {one.right.dataset}"
    found, done = [], 0
    for task, scored in _scored(pool, tasks, one, how):
        done += task.comparisons
        counts[task.blocking_pass][0] += task.comparisons
        counts[task.blocking_pass][1] += len(scored.left)
        progress(stage, done, total)
        found.append(scored)
    merged = collapse(found, one.left, one.right)
    if not one.within:
        return merged
    apart = one.left.owner[merged.left] != one.right.owner[merged.right]
    return Scored(merged.left[apart], merged.right[apart], merged.weight[apart])


def _scored(
    pool: ThreadPoolExecutor, tasks: Sequence[Task], one: DataPair, how: Decider
) -> Iterator[tuple[Task, Scored]]:
    def compare(task: Task) -> Scored:
        return compare_task(task, one.left_side, one.right_side, how.rule)

    return zip(tasks, pool.map(compare, tasks), strict=True)


def _assign(pairs: Pairs, how: Decider, assignment: Assignment) -> tuple[Pairs, Pairs]:
    """Split pairs in links and pairs for review; one-to-one, review gets free records only."""
    accepted = how.accepted(pairs)
    strong, weak = pairs.take(accepted), pairs.take(~accepted)
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
