"""Pairs of records in the forms of other programs: anonlink's candidate pairs, Splink's tables.

Candidate pairs (`anonlink.serialization`, version 1) are a header of four bytes - the version, and
the sizes of a similarity, of a data set's index and of a record's index - and for each pair the
similarity, two indices of data sets and two of records, packed and little-endian. They are ordered
by similarity falling, then data sets, then records. They hold no ids.

A pair table has a row for each pair, with Splink's columns: `match_weight`, `match_probability`,
`source_dataset_l`, `source_dataset_r`, `unique_id_l`, `unique_id_r`. To these we add `similarity`,
which is all there is of pairs at record level.

Files come from other organisations, so each pair is checked before it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from linkage.errors import InputError, MismatchError, shown
from linkage.io.ids import text_array
from linkage.io.outputs import new_file
from linkage.io.tables import column_names, read_batches, write_table
from linkage.model import MAX_ID_BYTES, Pairs

_VERSION = 1
_HEADER_BYTES = 4
_FLOAT_BYTES = (2, 4, 8)
_INDEX_BYTES = (1, 2, 4, 8)
_MAX_DATASETS = 1000
_IDS = ("unique_id_l", "unique_id_r")
_SOURCES = ("source_dataset_l", "source_dataset_r")
_FIGURES = ("match_weight", "match_probability")


@dataclass(frozen=True)
class PairTable:
    """What a pair table holds: only records that are in a pair, ordered by id.

    `links` has one `Pairs` for every two data sets, and one within a data set where the table has
    such pairs. A figure that the table doesn't have is NaN.
    """

    datasets: tuple[str, ...]
    records: tuple[NDArray[np.str_], ...]
    links: tuple[Pairs, ...]


class _Columns(NamedTuple):
    """Pairs of any data sets: `int64[2, n]` data sets and records, three times `float64[n]`."""

    datasets: NDArray[np.int64]
    records: NDArray[np.int64]
    similarity: NDArray[np.float64]
    weight: NDArray[np.float64]
    probability: NDArray[np.float64]


def write_candidates(path: Path, pairs: Sequence[Pairs]) -> None:
    """Write candidate pairs byte for byte as anonlink 0.15 does, whole or not at all.

    The indices are those of `pairs`; every pair needs a similarity. Raises `UsageError` if the
    file exists.
    """
    all_pairs = _oriented(_together(pairs))
    (one, other), (left, right) = all_pairs.datasets, all_pairs.records
    order = np.lexsort((right, left, other, one, -all_pairs.similarity))
    index_bytes = 4 if max(left.max(initial=0), right.max(initial=0)) < 1 << 32 else 8
    entries = np.empty(len(order), _entry(8, 4, index_bytes))
    for name, values in zip(
        entries.dtype.names or (), (all_pairs.similarity, one, other, left, right), strict=True
    ):
        entries[name] = values[order]
    with new_file(path) as draft, open(draft, "wb") as file:
        file.write(bytes([_VERSION, 8, 4, index_bytes]))
        file.write(entries.data)


def read_candidates(path: Path, sizes: Sequence[int]) -> tuple[Pairs, ...]:
    """Read anonlink's candidate pairs of data sets with `sizes` records.

    Returns one `Pairs` for every two data sets, and one within a data set where there are such
    pairs, all without weight and probability. Raises `InputError` for a file that is none, is cut
    short, or names what is not there, with the number of the pair; `MismatchError` for another
    version.
    """
    content = path.read_bytes()
    if len(content) < _HEADER_BYTES:
        raise InputError(f"{path}: not a file of candidate pairs: it has {len(content)} bytes")
    version, float_bytes, dataset_bytes, record_bytes = content[:_HEADER_BYTES]
    if version != _VERSION:
        raise MismatchError(
            f"{path}: version {version} of anonlink's candidate pairs, or no such file; "
            f"version {_VERSION} is read"
        )
    if float_bytes not in _FLOAT_BYTES or not {dataset_bytes, record_bytes} <= {*_INDEX_BYTES}:
        raise InputError(
            f"{path}: not a file of candidate pairs: its header says {float_bytes}, "
            f"{dataset_bytes} and {record_bytes} bytes for similarities, data sets and records"
        )
    entry = _entry(float_bytes, dataset_bytes, record_bytes)
    left_over = (len(content) - _HEADER_BYTES) % entry.itemsize
    if left_over:
        raise InputError(
            f"{path}: cut short: {left_over} bytes of {entry.itemsize} where the last pair should "
            "be; ask for the file again"
        )
    return _checked_entries(np.frombuffer(content, entry, offset=_HEADER_BYTES), sizes, path)


def _entry(float_bytes: int, dataset_bytes: int, record_bytes: int) -> np.dtype[np.void]:
    return np.dtype(
        [("similarity", f"<f{float_bytes}")]
        + [(f"{side}_dataset", f"<u{dataset_bytes}") for side in ("left", "right")]
        + [(f"{side}_record", f"<u{record_bytes}") for side in ("left", "right")]
    )


def _checked_entries(
    entries: NDArray[np.void], sizes: Sequence[int], path: Path
) -> tuple[Pairs, ...]:
    similarity = entries["similarity"].astype(np.float64)
    _refuse(path, "pair", _no_share(similarity), "has a similarity that is not between 0 and 1")
    datasets = np.array([entries["left_dataset"], entries["right_dataset"]], np.uint64)
    records = np.array([entries["left_record"], entries["right_record"]], np.uint64)
    _refuse(
        path,
        "pair",
        (datasets >= len(sizes)).any(axis=0),
        f"names a data set that is not there; there are {len(sizes)}, from 0",
    )
    _refuse(
        path,
        "pair",
        (records >= np.array([*sizes, 0], np.uint64)[datasets.astype(np.int64)]).any(axis=0),
        "names a record that its data set doesn't have: the file is of other data sets",
    )
    unknown = np.full(len(entries), np.nan)
    pairs = _Columns(
        datasets.astype(np.int64), records.astype(np.int64), similarity, unknown, unknown
    )
    return _by_data_sets(pairs, len(sizes), path, "pair")


def write_pair_table(
    path: Path,
    pairs: Sequence[Pairs],
    datasets: Sequence[str],
    records: Sequence[NDArray[np.str_]],
) -> None:
    """Write pairs as a table that Splink can take, whole or not at all.

    A path that ends with `.parquet` gets Parquet, any other CSV. A figure that is NaN is missing.
    Raises `UsageError` if the file exists.
    """
    together = _together(pairs)
    starts = np.cumsum([0, *map(len, records)])[:-1]
    ids, names = text_array(np.concatenate(list(records))), pa.array(datasets, pa.string())
    columns = {
        name: pa.array(values, mask=np.isnan(values))
        for name, values in zip(_FIGURES, (together.weight, together.probability), strict=True)
    }
    for name, dataset in zip(_SOURCES, together.datasets, strict=True):
        columns[name] = names.take(pa.array(dataset))
    for name, dataset, record in zip(_IDS, together.datasets, together.records, strict=True):
        columns[name] = ids.take(pa.array(starts[dataset] + record))
    columns["similarity"] = pa.array(together.similarity, mask=np.isnan(together.similarity))
    with new_file(path) as draft:
        write_table(draft, columns, parquet=path.suffix == ".parquet")


def read_pair_table(path: Path) -> PairTable:
    """Read a pair table: Splink's, or one that `linkage export` wrote.

    Without the columns `source_dataset_l` and `source_dataset_r` there is one data set, called
    as the file is up to its first dot. A pair needs match weight and match probability, or else a
    similarity. Raises `InputError` with the number of the row.
    """
    names = column_names(path)
    sources = _SOURCES if set(_SOURCES) & set(names) else ()
    for name in (*_IDS, *sources, *_FIGURES):
        if name not in names:
            raise InputError(
                f"{path}: no column '{name}'; a table of pairs has the columns "
                f"{', '.join((*_IDS, *_SOURCES, *_FIGURES))}"
            )
    wanted = (*_FIGURES, "similarity") if "similarity" in names else _FIGURES
    texts: dict[str, list[pa.Array]] = {name: [] for name in (*_IDS, *sources)}
    figures: dict[str, list[NDArray[np.float64]]] = {name: [] for name in wanted}
    for batch, rows in read_batches(path):
        for name, parts in texts.items():
            parts.append(_texts(batch.column(name), name, path))
        for name, numbers in figures.items():
            numbers.append(_numbers(batch.column(name), name, rows, path))
    ids, sides = _coded([*texts["unique_id_l"], *texts["unique_id_r"]])
    datasets, owners = [path.name.split(".")[0]], np.zeros_like(sides)
    if sources:
        datasets, owners = _coded([*texts["source_dataset_l"], *texts["source_dataset_r"]])
    _check_texts(ids, sides, path)
    _check_texts(datasets, owners, path)
    if len(datasets) > _MAX_DATASETS or not all(map(str.isprintable, datasets)):
        raise InputError(
            f"{path}: names more than {_MAX_DATASETS} data sets, or one with control characters"
        )
    weight, probability = (np.concatenate(figures[name]) for name in _FIGURES)
    similarity = np.concatenate(figures.get("similarity", [np.full(len(weight), np.nan)]))
    _check_figures(weight, probability, similarity, path)
    records, places = _by_owner(owners, sides, ids, len(datasets))
    pairs = _Columns(owners, places, similarity, weight, probability)
    return PairTable(tuple(datasets), records, _by_data_sets(pairs, len(datasets), path, "row"))


def _texts(column: pa.Array, name: str, path: Path) -> pa.Array:
    """Read names, which are texts or whole numbers; a missing one becomes an empty text."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer)
    try:
        if not any(test(kind) for test in tests):
            raise pa.ArrowInvalid
        texts = column.cast(pa.string()).fill_null("")
        texts.validate(full=True)
    except pa.ArrowException:
        raise InputError(
            f"{path}: column '{name}' of type {shown(kind)} can't be read; it needs texts or whole "
            "numbers"
        ) from None
    return texts


def _coded(texts: list[pa.Array]) -> tuple[list[str], NDArray[np.int64]]:
    """Give the distinct texts in order of appearance, and `int64[2, n]` which stands where."""
    coded = pa.chunked_array(texts).dictionary_encode().combine_chunks()
    codes = coded.indices.to_numpy().astype(np.int64)
    return coded.dictionary.to_pylist(), codes.reshape(2, -1)


def _numbers(
    column: pa.Array, name: str, rows: NDArray[np.int64], path: Path
) -> NDArray[np.float64]:
    """Read figures; a missing one is NaN."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.if_else(pc.equal(column, ""), None, column)
    numbers: NDArray[np.float64]
    try:
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowException:
        row = next(row for row, cell in zip(rows, column, strict=True) if not _is_number(cell))
        raise InputError(f"{path}: row {row}: '{name}' is not a number") from None
    return numbers


def _is_number(cell: pa.Scalar) -> bool:
    try:
        cell.cast(pa.float64())
    except pa.ArrowException:
        return False
    return True


def _check_texts(texts: list[str], codes: NDArray[np.int64], path: Path) -> None:
    bad = np.array([not 0 < len(one.encode()) <= MAX_ID_BYTES or "\0" in one for one in texts])
    problem = (
        f"has an id or data set that is missing, longer than {MAX_ID_BYTES} bytes, or holds NUL"
    )
    _refuse(path, "row", bad[codes].any(axis=0), problem)


def _check_figures(
    weight: NDArray[np.float64],
    probability: NDArray[np.float64],
    similarity: NDArray[np.float64],
    path: Path,
) -> None:
    unknown = np.isnan(probability)
    half = np.isnan(weight) != unknown
    _refuse(path, "row", half, "has only one of match_weight and match_probability")
    nothing = unknown & np.isnan(similarity)
    _refuse(path, "row", nothing, "has neither match_probability nor similarity")
    for name, values in (("match_probability", probability), ("similarity", similarity)):
        outside = _no_share(values) & ~np.isnan(values)
        _refuse(path, "row", outside, f"has a {name} that is not between 0 and 1")


def _by_owner(
    owners: NDArray[np.int64], codes: NDArray[np.int64], texts: list[str], datasets: int
) -> tuple[tuple[NDArray[np.str_], ...], NDArray[np.int64]]:
    """Give the ids of every data set, ordered, and the place of each record among them."""
    ordered, rank = np.unique(np.array(texts), return_inverse=True)
    keys, place = np.unique(owners * len(ordered) + rank[codes], return_inverse=True)
    owner, text = divmod(keys, len(ordered))
    starts = np.searchsorted(owner, np.arange(datasets))
    records = tuple(ordered[part] for part in np.split(text, starts[1:]))
    return records, place.reshape(owners.shape) - starts[owners]


def _together(pairs: Sequence[Pairs]) -> _Columns:
    """Put the pairs of all data sets in one list."""

    def joined(kind: type, parts: Iterable[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate([np.empty(0, kind), *parts])

    datasets = [
        joined(np.int64, (np.full(len(one), one.left_dataset) for one in pairs)),
        joined(np.int64, (np.full(len(one), one.right_dataset) for one in pairs)),
    ]
    records = [
        joined(np.int64, (one.left for one in pairs)),
        joined(np.int64, (one.right for one in pairs)),
    ]
    return _Columns(
        np.array(datasets),
        np.array(records),
        joined(np.float64, (one.similarity for one in pairs)),
        joined(np.float64, (one.weight for one in pairs)),
        joined(np.float64, (one.probability for one in pairs)),
    )


def _oriented(pairs: _Columns) -> _Columns:
    """Turn pairs round so that the first data set, or else the first record, stands left."""
    (one, other), (left, right) = pairs.datasets, pairs.records
    turned = (one > other) | ((one == other) & (left > right))
    return pairs._replace(
        datasets=np.where(turned, pairs.datasets[::-1], pairs.datasets),
        records=np.where(turned, pairs.records[::-1], pairs.records),
    )


def _by_data_sets(pairs: _Columns, count: int, path: Path, unit: str) -> tuple[Pairs, ...]:
    """Sort pairs of `count` data sets into one `Pairs` for each two. Raises `InputError`."""
    pairs = _oriented(pairs)
    (one, other), (left, right) = pairs.datasets, pairs.records
    _refuse(path, unit, (one == other) & (left == right), "pairs a record with itself")
    _refuse(path, unit, _repeats(one, other, left, right), "is a pair that was there before")
    order = np.lexsort((right, left, -pairs.similarity, -pairs.weight, other, one))
    keys = (one * count + other)[order]
    found = []
    for a, b in combinations_with_replacement(range(count), 2):
        chosen = order[slice(*np.searchsorted(keys, [a * count + b, a * count + b + 1]))]
        if a != b or len(chosen):
            similarity, weight = pairs.similarity[chosen], pairs.weight[chosen]
            records = left[chosen], right[chosen]
            found.append(Pairs(a, b, *records, similarity, weight, pairs.probability[chosen]))
    return tuple(found)


def _repeats(*columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which rows of the columns are as an earlier one."""
    order = np.lexsort(columns)
    same = np.ones(len(order), bool)
    same[:1] = False
    for values in columns:
        same[1:] &= values[order][1:] == values[order][:-1]
    repeats = np.empty(len(order), bool)
    repeats[order] = same
    return repeats


def _no_share(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which numbers are not between 0 and 1; NaN is not."""
    return ~((values >= 0) & (values <= 1))


def _refuse(path: Path, unit: str, bad: NDArray[np.bool_] | np.bool_, problem: str) -> None:
    """Raise `InputError` that names the first bad row or pair, if there is one."""
    if bad.any():
        raise InputError(f"{path}: {unit} {np.argmax(bad) + 1} {problem}")
