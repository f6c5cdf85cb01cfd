"""Rows of bits as points in a space of few dimensions, the same for every key but for a rotation.

Two keys give two filters of one person that have nothing in common but their similarities to the
filters of others. The principal axes of all filters keep just these: points of the same people
under two keys differ by a rotation, which `linkage.audit.align` looks for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.linalg import eigh
from scipy.special import ndtri

from linkage.audit.scene import Floats, Ints, View, present, unpack

#: Axes at most, and at most this share of the rows.
_AXES, _ROWS_AN_AXIS = 200, 3
_SPARE, _ROUNDS = 20, 5
#: A Gram matrix of this size is decomposed whole.
_SMALL = 1200
_BLOCK = 500
_TAIL, _GRAPH_ROUNDS, _PAD = 0.02, 12, 0.1


def signs(view: View) -> Floats:
    """Give the bits as -1 and 1 over the square root of their number, `float32[n, bits]`.

    Each slice is centred; a row without a value is in the middle, so that it is like nobody.
    """
    columns = []
    for _, words in view.parts():
        there = present(words)
        bits = unpack(words).astype(np.float32)
        bits -= bits[there].mean(axis=0) if there.any() else 0
        bits[~there] = 0
        columns.append(bits)
    points = np.concatenate(columns, axis=1)
    return np.asarray(points * np.float32(2 / np.sqrt(points.shape[1])))


def normal_ranks(columns: Floats) -> Floats:
    """Replace each column by its ranks, laid over the normal distribution."""
    ranks = np.argsort(np.argsort(columns, axis=0, kind="stable"), axis=0, kind="stable")
    return np.asarray(ndtri((ranks + 0.5) / len(columns)), np.float32)


def unit(points: Floats) -> Floats:
    """Bring every point to length one; what is in the middle stays there."""
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points / np.maximum(lengths, np.float32(1e-9)))


@dataclass(frozen=True)
class Cloud:
    """The rows of one side: `axes` `float32[n, d]` of variance one, `weights` `float32[d]` falling.

    Along axis `k` the rows have the variance `weights[k]`.
    """

    axes: Floats
    weights: Floats

    def scaled(self, power: float, dimensions: int | None = None) -> Floats:
        """Give the points along the first axes, each weighted by a power of its variance."""
        return self.axes[:, :dimensions] * self.weights[:dimensions] ** np.float32(power)

    def take(self, rows: Ints) -> Cloud:
        """Give the cloud of some rows."""
        return Cloud(self.axes[rows], self.weights)


@dataclass(frozen=True)
class Basis:
    """The principal axes of a sample of rows, `float32[bits, d]`, by which any rows are placed."""

    mean: Floats
    axes: Floats
    variances: Floats

    @classmethod
    def of(cls, points: Floats, count: int, random: np.random.Generator) -> Basis:
        """Find the first axes of the given rows."""
        mean = points.mean(axis=0)
        axes, variances = _principal(points - mean, count, random)
        return cls(mean, axes, variances.astype(np.float32))

    def place(self, parts: Iterable[Floats]) -> Cloud:
        """Place rows whose points come as parts, such as one of each key, side by side."""
        placed, start = -self.mean @ self.axes, 0
        for points in parts:
            stop = start + points.shape[1]
            placed = placed + points @ self.axes[start:stop]
            start = stop
        return Cloud(np.asarray(placed / np.sqrt(self.variances), np.float32), self.variances)


def axes_for(rows: int, bits: int) -> int:
    """Tell how many axes so many rows of so many bits can tell."""
    return max(1, min(_AXES, rows // _ROWS_AN_AXIS, bits))


def _principal(points: Floats, count: int, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Give principal axes `float32[bits, d]` and the variances along them, falling."""
    if points.shape[1] <= _SMALL:
        gram = points.T @ points
        last = len(gram) - 1
        values, vectors = eigh(gram, subset_by_index=[last - count + 1, last], check_finite=False)
        vectors, values = vectors[:, ::-1], values[::-1]
    else:
        vectors, values = _subspace(points, count, random)
    return np.ascontiguousarray(vectors, np.float32), np.maximum(values, 1e-9) / len(points)


def _subspace(points: Floats, count: int, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Find the leading axes by subspace iteration with some to spare (Halko & al. 2011)."""
    width = min(count + _SPARE, *points.shape)
    start = random.standard_normal((points.shape[1], width)).astype(np.float32)
    for _ in range(_ROUNDS):
        middle, _ = np.linalg.qr(points @ start)
        start, _ = np.linalg.qr(points.T @ middle)
    _, lengths, turn = np.linalg.svd(points @ start, full_matrices=False)
    return start @ turn[:count].T, lengths[:count] ** 2


def graph_cloud(points: Floats, count: int, random: np.random.Generator) -> Cloud:
    """Place rows by the graph of the most similar pairs: its normalised weights' eigenvectors.

    Only the most similar 2 % of pairs weigh, by how much they are above the rest, so that what is
    left of similarity among near neighbours counts and all else does not.
    """
    weights = _similar_pairs(points, random)
    degree = np.asarray(weights.sum(axis=1)).ravel()
    scale = sp.diags(1 / np.sqrt(degree + _PAD * degree.mean() + 1e-9))
    normal = (scale @ weights @ scale).tocsr().astype(np.float32)
    width = min(count + _SPARE, len(points))
    vectors = random.standard_normal((len(points), width)).astype(np.float32)
    for _ in range(_GRAPH_ROUNDS):
        vectors, _ = np.linalg.qr(normal @ vectors)
    values, turn = np.linalg.eigh(vectors.T @ (normal @ vectors))
    axes = (vectors @ turn[:, ::-1])[:, :count] * np.sqrt(len(points))
    values = np.maximum(values[::-1][:count], 1e-6)
    return Cloud(axes.astype(np.float32), values.astype(np.float32))


def _similar_pairs(points: Floats, random: np.random.Generator) -> sp.csr_matrix:
    rows = random.choice(len(points), min(len(points), _BLOCK), replace=False)
    least = np.quantile(points[rows] @ points.T, 1 - _TAIL)
    blocks = []
    for start in range(0, len(points), _BLOCK):
        alike = points[start : start + _BLOCK] @ points.T - least
        place = np.arange(len(alike))
        alike[place, start + place] = 0
        blocks.append(sp.csr_matrix(np.maximum(alike, 0)))
    return sp.csr_matrix(sp.vstack(blocks))


def popcounts(view: View) -> Floats:
    """Count the set bits of each slice, `float32[n, slices]`."""
    counts = [unpack(words).sum(axis=1) for _, words in view.parts()]
    return np.stack(counts, axis=1).astype(np.float32)


def sample(count: int, most: int, random: np.random.Generator) -> Ints:
    """Draw at most so many of a number of rows, in order."""
    if count <= most:
        return np.arange(count)
    return np.sort(random.choice(count, most, replace=False))
