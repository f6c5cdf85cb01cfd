"""Say what training found wanting, in words for the operator."""

from __future__ import annotations

import numpy as np

from linkage.linker.train import Training

#: Blocks disagree if one estimates so many times the matches of the median.
_DISAGREE = 1.5


def diagnose(trained: Training | None) -> tuple[str, ...]:
    """Say what training found wanting, in words for the operator."""
    if trained is None:
        return ()
    model, said = trained.model, []
    if len(model.shares) <= model.own + 1 and model.own == 1:
        said.append(
            "no field is personal (a date of birth), or too few fields were there to tell families "
            "from persons: expect false links within households"
        )
    stuck = [name for name, free in zip(model.fields, trained.free, strict=True) if not free]
    if stuck:
        said.append(
            f"{', '.join(stuck)}: every block of equal values agrees on it, so that how often "
            "matches agree on it could not be learned; add a field"
        )
    if model.matches < 1:
        said.append("no match was found in training: these data sets may have no person in common")
    estimates = np.array([one for one in trained.estimates if one > 0])
    if len(estimates) > 1 and estimates.max() > _DISAGREE * max(np.median(estimates), 1.0):
        said.append(
            f"blocks disagree on the number of matches (from {estimates.min():,.0f} to "
            f"{estimates.max():,.0f}): the data may be too dirty or have too few fields to be sure"
        )
    return tuple(said)
