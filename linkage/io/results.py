"""The results folder: links, persons, each agency's own share, and the run's manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from linkage import __version__
from linkage.errors import InputError, MismatchError
from linkage.io.ids import read_unique
from linkage.io.outputs import new_folder
from linkage.model import Encodings, Pairs

RESULTS_VERSION = 1
_BLOCK_BYTES = 1 << 22
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
    """A results folder in memory. Indices of records point into `records` of each data set."""

    manifest: dict[str, Any]
    datasets: tuple[str, ...]
    records: tuple[NDArray[np.str_], ...]
    persons: tuple[NDArray[np.str_], ...]
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
) -> None:
    """Write a results folder, whole or not at all.

    `persons` has the person of every record, `ids` and `confidence` are those of each person;
    `model` is the content of `model.json`; `labels` name the fields and levels of `Pairs.levels`,
    and `ranks` are the order in which pairs are best reviewed.
    """
    names = [one.dataset for one in encodings]
    records = [_texts(one.records) for one in encodings]
    with new_folder(path) as folder:
        pq.write_table(_links_table(links, names, records), folder / "links.parquet")
        unsure = _links_table(review, names, records)
        unsure = unsure.append_column("pattern", _patterns(review, labels))
        unsure = unsure.append_column(
            "rank", pa.array(np.concatenate([np.empty(0, np.int64), *ranks]))
        )
        pq.write_table(unsure, folder / "review.parquet")
        shares = []
        names_of_persons = _texts(ids)
        for one, own, person in zip(encodings, records, persons, strict=True):
            order = np.argsort(one.records)
            who = names_of_persons.take(pa.array(person[order]))
            share = pa.table({"record": own.take(pa.array(order)), "person_id": who})
            pq.write_table(share, folder / f"{one.dataset}.parquet")
            shares.append(share.append_column("dataset", pa.repeat(one.dataset, len(own))))
        whole = pa.concat_tables(shares).select(["person_id", "dataset", "record"])
        pq.write_table(whole.sort_by("person_id"), folder / "persons.parquet")
        counts = np.bincount(np.concatenate(persons), minlength=len(ids))
        sure = {"person_id": names_of_persons, "records": counts, "confidence": confidence}
        pq.write_table(pa.table(sure), folder / "confidence.parquet")
        for name, content in (("manifest", manifest), ("model", model)):
            if content is not None:
                text = json.dumps(content, indent=2) + "\n"
                (folder / f"{name}.json").write_text(text, encoding="utf-8")


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

    Raises `InputError` if it is none or is damaged, `MismatchError` for another version.
    """
    for name in ("manifest.json", *(f"{table}.parquet" for table in _TABLES)):
        if not (path / name).is_file():
            raise InputError(f"{path}: not a results folder, or not whole: {name} is missing")
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        if manifest["results_version"] != RESULTS_VERSION:
            raise MismatchError(f"{path}: results of another version; link again with this release")
        _ManifestShape.model_validate(manifest)
        datasets = tuple(one["dataset"] for one in manifest["inputs"])
        linked = [(datasets.index(a), datasets.index(b)) for a, b in manifest["linked"]]
        tables = {name: _columns(path / f"{name}.parquet", _TABLES[name]) for name in _TABLES}
        records, persons = _people(tables["persons"], manifest["inputs"])
        links, review = (
            _pairs(tables[name], datasets, records, linked) for name in ("links", "review")
        )
    except (ValueError, KeyError, TypeError, RecursionError, pa.ArrowException, OSError):
        raise InputError(f"{path}: the results folder is damaged; link again") from None
    return Results(manifest, datasets, tuple(records), tuple(persons), links, review)


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


def _patterns(pairs: Sequence[Pairs], labels: tuple[tuple[str, ...], tuple[str, ...]]) -> pa.Array:
    """Write out the agreement levels of pairs: `forename=0.85 surname=equal ...`."""
    texts = []
    for one in pairs:
        if not one.levels.size:
            texts.append(pa.nulls(len(one), pa.string()))
            continue
        _, first, place = np.unique(one.patterns, return_index=True, return_inverse=True)
        patterns = one.levels[first]
        fields, levels = labels
        written = [
            " ".join(f"{name}={levels[level]}" for name, level in zip(fields, row, strict=True))
            for row in patterns.tolist()
        ]
        texts.append(pa.array(written).take(pa.array(place.ravel())))
    return pa.chunked_array(texts, pa.string()).combine_chunks()


def _texts(texts: NDArray[np.bytes_]) -> pa.Array:
    return pa.array(texts).cast(pa.string())


def _links_table(pairs: Sequence[Pairs], names: list[str], records: list[pa.Array]) -> pa.Table:
    tables = [
        pa.table(
            {
                "left_dataset": pa.repeat(names[one.left_dataset], len(one)),
                "left_record": records[one.left_dataset].take(pa.array(one.left)),
                "right_dataset": pa.repeat(names[one.right_dataset], len(one)),
                "right_record": records[one.right_dataset].take(pa.array(one.right)),
                "similarity": one.similarity,
                "match_weight": pa.array(one.weight, from_pandas=True),
                "match_probability": pa.array(one.probability, from_pandas=True),
            },
            schema=_LINKS,
        )
        for one in pairs
    ]
    return pa.concat_tables(tables)


def _columns(path: Path, schema: pa.Schema) -> dict[str, NDArray[Any]]:
    """Read the columns of a table; text may not be missing."""
    table = pq.read_table(path, columns=schema.names).cast(schema)
    texts = [field.name for field in schema if field.type == pa.string()]
    if any(table[name].null_count for name in texts):
        raise ValueError("a missing text")
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in schema.names}
    return columns | {name: columns[name].astype(np.str_) for name in texts}


def _people(
    columns: dict[str, NDArray[Any]], inputs: list[dict[str, Any]]
) -> tuple[list[NDArray[np.str_]], list[NDArray[np.str_]]]:
    """Give the records of every data set, sorted, and the person id of each."""
    records, persons = [], []
    for one in inputs:
        here = columns["dataset"] == one["dataset"]
        own, first = np.unique(columns["record"][here], return_index=True)
        if not len(own) == np.count_nonzero(here) == one["records"]:
            raise ValueError("records are missing or stand twice")
        records.append(own)
        persons.append(columns["person_id"][here][first])
    if sum(map(len, records)) != len(columns["dataset"]):
        raise ValueError("records of an unknown data set")
    return records, persons


def _pairs(
    columns: dict[str, NDArray[Any]],
    datasets: tuple[str, ...],
    records: list[NDArray[np.str_]],
    linked: list[tuple[int, int]],
) -> tuple[Pairs, ...]:
    found = []
    for left, right in linked:
        here = (columns["left_dataset"] == datasets[left]) & (
            columns["right_dataset"] == datasets[right]
        )
        found.append(
            Pairs(
                left,
                right,
                _places(records[left], columns["left_record"][here]),
                _places(records[right], columns["right_record"][here]),
                *(columns[name][here] for name in _FIGURES),
            )
        )
    if sum(map(len, found)) != len(columns["similarity"]):
        raise ValueError("links of data sets that were not linked")
    return tuple(found)


def _places(records: NDArray[np.str_], wanted: NDArray[np.str_]) -> NDArray[np.int64]:
    """Find the places of records that must be there."""
    places = np.minimum(np.searchsorted(records, wanted), len(records) - 1)
    if not np.array_equal(records[places], wanted):
        raise ValueError("a link of an unknown record")
    return places


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
