"""Keep found pairs within a budget of memory: what is more goes to disk, parted by left records.

The files have no name, so that nothing is left behind however a run ends.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from linkage.linker.compare import Scored

_PARTS = 64
_COLUMNS = 3
_PAIR_BYTES = 8 * _COLUMNS


class Spool:
    """Found pairs of rows of two data sets, in memory up to `budget` bytes, then on disk."""

    def __init__(self, owner: NDArray[np.int64], budget: float, folder: Path | None) -> None:
        """Spill to files in `folder`, or where temporary files go; `owner` are the left records."""
        self._owner = owner
        self._part_records = max(1, -(-(int(owner.max(initial=0)) + 1) // _PARTS))
        self._budget = budget
        self._folder = folder
        self._held: list[Scored] = []
        self._bytes = 0
        self._files: list[BinaryIO] = []
        self.spilled = 0

    def add(self, found: Scored) -> None:
        """Take pairs over."""
        self._held.append(found)
        self._bytes += found.nbytes
        if self._bytes > self._budget:
            self._spill()

    def parts(self) -> Iterator[Scored]:
        """Give all pairs back: those of one left record are in one part, parts in their order."""
        if not self._files:
            held, order, ends = self._parted()
            for start, stop in pairwise(ends.tolist()):
                here = order[start:stop]
                yield Scored(held.left[here], held.right[here], held.weight[here])
            return
        self._spill()
        for file in self._files:
            file.seek(0)
            content = np.frombuffer(file.read(), np.int64).reshape(-1, _COLUMNS)
            file.close()
            yield Scored(*(np.ascontiguousarray(one) for one in content.T))

    def _spill(self) -> None:
        if not self._files:
            self._files = [_nameless(self._folder) for _ in range(_PARTS)]
        held, order, ends = self._parted()
        content = np.column_stack([held.left, held.right, held.weight])[order]
        for number, file in enumerate(self._files):
            file.write(content[ends[number] : ends[number + 1]].tobytes())
        self.spilled += self._bytes
        self._held, self._bytes = [], 0

    def _parted(self) -> tuple[Scored, NDArray[np.int64], NDArray[np.int64]]:
        """Give what is held, its order by parts, and where each part begins and ends in that."""
        held = Scored.joined(self._held)
        # Of 8-bit numbers, NumPy sorts the order by radix.
        part = (self._owner[held.left] // self._part_records).astype(np.uint8)
        ends = np.cumsum(np.bincount(part, minlength=_PARTS))
        return held, np.argsort(part, kind="stable"), np.concatenate([[0], ends])


def _nameless(folder: Path | None) -> BinaryIO:
    return tempfile.TemporaryFile(dir=folder)
