"""Train the Fellegi-Sunter model (1969) on agreement levels, without labels.

u comes from random pairs and stays fixed; m from expectation maximisation inside the blocks of
single passes, for the fields that the pass does not condition on. Over all pairs at once, EM
would find households instead of people: inside a block of equal dates of birth, or of equal
names, the other members are strangers, so the match class is people again. The number of matches
follows from how far two passes find the same ones (Lincoln-Petersen).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.join import Rule, Side, pair_levels
from linkage.linker.block import BlockKeys, plan_pass, split_tasks
from linkage.linker.sample import draw_pairs
from linkage.model import Encodings
from linkage.schema import BlockingPass, LinkageSchema

RANDOM_PAIRS = 1_000_000
PAIRS_PER_PASS = 500_000
_MAX_ITERATIONS = 500
_TOLERANCE = 1e-7
_FLOOR = 1e-9


@dataclass(frozen=True)
class DataPair:
    """Two data sets that are linked with each other, or one with itself (`within`)."""

    left: Encodings
    right: Encodings
    left_side: Side
    right_side: Side
    within: bool

    @property
    def all_pairs(self) -> int:
        """Number of pairs of rows without blocking."""
        left, right = len(self.left.owner), len(self.right.owner)
        return left * (left - 1) // 2 if self.within else left * right


@dataclass(frozen=True)
class Model:
    """A trained model: m and u per slice and level, and how many pairs are matches.

    `m` and `u` are `float64[slices, levels]`: level 0 is missing (no probability), then
    disagreement, then one level for each bound, rising. `matches` is the estimated number of
    matching pairs of rows among `pairs`.
    """

    m: NDArray[np.float64]
    u: NDArray[np.float64]
    matches: float
    pairs: int

    @property
    def weights(self) -> NDArray[np.float64]:
        """log2(m / u) per slice and level; 0 for missing."""
        weights = np.log2(np.maximum(self.m, _FLOOR) / np.maximum(self.u, _FLOOR))
        weights[:, 0] = 0.0
        return weights

    @property
    def prior_weight(self) -> float:
        """log2 of the odds that a random pair is a match."""
        share = min(max(self.matches / self.pairs, 1e-12), 0.5)
        return float(np.log2(share / (1 - share)))


@dataclass(frozen=True)
class _PassSample:
    """Agreement patterns of the pairs of one pass, and which other passes also find them."""

    patterns: NDArray[np.int8]
    counts: NDArray[np.float64]
    also: NDArray[np.float64]
    free: NDArray[np.bool_]


def train(data: Sequence[DataPair], schema: LinkageSchema, rule: Rule, seed: int) -> Model:
    """Estimate m, u and the number of matches. The same seed gives the same model.

    `rule` gives the levels; its weights are not looked at.
    """
    random = np.random.default_rng(seed)
    slices, levels = rule.weights.shape
    all_pairs = sum(one.all_pairs for one in data)
    chance = _random_levels(data, rule, random)
    passes = training_passes(schema)
    samples = [_sample_pass(data, schema, p, passes, rule, random) for p in passes]
    u = chance
    matches = 0.0
    m = np.zeros((slices, levels))
    for _ in range(3):
        fits = [_fit(sample, u) for sample in samples]
        m = _combine([(fit.m, fit.matches, s.free) for fit, s in zip(fits, samples, strict=True)])
        matches = min(_count_matches(fits, samples), all_pairs / 2)
        share = matches / all_pairs
        u = np.maximum((chance - share * m) / (1 - share), chance * 1e-3)
        u[:, 1:] /= u[:, 1:].sum(axis=1, keepdims=True)
    return Model(m, u, matches, all_pairs)


def training_passes(schema: LinkageSchema) -> list[int]:
    """Choose the passes whose blocks hold a person and strangers, not a household.

    Those condition on an exact date alone or on two names; all passes where these leave a field
    without estimate.
    """
    kinds = {field.name: field.type for field in schema.field}
    chosen = [p for p, one in enumerate(schema.blocking) if _personal(one, kinds)]
    fields = {field.name for field in schema.compared_fields}
    for candidate in (chosen, list(range(len(schema.blocking)))):
        conditioned = [schema.blocking[p].fields for p in candidate]
        if candidate and not fields & frozenset.intersection(*conditioned):
            return candidate
    return list(range(len(schema.blocking)))


def _personal(one: BlockingPass, kinds: Mapping[str, str]) -> bool:
    names = [field for field in one.fields if kinds[field] == "name"]
    exact_date = any(kinds[f] == "date" and t == "exact" for f, t in one.parts)
    return (exact_date and len(one.fields) == 1) or len(names) >= 2


def _random_levels(
    data: Sequence[DataPair], rule: Rule, random: np.random.Generator
) -> NDArray[np.float64]:
    """Estimate the share of each level among random pairs, `float64[slices, levels]`."""
    slices, levels = rule.weights.shape
    counts = np.zeros((slices, levels))
    total = sum(one.all_pairs for one in data)
    for one in data:
        size = int(np.ceil(RANDOM_PAIRS * one.all_pairs / total))
        left = random.integers(0, len(one.left.owner), size)
        right = random.integers(0, len(one.right.owner), size)
        if one.within:
            left, right = left[left != right], right[left != right]
        found = pair_levels(one.left_side, one.right_side, left, right, rule)
        for field in range(slices):
            counts[field] += np.bincount(found[:, field], minlength=levels)
    counts[:, 0] = 0.0
    counts[:, 1:] += 0.5
    shares: NDArray[np.float64] = counts / counts.sum(axis=1, keepdims=True)
    return shares


def _sample_pass(
    data: Sequence[DataPair],
    schema: LinkageSchema,
    blocking_pass: int,
    passes: list[int],
    rule: Rule,
    random: np.random.Generator,
) -> _PassSample:
    rows = []
    for one in data:
        keys = BlockKeys(tuple(p.name for p in schema.blocking), one.left.tokens, one.right.tokens)
        tasks = list(split_tasks(plan_pass(keys, blocking_pass, within=False)))
        total = sum(task.comparisons for task in tasks)
        keep = min(1.0, PAIRS_PER_PASS / max(total, 1) / len(data))
        for task in tasks:
            left, right = draw_pairs(task, keep, random)
            if one.within:
                left, right = left[left < right], right[left < right]
            levels = pair_levels(one.left_side, one.right_side, left, right, rule)
            together = np.column_stack([_together(one, left, right, p) for p in passes])
            rows.append((np.column_stack([levels, together]), np.full(len(left), 1 / keep)))
    conditioned = schema.blocking[blocking_pass].fields
    free = np.array([field.name not in conditioned for field in schema.compared_fields])
    slices = rule.weights.shape[0]
    nothing = np.empty((0, slices + len(passes)), np.int8)
    drawn = np.concatenate([one[0] for one in rows] or [nothing])
    weight = np.concatenate([one[1] for one in rows] or [np.empty(0)])
    both, where = np.unique(drawn, axis=0, return_inverse=True)
    counts = np.bincount(where.ravel(), weights=weight, minlength=len(both)).astype(np.float64)
    return _PassSample(both[:, :slices], counts, both[:, slices:].astype(np.float64), free)


def _together(
    one: DataPair, left: NDArray[np.int64], right: NDArray[np.int64], blocking_pass: int
) -> NDArray[np.bool_]:
    tokens = one.left.tokens[left, blocking_pass]
    same: NDArray[np.bool_] = (tokens == one.right.tokens[right, blocking_pass]) & (tokens != 0)
    return same


@dataclass(frozen=True)
class _Fit:
    m: NDArray[np.float64]
    matches: float
    posterior: NDArray[np.float64]


def _fit(sample: _PassSample, u: NDArray[np.float64]) -> _Fit:
    """EM over the patterns of one pass, u fixed; fields that the pass conditions on are left out.

    A level of no evidence takes its share from u, so that it weighs nothing either way.
    """
    levels = u.shape[1]
    used = np.flatnonzero(sample.free)
    m = _start(u)
    total = sample.counts.sum()
    share = 0.1
    posterior = np.zeros(len(sample.counts))
    if total == 0:
        return _Fit(m, 0.0, posterior)
    for _ in range(_MAX_ITERATIONS):
        evidence = np.log(np.maximum(m, _FLOOR)) - np.log(np.maximum(u, _FLOOR))
        evidence[:, 0] = 0.0
        ratio = np.full(len(sample.counts), np.log(share) - np.log1p(-share))
        for field in used:
            ratio += evidence[field, sample.patterns[:, field]]
        posterior = 1 / (1 + np.exp(-np.clip(ratio, -500, 500)))
        weight = posterior * sample.counts
        before = share
        share = float(np.clip(weight.sum() / total, _FLOOR, 1 - 1e-6))
        for field in used:
            counts = np.bincount(sample.patterns[:, field], weights=weight, minlength=levels)
            m[field, 1:] = (counts[1:] + u[field, 1:]) / (counts[1:].sum() + 1)
            m[field] = np.maximum(m[field], _FLOOR)
        if abs(share - before) < _TOLERANCE * before:
            break
    return _Fit(m, share * float(total), posterior)


def _start(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Start from matches that mostly agree: each level half as likely as the next higher one."""
    levels = u.shape[1]
    falling = 0.5 ** np.arange(levels - 2, -1, -1.0)
    return np.tile(np.concatenate([[_FLOOR], falling / falling.sum()]), (u.shape[0], 1))


def _combine(
    fits: list[tuple[NDArray[np.float64], float, NDArray[np.bool_]]],
) -> NDArray[np.float64]:
    """Average m over the passes that leave a field free, weighted by their matches."""
    m = np.zeros_like(fits[0][0])
    for field in range(m.shape[0]):
        chosen = [(one, max(n, _FLOOR)) for one, n, free in fits if free[field]]
        chosen = chosen or [(one, 1.0) for one, _, _ in fits]
        m[field] = sum(one[field] * n for one, n in chosen) / sum(n for _, n in chosen)
    return m


def _count_matches(fits: list[_Fit], samples: list[_PassSample]) -> float:
    """Estimate all matches from those of two passes and of both; the median over pairs of passes.

    With a single pass there is nothing to compare with: its own matches are the estimate.
    """
    estimates = []
    for p, (fit, sample) in enumerate(zip(fits, samples, strict=True)):
        weight = fit.posterior * sample.counts
        for q, other in enumerate(fits):
            if p == q or weight.sum() < 1:
                continue
            share = float((weight * sample.also[:, q]).sum() / weight.sum())
            if share > 0.01:
                estimates.append(other.matches / share)
    found = max((fit.matches for fit in fits), default=0.0)
    return max(float(np.median(estimates)), found) if estimates else found
