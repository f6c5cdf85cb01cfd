"""What an attacker sees and holds, as plain values; and, kept from him, who is who.

Rows are alias rows, as in `linkage.model.Encodings`. An attack gets a `Scene` and names rows of
the view by rows of the reference; only the judge gets the `Truth`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Words = NDArray[np.uint64]
#: Normalised texts by field, a text for each row; an empty text is a missing value.
Rows = Mapping[str, NDArray[np.str_]]
#: Stands before the name of a pass, where slices and passes are named together.
BLOCK_KEY = "block key "


@dataclass(frozen=True)
class View:
    """What somebody without the key sees of a data set: `n` alias rows of `r` records.

    Attributes
    ----------
    bits
        `uint64[n, words]`, packed as in `linkage.model.Encodings`.
    slices
        Name and number of words of each slice of `bits`, in order.
    tokens
        `uint64[n, passes]`, keyed block keys; 0 is missing.
    passes
        The names of the blocking passes.
    owner
        `int64[n]`, the record of each row, from 0 to `r - 1`.
    """

    bits: Words
    slices: tuple[tuple[str, int], ...]
    tokens: Words
    passes: tuple[str, ...]
    owner: Ints

    def __len__(self) -> int:
        return len(self.owner)

    @property
    def records(self) -> int:
        """How many records the rows belong to."""
        return int(self.owner.max(initial=-1)) + 1

    def take(self, rows: Ints) -> View:
        """Give some rows, each as a record of its own."""
        owner = np.arange(len(rows))
        return View(self.bits[rows], self.slices, self.tokens[rows], self.passes, owner)

    def attributes(self) -> dict[str, Ints]:
        """Give the values of each slice and pass numbers: equal ones the same, missing ones -1.

        These are the equality patterns that anybody sees. Passes are called `block key NAME`.
        """
        columns = {
            name: np.where(present(words), number_rows(words)[0], -1)
            for name, words in self.parts()
        }
        for place, name in enumerate(self.passes):
            tokens = self.tokens[:, place]
            columns[BLOCK_KEY + name] = np.where(tokens != 0, number_rows(tokens)[0], -1)
        return columns

    def parts(self) -> list[tuple[str, Words]]:
        """Give each slice by name, `uint64[n, words of it]`."""
        ends = np.cumsum([0, *(words for _, words in self.slices)]).tolist()
        return [
            (name, self.bits[:, start:stop])
            for (name, _), start, stop in zip(self.slices, ends, ends[1:], strict=False)
        ]


class Method(Protocol):
    """The public part of an encoding: all but the key. Whoever holds a list can encode it so."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it encodes."""

    def encode(self, rows: Rows, seed: int) -> View:
        """Encode rows under a key of one's own, made from the seed; each row is a record."""

    def grams(self, field: str, values: Sequence[str]) -> list[list[str]]:
        """Give the q-grams (tokens) of each value of a field."""


@dataclass(frozen=True)
class Reference:
    """A list of people in clear text: `m` rows, as normalised texts by field."""

    rows: Rows
    method: Method

    def __len__(self) -> int:
        return len(next(iter(self.rows.values()), ()))

    def encode(self, seed: int) -> View:
        """Encode the list under a key of the attacker's own."""
        return self.method.encode(self.rows, seed)


@dataclass(frozen=True)
class Scene:
    """One situation: what the attacker sees, the list he holds, and pairs that he knows.

    `known` is `int64[k, 2]`, rows of the view with the rows of the reference that they are.
    """

    view: View
    reference: Reference
    known: Ints

    @property
    def empty(self) -> bool:
        """Tell whether there is nobody to name, or nobody to name them by."""
        return not len(self.view) or not len(self.reference)


@dataclass(frozen=True)
class Truth:
    """Who is who, in numbers that mean the same on both sides.

    `person` is the person of each row of the view and of the reference. `values` has numbers of
    values by slice and by pass, under the names of `View.attributes`; -1 for a missing one.
    """

    person: tuple[Ints, Ints]
    values: Mapping[str, tuple[Ints, Ints]]


def number_rows(*parts: NDArray[np.generic]) -> list[Ints]:
    """Give equal rows, of whichever matrix, one number."""
    whole = np.ascontiguousarray(np.concatenate(parts))
    if whole.ndim > 1:
        width = whole.dtype.itemsize * whole.shape[1]
        whole = whole.view(np.dtype((np.void, width)))[:, 0] if width else np.zeros(len(whole))
    _, numbers = np.unique(whole, return_inverse=True)
    ends = np.cumsum([len(one) for one in parts])[:-1]
    return [one.astype(np.int64) for one in np.split(numbers.ravel(), ends)]


def present(words: Words) -> Bools:
    """Tell which rows of a slice have any bit set; a missing value sets none."""
    return np.asarray(words.any(axis=1))


def unpack(words: Words) -> NDArray[np.uint8]:
    """Unpack a slice to one byte a bit, `uint8[n, bits]`."""
    return np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1, bitorder="little")


def join_rows(rows: Rows) -> NDArray[np.str_]:
    """Join the texts of each row to one text, for comparing whole rows."""
    columns = list(rows.values())
    joined: NDArray[np.str_] = columns[0]
    for column in columns[1:]:
        joined = np.char.add(np.char.add(joined, "\x1f"), column)
    return joined
