"""How sure a run is of each person: `confidence.parquet` of a results folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from linkage.errors import InputError

_SCHEMA = pa.schema([("person_id", pa.string()), ("confidence", pa.float64())])


def read_confidence(results: Path, persons: NDArray[np.str_]) -> NDArray[np.float64]:
    """Read the confidence of persons, given by their ids: `float64[persons]`.

    Raises `InputError` if a person is missing, or a confidence is not from 0 to 1.
    """
    path = results / "confidence.parquet"
    try:
        table = pq.read_table(path, columns=_SCHEMA.names).cast(_SCHEMA)
        ids = table["person_id"].to_numpy(zero_copy_only=False).astype(np.str_)
        found = table["confidence"].to_numpy(zero_copy_only=False)
    except (pa.ArrowException, OSError, KeyError, ValueError):
        raise InputError(
            f"{path}: missing, damaged, or not of a results folder; link again"
        ) from None
    order, wanted = np.argsort(ids, kind="stable"), np.argsort(persons, kind="stable")
    if not np.array_equal(ids[order], persons[wanted]):
        raise InputError(f"{path}: does not hold the persons of the results; link again")
    if not ((found >= 0) & (found <= 1)).all():
        raise InputError(f"{path}: damaged: a confidence is not from 0 to 1; link again")
    confidence = np.empty(len(persons))
    confidence[wanted] = found[order]
    return confidence
