"""Measure an encoded file: fill of the filters, missing values, sizes of blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from linkage.kernels.bits import popcounts
from linkage.model import Encodings


def measure_slices(encodings: Encodings) -> list[dict[str, Any]]:
    """Give for every slice its bits, the mean fill of filters that aren't empty, and the rest."""
    counts = popcounts(encodings.bits, encodings.slice_ends)
    found = []
    for place, one in enumerate(encodings.slices):
        present = counts[counts[:, place] > 0, place]
        fill = float(present.mean() / (64 * one.words)) if len(present) else 0.0
        found.append(
            {
                "slice": one.name,
                "bits": 64 * one.words,
                "mean_fill": fill,
                "missing": len(counts) - len(present),
            }
        )
    return found


def measure_passes(encodings: Encodings) -> list[dict[str, Any]]:
    """Give for every blocking pass how many rows have no key, its blocks, and the largest."""
    found = []
    for place, one in enumerate(encodings.schema.blocking):
        tokens = encodings.tokens[:, place]
        _, sizes = np.unique(tokens[tokens != 0], return_counts=True)
        found.append(
            {
                "pass": one.name,
                "missing": int(np.count_nonzero(tokens == 0)),
                "blocks": len(sizes),
                "largest_block": int(sizes.max(initial=0)),
            }
        )
    return found
