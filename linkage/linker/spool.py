"""Keep found pairs within a budget of memory: what is more goes to disk, parted by left rows.

The files have no name, so that nothing is left behind however a run ends.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from linkage.linker.compare import Scored

_PARTS = 64
_COLUMNS = 3
_PAIR_BYTES = 8 * _COLUMNS


class Spool:
    """Found pairs of rows of two data sets, in memory up to `budget` bytes, then on disk."""

    def __init__(self, left_rows: int, budget: float, folder: Path | None) -> None:
        """Spill to files in `folder`, or where temporary files go."""
        self._part_rows = max(1, -(-left_rows // _PARTS))
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
        """Give all pairs back: those of one left row are in one part, parts in order of rows."""
        if not self._files:
            yield Scored.joined(self._held)
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
        held = Scored.joined(self._held)
        part = held.left // self._part_rows
        order = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[order], np.arange(_PARTS + 1))
        content = np.column_stack([held.left, held.right, held.weight])[order]
        for number, file in enumerate(self._files):
            file.write(content[ends[number] : ends[number + 1]].tobytes())
        self.spilled += self._bytes
        self._held, self._bytes = [], 0


def _nameless(folder: Path | None) -> BinaryIO:
    return tempfile.TemporaryFile(dir=folder)
