"""The Fellegi-Sunter model (1969), with non-matches that are a mixture.

Two records truly have a set of fields in common, and agree on the others by chance. Having all in
common is a match. Households have surname, postcode and address in common, people of one origin
forename and surname more often than chance would have it: each such set is a class of non-matches
with a number of pairs of its own. On what a class has in common it agrees as matches do (m), on the
rest as strangers do (u). No set holds a date or an identifier: two people have those in common by
chance only. So fields that depend on each other are counted once, in any schema, without anybody
naming them. Where an address has several fields, those who moved are a class of matches: they have
none of these in common.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.odds import mixture_odds

TINY = 1e-12


@dataclass(frozen=True)
class Model:
    """A trained model of the fields and levels of `Levels`.

    `m` and `u` are `float64[fields, levels]`: the chance of each level, given that both have a
    value and have it in common (m), or agree by chance (u). `shares` is `bool[classes, fields]`,
    what each class has in common, and `sizes` `float64[classes]` its estimated number of pairs of
    rows, of all `pairs`. The first `own` classes are matches, the next one is strangers, who have
    nothing in common.
    """

    fields: tuple[str, ...]
    m: NDArray[np.float64]
    u: NDArray[np.float64]
    shares: NDArray[np.bool_]
    sizes: NDArray[np.float64]
    own: int
    pairs: float

    @property
    def matches(self) -> float:
        """Estimated number of matching pairs of rows."""
        return float(self.sizes[: self.own].sum())

    @property
    def prior_weight(self) -> float:
        """log2 of the odds that a random pair is a match."""
        share = min(max(self.matches / self.pairs, TINY), 0.5)
        return float(np.log2(share / (1 - share)))

    @property
    def weights(self) -> NDArray[np.float64]:
        """log2(m / u) per field and level; 0 for missing, and for levels that can't be."""
        weights = np.log2(np.maximum(self.m, TINY)) - np.log2(np.maximum(self.u, TINY))
        weights[self.u <= 0] = 0.0
        return weights

    def odds(
        self,
        levels: NDArray[np.int8],
        rarity: NDArray[np.int32] | None = None,
        rows: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float64]:
        """Give the match weight of each pair: log2 of the odds that it is a match.

        `levels` is `int8[pairs, fields]`; `rarity` of `rows`, the pairs' left rows, adds to the
        weights: see `linker.rarity`.
        """
        return mixture_odds(
            levels,
            np.empty((0, 0), np.int32) if rarity is None or rows is None else rarity,
            np.empty(0, np.int64) if rows is None else rows,
            self.weights,
            self.shares,
            self._log_sizes,
            self.own,
        )

    def by_class(
        self, levels: NDArray[np.int8], rarity: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Give log2 of the expected pairs of each class, but for what all classes have in common.

        `rarity` `float64[pairs, fields]` adds to the weights.
        """
        weights = self.weights
        by_field = np.column_stack([weights[f, levels[:, f]] for f in range(len(weights))])
        if rarity is not None:
            by_field = by_field + rarity
        by_class: NDArray[np.float64] = by_field @ self.shares.T.astype(np.float64)
        by_class += self._log_sizes
        return by_class

    @property
    def _log_sizes(self) -> NDArray[np.float64]:
        sizes: NDArray[np.float64] = np.log2(np.maximum(self.sizes, 1e-30))
        return sizes

    def most(self) -> tuple[NDArray[np.float64], float]:
        """Give weights per field and level, and a constant, whose sum no match weight exceeds.

        A pair weighs most if it is compared with strangers alone, and, where it may have moved,
        an address that disagrees counts nothing.
        """
        weights = self.weights
        moved = ~self.shares[: self.own].all(axis=0)
        weights[moved] = np.maximum(weights[moved], 0)
        strangers = float(np.log2(np.maximum(self.sizes[self.own], TINY)))
        return weights, float(np.log2(max(self.matches, TINY))) - strangers

    def posterior(self, levels: NDArray[np.int8]) -> NDArray[np.float64]:
        """Give the chance of each class for each pair or pattern, `float64[pairs, classes]`."""
        found = self.by_class(levels)
        found -= found.max(axis=1, keepdims=True)
        posterior: NDArray[np.float64] = np.exp2(found)
        posterior /= posterior.sum(axis=1, keepdims=True)
        return posterior


def rising(m: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pool levels until m / u rises with the level (pool adjacent violators, Ayer et al. 1955)."""
    pooled = m.copy()
    for field in range(len(m)):
        groups: list[tuple[float, float, list[int]]] = []
        for level in np.flatnonzero(u[field] > 0).tolist():
            groups.append((float(m[field, level]), float(u[field, level]), [level]))
            while len(groups) > 1 and groups[-2][0] * groups[-1][1] > groups[-1][0] * groups[-2][1]:
                (a, b, low), (c, d, high) = groups[-2:]
                groups[-2:] = [(a + c, b + d, low + high)]
        for a, b, members in groups:
            pooled[field, members] = a * u[field, members] / b
    return pooled


def share_levels(
    levels: NDArray[np.int8], weight: NDArray[np.float64], u: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give the shares of levels under weights.

    Levels without evidence get two pairs' worth of u, so that they weigh nothing either way.
    """
    seen = np.bincount(levels, weights=weight, minlength=len(u))
    seen[0] = 0.0
    shares: NDArray[np.float64] = (seen + 2 * u) / (seen.sum() + 2)
    shares[0] = 0.0
    return shares
