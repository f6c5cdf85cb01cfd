"""Both sides of a graph matching as clouds of points, and one run from a beginning to names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from linkage.audit.align import Aligned, first_map, procrustes, refine, settle
from linkage.audit.describe import Descriptions, describe
from linkage.audit.errors import NONE, Noise, corrupt
from linkage.audit.pairing import nearest
from linkage.audit.points import Basis, Cloud, axes_for, graph_cloud, sample, signs, unit
from linkage.audit.scene import Floats, Ints, Rows
from linkage.audit.target import Target

#: Rows of either side that take part in the alignment; all are named.
MOST_ROWS = 10_000
#: Up to so many bits, so many keys of the attacker's own; they take chance out of his encodings.
_KEYS_BY_BITS = ((1024, 4), (2048, 2))
_PRIOR_PAIRS = 100
_LEAST_PAIRS, _TRUST = 150, 0.7

Embedding = Literal["linear", "graph"]


@dataclass(frozen=True)
class Beginning:
    """The settings of one run; `number` is the seed of what it draws at random.

    `noise` is what the attacker does to his own list, `all_kinds` and `weighted` tell which
    descriptions he begins with, and whether he weighs them at random.
    `breadth` is that of `first_map`, `power` that of `refine`.
    """

    number: int
    noise: Noise = NONE
    embedding: Embedding = "linear"
    all_kinds: bool = True
    weighted: bool = False
    breadth: float = 0.06
    power: float = 0.5

    def __str__(self) -> str:
        noise = f", {self.noise} in the own list" if self.noise.share else ""
        return f"{self.embedding}{noise}"


@dataclass(frozen=True)
class Tried:
    """Where a run ended: `who` is the place in the target's chosen rows of each row to name."""

    beginning: Beginning
    aligned: Aligned
    who: Ints


@dataclass(frozen=True)
class _Noisy:
    """The attacker's list under one noise: his cloud with errors, and all clean rows placed."""

    points: Floats
    own: Floats
    figures: Floats
    cloud: Cloud
    clean: Cloud


@dataclass(frozen=True)
class _Pair:
    """The two clouds that a run aligns, and the descriptions of their rows."""

    clouds: tuple[Cloud, Cloud]
    described: tuple[Descriptions, Descriptions]


class Sides:
    """Encodes the attacker's list, and keeps the clouds that runs share."""

    def __init__(self, target: Target, seed: int) -> None:
        """Take what is to be named."""
        self._target, self._seed = target, seed
        self._random = np.random.default_rng([seed, 1])
        self.points = signs(target.view)
        self._rows = sample(len(self.points), MOST_ROWS, self._random)
        self._chosen = sample(len(target.chosen), MOST_ROWS, self._random)
        keys = [count for bits, count in _KEYS_BY_BITS if self.points.shape[1] <= bits]
        self._keys = [seed * 101 + n + 1 for n in range(keys[0] if keys else 1)]
        few = min(len(self._rows), len(self._chosen))
        self._axes = axes_for(few, self.points.shape[1])
        basis = Basis.of(self.points[self._rows], self._axes, self._random)
        self._all = basis.place([self.points])
        self._figures = target.figures(target.view, target.counted)[self._rows]
        self._noisy: dict[Noise, _Noisy] = {}
        self._pairs: dict[tuple[Noise, Embedding], _Pair] = {}
        self._left: dict[Embedding, tuple[Cloud, Descriptions]] = {}

    def prepare(self, noise: Noise, embedding: Embedding) -> None:
        """Place and describe both sides for runs with these settings."""
        if (noise, embedding) in self._pairs:
            return
        if noise not in self._noisy:
            self._noisy[noise] = self._with_errors(noise)
        if embedding not in self._left:
            points = self.points[self._rows]
            linear = embedding == "linear"
            cloud = (
                self._all.take(self._rows)
                if linear
                else graph_cloud(points, self._axes, self._random)
            )
            self._left[embedding] = cloud, describe(points, cloud, self._figures)
        one = self._noisy[noise]
        cloud = (
            one.cloud
            if embedding == "linear"
            else graph_cloud(one.points, self._axes, self._random)
        )
        right = cloud, describe(one.own, cloud, one.figures)
        left = self._left[embedding]
        self._pairs[noise, embedding] = _Pair((left[0], right[0]), (left[1], right[1]))

    def _with_errors(self, noise: Noise) -> _Noisy:
        """Encode some rows with errors, and place all clean rows among them."""
        rows = self._target.reference_rows()
        some: Rows = {field: texts[self._chosen] for field, texts in rows.items()}
        random = np.random.default_rng([self._seed, 2, round(1e6 * noise.share), noise.strange])
        views = [self._target.encode(corrupt(some, noise, random), key) for key in self._keys]
        parts = [signs(view) for view in views]
        points = np.concatenate(parts, axis=1)
        basis = Basis.of(points, self._axes, self._random)
        clean = basis.place(signs(self._target.encode(rows, key)) for key in self._keys)
        listed = self._target.listed[self._chosen]
        figures = self._target.figures(views[0], listed)
        return _Noisy(points, parts[0], figures, basis.place(parts), clean)

    def run(self, beginning: Beginning, start: Tried | None = None) -> Tried:
        """Align the sides from a beginning, or from where another run ended, and name all rows."""
        random = np.random.default_rng([self._seed, 3, beginning.number])
        pair = self._pairs[beginning.noise, beginning.embedding]
        if start is None:
            products = _first(pair, beginning, random)
        else:
            rows, whose = self._trusted(start)
            products = pair.clouds[0].axes[rows].T @ pair.clouds[1].axes[whose]
        rotation = refine(pair.clouds, products, beginning.power, random)
        placed = self._noisy[beginning.noise]
        left = unit(self._all.scaled(beginning.power))
        right = unit(placed.clean.scaled(beginning.power))
        if beginning.embedding == "graph":
            rotation = self._by_pairs(pair, rotation, left, right, beginning.power)
        few, listed = left[self._rows], right[self._chosen]
        aligned = settle(few, listed, rotation, _PRIOR_PAIRS, random)
        if len(few) == len(left) and len(listed) == len(right):
            return Tried(beginning, aligned, aligned.nearest.who)
        return Tried(beginning, aligned, nearest(left @ aligned.rotation, right).who)

    def _by_pairs(
        self, pair: _Pair, rotation: Floats, left: Floats, right: Floats, power: float
    ) -> Floats:
        """Take the nearest neighbours of one embedding for pairs to begin with in the other."""
        turned = unit(pair.clouds[0].scaled(power)) @ rotation
        found = nearest(turned, unit(pair.clouds[1].scaled(power)))
        rows = found.trusted(_TRUST, _LEAST_PAIRS)
        return procrustes(left[self._rows[rows]].T @ right[self._chosen[found.who[rows]]])

    def _trusted(self, start: Tried) -> tuple[Ints, Ints]:
        found = start.aligned.nearest
        rows = found.trusted(_TRUST, _LEAST_PAIRS)
        return rows, found.who[rows]

    def trusted_pairs(self, tried: Tried, share: float) -> tuple[Ints, Ints]:
        """Give rows to name, and places in the target's chosen rows, that a run is sure of."""
        found = tried.aligned.nearest
        rows = found.trusted(share, _LEAST_PAIRS)
        return self._rows[rows], self._chosen[found.who[rows]]


def _first(pair: _Pair, beginning: Beginning, random: np.random.Generator) -> Floats:
    left, right = (one.columns(all_kinds=beginning.all_kinds) for one in pair.described)
    if beginning.weighted:
        weights = random.integers(0, 3, left.shape[1]).astype(np.float32)
        left, right = left * weights, right * weights
    return first_map(pair.clouds, (left, right), beginning.breadth, random)
