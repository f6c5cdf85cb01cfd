"""The results folder: links, persons, each agency's own share, and the run's manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from linkage import __version__
from linkage.errors import InputError
from linkage.io.outputs import new_folder
from linkage.model import Encodings, Pairs

RESULTS_VERSION = 1
_BLOCK_BYTES = 1 << 22


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
    persons: Sequence[NDArray[np.str_]],
    manifest: dict[str, Any],
) -> None:
    """Write a results folder, whole or not at all. `persons` has the person id of every record."""
    names = [one.dataset for one in encodings]
    records = [np.char.decode(one.records, "utf-8") for one in encodings]
    with new_folder(path) as folder:
        pq.write_table(_links_table(links, names, records), folder / "links.parquet")
        pq.write_table(_links_table(review, names, records), folder / "review.parquet")
        shares = []
        for name, own, ids in zip(names, records, persons, strict=True):
            order = np.argsort(own)
            share = pa.table({"record": own[order], "person_id": ids[order]})
            pq.write_table(share, folder / f"{name}.parquet")
            shares.append(share.append_column("dataset", pa.array([name] * len(own))))
        whole = pa.concat_tables(shares).select(["person_id", "dataset", "record"])
        pq.write_table(whole.sort_by("person_id"), folder / "persons.parquet")
        text = json.dumps(manifest, indent=2) + "\n"
        (folder / "manifest.json").write_text(text, encoding="utf-8")


def read_results(path: Path) -> Results:
    """Read a results folder. Raises `InputError` if it is none or is damaged."""
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        if manifest["results_version"] != RESULTS_VERSION:
            raise InputError(f"{path}: results of another version; link again with this release")
        datasets = tuple(one["dataset"] for one in manifest["inputs"])
        linked = [(datasets.index(a), datasets.index(b)) for a, b in manifest["linked"]]
        tables = {
            name: pq.read_table(path / f"{name}.parquet") for name in ("links", "review", "persons")
        }
        everybody = tables["persons"]
        records, persons = [], []
        for name in datasets:
            own = everybody.filter(pa.compute.equal(everybody["dataset"], name)).sort_by("record")
            records.append(own["record"].to_numpy(zero_copy_only=False).astype(np.str_))
            persons.append(own["person_id"].to_numpy(zero_copy_only=False).astype(np.str_))
        return Results(
            manifest,
            datasets,
            tuple(records),
            tuple(persons),
            _pairs(tables["links"], datasets, records, linked),
            _pairs(tables["review"], datasets, records, linked),
        )
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: not a results folder, or not whole: {Path(error.filename).name} is missing"
        ) from None
    except (ValueError, KeyError, TypeError, pa.ArrowException, OSError):
        raise InputError(f"{path}: the results folder is damaged; link again") from None


def read_share(path: Path) -> dict[str, str]:
    """Read an agency's share of the results: pseudonymous record id to person id."""
    try:
        table = pq.read_table(path, columns=["record", "person_id"])
    except (pa.ArrowException, OSError, KeyError):
        raise InputError(
            f"{path}: not an agency's share of a results folder (columns record, person_id)"
        ) from None
    return dict(zip(table["record"].to_pylist(), table["person_id"].to_pylist(), strict=True))


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


def _links_table(
    pairs: Sequence[Pairs], names: list[str], records: list[NDArray[np.str_]]
) -> pa.Table:
    tables = [
        pa.table(
            {
                "left_dataset": np.full(len(one), names[one.left_dataset]),
                "left_record": records[one.left_dataset][one.left],
                "right_dataset": np.full(len(one), names[one.right_dataset]),
                "right_record": records[one.right_dataset][one.right],
                "similarity": one.similarity,
                "match_weight": pa.array(one.weight, from_pandas=True),
                "match_probability": pa.array(one.probability, from_pandas=True),
            },
            schema=_LINKS,
        )
        for one in pairs
    ]
    return pa.concat_tables(tables)


_LINKS = pa.schema(
    [
        (f"{side}_{what}", pa.string())
        for side in ("left", "right")
        for what in ("dataset", "record")
    ]
    + [(name, pa.float64()) for name in ("similarity", "match_weight", "match_probability")]
)


def _pairs(
    table: pa.Table,
    datasets: tuple[str, ...],
    records: list[NDArray[np.str_]],
    linked: list[tuple[int, int]],
) -> tuple[Pairs, ...]:
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
    found = []
    for left, right in linked:
        here = (columns["left_dataset"] == datasets[left]) & (
            columns["right_dataset"] == datasets[right]
        )
        found.append(
            Pairs(
                left,
                right,
                np.searchsorted(records[left], columns["left_record"][here].astype(np.str_)),
                np.searchsorted(records[right], columns["right_record"][here].astype(np.str_)),
                columns["similarity"][here].astype(float),
                columns["match_weight"][here].astype(float),
                columns["match_probability"][here].astype(float),
            )
        )
    return tuple(found)
