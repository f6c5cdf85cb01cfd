"""The local engine: the linker's stages on the threads of one machine.

Kernels release the GIL, so threads compare tasks side by side; results are put together in the
order of tasks, so the number of threads changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.engine.find import Clock, Setting, find_links
from linkage.engine.work import Progress
from linkage.errors import UsageError
from linkage.linker.assign import Assignment
from linkage.linker.block import Blocking
from linkage.linker.certificate import Certificate
from linkage.linker.decide import Decision
from linkage.linker.diagnose import unknown_matches
from linkage.linker.persons import Clustering, Evidence, join_persons
from linkage.linker.reviewed import apart
from linkage.linker.setup import Choices
from linkage.linker.together import check_together
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
    encodings: list[Encodings],
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
    release: bool = False,
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
    release
        Replace the encodings in the list by ones without filters once all links are found: joining
        persons and writing results then find their memory free.

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
    clock = Clock()
    found = find_links(
        encodings,
        Choices(threshold, probability, single, model, tuple(labels)),
        decided,
        assignment,
        deduplicate,
        Setting(blocking or Blocking(), threads, seed, pairs_budget, spill_folder, progress),
        clock,
    )
    if release:
        encodings[:] = [one.without_filters() for one in encodings]
    sizes = [len(one.records) for one in encodings]
    how = found.how
    said = [apart(decided, sizes)]
    if twins_apart:
        said += [_twins(one, how, sizes) for one in (*found.links, *found.review)]
    persons = join_persons(
        sizes,
        found.links,
        single=how.single,
        method=clustering,
        weakest_tie=weakest_tie,
        apart=np.concatenate(said),
        against=found.review,
        evidence=Evidence(how.evidence, how.absent),
    )
    certificate = found.certificate
    if certificate is not None and clustering == "correlation" and not weakest_tie:
        certificate = certificate.less(_outvoted(found.links, persons))
    clock.lap("persons")
    return LinkResult(
        links=found.links,
        review=found.review,
        persons=persons,
        passes=found.passes,
        all_pairs=found.all_pairs,
        decision=found.decision.summary()
        | {
            "assignment": assignment,
            "deduplicate": deduplicate,
            "one_record_a_person": names_where(encodings, how.single),
            "clustering": clustering,
            "weakest_tie": weakest_tie,
            "twins_apart": twins_apart,
        },
        certificate=certificate,
        model=found.decision.content(),
        fields=found.decision.labels,
        warnings=(*found.warnings, *unknown_matches(encodings[0].schema, certificate)),
        seconds=clock.seconds,
        spilled=found.spilled,
    )


def _outvoted(links: Sequence[Pairs], persons: Persons) -> float:
    """Give the share of links that are held to be right by themselves, and wrong by persons."""
    said = 0.0
    for one in links:
        left = persons.person[one.left_dataset][one.left]
        right = persons.person[one.right_dataset][one.right]
        said += float(one.probability[left != right].sum())
    return said / max(sum(map(len, links)), 1)


def _twins(pairs: Pairs, how: Decision, sizes: Sequence[int]) -> NDArray[np.int64]:
    """Give the pairs that look like twins, `int64[pairs, 2]`, numbered over all data sets."""
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    found = pairs.take(how.twins(pairs))
    left, right = starts[found.left_dataset] + found.left, starts[found.right_dataset] + found.right
    return np.column_stack([left, right])


def names_where(encodings: Sequence[Encodings], chosen: Sequence[bool]) -> list[str]:
    """Give the names of the data sets that are chosen."""
    return [one.dataset for one, yes in zip(encodings, chosen, strict=True) if yes]
