"""Ordering by a key that decides nearly always: ties are rare, and sorted apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def falling(strength: NDArray[np.float64], ties: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Give the order by `strength` falling; equal ones by the keys of `ties` rising, then place.

    The first key of `ties` counts most. It is the order of `np.lexsort`, sooner.
    """
    order = np.argsort(-strength, kind="stable")
    ordered = strength[order]
    tied = np.zeros(len(order), bool)
    same = ordered[1:] == ordered[:-1]
    tied[1:] |= same
    tied[:-1] |= same
    rows = order[tied]
    order[tied] = rows[np.lexsort((*(key[rows] for key in reversed(ties)), -strength[rows]))]
    return order
