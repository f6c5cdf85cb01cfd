"""Check the agency's own record ids: each must be there, be new, be printable and be short."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.model import MAX_ID_BYTES

_MOST_RUNS = 8


class IdCheck:
    """Finds ids that stood in an earlier row, over any number of chunks.

    It keeps a 64-bit hash of each id, 8 bytes a row, under Python's own hash, whose key is drawn
    anew for every process. Two ids share one with probability 3e-6 in ten million rows.
    """

    def __init__(self) -> None:
        self._runs: list[NDArray[np.int64]] = []

    def check(self, own_ids: list[str], column: str) -> dict[int, str]:
        """Give the problem of each bad id of the next chunk of a column, by its place in it."""
        problems: dict[int, str] = {}
        hashes = np.fromiter(map(hash, own_ids), np.int64, len(own_ids))
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        repeated = np.zeros(len(own_ids), bool)
        repeated[order[1:]] = ordered[1:] == ordered[:-1]
        for run in self._runs:
            found = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
            repeated |= run[found] == hashes
        for place in np.flatnonzero(repeated).tolist():
            problems[place] = (
                f"the record id in column '{column}' stands in an earlier row too; ids must be "
                "unique (name another column with --id-column)"
            )
        for row, own_id in enumerate(own_ids):
            if not own_id:
                problems[row] = f"column '{column}' is empty; every record needs an id"
            elif not own_id.isprintable() or len(own_id.encode()) > MAX_ID_BYTES:
                problems[row] = (
                    f"the record id in column '{column}' is not printable or is longer than "
                    f"{MAX_ID_BYTES} bytes"
                )
        self._remember(ordered)
        return problems

    def _remember(self, ordered: NDArray[np.int64]) -> None:
        self._runs.append(ordered)
        if len(self._runs) > _MOST_RUNS:
            merged = np.concatenate(self._runs)
            merged.sort()
            self._runs = [merged]
