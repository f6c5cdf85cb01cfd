"""Learn m from pairs that are known to match, where somebody has such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from linkage.errors import InputError
from linkage.linker.levels import Levels
from linkage.linker.mixture import Model, rising, share_levels
from linkage.linker.together import DataPair
from linkage.model import Decided

LEAST_LABELS = 50


def learn_from_labels(
    model: Model, levels: Levels, data: Sequence[DataPair], labels: Sequence[Decided]
) -> Model:
    """Give the model with the m of pairs that are known to match; only levels of these count.

    Raises `InputError` if there are fewer than `LEAST_LABELS`.
    """
    drawn = [np.empty((0, len(levels.fields)), np.int8)]
    for one in data:
        for known in labels:
            if known.places == one.places:
                i = np.searchsorted(one.left.owner, known.left[known.match])
                j = np.searchsorted(one.right.owner, known.right[known.match])
                drawn.append(levels.of(one.left_side, one.right_side, i, j))
    whole = np.concatenate(drawn)
    if len(whole) < LEAST_LABELS:
        raise InputError(
            f"{len(whole)} labelled matches of linked data sets are too few to learn from; "
            f"{LEAST_LABELS} are needed"
        )
    ones = np.ones(len(whole))
    m = [share_levels(whole[:, f], ones, model.u[f]) for f in range(len(levels.fields))]
    return replace(model, m=rising(np.array(m), model.u))
