"""Say what training found wanting, in words for the operator."""

from __future__ import annotations

import numpy as np

from linkage.linker.certificate import Certificate
from linkage.linker.train import Training
from linkage.schema import LinkageSchema

#: Blocks disagree if one estimates so many times the matches of the median.
_DISAGREE = 1.5


def unknown_matches(schema: LinkageSchema, certificate: Certificate | None) -> tuple[str, ...]:
    """Warn that nothing but identifiers tells of matches that anchored codes keep apart."""
    if not schema.anchored or certificate is None or certificate.basis != "model":
        return ()
    return (
        "anchored codes: the recall that is estimated leaves out matches that meet in no pass, for "
        "no sample can be compared in full; plant people to measure it (encode --plant)",
    )


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
