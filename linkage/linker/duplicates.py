"""Find out without labels whether a data set has one record a person.

The trained model looks at pairs within the data set, in blocks of equal values; only the number of
pairs of each class is estimated anew, so that households aren't taken for duplicates.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from linkage.linker.levels import Levels
from linkage.linker.train import Place, Training, block_shares, count_patterns, presence

#: Pairs of records of one person, a record, up to which a data set counts as free of duplicates.
MOST_DUPLICATES = 0.02
_ROUNDS = 100


def duplicates_per_record(
    one: Place, trained: Training, levels: Levels, random: np.random.Generator
) -> float:
    """Estimate how many pairs of records of one person a data set holds, a record."""
    if not trained.blocks or one.pairs < 1:
        return 0.0
    patterns, counts = count_patterns([one], levels, trained.blocks, random)
    model = trained.model
    inside = block_shares(model, trained.blocks, presence(one, levels), levels).sum(axis=0)
    model = replace(model, sizes=model.sizes * one.pairs / model.pairs, pairs=one.pairs)
    for _ in range(_ROUNDS):
        sizes = (counts.T @ model.posterior(patterns)).sum(axis=0) / np.maximum(inside, 1e-300)
        strangers = one.pairs - sizes.sum() + sizes[model.own]
        sizes[model.own] = max(strangers, one.pairs / 2)
        model = replace(model, sizes=sizes)
    return model.matches / len(one.left_numbers)
