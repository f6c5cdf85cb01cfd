"""Term frequency: to agree on a rare value says more than to agree on a common one.

The frequency of an encoded value is that of the value (Winkler 1989 for term frequencies).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from linkage.linker.levels import Levels
from linkage.linker.mixture import TINY, Model
from linkage.linker.values import Each, row_frequency

#: Units of a bit in which kernels take rarity: see `kernels.join` and `kernels.odds`.
RARITY_ONE = 1 << 16
#: Rarity counts for these kinds of fields: dates and sexes are about equally frequent.
_KINDS = frozenset({"name", "postcode", "text", "code"})


def value_rarity(
    numbers: Sequence[NDArray[np.uint64]], model: Model, levels: Levels, each: Each = map
) -> list[NDArray[np.int32]]:
    """Give what exact agreement on each row's own value weighs more than on average.

    `numbers` are `values.value_numbers` of all data sets; returns `int32[rows, slices]` of each,
    in units of `RARITY_ONE`. A value that occurs once counts as half a second time.
    """
    made = [np.zeros(one.shape, np.int32) for one in numbers]
    if levels.passes:  # nobody sees which anchored codes are of one value
        return made

    def fill(field: int) -> None:
        often = row_frequency([one[:, field] for one in numbers])
        rows = max(1, sum(int(np.count_nonzero(~np.isnan(one))) for one in often))
        average = np.log2(max(model.u[field, levels.top], TINY))
        for whole, count in zip(made, often, strict=True):
            more = average - np.log2(np.maximum(count - 1, 0.5) / rows)
            whole[:, field] = np.rint(np.where(np.isnan(count), 0.0, more) * RARITY_ONE)

    list(each(fill, [one for one in range(levels.slices) if levels.kinds[one] in _KINDS]))
    return made


def rarity_of(
    rarity: NDArray[np.int32], rows: NDArray[np.int64], levels: NDArray[np.int8], top: int
) -> NDArray[np.float64]:
    """Give the rarity of pairs by field, `float64[pairs, fields]`, from their left rows."""
    found = np.zeros(levels.shape)
    slices = rarity.shape[1]
    exact = levels[:, :slices] == top
    found[:, :slices] = np.where(exact, rarity[rows] / RARITY_ONE, 0.0)
    return found
