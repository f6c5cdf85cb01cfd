"""What graph matching is to name: all rows, or the distinct values of one slice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.audit.attack import PEOPLE
from linkage.audit.points import popcounts
from linkage.audit.scene import Floats, Ints, Rows, Scene, View, number_rows, present


@dataclass(frozen=True)
class Target:
    """Rows to be named, and rows of the reference to name them by.

    `view` has the rows, with only the slice in question if it is one. `rows` are the rows of the
    view that they stand for: `place[row]` is the place of each in `view`, -1 for none.
    `counted` and `listed` are how often each stands in the file and in the list, 1 for people.
    """

    what: str
    scene: Scene
    view: View
    place: Ints
    counted: Ints
    chosen: Ints
    listed: Ints

    @classmethod
    def people(cls, scene: Scene) -> Target:
        """Take all rows."""
        rows, others = len(scene.view), len(scene.reference)
        return cls(
            PEOPLE,
            scene,
            scene.view,
            np.arange(rows),
            np.ones(rows, np.int64),
            np.arange(others),
            np.ones(others, np.int64),
        )

    @classmethod
    def values(cls, scene: Scene, part: str) -> Target:
        """Take each distinct value of a slice once."""
        view = only(scene.view, part)
        first, place, counted = distinct(view)
        own = only(scene.reference.encode(0), part)
        chosen, _, listed = distinct(own)
        return cls(part, scene, view.take(first), place, counted, chosen, listed)

    def reference_rows(self) -> Rows:
        """Give the texts of the rows of the reference that stand for all."""
        return {field: texts[self.chosen] for field, texts in self.scene.reference.rows.items()}

    def encode(self, rows: Rows, seed: int) -> View:
        """Encode texts as the attacker does, with only the slice in question."""
        view = self.scene.reference.method.encode(rows, seed)
        return view if self.what == PEOPLE else only(view, self.what)

    def figures(self, view: View, counted: Ints) -> Floats:
        """Give what is known of each row beside its similarities: popcounts, and how common."""
        counts = popcounts(view)
        if self.what == PEOPLE:
            return counts
        return np.column_stack([counts, np.log(counted)]).astype(np.float32)

    def answer(self, who: Ints) -> Ints:
        """Turn a place in `chosen` for each row of `view` into an answer for the whole view."""
        named = np.where(who >= 0, self.chosen[np.maximum(who, 0)], -1)
        return np.where(self.place >= 0, named[np.maximum(self.place, 0)], -1)


def only(view: View, part: str) -> View:
    """Give the view with one slice only."""
    words = dict(view.parts())[part]
    return View(words, ((part, words.shape[1]),), view.tokens, view.passes, view.owner)


def distinct(view: View) -> tuple[Ints, Ints, Ints]:
    """Give the first row of each distinct filter, the place of each row among them, and counts.

    Rows without a value have the place -1.
    """
    there = present(view.bits)
    numbers = number_rows(view.bits)[0]
    held, first, inverse, counts = np.unique(
        numbers[there], return_index=True, return_inverse=True, return_counts=True
    )
    place = np.full(len(view), -1)
    place[there] = inverse.ravel()
    del held
    return np.flatnonzero(there)[first], place, counts.astype(np.int64)
