"""The agency's own table of pseudonyms: which record of the encoded file is which of its own.

It never leaves the agency, so only its owner may read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from linkage.errors import InputError
from linkage.io.outputs import new_file

_SCHEMA = pa.schema([("record", pa.string()), ("record_id", pa.string())])
_PLANTED = pa.field("planted", pa.bool_())


def ids_path(encoded: Path) -> Path:
    """Name the table beside an encoded file: `police.ids.parquet` for `police.enc.parquet`."""
    stem = stem_of(encoded)
    return encoded.with_name(f"{stem}.ids.parquet")


def stem_of(encoded: Path) -> str:
    """Give the name of an encoded file without what says its form: `police`."""
    name = encoded.name.removesuffix(".age").removesuffix(".json").removesuffix(".parquet")
    return name.removesuffix(".enc")


@contextmanager
def ids_writer(path: Path, *, planted: bool = False) -> Iterator[IdsWriter]:
    """Open the table to be written chunk by chunk, whole or not at all, mode 0600.

    With `planted` it has a column that tells planted records from real ones.
    """
    schema = _SCHEMA.append(_PLANTED) if planted else _SCHEMA
    with new_file(path) as draft:
        draft.touch(mode=0o600)
        # Ids are all different: dictionaries and statistics of them would only cost time.
        with pq.ParquetWriter(
            draft, schema, compression="none", use_dictionary=False, write_statistics=False
        ) as file:
            yield IdsWriter(file)


class IdsWriter:
    """Writes chunks of (record, own id), and with planted records, which they are."""

    def __init__(self, file: pq.ParquetWriter) -> None:
        self._file = file

    def write(
        self,
        records: NDArray[np.bytes_],
        own_ids: Sequence[str] | NDArray[np.bytes_],
        planted: NDArray[np.bool_] | None = None,
    ) -> None:
        """Add the pseudonym and the own id of each record."""
        order = text_order(records)
        columns = [text_array(np.asarray(ids)[order]) for ids in (records, own_ids)]
        columns += [] if planted is None else [pa.array(planted[order])]
        self._file.write_batch(pa.record_batch(columns, schema=self._file.schema))


def text_array(texts: NDArray[np.bytes_] | NDArray[np.str_]) -> pa.Array:
    """Make an Arrow array of texts, which hold no NUL; `pa.array` would import pandas for it."""
    encoded = texts if texts.dtype.kind == "S" else _as_bytes(texts)
    cells = np.ascontiguousarray(encoded).view(np.uint8).reshape(len(texts), encoded.itemsize)
    is_text = cells != 0
    ends = np.zeros(len(texts) + 1, np.int32)
    np.cumsum(np.count_nonzero(is_text, axis=1), out=ends[1:])
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(cells[is_text])]
    return pa.Array.from_buffers(pa.binary(), len(texts), buffers).cast(pa.string())


def _as_bytes(texts: NDArray[Any]) -> NDArray[np.bytes_]:
    """Encode texts in UTF-8, where they are ASCII much faster than letter by letter."""
    plain = np.ascontiguousarray(texts, np.str_)
    letters = plain.view(np.uint32).reshape(len(plain), plain.itemsize // 4)
    if len(letters) and letters.max() < 128:
        return letters.astype(np.uint8).view(f"S{letters.shape[1]}")[:, 0]
    return np.char.encode(plain, "utf-8")


def plain_texts(texts: pa.Array) -> NDArray[np.str_]:
    """Make a NumPy array of an Arrow array of texts, none of them missing or with NUL."""
    whole = texts.cast(pa.binary())
    if not len(whole):
        return np.empty(0, np.str_)
    _, ends, data = whole.buffers()
    ends = np.frombuffer(ends, np.int32)[whole.offset : whole.offset + len(whole) + 1]
    letters = np.frombuffer(data or b"", np.uint8)[ends[0] : ends[-1]]
    sizes = np.diff(ends)
    width = max(1, int(sizes.max()))
    cells = np.zeros((len(whole), width), np.uint8)
    cells[np.arange(width) < sizes[:, None]] = letters
    if letters.max(initial=0) < 128:
        return cells.astype(np.uint32).view(f"U{width}")[:, 0]
    decoded: NDArray[np.str_] = np.char.decode(cells.view(f"S{width}")[:, 0], "utf-8")
    return decoded


def text_order(texts: NDArray[np.bytes_]) -> NDArray[np.int64]:
    """Give the order of texts, as `argsort` would, but by the first eight bytes and then ties."""
    if not len(texts):
        return np.empty(0, np.int64)
    width = -(-texts.itemsize // 8)
    numbers = texts.astype(f"S{8 * width}").view(">u8").reshape(-1, width)
    starts = numbers[:, 0].astype(np.uint64)
    order = np.argsort(starts, kind="stable")
    same = np.append(np.diff(starts[order]) == 0, False)
    same[1:] |= same[:-1]
    tied = order[same]
    order[same] = tied[np.lexsort(numbers[tied].T[::-1].astype(np.uint64))]
    return order


def read_ids(path: Path) -> dict[str, str]:
    """Read the table: pseudonymous record id to the agency's own id."""
    return read_unique(path, "record", "record_id", "an ids table, as `encode` writes it")


def read_planted(path: Path) -> frozenset[str]:
    """Read which records of the table are planted: none if it was written without."""
    try:
        if _PLANTED.name not in pq.read_schema(path).names:
            return frozenset()
        table = pq.read_table(path, columns=["record", _PLANTED.name])
        planted = table[_PLANTED.name].combine_chunks()
        if planted.type != _PLANTED.type or planted.null_count:
            raise ValueError
        return frozenset(table["record"].filter(planted).to_pylist())
    except (pa.ArrowException, OSError, ValueError):
        raise InputError(
            f"{path}: damaged: it doesn't say of every record if it was planted"
        ) from None


def own_ids(path: Path, records: NDArray[np.str_]) -> pa.Array | None:
    """Give the own id of each record, as an Arrow array; None if the table has not all of them."""
    table = _unique_table(path, "record", "record_id", "an ids table, as `encode` writes it")
    place = pc.index_in(text_array(records), value_set=table["record"].combine_chunks())
    return None if place.null_count else table["record_id"].combine_chunks().take(place)


def read_unique(path: Path, key: str, value: str, what: str) -> dict[str, str]:
    """Read a table of two columns of text, nothing missing and no key twice.

    Raises `InputError` that says that the file is not `what`.
    """
    table = _unique_table(path, key, value, what)
    return dict(zip(*(table[name].to_pylist() for name in (key, value)), strict=True))


def _unique_table(path: Path, key: str, value: str, what: str) -> pa.Table:
    wanted = pa.schema([(key, pa.string()), (value, pa.string())])
    try:
        table = pq.read_table(path, columns=wanted.names).cast(wanted)
        table.validate(full=True)
    except (pa.ArrowException, OSError, KeyError, ValueError):
        raise InputError(f"{path}: not {what} (columns {key}, {value})") from None
    distinct = pc.count_distinct(table[key], mode="all").as_py()
    if distinct != table.num_rows or any(table[one].null_count for one in wanted.names):
        raise InputError(f"{path}: damaged: a cell is missing or a record stands in two rows")
    return table


def find_records(records: NDArray[np.str_], wanted: NDArray[np.bytes_]) -> NDArray[np.int64]:
    """Give the place of each wanted id among records, which must have them all."""
    place = pc.index_in(text_array(wanted), value_set=text_array(records))
    found: NDArray[np.int64] = place.to_numpy().astype(np.int64)
    return found
