"""Find the rotation between two clouds of points of which nobody knows who is who.

Beginning with rows that are described alike, every row is softly assigned to those it may be; the
rotation that fits best (orthogonal Procrustes, Schönemann 1966) makes the next assignment sharper,
in ever more dimensions. The end is cross-fitted: a row is placed by a rotation that was fitted to
pairs of other rows, so that wrong pairs don't confirm themselves, and few right ones suffice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage.audit.pairing import Nearest, nearest
from linkage.audit.points import Cloud, unit
from linkage.audit.scene import Floats, Ints

#: (dimensions, rounds, temperature) of the soft assignment.
SCHEDULE = (
    (30, 10, 0.06), (40, 5, 0.05), (50, 5, 0.04), (70, 4, 0.04), (100, 4, 0.03),
    (140, 3, 0.03), (200, 3, 0.03),
)  # fmt: skip
_QUERIES, _FIRST_QUERIES = 2000, 3000
#: Axes of very different variance are hardly the same one: widths in logarithms.
_FIRST_WIDTH, _WIDTH, _WIDTH_DIMENSIONS = 0.15, 0.3, 40
#: Shares of the mutual pairs that a round of cross-fitting trusts.
_TRUST = (0.7, 0.7, 0.5, 0.3, 0.2, 0.15, 0.1, 0.1)
_CHECKED, _LEAST_PAIRS, _FOLDS = 0.3, 150, 4


@dataclass(frozen=True)
class Aligned:
    """Who is nearest after alignment; `agreement` (0 to 1) is how far pairs tell of each other.

    It is the share of mutual pairs that come again when every row is placed by the pairs of other
    rows alone: wrong pairs don't come again, so that it tells of success without the truth.
    """

    nearest: Nearest
    rotation: Floats
    agreement: float


def procrustes(products: Floats) -> Floats:
    """Give the rotation `R` that makes `left @ R` most like `right`, for `left.T @ right`."""
    left, _, right = np.linalg.svd(products)
    return np.asarray(left @ right)


def first_map(
    sides: tuple[Cloud, Cloud],
    described: tuple[Floats, Floats],
    breadth: float,
    random: np.random.Generator,
) -> Floats:
    """Map axes of the left to axes of the right by rows that are described alike.

    `breadth` is the variance of the soft assignment, in squared lengths of descriptions.
    """
    left, right = described
    width = np.float32(breadth * (left**2).sum(axis=1).mean())
    products = _assigned(left, right, sides[0].axes, sides[1].axes, width, random)
    products = products + _assigned(right, left, sides[1].axes, sides[0].axes, width, random).T
    return np.asarray(products * _same_axis(sides, _FIRST_WIDTH))


def _assigned(
    left: Floats,
    right: Floats,
    left_axes: Floats,
    right_axes: Floats,
    width: np.float32,
    random: np.random.Generator,
) -> Floats:
    rows = random.choice(len(left), min(_FIRST_QUERIES, len(left)), replace=False)
    close = left[rows] @ right.T
    close -= (right**2).sum(axis=1) / 2
    return np.asarray(left_axes[rows].T @ (_shares(close, width) @ right_axes))


def _shares(alike: Floats, temperature: np.float32) -> Floats:
    """Turn similarities into shares of each row that add up to one; works in place."""
    alike -= alike.max(axis=1, keepdims=True)
    alike /= temperature
    np.exp(alike, out=alike)
    alike /= alike.sum(axis=1, keepdims=True)
    return alike


def _same_axis(sides: tuple[Cloud, Cloud], width: float) -> Floats:
    """Tell how likely two axes are one, by their variances."""
    left, right = (np.log(one.weights / one.weights.mean()) for one in sides)
    distance = (left[:, None] - right[None]) ** 2
    return np.asarray(np.exp(-distance / (2 * width**2)), np.float32)


def refine(
    sides: tuple[Cloud, Cloud],
    products: Floats,
    power: float,
    random: np.random.Generator,
    schedule: Sequence[tuple[int, int, float]] = SCHEDULE,
) -> Floats:
    """Sharpen a map of axes (as `first_map` gives it) to a rotation of scaled points."""
    left, right = (one.scaled(power) for one in sides)
    whole = unit(left), unit(right)
    weights = [one.weights ** np.float32(power) for one in sides]
    products = weights[0][:, None] * products * weights[1][None]
    most = min(left.shape[1], right.shape[1])
    alike_axes = _same_axis(sides, _WIDTH)
    for dimensions, rounds, temperature in schedule:
        few = min(dimensions, most)
        for _ in range(rounds):
            part = products[:few, :few]
            if dimensions <= _WIDTH_DIMENSIONS:
                part = part * alike_axes[:few, :few]
            turned = unit(left[:, :few] @ procrustes(part)), unit(right[:, :few])
            products = _soft(turned, whole, temperature, random)
            products += _soft(turned[::-1], whole[::-1], temperature, random).T
    return procrustes(products[:most, :most])


def _soft(
    turned: tuple[Floats, Floats],
    whole: tuple[Floats, Floats],
    temperature: float,
    random: np.random.Generator,
) -> Floats:
    """Assign some rows of the first side softly to those of the second."""
    rows = random.choice(len(turned[0]), min(_QUERIES, len(turned[0])), replace=False)
    shares = _shares(turned[0][rows] @ turned[1].T, np.float32(temperature))
    return np.asarray(whole[0][rows].T @ (shares @ whole[1]))


def settle(
    left: Floats, right: Floats, rotation: Floats, prior: float, random: np.random.Generator
) -> Aligned:
    """Go from a rotation to pairs, and back, each row placed by what other rows tell.

    `left` and `right` are points of length one. `prior` counts the rotation so far as so many
    pairs: where few people are on both sides, their pairs alone would not hold it.
    """
    found = nearest(left @ rotation, right)
    variance = (left**2).mean(axis=0)
    before = np.float32(prior) * variance[:, None] * rotation
    for share in _TRUST:
        rows = found.trusted(share, _LEAST_PAIRS)
        found = nearest(_cross_fitted(left, right, rows, found.who[rows], before, random), right)
    rows = found.trusted(_CHECKED, _LEAST_PAIRS)
    alone = _cross_fitted(left, right, rows, found.who[rows], np.zeros_like(before), random)
    again = nearest(alone, right)
    same = again.who[again.mutual] == found.who[again.mutual]
    rows = found.trusted(_TRUST[-1], _LEAST_PAIRS)
    rotation = procrustes(left[rows].T @ right[found.who[rows]] + before)
    return Aligned(found, rotation, float(same.mean()) if len(same) else 0.0)


def _cross_fitted(
    left: Floats,
    right: Floats,
    rows: Ints,
    pairs: Ints,
    before: Floats,
    random: np.random.Generator,
) -> Floats:
    """Turn each row of the left by a rotation that its own pair had no part in."""
    fold = random.integers(0, _FOLDS, len(left))
    placed = np.empty((len(left), right.shape[1]), np.float32)
    for one in range(_FOLDS):
        others = fold[rows] != one
        products = left[rows[others]].T @ right[pairs[others]]
        mine = fold == one
        placed[mine] = left[mine] @ procrustes(products + before)
    return placed
