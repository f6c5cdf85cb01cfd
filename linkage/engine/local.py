"""The local engine: the linker's stages on the threads of one machine.

Kernels release the GIL, so threads compare tasks side by side; results are put together in the
order of tasks, so the number of threads changes nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.engine.work import Plans, Progress, Work
from linkage.errors import UsageError
from linkage.linker.assign import Assignment, assign
from linkage.linker.block import Blocking
from linkage.linker.certificate import Certificate
from linkage.linker.decide import Decision
from linkage.linker.diagnose import diagnose, unknown_matches
from linkage.linker.persons import Clustering, Evidence, join_persons
from linkage.linker.reviewed import apart, apply_decisions
from linkage.linker.setup import Choices, set_up
from linkage.linker.together import check_together, data_pairs
from linkage.model import Decided, Encodings, Pairs, PassCount, Persons


@dataclass(frozen=True)
class LinkResult:
    """What a run found: links and pairs for review by pair of data sets, persons, and counts.

    `decision` describes the decision, and `certificate` estimates how good the links are. `model`
    is the content of a model file, None at record level; `fields` are the names of the model's
    fields and of their levels. `warnings` say what training found wanting; `seconds` is the time by
    stage, and `spilled` the bytes of found pairs that went to disk.
    """

    links: tuple[Pairs, ...]
    review: tuple[Pairs, ...]
    persons: Persons
    passes: tuple[PassCount, ...]
    all_pairs: int
    decision: dict[str, Any]
    certificate: Certificate | None
    model: dict[str, Any] | None
    fields: tuple[tuple[str, ...], tuple[str, ...]]
    warnings: tuple[str, ...]
    seconds: dict[str, float]
    spilled: int


def link(
    encodings: Sequence[Encodings],
    *,
    threshold: float | None = None,
    probability: float | None = None,
    single: tuple[str, ...] | None = None,
    model: object | None = None,
    labels: Sequence[Decided] = (),
    decided: Sequence[Decided] = (),
    assignment: Assignment = "many-to-many",
    deduplicate: bool = False,
    clustering: Clustering = "correlation",
    weakest_tie: float = 0.0,
    twins_apart: bool = False,
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
    model, labels
        The content of a model file, to use it instead of training; pairs of records that are known
        to match, to learn m from.
    decided
        What people decided on pairs of records: it overrules the model.
    assignment
        How records of two data sets are assigned to each other; see `linkage.linker.assign`.
    deduplicate
        Also link the records within each data set.
    clustering, weakest_tie
        How links join records to persons; see `linkage.linker.persons`.
    twins_apart
        Never join two records that look like twins: see `linkage.linker.levels`.
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
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        choices = Choices(threshold, probability, single, model, tuple(labels))
        how, trained = set_up(encodings, data, choices, seed, pool.map)
        clock.lap("train")
        plans = Plans(encodings, blocking or Blocking(), pool)
        work = Work(pool, plans, how, seed, pairs_budget, spill_folder, progress)
        compared = [work.compare(one) for one in data]
        clock.lap("compare")
        completeness = work.completeness(data)
    settled = how.settle([one.found for one in compared], data)
    whole = [apply_decisions(pairs, decided, encodings) for pairs in settled.pairs]
    assigned = [_assign(pairs, how, assignment) for pairs in whole]
    links, review = (tuple(one) for one in zip(*assigned, strict=True))
    certificate = settled.decision.certificate(links, settled, data, completeness)
    clock.lap("decide")
    sizes = [len(one.records) for one in encodings]
    said = [apart(decided, sizes)]
    if twins_apart:
        said += [_twins(one, how, sizes) for one in (*links, *review)]
    persons = join_persons(
        sizes,
        links,
        single=how.single,
        method=clustering,
        weakest_tie=weakest_tie,
        apart=np.concatenate(said),
        against=review,
        evidence=Evidence(how.evidence, how.absent),
    )
    clock.lap("persons")
    return LinkResult(
        links=links,
        review=review,
        persons=persons,
        passes=_by_pass([one.passes for one in compared]),
        all_pairs=sum(one.all_pairs for one in data),
        decision=settled.decision.summary()
        | {
            "assignment": assignment,
            "deduplicate": deduplicate,
            "one_record_a_person": names_where(encodings, how.single),
            "clustering": clustering,
            "weakest_tie": weakest_tie,
            "twins_apart": twins_apart,
        },
        certificate=certificate,
        model=settled.decision.content(),
        fields=settled.decision.labels,
        warnings=(*diagnose(trained), *unknown_matches(encodings[0].schema, certificate)),
        seconds=clock.seconds,
        spilled=sum(one.spilled for one in compared),
    )


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


def _twins(pairs: Pairs, how: Decision, sizes: Sequence[int]) -> NDArray[np.int64]:
    """Give the pairs that look like twins, `int64[pairs, 2]`, numbered over all data sets."""
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    found = pairs.take(how.twins(pairs))
    left, right = starts[found.left_dataset] + found.left, starts[found.right_dataset] + found.right
    return np.column_stack([left, right])


def _by_pass(counts: Sequence[Sequence[PassCount]]) -> tuple[PassCount, ...]:
    """Add up what each pass did over all pairs of data sets."""
    return tuple(sum(one[1:], one[0]) for one in zip(*counts, strict=True))


def names_where(encodings: Sequence[Encodings], chosen: Sequence[bool]) -> list[str]:
    """Give the names of the data sets that are chosen."""
    return [one.dataset for one, yes in zip(encodings, chosen, strict=True) if yes]


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = round(now - self._last, 3)
        self._last = now
