"""Count values, and find rows that repeat, in bounded memory whatever the number of rows."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.agency.columns import Column

#: Distinct values are counted exactly up to this many; beyond, their number is an estimate.
EXACT_VALUES = 100_000
#: Rows that are looked through for repeats: 8 bytes each.
REPEAT_ROWS = 10_000_000
FIRST_ROWS = 10
_EXAMPLES = 5
_LONGEST_EXAMPLE = 80
_LONGEST_KEY = 200
_REGISTER_BITS = 14


@dataclass(frozen=True)
class ValueCount:
    """A text, and the number of rows that have it."""

    text: str
    rows: int


@dataclass(frozen=True)
class Oddity:
    """Cells of a kind: how many rows have it, the first of them, and examples of the raw text."""

    what: str
    rows: int
    first_rows: tuple[int, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Repeats:
    """Rows that say the same as an earlier one.

    `rows` counts the later ones of each group, `groups` the groups. `first_groups` are the row
    numbers of the first ten groups, ten rows each. The first `looked_at` rows were compared.
    """

    rows: int
    groups: int
    first_groups: tuple[tuple[int, ...], ...]
    looked_at: int


def hash_texts(texts: Iterable[str]) -> NDArray[np.uint64]:
    """Give a 64-bit hash of each text, never 0. Unkeyed: it must not leave the process."""
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.maximum(np.frombuffer(digests, "<u8").astype(np.uint64), np.uint64(1))


class ValueCounter:
    """Counts distinct values, and the rows of the most frequent ones.

    Up to `limit` distinct values both are exact. From there on the number of distinct values is
    a HyperLogLog estimate (Flajolet et al. 2007; standard error 0.8 %), and rare values are let
    go, so a count may be too low by a share of the rows of about 2 / `limit`.
    """

    def __init__(self, limit: int = EXACT_VALUES) -> None:
        self._limit = limit
        self._counts: dict[str, int] = {}
        self._registers: NDArray[np.uint8] | None = None

    @property
    def exact(self) -> bool:
        """Whether nothing had to be estimated."""
        return self._registers is None

    def add(self, texts: Sequence[str], rows: Sequence[int]) -> None:
        """Add values that are distinct within this call, with the rows of each."""
        for text, count in zip(texts, rows, strict=True):
            key = text if len(text) <= _LONGEST_KEY else _shortened(text)
            self._counts[key] = self._counts.get(key, 0) + count
        if self._registers is not None:
            self._sketch(texts)
        if len(self._counts) > self._limit:
            if self._registers is None:
                self._registers = np.zeros(1 << _REGISTER_BITS, np.uint8)
                self._sketch(self._counts)
            kept = heapq.nlargest(self._limit // 2, self._counts.items(), key=lambda one: one[1])
            self._counts = dict(kept)

    def distinct(self) -> int:
        """Give the number of distinct values; an estimate unless `exact`."""
        if self._registers is None:
            return len(self._counts)
        size = len(self._registers)
        estimate = 0.7213 / (1 + 1.079 / size) * size**2 / np.exp2(-1.0 * self._registers).sum()
        untouched = int(np.count_nonzero(self._registers == 0))
        if estimate <= 2.5 * size and untouched:
            estimate = size * np.log(size / untouched)
        return round(float(estimate))

    def most_frequent(self, count: int) -> tuple[ValueCount, ...]:
        """Give the values with the most rows, falling, ties in alphabetical order."""
        top = heapq.nsmallest(count, self._counts.items(), key=lambda one: (-one[1], one[0]))
        return tuple(ValueCount(*one) for one in top)

    def _sketch(self, texts: Iterable[str]) -> None:
        assert self._registers is not None
        hashes = hash_texts(one if len(one) <= _LONGEST_KEY else _shortened(one) for one in texts)
        rest_bits = 64 - _REGISTER_BITS
        rest = (hashes & np.uint64((1 << rest_bits) - 1)).astype(np.float64)
        ranks = (rest_bits + 1 - np.frexp(rest)[1]).astype(np.uint8)
        np.maximum.at(self._registers, (hashes >> np.uint64(rest_bits)).astype(np.int64), ranks)


class RepeatFinder:
    """Finds rows with the same 64-bit hash; rows with hash 0 are left out.

    Two different rows in ten million share a hash with a probability below 1 in 300,000.
    """

    def __init__(self, limit: int = REPEAT_ROWS) -> None:
        self._limit = limit
        self._chunks: list[NDArray[np.uint64]] = []
        self._seen = 0

    def add(self, hashes: NDArray[np.uint64], numbers: NDArray[np.int64]) -> None:
        """Add the hashes of the next rows, `uint64[rows]`, with their rising row numbers."""
        kept = numbers <= self._limit
        places = numbers[kept] - self._seen - 1
        chunk = np.zeros(int(places.max(initial=-1)) + 1, np.uint64)
        chunk[places] = hashes[kept]
        self._chunks.append(chunk)
        self._seen += len(chunk)

    def result(self) -> Repeats:
        """Give what repeats, groups in the order of their first rows."""
        hashes = np.concatenate([np.zeros(0, np.uint64), *self._chunks])
        rows = np.flatnonzero(hashes)
        order = rows[np.argsort(hashes[rows], kind="stable")]
        ordered = hashes[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
        sizes = np.diff(np.append(starts, len(ordered)))
        several = np.flatnonzero(sizes > 1)
        first = several[np.argsort(order[starts[several]])][:FIRST_ROWS]
        examples = tuple(
            tuple(int(row) + 1 for row in order[start : start + min(size, FIRST_ROWS)])
            for start, size in zip(starts[first].tolist(), sizes[first].tolist(), strict=True)
        )
        repeating = int(sizes[several].sum()) - len(several)
        return Repeats(repeating, len(several), examples, len(hashes))


class Marks:
    """Counts cells of several kinds, and keeps the first rows and some texts of each."""

    def __init__(self) -> None:
        self._marks: dict[tuple[str, str], tuple[int, list[int], list[str]]] = {}

    def add(
        self,
        found: dict[tuple[str, str], list[int]],
        cells: Column,
        counts: list[int],
        numbers: NDArray[np.int64],
    ) -> None:
        """Add a chunk: `found` says which of its distinct texts are of a kind."""
        for key, codes in found.items():
            rows, first, texts = self._marks.get(key, (0, [], []))
            if len(first) < FIRST_ROWS:
                chosen = np.zeros(len(cells.values) + 1, np.bool_)
                chosen[codes] = True
                new = np.flatnonzero(chosen[cells.codes])[: FIRST_ROWS - len(first)]
                first += numbers[new].tolist()
            if len(texts) < _EXAMPLES:
                new_texts = (shown(cells.values[code]) for code in codes[:_EXAMPLES])
                texts += [one for one in new_texts if one not in texts][: _EXAMPLES - len(texts)]
            self._marks[key] = (rows + sum(counts[code] for code in codes), first, texts)

    def one(self, group: str, name: str) -> Oddity:
        """Give the cells of one kind."""
        rows, first, texts = self._marks.get((group, name), (0, [], []))
        return Oddity(name, rows, tuple(first), tuple(texts))

    def group(self, group: str) -> tuple[Oddity, ...]:
        """Give all kinds of a group, the one with the most rows first."""
        kinds = [self.one(*key) for key in self._marks if key[0] == group]
        return tuple(sorted(kinds, key=lambda one: (-one.rows, one.what)))


def shown(text: str) -> str:
    """Cut a long text for people to look at."""
    return text if len(text) <= _LONGEST_EXAMPLE else f"{text[: _LONGEST_EXAMPLE - 3]}..."


def _shortened(text: str) -> str:
    """Give a key of bounded length for an absurdly long text."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return f"{text[: _LONGEST_KEY - 20]}... ({digest})"
