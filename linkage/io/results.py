"""The results folder: links, persons, each agency's own share, and the run's manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from linkage import __version__
from linkage.errors import InputError, MismatchError, UsageError
from linkage.io.ids import plain_texts, read_unique
from linkage.io.outputs import new_folder
from linkage.model import Encodings, Pairs

RESULTS_VERSION = 1
_BLOCK_BYTES = 1 << 22
_CHUNK_ROWS = 1 << 20
_FIGURES = ("similarity", "match_weight", "match_probability")
_LINKS = pa.schema(
    [
        (f"{side}_{what}", pa.string())
        for side in ("left", "right")
        for what in ("dataset", "record")
    ]
    + [(name, pa.float64()) for name in _FIGURES]
)
_PERSONS = pa.schema([(name, pa.string()) for name in ("person_id", "dataset", "record")])
_TABLES = {"links": _LINKS, "review": _LINKS, "persons": _PERSONS}


@dataclass(frozen=True)
class Results:
    """A results folder in memory. Indices of records point into `records` of each data set.

    `records` are sorted; `persons` has the person id of each, and `person_numbers` a number in its
    place.
    """

    manifest: dict[str, Any]
    datasets: tuple[str, ...]
    records: tuple[NDArray[np.str_], ...]
    persons: tuple[NDArray[np.str_], ...]
    person_numbers: tuple[NDArray[np.int64], ...]
    links: tuple[Pairs, ...]
    review: tuple[Pairs, ...]


def write_results(
    path: Path,
    encodings: Sequence[Encodings],
    links: Sequence[Pairs],
    review: Sequence[Pairs],
    persons: Sequence[NDArray[np.int64]],
    ids: NDArray[np.bytes_],
    confidence: NDArray[np.float64],
    manifest: dict[str, Any],
    model: dict[str, Any] | None = None,
    labels: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
    ranks: Sequence[NDArray[np.int64]] = (),
    *,
    minimal: bool = False,
) -> None:
    """Write a results folder, whole or not at all; a `minimal` one has persons only.

    `persons` has the person of every record, `ids` and `confidence` are those of each person;
    `model` is the content of `model.json`; `labels` name the fields and levels of `Pairs.levels`,
    and `ranks` are the order in which pairs are best reviewed.
    """
    names = [one.dataset for one in encodings]
    records = [_texts(one.records) for one in encodings]
    who = _texts(ids)
    # Generators, so that the thread that writes a table makes it, a chunk at a time.
    judged = {
        "links": _links_chunks(links, names, records),
        "review": _review_chunks(review, names, records, labels, ranks),
        "confidence": _confidence_chunks(persons, who, confidence),
    }
    tables = {"persons": _persons_chunks(names, records, persons, who, ids)} | {
        name: _share_chunks(one.records, own, person, who)
        for name, one, own, person in zip(names, encodings, records, persons, strict=True)
    }
    if minimal:
        model = None
    else:
        tables |= judged
    with new_folder(path) as folder:

        def write(name: str) -> None:
            first = next(tables[name])
            with pq.ParquetWriter(folder / f"{name}.parquet", first.schema) as writer:
                for chunk in chain([first], tables[name]):
                    writer.write_table(chunk)

        with ThreadPoolExecutor() as pool:
            list(pool.map(write, tables))
        for name, content in (("manifest", manifest), ("model", model)):
            if content is not None:
                text = json.dumps(content, indent=2) + "\n"
                (folder / f"{name}.json").write_text(text, encoding="utf-8")


def _starts(size: int) -> range:
    """Give where chunks start; nothing is one chunk, of no rows."""
    return range(0, max(size, 1), _CHUNK_ROWS)


def _links_chunks(
    pairs: Sequence[Pairs], names: list[str], records: list[pa.Array]
) -> Iterator[pa.Table]:
    for one in pairs:
        for start in _starts(len(one)):
            yield _links_table(_chunk(one, start), names, records)


def _review_chunks(
    review: Sequence[Pairs],
    names: list[str],
    records: list[pa.Array],
    labels: tuple[tuple[str, ...], tuple[str, ...]],
    ranks: Sequence[NDArray[np.int64]],
) -> Iterator[pa.Table]:
    for one, rank in zip(review, ranks, strict=True):
        for start in _starts(len(one)):
            part = _chunk(one, start)
            table = _links_table(part, names, records)
            table = table.append_column("pattern", _patterns(part, labels))
            yield table.append_column("rank", pa.array(rank[start : start + _CHUNK_ROWS]))


def _share_chunks(
    ids: NDArray[np.bytes_], own: pa.Array, person: NDArray[np.int64], who: pa.Array
) -> Iterator[pa.Table]:
    """Give an agency's records with their persons, in order of record ids."""
    order = np.argsort(ids)
    for start in _starts(len(ids)):
        chosen = order[start : start + _CHUNK_ROWS]
        columns = {"record": _taken(own, chosen), "person_id": _taken(who, person[chosen])}
        yield pa.table(columns)


def _persons_chunks(
    names: list[str],
    records: list[pa.Array],
    persons: Sequence[NDArray[np.int64]],
    who: pa.Array,
    ids: NDArray[np.bytes_],
) -> Iterator[pa.Table]:
    """Give the records of each person, in order of person ids, then of data sets."""
    person = np.concatenate(persons)
    sets = np.repeat(np.arange(len(names)), [len(one) for one in persons])
    rank = np.empty(len(ids), np.int64)
    rank[np.argsort(ids)] = np.arange(len(ids))
    order = np.argsort(rank[person], kind="stable")
    own, called = pa.chunked_array(records), pa.array(names)
    for start in _starts(len(order)):
        chosen = order[start : start + _CHUNK_ROWS]
        columns = (_taken(who, person[chosen]), _taken(called, sets[chosen]), _taken(own, chosen))
        yield pa.table(list(columns), schema=_PERSONS)


def _confidence_chunks(
    persons: Sequence[NDArray[np.int64]], who: pa.Array, confidence: NDArray[np.float64]
) -> Iterator[pa.Table]:
    counts = np.bincount(np.concatenate(persons), minlength=len(who))
    for start in _starts(len(who)):
        here = slice(start, start + _CHUNK_ROWS)
        columns = (_taken(who, np.arange(len(who))[here]), counts[here], confidence[here])
        yield pa.table(dict(zip(("person_id", "records", "confidence"), columns, strict=True)))


def read_model(path: Path) -> object:
    """Read the content of a model file; it is checked by the linker. Raises `InputError`."""
    if path.stat().st_size > _BLOCK_BYTES:
        raise InputError(f"{path}: too large for a model file")
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise InputError(f"{path}: not a model file (JSON)") from None
    return content


def read_results(path: Path) -> Results:
    """Read and check a results folder.

    Raises `InputError` if it is none or is damaged, `MismatchError` for another version, and
    `UsageError` if it holds person ids only.
    """
    for name in ("manifest.json", *(f"{table}.parquet" for table in _TABLES)):
        if not (path / name).is_file():
            _refuse_minimal(path)
            raise InputError(f"{path}: not a results folder, or not whole: {name} is missing")
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        if manifest["results_version"] != RESULTS_VERSION:
            raise MismatchError(f"{path}: results of another version; link again with this release")
        _ManifestShape.model_validate(manifest)
        datasets = tuple(one["dataset"] for one in manifest["inputs"])
        linked = [(datasets.index(a), datasets.index(b)) for a, b in manifest["linked"]]
        tables = {name: _table(path / f"{name}.parquet", _TABLES[name]) for name in _TABLES}
        records, persons, numbers = _people(tables["persons"], manifest["inputs"])
        links, review = (
            _pairs(tables[name], datasets, records, linked) for name in ("links", "review")
        )
    except (ValueError, KeyError, TypeError, RecursionError, pa.ArrowException, OSError):
        raise InputError(f"{path}: the results folder is damaged; link again") from None
    names = tuple(plain_texts(one) for one in records)
    return Results(manifest, datasets, names, tuple(persons), tuple(numbers), links, review)


def _refuse_minimal(path: Path) -> None:
    """Say so if a folder was never meant to hold links."""
    with suppress(OSError, ValueError, RecursionError, AttributeError):
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        if manifest.get("disclose") == "minimal":
            raise UsageError(
                f"{path}: holds person ids only, no links; link again without --disclose minimal"
            )


def read_share(path: Path) -> dict[str, str]:
    """Read an agency's share of the results: pseudonymous record id to person id."""
    return read_unique(path, "record", "person_id", "an agency's share of a results folder")


def encoded_files(
    manifest: Mapping[str, Any], folder: Path, moved: Sequence[Path] = ()
) -> list[Path | None]:
    """Find the encoded files of a run by their digests; None where one is gone or has changed.

    They lie where the manifest says, seen from the results folder, or are among those `moved`.
    """
    elsewhere = {file_digest(one): one for one in moved}
    found: list[Path | None] = []
    for one in manifest["inputs"]:
        path = elsewhere.get(one["sha256"], folder / one["file"])
        same = path.is_file() and file_digest(path) == one["sha256"]
        found.append(path if same else None)
    return found


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def new_manifest() -> dict[str, Any]:
    """Start a results manifest."""
    return {"results_version": RESULTS_VERSION, "software": f"linkage {__version__}"}


def _patterns(pairs: Pairs, labels: tuple[tuple[str, ...], tuple[str, ...]]) -> pa.Array:
    """Write out the agreement levels of pairs: `forename=0.85 surname=equal ...`."""
    if not pairs.levels.size:
        return pa.nulls(len(pairs), pa.string())
    _, first, place = np.unique(pairs.patterns, return_index=True, return_inverse=True)
    fields, levels = labels
    written = [
        " ".join(f"{name}={levels[level]}" for name, level in zip(fields, row, strict=True))
        for row in pairs.levels[first].tolist()
    ]
    return _taken(pa.array(written), place.ravel())


def _texts(texts: NDArray[np.bytes_]) -> pa.Array:
    # Large: of other texts an array holds no more than 2 GiB.
    return pa.array(texts, pa.large_binary()).cast(pa.large_string())


def _taken(texts: pa.Array | pa.ChunkedArray, places: NDArray[np.int64]) -> pa.Array:
    """Take a chunk of texts by places."""
    taken = texts.take(pa.array(places)).cast(pa.string())
    return taken.combine_chunks() if isinstance(taken, pa.ChunkedArray) else taken


def _chunk(pairs: Pairs, start: int) -> Pairs:
    return pairs.take(np.arange(start, min(start + _CHUNK_ROWS, len(pairs))))


def _links_table(pairs: Pairs, names: list[str], records: list[pa.Array]) -> pa.Table:
    return pa.table(
        {
            "left_dataset": pa.repeat(names[pairs.left_dataset], len(pairs)),
            "left_record": _taken(records[pairs.left_dataset], pairs.left),
            "right_dataset": pa.repeat(names[pairs.right_dataset], len(pairs)),
            "right_record": _taken(records[pairs.right_dataset], pairs.right),
            "similarity": pairs.similarity,
            "match_weight": pa.array(pairs.weight, from_pandas=True),
            "match_probability": pa.array(pairs.probability, from_pandas=True),
        },
        schema=_LINKS,
    )


def _table(path: Path, schema: pa.Schema) -> pa.Table:
    """Read the columns of a table; text may not be missing."""
    table = pq.read_table(path, columns=schema.names).cast(schema)
    texts = [field.name for field in schema if field.type == pa.string()]
    if any(table[name].null_count for name in texts):
        raise ValueError("a missing text")
    return table


def _people(
    table: pa.Table, inputs: list[dict[str, Any]]
) -> tuple[list[pa.Array], list[NDArray[np.str_]], list[NDArray[np.int64]]]:
    """Give the records of every data set, sorted, and the person id of each, also as a number."""
    coded = table["person_id"].combine_chunks().dictionary_encode()
    names = plain_texts(coded.dictionary)
    numbers = coded.indices.to_numpy().astype(np.int64)
    records, persons, numbered = [], [], []
    for one in inputs:
        here = np.flatnonzero(pc.equal(table["dataset"], one["dataset"]).to_numpy())
        own = table["record"].take(pa.array(here)).combine_chunks()
        order = pc.sort_indices(own)
        own = own.take(order)
        if not pc.count_distinct(own).as_py() == len(own) == one["records"]:
            raise ValueError("records are missing or stand twice")
        records.append(own)
        numbered.append(numbers[here[order.to_numpy()]])
        persons.append(names[numbered[-1]])
    if sum(map(len, records)) != len(numbers):
        raise ValueError("records of an unknown data set")
    return records, persons, numbered


def _pairs(
    table: pa.Table,
    datasets: tuple[str, ...],
    records: list[pa.Array],
    linked: list[tuple[int, int]],
) -> tuple[Pairs, ...]:
    found = []
    for left, right in linked:
        here = pc.and_(
            pc.equal(table["left_dataset"], datasets[left]),
            pc.equal(table["right_dataset"], datasets[right]),
        )
        rows = table.filter(here)
        found.append(
            Pairs(
                left,
                right,
                _places(records[left], rows["left_record"]),
                _places(records[right], rows["right_record"]),
                *(rows[name].to_numpy() for name in _FIGURES),
            )
        )
    if sum(map(len, found)) != len(table):
        raise ValueError("links of data sets that were not linked")
    return tuple(found)


def _places(records: pa.Array, wanted: pa.ChunkedArray) -> NDArray[np.int64]:
    """Find the places of records that must be there."""
    places = pc.index_in(wanted, value_set=records)
    if places.null_count:
        raise ValueError("a link of an unknown record")
    whole: NDArray[np.int64] = places.to_numpy().astype(np.int64)
    return whole


class _InputShape(BaseModel):
    model_config = ConfigDict(strict=True)
    dataset: str
    file: str
    sha256: str
    records: int


class _CountsShape(BaseModel):
    model_config = ConfigDict(strict=True)
    all_pairs: int
    comparisons: int


class _ManifestShape(BaseModel):
    """What is read of a manifest; it holds more, for people."""

    inputs: list[_InputShape]
    linked: list[list[str]]
    counts: _CountsShape
