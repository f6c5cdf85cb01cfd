"""Text as numbers: a column is an array of codes, and a new spelling is a new code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from linkage.synth.draws import Ints, Texts


class Vocabulary:
    """A fixed list of strings that grows by the spellings that one chunk of people needs.

    Columns stay arrays of int32 codes while records are copied, swapped and spoilt, and turn
    into text once, at the end. Code 0 is the empty string, which is how a value is missing.
    """

    def __init__(self, fixed: Texts) -> None:
        self._parts = [fixed]
        self._fixed = self._size = fixed.size

    def add(self, strings: Texts) -> Ints:
        """Codes for new strings, one each; equal strings may get different codes."""
        first = self._size
        self._parts.append(strings)
        self._size += strings.size
        return np.arange(first, self._size, dtype=np.int32)

    def rewrite(
        self, codes: Ints, rows: npt.NDArray[Any], change: Callable[[Texts], Texts]
    ) -> None:
        """Put a changed text for the codes of these rows, in place."""
        if rows.size:
            codes[rows] = self.add(change(self.text(codes[rows])))

    def text(self, codes: Ints) -> Texts:
        """Strings of these codes."""
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
        return self._parts[0][codes]

    def packed(self, columns: Sequence[Ints]) -> tuple[list[Ints], Texts]:
        """Renumber the columns such that new spellings are distinct and all in use.

        Returns the columns, and the new spellings in the order of their codes, the first of which
        follows that of the last fixed string.
        """
        used = np.unique(np.concatenate([codes[codes >= self._fixed] for codes in columns]))
        places: dict[str, int] = {}
        place = [places.setdefault(text, len(places)) for text in self.text(used)]
        renumbered = np.arange(self._size, dtype=np.int32)
        renumbered[used] = self._fixed + np.array(place, np.int32)
        return [renumbered[codes] for codes in columns], np.array(list(places), object)
