"""Find the links of all pairs of data sets: set up, compare, decide.

What this needs of memory for itself alone is free again when it returns.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linkage.engine.work import Compared, Plans, Progress, Work
from linkage.linker.assign import Assignment, assign
from linkage.linker.block import Blocking
from linkage.linker.certificate import Certificate
from linkage.linker.decide import Decision
from linkage.linker.diagnose import diagnose
from linkage.linker.reviewed import apply_decisions
from linkage.linker.setup import Choices, set_up
from linkage.linker.together import data_pairs
from linkage.model import Decided, Encodings, Pairs, PassCount


@dataclass(frozen=True)
class Setting:
    """How the work is done: candidates, threads, seed, memory for found pairs, and who is told."""

    blocking: Blocking
    threads: int | None
    seed: int
    pairs_budget: float
    spill_folder: Path | None
    progress: Progress


@dataclass(frozen=True)
class Found:
    """Links and pairs for review by pair of data sets, and how they came about.

    `how` is the decision that compared, `decision` the one that competition may have taught.
    """

    links: tuple[Pairs, ...]
    review: tuple[Pairs, ...]
    how: Decision
    decision: Decision
    certificate: Certificate | None
    warnings: tuple[str, ...]
    passes: tuple[PassCount, ...]
    all_pairs: int
    spilled: int


class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """End a stage."""
        now = time.perf_counter()
        self.seconds[stage] = round(now - self._last, 3)
        self._last = now


def find_links(
    encodings: Sequence[Encodings],
    choices: Choices,
    decided: Sequence[Decided],
    assignment: Assignment,
    deduplicate: bool,
    setting: Setting,
    clock: Clock,
) -> Found:
    """Set up the decision, compare, decide and assign; see `linkage.engine.local.link`."""
    data = data_pairs(encodings, deduplicate)
    clock.lap("prepare")
    with ThreadPoolExecutor(setting.threads or os.cpu_count() or 1) as pool:
        how, trained = set_up(encodings, data, choices, setting.seed, pool.map)
        clock.lap("train")
        work = Work(
            pool,
            Plans(encodings, setting.blocking, pool),
            how,
            setting.seed,
            setting.pairs_budget,
            setting.spill_folder,
            setting.progress,
        )
        compared = [work.compare(one) for one in data]
        clock.lap("compare")
        completeness = work.completeness(data)
    settled = how.settle([one.found for one in compared], data)
    whole = (apply_decisions(pairs, decided, encodings) for pairs in settled.pairs)
    assigned = [_assign(pairs, how, assignment) for pairs in whole]
    settled.pairs.clear()  # as links and pairs for review they have been copied
    links, review = (tuple(one) for one in zip(*assigned, strict=True))
    certificate = settled.decision.certificate(links, settled, data, completeness)
    clock.lap("decide")
    return Found(
        links=links,
        review=review,
        how=how,
        decision=settled.decision,
        certificate=certificate,
        warnings=diagnose(trained),
        passes=_by_pass(compared),
        all_pairs=sum(one.all_pairs for one in data),
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


def _by_pass(compared: Sequence[Compared]) -> tuple[PassCount, ...]:
    """Add up what each pass did over all pairs of data sets."""
    counts = (one.passes for one in compared)
    return tuple(sum(one[1:], one[0]) for one in zip(*counts, strict=True))
