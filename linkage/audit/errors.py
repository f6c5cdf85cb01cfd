"""Characters changed at random, as a model of errors between a file and somebody else's list.

Limits: real errors are not like this; these hit every character alike, and only replace. They are
the errors of the published attacks, so that figures can be compared.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.audit.scene import Rows

#: Signs that are replaced by others of their kind, each kind in the order of its codes.
_KINDS = tuple(
    np.array(list(map(ord, kind)), np.uint32)
    for kind in (string.digits, string.ascii_uppercase, string.ascii_lowercase)
)
_FIRST_SIGN, _LAST_SIGN = ord("!"), ord("~")


@dataclass(frozen=True)
class Noise:
    """Errors to put into texts: the share of letters and digits that are replaced.

    They are replaced by others of their kind; with `strange` by any sign that can be printed.
    """

    share: float = 0.0
    strange: bool = False

    def __str__(self) -> str:
        return f"{self.share:.0%} {'strange signs' if self.strange else 'errors'}"


NONE = Noise()


def corrupt(rows: Rows, noise: Noise, random: np.random.Generator) -> dict[str, NDArray[np.str_]]:
    """Replace letters and digits by others; all else stays."""
    return {field: _corrupted(texts, noise, random) for field, texts in rows.items()}


def _corrupted(
    texts: NDArray[np.str_], noise: Noise, random: np.random.Generator
) -> NDArray[np.str_]:
    width = texts.dtype.itemsize // 4
    if not noise.share or not width or not len(texts):
        return texts
    signs = np.ascontiguousarray(texts).view(np.uint32).reshape(len(texts), width).copy()
    hit = random.random(signs.shape) < noise.share
    if noise.strange:
        places = hit & (signs > 0)
        signs[places] = random.integers(_FIRST_SIGN, _LAST_SIGN + 1, np.count_nonzero(places))
        return signs.view(texts.dtype).reshape(len(texts))
    for kind in _KINDS:
        places = hit & np.isin(signs, kind)
        # A place further by 1 to all but one is another sign of the kind.
        step = random.integers(1, len(kind), np.count_nonzero(places))
        now = np.searchsorted(kind, signs[places])
        signs[places] = kind[(now + step) % len(kind)]
    return signs.view(texts.dtype).reshape(len(texts))
