"""Plan a run before it starts: what each pass costs, and what the passes will miss."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.engine.local import Plans
from linkage.kernels.join import Rule, Side
from linkage.linker.block import Blocking, BlockKeys, PassPlan, plan_pass, split_tasks
from linkage.linker.compare import compare_task
from linkage.linker.completeness import Completeness, lost_links, measure_completeness, pooled
from linkage.linker.decide import Decision
from linkage.linker.setup import Choices, set_up
from linkage.linker.together import DataPair, check_together, data_pairs
from linkage.model import Encodings, PassCount, Task

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
    *,
    threshold: float | None = None,
    probability: float | None = None,
    single: tuple[str, ...] | None = None,
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
    how, _ = set_up(encodings, data, Choices(threshold, probability, single), seed)
    counts, seconds, samples = [], [], []
    with ThreadPoolExecutor(threads) as pool:
        plans_of = Plans(encodings, blocking or Blocking(), pool)
        for one in data:
            keys, plans = plans_of.of(one)
            random = np.random.default_rng([seed, *one.places])
            rules = [how.rule(plan) for plan in plans]
            counts.append([_count(plan, keys, one, how, seed) for plan in plans])
            sides = how.sides(one, keys)
            seconds.append([_time(a, *sides, b, random) for a, b in zip(plans, rules, strict=True)])
            left, right = _full_links(pool, one, how, random, _FULL // len(data))
            samples.append(measure_completeness(keys, left, right))
    return Plan(
        tuple(sum(one[1:], one[0]) for one in zip(*counts, strict=True)),
        tuple(sum(one) / threads for one in zip(*seconds, strict=True)),
        pooled(samples),
        sum(one.all_pairs for one in data),
    )


def _count(plan: PassPlan, keys: BlockKeys, one: DataPair, how: Decision, seed: int) -> PassCount:
    lost = lost_links(plan, keys, lambda left, right: how.are_links(one, left, right), seed)
    return plan.count(lost_links=lost)


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


def _full_links(
    pool: ThreadPoolExecutor,
    one: DataPair,
    how: Decision,
    random: np.random.Generator,
    comparisons: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Compare some left rows with all right rows; give the links."""
    rows, others = len(one.left.owner), len(one.right.owner)
    sample = min(rows, max(1, comparisons // max(1, others)))
    chosen = np.sort(random.choice(rows, sample, replace=False))
    keys = BlockKeys((), one.left.tokens[:, :0], one.right.tokens[:, :0])
    some = BlockKeys((), one.left.tokens[chosen, :0], one.right.tokens[:, :0])
    whole = plan_pass(some, 0, within=False)
    rule, sides = how.rule(whole), how.sides(one, keys)

    def compare(task: Task) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        order = chosen.astype(np.int32)
        placed = Task(0, order, task.right_order, task.blocks, within=False)
        found = compare_task(placed, *sides, rule)
        return found.left, found.right

    found = list(pool.map(compare, split_tasks(whole)))
    left = np.concatenate([part[0] for part in found])
    right = np.concatenate([part[1] for part in found])
    if one.within:
        apart = one.left.owner[left] != one.right.owner[right]
        left, right = left[apart], right[apart]
    links = how.are_links(one, left, right)
    return left[links], right[links]
