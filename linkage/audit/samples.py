"""Scenes from an agency's own records: some are the file, some are somebody else's list.

The agency knows who is who, so that it can count what an attacker would have found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.audit.dictionary import Encode
from linkage.audit.errors import Noise, corrupt
from linkage.audit.finding import Setting
from linkage.audit.scene import (
    Bools,
    Ints,
    Method,
    Reference,
    Rows,
    Scene,
    Truth,
    View,
    join_rows,
    number_rows,
)

Texts = NDArray[np.str_]


@dataclass(frozen=True)
class Held:
    """Records that an agency holds in clear text.

    `owner` `int64[n]` is the record of each alias row, `person` `int64[n]` its person, the same
    number in two sets for the same person. `encoded`, if given, is the file of these rows as it
    is sent; without it, rows are encoded as a scene needs them.
    """

    rows: Rows
    owner: Ints
    person: Ints
    encoded: View | None = None

    def __len__(self) -> int:
        return len(self.owner)

    def take(self, chosen: Bools) -> Held:
        """Give some rows; records are numbered anew."""
        places = np.flatnonzero(chosen)
        _, owner = np.unique(self.owner[places], return_inverse=True)
        rows = {field: texts[places] for field, texts in self.rows.items()}
        encoded = self.encoded
        if encoded is not None:
            bits, tokens = encoded.bits[places], encoded.tokens[places]
            encoded = View(bits, encoded.slices, tokens, encoded.passes, owner.ravel())
        return Held(rows, owner.ravel(), self.person[places], encoded)


@dataclass(frozen=True)
class Project:
    """The method that all use, and `encode`, which encodes rows under the project's own key."""

    method: Method
    encode: Encode


def number_people(rows: Rows, owner: Ints) -> Ints:
    """Give rows the numbers of people: a person a record, but one for records all the same."""
    joined = join_rows(rows)
    order = np.lexsort((joined, owner))
    starts = np.flatnonzero(np.append(True, np.diff(owner[order]) > 0))
    pieces = np.split(joined[order], starts[1:])
    whole = np.array(["\x1e".join(piece.tolist()) for piece in pieces])
    return np.asarray(np.unique(whole, return_inverse=True)[1].ravel()[owner], np.int64)


def sizes(people: int, setting: Setting, most: int) -> tuple[int, int, int]:
    """Give the numbers of people in the file, in the list, and in both, of at most `most` in all.

    The file has `s` people, the list `times * s`, and `overlap * s` are in both.
    """
    some = min(people, most)
    file = int(some / (1 + setting.times - setting.overlap))
    both = round(setting.overlap * file)
    return file, min(round(setting.times * file), some - file + both), both


def draw(
    held: Held, project: Project, setting: Setting, seed: int, most: int
) -> tuple[Scene, Truth]:
    """Draw a scene from one set of records, of at most `most` people in all."""
    random = np.random.default_rng([seed, 11, *_mark(setting)])
    people = np.unique(held.person)
    file, listed, both = sizes(len(people), setting, most)
    drawn = random.permutation(people)
    in_file = held.take(np.isin(held.person, drawn[:file]))
    in_list = held.take(np.isin(held.person, drawn[file - both : file - both + listed]))
    return meet(in_file, in_list, project, setting, seed)


def _mark(setting: Setting) -> list[int]:
    """Give numbers that differ for settings with different people; known pairs change none."""
    return [round(1e6 * setting.overlap), round(1e6 * setting.times)]


def meet(
    in_file: Held, in_list: Held, project: Project, setting: Setting, seed: int
) -> tuple[Scene, Truth]:
    """Let an attacker who holds one set of records in clear text see the other encoded.

    The rows of the file get the setting's errors; the known pairs are drawn from those in both.
    """
    random = np.random.default_rng([seed, 12, *_mark(setting)])
    rows = corrupt(in_file.rows, Noise(setting.errors), random)
    view = in_file.encoded
    if view is None or setting.errors:
        view = _with_owner(project.encode(rows), in_file.owner)
    values = _values(view, rows, in_list.rows, project)
    known = _known(in_file.person, in_list.person, setting.known, random)
    scene = Scene(view, Reference(in_list.rows, project.method), known)
    return scene, Truth((in_file.person, in_list.person), values)


def _with_owner(view: View, owner: Ints) -> View:
    return View(view.bits, view.slices, view.tokens, view.passes, owner)


def _values(
    view: View, rows: Rows, listed: Rows, project: Project
) -> Mapping[str, tuple[Ints, Ints]]:
    """Give values of slices and passes numbers, the same in the file and in the list.

    Values of a field are its texts; block keys are those of the project's own key.
    """
    both = {field: np.concatenate([rows[field], listed[field]]) for field in rows}
    keyed = project.encode(both).attributes()
    count = len(view)
    numbered = {}
    for name in view.attributes():
        codes = keyed[name]
        if name in project.method.fields:
            codes = np.where(both[name] != "", number_rows(both[name])[0], -1)
        numbered[name] = codes[:count], codes[count:]
    return numbered


def _known(file: Ints, listed: Ints, count: int, random: np.random.Generator) -> Ints:
    """Draw so many people of both sides, and give the first row of each on either side."""
    _, left, right = np.intersect1d(file, listed, return_indices=True)
    chosen = random.permutation(len(left))[:count]
    return np.stack([left[chosen], right[chosen]], axis=1).astype(np.int64)
