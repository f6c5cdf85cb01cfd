"""Similarity in blocks: name people by how similar the records of each block are to each other.

Where a slice belongs to a blocking pass (anchored codes), similarity means something between rows
of one block alone. There records are a graph whose edges are the pairs of blocks, each with how
similar the codes of the pass are. Colours are refined along these, and rows are set beside those of
the list whose neighbours are as many and as similar.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from linkage.audit.attack import PEOPLE, Attempt, Effort, Progress
from linkage.audit.scene import Ints, Scene, View, Words, present
from linkage.audit.structure import ROUNDS, answers, combined, mixed, unique_in_both

#: Pairs of larger blocks are left out: they tell little of each record, and are very many.
_LARGEST_BLOCK = 200
#: Shares of equal bits that tell codes of one block apart, by how finely: another key moves them.
_BOUNDS = {"equal or not": (1.0,), "coarse": (0.75, 1.0), "fine": (0.6, 0.7, 0.8, 1.0)}
_KEYS, _LEAST_SPREAD = 3, 0.02


@dataclass(frozen=True)
class BlockSimilarity:
    """Name people by how similar the records of each block are to each other.

    It attacks slices called `PASS.FIELD`, and makes no attempt where there is none.
    """

    name: str = "similarity in blocks"
    needs: str = "the schema and a list of people"

    def attempts(self, scene: Scene, effort: Effort, progress: Progress) -> Iterator[Attempt]:
        """Refine along the pairs of blocks, with their similarity in more and more levels."""
        if scene.empty or not _slices_of_passes(scene.view):
            return
        own = scene.reference.encode(effort.seed)
        pairs = [_pairs_of_blocks(view) for view in (scene.view, own)]
        yield Attempt(_nearest(scene, pairs, effort.seed), PEOPLE, 0.0, "like neighbourhoods")
        for done, (label, bounds) in enumerate(_BOUNDS.items(), 1):
            sides = [
                _colours_by_pairs(view, held, bounds)
                for view, held in zip((scene.view, own), pairs, strict=True)
            ]
            rounds = [unique_in_both(one, other) for one, other in zip(*sides, strict=True)]
            progress(self.name, done, len(_BOUNDS))
            yield from answers(rounds, label)


def _slices_of_passes(view: View) -> dict[int, list[Words]]:
    """Give the slices of each pass, by its place; slices of no pass are left out."""
    found: dict[int, list[Words]] = {}
    places = {name: place for place, name in enumerate(view.passes)}
    for name, words in view.parts():
        anchor, dot, _ = name.partition(".")
        if dot and anchor in places:
            found.setdefault(places[anchor], []).append(words)
    return found


@dataclass(frozen=True)
class _Pairs:
    """Pairs of rows that share the key of a pass, and what share of bits of each slice is equal.

    `alike` is `float64[pairs, slices]`, -1 where a row of the pair has no code.
    """

    place: int
    left: Ints
    right: Ints
    alike: NDArray[np.float64]


def _pairs_of_blocks(view: View) -> list[_Pairs]:
    """Find the pairs of every block, pass by pass."""
    found = []
    for place, slices in _slices_of_passes(view).items():
        left, right = _same_key(view.tokens[:, place])
        alike = np.empty((len(left), len(slices)))
        for number, words in enumerate(slices):
            there = present(words)
            differing = np.bitwise_count(words[left] ^ words[right]).sum(axis=1, dtype=np.int64)
            share = 1 - differing / (64 * words.shape[1])
            alike[:, number] = np.where(there[left] & there[right], share, -1)
        found.append(_Pairs(place, left, right, alike))
    return found


def _same_key(tokens: Words) -> tuple[Ints, Ints]:
    """Give all pairs of rows that have one token, each once; 0 is none."""
    rows = np.flatnonzero(tokens)
    rows = rows[np.argsort(tokens[rows], kind="stable")]
    _, starts, counts = np.unique(tokens[rows], return_index=True, return_counts=True)
    left, right = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for size in np.unique(counts[(counts > 1) & (counts <= _LARGEST_BLOCK)]).tolist():
        members = rows[starts[counts == size][:, None] + np.arange(size)]
        one, other = np.triu_indices(size, 1)
        left.append(members[:, one].ravel())
        right.append(members[:, other].ravel())
    return np.concatenate(left), np.concatenate(right)


def _colours_by_pairs(
    view: View, pairs: list[_Pairs], bounds: tuple[float, ...]
) -> Iterator[Words]:
    """Give the colour of each record after each round, from what it lacks on."""
    lacking = [np.where(codes < 0, 1, 0).astype(np.uint64) for codes in view.attributes().values()]
    colour = combined(lacking)
    labels = []
    for one in pairs:
        levels = np.searchsorted(bounds, one.alike, side="right") + 2 * (one.alike >= 0)
        columns = [np.full(len(one.left), one.place, np.uint64), *levels.T.astype(np.uint64)]
        labels.append(combined(columns))
    for _ in range(ROUNDS):
        seen = np.zeros(len(colour), np.uint64)
        for one, label in zip(pairs, labels, strict=True):
            np.add.at(seen, one.left, mixed(colour[one.right] ^ label))
            np.add.at(seen, one.right, mixed(colour[one.left] ^ label))
        colour = combined([colour, seen])
        yield colour


def _nearest(scene: Scene, pairs: list[list[_Pairs]], seed: int) -> Ints:
    """Give for each row the row of the list with the most like neighbourhood."""
    mine = _figures(scene.view, pairs[0])
    own = [_figures(scene.reference.encode(seed), pairs[1])]
    for key in range(1, _KEYS):
        view = scene.reference.encode(seed * 1009 + key)
        own.append(_figures(view, _pairs_of_blocks(view)))
    # Under one key a similarity is off by chance: by less the more a figure tells.
    chance = np.sqrt(np.mean(np.var(own, axis=0), axis=0) * _KEYS / (_KEYS - 1)) + _LEAST_SPREAD
    _, who = cKDTree(np.mean(own, axis=0) / chance).query(mine / chance)
    return np.asarray(who, np.int64)


def _figures(view: View, pairs: list[_Pairs]) -> NDArray[np.float64]:
    """Describe each row: what it lacks, and by pass how many neighbours are how similar.

    Then the same of its neighbours, in the mean.
    """
    columns = [(codes < 0).astype(float) for codes in view.attributes().values()]
    for one in pairs:
        ends = np.concatenate([one.left, one.right])
        columns.append(np.log1p(np.bincount(ends, minlength=len(view))))
        for alike in one.alike.T:
            known = np.concatenate([alike, alike]) >= 0
            rows, share = ends[known], np.concatenate([alike, alike])[known]
            count = np.maximum(np.bincount(rows, minlength=len(view)), 1)
            largest = np.zeros(len(view))
            np.maximum.at(largest, rows, share)
            columns += [np.bincount(rows, share, len(view)) / count, largest]
    whole = np.stack(columns, axis=1)
    around, count = np.zeros_like(whole), np.ones(len(view))
    for one in pairs:
        np.add.at(around, one.left, whole[one.right])
        np.add.at(around, one.right, whole[one.left])
        count += np.bincount(np.concatenate([one.left, one.right]), minlength=len(view))
    return np.concatenate([whole, around / count[:, None]], axis=1)
