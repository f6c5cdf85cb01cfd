"""Train the model of pairs without labels: u from all pairs, m by EM in blocks of equal values.

Over all pairs at once EM would find households instead of people. Here the patterns come from
blocks of pairs that agree exactly on a set of telling fields, small enough that most of a block
are matches or kin; in each block the other fields teach their m. The number of pairs of a class
follows from those found in the blocks and the chance of being there. u of exact agreement is
counted exactly, from the frequencies of encoded values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.join import Side
from linkage.linker.anchored import block_tokens
from linkage.linker.levels import IDENTIFIERS, Levels
from linkage.linker.mixture import TINY, Model, rising, share_levels
from linkage.linker.sample import draw_equal
from linkage.linker.values import Each, count_equal, joint_numbers
from linkage.model import pattern_numbers

#: Pairs drawn at random, and pairs drawn from a block.
_RANDOM_PAIRS = 1_000_000
_BLOCK_PAIRS = 200_000
_ITERATIONS, _SETTLED, _TOLERANCE = 150, 20, 1e-5
#: A field tells if so many pairs have it on both sides, and a block has so many strangers a row.
_PRESENT, _STRANGERS = 0.3, 0.1
#: Sets of fields that non-matches have in common are made of so many, those of blocks first.
_CLASS_FIELDS = 8
#: A match agrees (reaches this Dice) at least so often in a name or date, and in another field.
_AGREES_AT, _AGREES, _AGREES_OTHERS = 0.7, 0.5, 0.15


@dataclass(frozen=True)
class Place:
    """Two data sets that are linked, or one with itself (`within`), as training sees them.

    `left_numbers` and `right_numbers` are `values.value_numbers` of the rows. Of large data sets
    these are some of the rows. `chance` `float64[slices, levels]` are the shares of levels among
    strangers, where the agencies counted them because anchored codes can't be.
    """

    left: Side
    right: Side
    left_numbers: NDArray[np.uint64]
    right_numbers: NDArray[np.uint64]
    within: bool
    chance: NDArray[np.float64] | None = None

    @property
    def pairs(self) -> float:
        """Number of pairs of rows."""
        left, right = len(self.left_numbers), len(self.right_numbers)
        return left * (left - 1) / 2 if self.within else float(left) * right


@dataclass(frozen=True)
class Training:
    """A trained model, and what it was trained on.

    `blocks` are the sets of fields that the blocks agree on, `estimates` the number of matching
    pairs that follows from each, `free` tells which fields some block left free, so that they
    could be learned.
    """

    model: Model
    blocks: tuple[tuple[int, ...], ...]
    estimates: tuple[float, ...]
    free: tuple[bool, ...]


def train(
    places: Sequence[Place],
    levels: Levels,
    random: np.random.Generator,
    given: Model | None = None,
    each: Each = map,
) -> Training:
    """Estimate everything without labels. Deterministic for a generator in a given state.

    With a model `given`, its m and u stay, and only the sizes of its classes are estimated anew:
    these belong to the data at hand.
    """
    pairs = max(1.0, sum(one.pairs for one in places))
    chance, present = _by_chance(places, levels, random, each)
    blocks = list(levels.anchors)
    if not levels.passes:
        blocks = choose_blocks(chance, present, levels, max(one.pairs for one in places))
    patterns, counts = count_patterns(places, levels, blocks, random, each)
    model = _start(levels, blocks, chance, pairs, counts.sum() / max(len(blocks), 1))
    if given is not None:
        sizes = np.maximum(given.sizes * pairs / given.pairs, TINY)
        model = replace(given, sizes=sizes, pairs=pairs)
    found = np.zeros(len(blocks))
    if not len(patterns):
        sizes = model.sizes.copy()
        sizes[: model.own] = TINY
        model = replace(model, sizes=sizes)
    for step in range(_ITERATIONS if len(patterns) else 0):
        posterior = model.posterior(patterns)
        by_block = counts.T @ posterior
        found = by_block[:, : model.own].sum(axis=1)
        before = model.matches
        model = replace(model, sizes=_sizes(model, by_block, blocks, present, levels))
        if given is None:
            m = _learn(model, patterns, counts, posterior, blocks, levels)
            model = replace(model, m=m)
        if given is None and step % 10 == 9:
            model = replace(model, u=_without_matches(model, chance, strangers=bool(levels.passes)))
        if step > _SETTLED and abs(model.matches - before) < _TOLERANCE * before:
            break
    inside = block_shares(model, blocks, present, levels)[:, : model.own]
    inside = inside @ model.sizes[: model.own] / max(model.matches, TINY)
    estimates = found / np.maximum(inside, TINY) if len(patterns) else found
    free = tuple(any(f not in _bound(block, levels) for block in blocks) for f in _all(levels))
    return Training(_pruned(model), tuple(blocks), tuple(estimates.tolist()), free)


def choose_blocks(
    chance: NDArray[np.float64], present: NDArray[np.float64], levels: Levels, pairs: float
) -> list[tuple[int, ...]]:
    """Choose the smallest sets of fields that strangers rarely agree on exactly.

    Rarely: a tenth of a stranger a row, so that most pairs of a block are matches or kin.
    """
    limit = _STRANGERS / np.sqrt(max(pairs, 1.0))
    often = [f for f in range(levels.slices) if present[f] > _PRESENT]
    exact = chance[:, levels.top]
    chosen: list[tuple[int, ...]] = []
    for size in (1, 2, 3):
        for one in combinations(often, size):
            known = any(set(smaller) <= set(one) for smaller in chosen)
            if not known and np.prod(exact[list(one)]) <= limit:
                chosen.append(one)
        free = {f for f in range(levels.slices) for one in chosen if f not in one}
        if size >= 2 and len(free) == levels.slices:
            break
    return chosen or list(combinations(range(levels.slices), min(2, levels.slices - 1)))


def count_patterns(
    places: Sequence[Place],
    levels: Levels,
    blocks: Sequence[tuple[int, ...]],
    random: np.random.Generator,
    each: Each = map,
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Count patterns of levels in blocks: `int8[patterns, fields]`, `float64[patterns, blocks]`."""
    drawn, weights, which = [np.empty((0, len(levels.fields)), np.int8)], [], []
    jobs = [(number, one) for number in range(len(blocks)) for one in places]

    def draw(job: tuple[int, Place], own: np.random.Generator) -> tuple[NDArray[np.int8], float]:
        block, one = blocks[job[0]], job[1]
        if levels.passes:
            left, right = block_tokens(one, levels.anchors[block])
        else:
            left, right = (joint_numbers(n, block) for n in (one.left_numbers, one.right_numbers))
        i, j, scale = draw_equal(left, right, _BLOCK_PAIRS // len(places), own, within=one.within)
        return levels.of(one.left, one.right, i, j), scale

    for (number, _), (found, scale) in zip(
        jobs, each(draw, jobs, random.spawn(len(jobs))), strict=True
    ):
        drawn.append(found)
        weights.append(np.full(len(found), scale))
        which.append(np.full(len(found), number))
    whole = np.concatenate(drawn)
    codes = pattern_numbers(whole)
    _, first, place = np.unique(codes, return_index=True, return_inverse=True)
    counts = np.zeros((len(first), len(blocks)))
    if len(whole):
        np.add.at(counts, (place, np.concatenate(which)), np.concatenate(weights))
    return whole[first], counts


def block_shares(
    model: Model,
    blocks: Sequence[tuple[int, ...]],
    present: NDArray[np.float64],
    levels: Levels,
) -> NDArray[np.float64]:
    """Give the chance that a pair of each class is in each block, `float64[blocks, classes]`."""
    agrees = np.where(model.shares, model.m[:, levels.top], model.u[:, levels.top]) * present
    return np.array([agrees[:, list(block)].prod(axis=1) for block in blocks])


def presence(one: Place, levels: Levels) -> NDArray[np.float64]:
    """Give the share of pairs that have each field on both sides; fields without bits count 1."""
    present = np.ones(len(levels.fields))
    left, right = ((numbers != 0).mean(axis=0) for numbers in (one.left_numbers, one.right_numbers))
    present[: levels.slices] = left * right
    return present


def _by_chance(
    places: Sequence[Place], levels: Levels, random: np.random.Generator, each: Each
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the shares of levels among all pairs, and how often both have a value.

    Exact agreement is counted from frequencies; the levels below it are seen in random pairs.
    """
    total = max(1.0, sum(one.pairs for one in places))
    chance = np.zeros((len(levels.fields), levels.top + 1))
    present = np.zeros(len(levels.fields))
    for one in places:
        share = one.pairs / total
        present += share * presence(one, levels)
        size = int(np.ceil(_RANDOM_PAIRS * share))
        i = random.integers(0, max(1, len(one.left_numbers)), size)
        j = random.integers(0, max(1, len(one.right_numbers)), size)
        i, j = (i[i != j], j[i != j]) if one.within else (i, j)
        drawn = levels.of(one.left, one.right, i, j)
        fields, streams = list(_all(levels)), random.spawn(len(levels.fields))
        if one.chance is not None:
            chance[: levels.slices] += share * one.chance
            fields, streams = fields[levels.slices :], streams[levels.slices :]
        equals = each(partial(_equal_pairs, one, levels), fields, streams)
        for field, (equal, both) in zip(fields, equals, strict=True):
            seen = np.bincount(drawn[:, field], minlength=levels.top + 1).astype(float)
            seen = np.where(levels.possible[field], seen + 0.5, 0.0)
            exact = (equal + 0.5) / (both + 1)
            below = seen[: levels.top]
            chance[field, : levels.top] += share * below * (1 - exact) / below.sum()
            chance[field, levels.top] += share * exact
    return chance / chance.sum(axis=1, keepdims=True), present


def _equal_pairs(
    one: Place, levels: Levels, field: int, random: np.random.Generator
) -> tuple[float, float]:
    """Count the pairs that agree exactly on a field, and those that have it on both sides."""
    if field < levels.slices:
        keys = one.left_numbers[:, field], one.right_numbers[:, field]
        return count_equal(*keys, within=one.within)
    if levels.fields[field] == IDENTIFIERS:
        found = [
            count_equal(one.left.tokens[:, number], one.right.tokens[:, number], within=one.within)
            for number in levels.identifiers
        ]
        return max(equal for equal, _ in found), max(both for _, both in found)
    assert levels.names is not None
    number = levels.names[2]
    tokens = one.left.tokens[:, number], one.right.tokens[:, number]
    i, j, scale = draw_equal(*tokens, _BLOCK_PAIRS, random, within=one.within)
    swapped = levels.of(one.left, one.right, i, j)[:, field] == levels.top
    return float(np.count_nonzero(swapped) * scale), one.pairs


def _start(
    levels: Levels,
    blocks: Sequence[tuple[int, ...]],
    chance: NDArray[np.float64],
    pairs: float,
    in_block: float,
) -> Model:
    """Start from matches that mostly agree: each level half as likely as the next higher one."""
    falling = 0.5 ** np.arange(levels.top, -1, -1.0)
    m = np.where(levels.possible, falling, 0.0)
    m /= m.sum(axis=1, keepdims=True)
    if levels.names is not None:
        m[-1, [1, levels.top]] = 0.99, 0.01
    shares, own = _classes(levels, blocks)
    sizes = np.ones(len(shares))
    sizes[:own], sizes[own] = max(in_block * 0.02, 1.0) / own, pairs
    return Model(levels.fields, m, chance.copy(), shares, sizes, own, pairs)


def _classes(levels: Levels, blocks: Sequence[tuple[int, ...]]) -> tuple[NDArray[np.bool_], int]:
    """Give what each class has in common, `bool[classes, fields]`, and how many are matches."""
    personal = {f for f in range(levels.slices) if levels.kinds[f] == "date"}
    address = [f for f in range(levels.slices) if levels.kinds[f] in ("postcode", "text")]
    sets: list[tuple[int, ...]] = [tuple(_all(levels))]
    if personal and len(address) > 1:
        sets.append(tuple(f for f in _all(levels) if f not in address))
    own = len(sets)
    sets.append(())
    others = [f for f in range(levels.slices) if f not in personal]
    others = sorted(others, key=lambda f: all(f not in block for block in blocks))[:_CLASS_FIELDS]
    if personal:
        sets += [
            one
            for size in range(1, len(others) + 1)
            for one in combinations(others, size)
            if any(set(block) <= set(one) for block in blocks)
        ]
    shares = np.array([[f in one for f in _all(levels)] for one in sets], bool)
    if levels.names is not None:
        shares[own:, -1] = shares[own:, levels.names[0]] & shares[own:, levels.names[1]]
    return shares, own


def _sizes(
    model: Model,
    by_block: NDArray[np.float64],
    blocks: Sequence[tuple[int, ...]],
    present: NDArray[np.float64],
    levels: Levels,
) -> NDArray[np.float64]:
    """Estimate the number of pairs of each class from those found in the blocks."""
    inside = block_shares(model, blocks, present, levels).sum(axis=0)
    sizes: NDArray[np.float64] = by_block.sum(axis=0) / np.maximum(inside, 1e-300)
    own = model.own
    sizes[:own] *= min(1.0, model.pairs / 2 / max(float(sizes[:own].sum()), TINY))
    strangers = model.pairs - float(sizes.sum()) + float(sizes[own])
    sizes[own] = max(strangers, model.pairs / 2)
    return sizes


def _learn(
    model: Model,
    patterns: NDArray[np.int8],
    counts: NDArray[np.float64],
    posterior: NDArray[np.float64],
    blocks: Sequence[tuple[int, ...]],
    levels: Levels,
) -> NDArray[np.float64]:
    """Estimate m of each field in the blocks that leave it free."""
    m = model.m.copy()
    match = posterior[:, : model.own]
    for field in _all(levels):
        free = [k for k, block in enumerate(blocks) if field not in _bound(block, levels)]
        if free:
            weight = counts[:, free].sum(axis=1) * (match @ model.shares[: model.own, field])
            m[field] = share_levels(patterns[:, field], weight, model.u[field])
    return _agreeing(rising(m, model.u), levels)


def _bound(block: tuple[int, ...], levels: Levels) -> set[int]:
    """Give the fields that a block says something about: its own, and swapped with a name."""
    bound = set(block)
    if levels.names is not None and bound & set(levels.names[:2]):
        bound.add(len(levels.fields) - 1)
    return bound


def _without_matches(
    model: Model, chance: NDArray[np.float64], *, strangers: bool
) -> NDArray[np.float64]:
    """Take those that have a field in common out of all pairs, or of all pairs of two people."""
    sizes = model.sizes.copy()
    if strangers:
        sizes[: model.own] = 0.0
    share = (sizes / model.pairs) @ model.shares
    u = (chance - share[:, None] * model.m) / (1 - share[:, None])
    u = np.maximum(u, 0.05 * chance)
    found: NDArray[np.float64] = u / u.sum(axis=1, keepdims=True)
    return found


def _agreeing(m: NDArray[np.float64], levels: Levels) -> NDArray[np.float64]:
    """Keep matches from becoming strangers where there are none: they agree often enough."""
    for field in range(levels.slices):
        kind = levels.kinds[field]
        surely = kind == "date" or (kind == "name" and levels.fields[field] != "middle_name")
        least = _AGREES if surely else _AGREES_OTHERS
        first = levels.first_at(_AGREES_AT)
        good, bad = m[field, first:].sum(), m[field, 1:first].sum()
        if good < least:
            m[field, first:] *= least / max(good, TINY)
            m[field, 1:first] *= (1 - least) / max(bad, TINY)
    return m


def _pruned(model: Model) -> Model:
    """Leave out classes of non-matches that hardly have a pair."""
    kept = model.sizes >= 0.5
    kept[: model.own + 1] = True
    return replace(model, shares=model.shares[kept], sizes=model.sizes[kept])


def _all(levels: Levels) -> range:
    return range(len(levels.fields))
