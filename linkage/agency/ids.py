"""Check the agency's own record ids: each must be there, be new, be printable and be short."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from linkage.agency.texts import Texts
from linkage.kernels.texts import ODD, hash_texts, map_bytes
from linkage.model import MAX_ID_BYTES

_MOST_RUNS = 8
_PRINTABLE = np.arange(256, dtype=np.uint8)
_PRINTABLE[: ord(" ")] = _PRINTABLE[ord("~") + 1 :] = ODD


class IdCheck:
    """Finds ids that stood in an earlier row, over any number of chunks.

    It keeps a 64-bit hash of each id, 8 bytes a row, under a seed that is drawn anew for every
    process. Two ids share one with probability 3e-6 in ten million rows.
    """

    def __init__(self) -> None:
        self._seed = np.uint64(secrets.randbits(64))
        self._runs: list[NDArray[np.uint64]] = []

    def check(self, own_ids: Sequence[str], column: str) -> dict[int, str]:
        """Give the problem of each bad id of the next chunk of a column, by its place in it."""
        if not len(own_ids):
            return {}
        texts = Texts.of(own_ids)
        repeated = self._repeated(hash_texts(texts.spans, self._seed))
        problems = dict.fromkeys(
            repeated.tolist(),
            f"the record id in column '{column}' stands in an earlier row too; ids must be unique "
            "(name another column with --id-column)",
        )
        *_, odd = map_bytes(texts.spans, _PRINTABLE)
        odd |= (texts.sizes == 0) | (texts.sizes > MAX_ID_BYTES)
        for place in np.flatnonzero(odd).tolist():
            if not texts[place]:
                problems[place] = f"column '{column}' is empty; every record needs an id"
            elif not texts[place].isprintable() or texts.sizes[place] > MAX_ID_BYTES:
                problems[place] = (
                    f"the record id in column '{column}' is not printable or is longer than "
                    f"{MAX_ID_BYTES} bytes"
                )
        return problems

    def _repeated(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Give the places of ids that were there before, and remember all."""
        ordered = np.sort(hashes)
        known = np.zeros(len(hashes), np.bool_)
        for run in self._runs:  # numbers in order are looked up much faster
            found = np.minimum(np.searchsorted(run, ordered), len(run) - 1)
            known |= run[found] == ordered
        self._remember(ordered)
        if not known.any() and not np.any(ordered[1:] == ordered[:-1]):
            return np.empty(0, np.int64)
        repeated = np.ones(len(hashes), np.bool_)
        repeated[np.unique(hashes, return_index=True)[1]] = False
        return np.flatnonzero(repeated | np.isin(hashes, ordered[known]))

    def _remember(self, ordered: NDArray[np.uint64]) -> None:
        self._runs.append(ordered)
        if len(self._runs) > _MOST_RUNS:
            merged = np.concatenate(self._runs)
            merged.sort(kind="stable")  # which merges what is in order already
            self._runs = [merged]
