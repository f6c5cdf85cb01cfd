"""Plan a run before it starts: what each pass costs, and what the passes will miss."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from linkage.engine.work import Plans, Work, whole_passes
from linkage.kernels.join import Rule, Side
from linkage.linker.block import Blocking, PassPlan, split_tasks
from linkage.linker.compare import compare_task
from linkage.linker.completeness import Completeness
from linkage.linker.setup import Choices, set_up
from linkage.linker.together import check_together, data_pairs
from linkage.model import Encodings, PassCount

#: Comparisons that the rate of a pass is measured by, and those of the sample compared in full.
_TIMED = 2_000_000
_FULL = 400_000_000


@dataclass(frozen=True)
class Plan:
    """What a run will do, by pass, and an estimate of what its passes miss.

    `seconds` are estimated by pass for the given number of threads.
    """

    passes: tuple[PassCount, ...]
    seconds: tuple[float, ...]
    completeness: Completeness
    all_pairs: int


def plan(
    encodings: Sequence[Encodings],
    choices: Choices | None = None,
    *,
    deduplicate: bool = False,
    blocking: Blocking | None = None,
    threads: int | None = None,
    seed: int = 0,
) -> Plan:
    """Plan the run that `engine.local.link` would make with the same arguments.

    The decision is set up as there. Of each pass some blocks are compared, to time them; some
    rows are compared with all others, to see which links the passes would not meet.
    """
    check_together(encodings)
    threads = threads or os.cpu_count() or 1
    data = data_pairs(encodings, deduplicate)
    counts, seconds = [], []
    with ThreadPoolExecutor(threads) as pool:
        how, _ = set_up(encodings, data, choices or Choices(), seed, pool.map)
        plans_of = Plans(encodings, blocking or Blocking(), pool)
        work = Work(pool, plans_of, how, seed, np.inf, None, lambda stage, done, total: None)
        for one in data:
            keys, plans = plans_of.of(one)
            random = np.random.default_rng([seed, *one.places])
            sides = how.sides(one, keys)
            rules = [how.rule(plan, whole_passes(plans[: plan.number])) for plan in plans]
            lost = [work.lost_links(one, keys, plan) for plan in plans]
            counts.append([a.count(lost_links=b) for a, b in zip(plans, lost, strict=True)])
            seconds.append([
                _time(plan, *how.seen(sides, plan), rule, random)
                for plan, rule in zip(plans, rules, strict=True)
            ])  # fmt: skip
        completeness = work.completeness(data, _FULL)
    return Plan(
        tuple(sum(one[1:], one[0]) for one in zip(*counts, strict=True)),
        tuple(sum(one) / threads for one in zip(*seconds, strict=True)),
        completeness,
        sum(one.all_pairs for one in data),
    )


def _time(
    plan: PassPlan, left: Side, right: Side, rule: Rule, random: np.random.Generator
) -> float:
    """Estimate the seconds that one thread takes for a pass, from some of its blocks."""
    if not plan.comparisons:
        return 0.0
    sample = plan.blocks
    share = _TIMED / plan.comparisons
    if share < 1:
        sample = plan.blocks[random.random(len(plan.blocks)) < share]
    if not len(sample):
        sample = plan.blocks[:1]
    task = next(split_tasks(plan.with_blocks(sample)))
    compare_task(plan.as_task(task.blocks[:1]), left, right, rule)
    start = time.perf_counter()
    compare_task(task, left, right, rule)
    return (time.perf_counter() - start) / max(1, task.comparisons) * plan.comparisons
