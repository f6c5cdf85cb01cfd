"""Record ids of an encoded file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from linkage.errors import InputError
from linkage.model import MAX_ID_BYTES


def repeats(ids: NDArray[np.bytes_]) -> bool:
    """Tell whether an id occurs twice; only where mixed ids do is it worth comparing them all."""
    words = -(-ids.dtype.itemsize // 8)
    parts = ids.astype(f"S{8 * words}").view(np.uint64).reshape(-1, words)
    mixed = np.zeros(len(ids), np.uint64)
    for part in parts.T:
        mixed = (mixed ^ part) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    mixed.sort()
    return bool((mixed[1:] == mixed[:-1]).any()) and len(np.unique(ids)) != len(ids)


def record_ids(column: pa.Array, path: str | Path) -> NDArray[np.bytes_]:
    """Read record ids, `S[rows]`. Raises `InputError` for an empty one, or one too long."""
    sizes = pc.binary_length(column)
    size = pc.max(sizes).as_py() if len(column) else 0
    if size and 0 < size <= MAX_ID_BYTES and pc.min(sizes).as_py() == size:
        texts = column.cast(pa.binary(size))
        start, data = texts.offset * size, texts.buffers()[1]
        ids = np.frombuffer(data, f"S{size}", len(texts), start)
        if (ids.view(np.uint8).reshape(-1, size)[:, -1] != 0).all():
            return ids
    ids = np.array(column.cast(pa.binary()).to_pylist(), dtype=object)
    if any(not 0 < len(one) <= MAX_ID_BYTES or one.endswith(b"\0") for one in ids):
        raise InputError(f"{path}: a record id is empty or longer than {MAX_ID_BYTES} bytes")
    return ids.astype(np.bytes_)
