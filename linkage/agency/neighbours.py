"""Count the visible neighbours of records: the other people that blocking passes show beside them.

Counted on an agency's own records, so that families count as they are, and scaled to all records
together. Where the parts of a key have nothing to do with each other, chance is the least.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.agency.columns import Column
from linkage.agency.encode import Encoder
from linkage.agency.keys import ProjectKey
from linkage.agency.one_person import Key, Part, first_rows, signs_of_one_person
from linkage.agency.tokens import key_parts
from linkage.kernels.texts import number_codes
from linkage.schema import LinkageSchema

#: Rows that neighbours are counted on.
_ROWS = 50_000


@dataclass(frozen=True)
class Rows:
    """Normalised records of one data set: values by field, one row for each record."""

    values: Mapping[str, Column]
    rows: int


def read_rows(
    batches: Iterable[tuple[Any, NDArray[np.int64]]], schema: LinkageSchema, most: int
) -> Rows:
    """Normalise a file's records, up to `most` and a batch more; the first alias tells.

    Raises `InputError` as `linkage.agency.encode.encode` does.
    """
    # The encoder wants a key, and nothing is encoded.
    encoder = Encoder(schema, ProjectKey.generate(), "rows", on_bad_row=lambda row, problem: None)
    values: dict[str, Column] = {}
    count = 0
    for batch, numbers in batches:
        made = encoder.normalise(batch, numbers)
        first = np.flatnonzero(np.diff(made.owner, prepend=-1))
        for name, column in made.values.items():
            codes = column.codes[first]
            known = values.get(name, Column(np.empty(0, np.int64), []))
            moved = np.where(codes < 0, codes, codes + len(known.values))
            values[name] = Column(
                np.concatenate([known.codes, moved]), [*known.values, *column.values]
            )
        count += len(first)
        if count >= most:
            break
    return Rows(values, count)


class Neighbours:
    """Counts the visible neighbours of a record, at the size that all data will have together."""

    def __init__(self, files: Sequence[Counted], records: int) -> None:
        self._files = files
        #: What a pair of two people adds to the neighbours of a record, on average.
        self.scale = 2 * records / max(sum(one.size**2 for one in files), 1)
        self._known = [np.empty(0, np.int64) for _ in files]

    def of(self, key: Key) -> float:
        """Give the neighbours that one pass shows a record; at least those by chance."""
        return self._shown(
            [(one.pairs(key, self.scale), one.by_chance(key)) for one in self._files]
        )

    def more(self, key: Key) -> float:
        """Give the neighbours that a pass adds to those that are taken."""
        added = []
        for one, known in zip(self._files, self._known, strict=True):
            own = one.pairs(key, self.scale)
            new = own[~np.isin(own, known, assume_unique=True)]
            added.append((new, one.by_chance(key) - (len(own) - len(new))))
        return self._shown(added)

    def take(self, key: Key) -> None:
        """Count the neighbours of a pass as known."""
        self._known = [
            np.union1d(known, one.pairs(key, self.scale))
            for one, known in zip(self._files, self._known, strict=True)
        ]

    def forget(self) -> None:
        """Count none as known."""
        self._known = [np.empty(0, np.int64) for _ in self._files]

    def _shown(self, found: Sequence[tuple[NDArray[np.int64], float]]) -> float:
        listed = sum(len(pairs) for pairs, _ in found)
        chance = sum(max(0.0, chance) for _, chance in found)
        return self.scale * max(listed + 1.0, chance)


class Counted:
    """The records of one data set, and the pairs of them that passes show."""

    def __init__(self, rows: Rows, schema: LinkageSchema) -> None:
        """Take up to some rows."""
        step = max(1, -(-rows.rows // _ROWS))
        self._chosen = np.arange(0, rows.rows, step)
        self._rows = rows
        self._signs = signs_of_one_person(schema)
        self._numbers: dict[Part, NDArray[np.int64]] = {}
        self._pairs: dict[Key, NDArray[np.int64]] = {}
        self._chosen = self._chosen[self._first_rows()]
        self._numbers.clear()

    @property
    def size(self) -> int:
        """Number of rows that are counted on."""
        return len(self._chosen)

    def pairs(self, key: Key, scale: float) -> NDArray[np.int64]:
        """Give the pairs of two people with one key, each as one number, ascending.

        Where they are far too many, at more than one neighbour a record, some are left out.
        """
        if key in self._signs:
            return np.empty(0, np.int64)
        if key not in self._pairs:
            self._pairs[key] = self._list(key, scale)
        return self._pairs[key]

    def _list(self, key: Key, scale: float) -> NDArray[np.int64]:
        joint = self._joint(key)
        order = np.argsort(joint, kind="stable")
        order = order[np.searchsorted(joint[order], 0) :]
        ordered, found = joint[order], []
        size = len(joint)
        for step in range(1, size):
            same = np.flatnonzero(ordered[step:] == ordered[:-step])
            if not len(same):
                break
            one, other = np.sort([order[same], order[same + step]], axis=0)
            found.append((one * size + other)[~self._one_person(one, other)])
            if sum(map(len, found)) * scale > 1:
                break
        return np.sort(np.concatenate([np.empty(0, np.int64), *found]))

    def _one_person(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which pairs look like one person."""
        found = np.zeros(len(one), bool)
        for key in self._signs:
            joint = self._joint(key)
            found |= (joint[one] == joint[other]) & (joint[one] >= 0)
        return found

    def _first_rows(self) -> NDArray[np.bool_]:
        """Tell which rows look like no row before them."""
        joint = [self._joint(key) + 1 for key in self._signs]
        if not joint:
            return np.ones(len(self._chosen), bool)
        return first_rows(np.column_stack(joint).astype(np.uint64))

    def by_chance(self, key: Key) -> float:
        """Give the pairs that would agree if the parts had nothing to do with each other."""
        size = len(self._chosen)
        return size * size / 2 * float(np.prod([self._collision(part) for part in key]))

    def _collision(self, part: Part) -> float:
        numbers = self.numbers(part)
        counts = np.bincount(numbers[numbers >= 0]).astype(float)
        rows = max(counts.sum(), 1.0)
        return float((counts * np.maximum(counts - 1, 0)).sum() / rows / len(numbers))

    def _joint(self, key: Key) -> NDArray[np.int64]:
        """Give a number for each row's key, -1 where a part is missing."""
        joint = np.zeros(len(self._chosen), np.int64)
        whole = np.ones(len(joint), bool)
        for part in key:
            numbers = self.numbers(part)
            whole &= numbers >= 0
            joint = number_codes(joint * (int(numbers.max(initial=0)) + 2) + numbers + 1)[0]
        return np.where(whole, joint, -1)

    def numbers(self, part: Part) -> NDArray[np.int64]:
        """Give a number for each row's part of a key, -1 where it is missing."""
        if part not in self._numbers:
            column = self._rows.values[part[0]]
            texts = list(key_parts(part[1], column.values))
            known: dict[str, int] = {}
            own = np.array([known.setdefault(t, len(known)) if t else -1 for t in texts] + [-1])
            self._numbers[part] = own[column.codes[self._chosen]].astype(np.int64)
        return self._numbers[part]


def shown_by(
    schema: LinkageSchema, files: Sequence[Rows], records: int
) -> list[tuple[str, float, float]]:
    """Give what each pass of a schema shows: its name, its neighbours, and those that it adds.

    Keys in any order are counted in their own order, so a little too low.
    """
    seen = Neighbours([Counted(one, schema) for one in files], records)
    found = []
    for one in schema.blocking:
        found.append((one.name, seen.of(one.parts), seen.more(one.parts)))
        seen.take(one.parts)
    return found
