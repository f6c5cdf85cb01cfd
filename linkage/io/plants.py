"""The list of planted records: what an agency keeps while the linker works, and then gives it.

Parquet with the columns `record` (pseudonym) and `person` (a number that tells nothing but which
records are one planted person), and JSON in its metadata under the key `linkage`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from linkage.errors import InputError, MismatchError
from linkage.io.ids import read_unique, stem_of
from linkage.io.outputs import new_file
from linkage.model import DatasetName

PLANTS_VERSION = 1
MOST_PLANTS = 1_000_000
_METADATA_KEY = b"linkage"
_MAX_METADATA_BYTES = 4096
_SCHEMA = pa.schema([("record", pa.string()), ("person", pa.string())])
_WHAT = "a list of planted records, as `encode --plant` writes it"

Hex16 = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class PlantsHead(BaseModel):
    """What a list says of itself. `people_fingerprint` is the same where the people are."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    plants_version: int = PLANTS_VERSION
    dataset: DatasetName
    key_fingerprint: Hex16
    people_fingerprint: Hex16


@dataclass(frozen=True)
class Plants:
    """The planted records of one data set: the number of each one's person."""

    head: PlantsHead
    person: dict[str, str]


def plants_path(encoded: Path) -> Path:
    """Name the list beside an encoded file: `police.plants.parquet` for `police.enc.parquet`."""
    return encoded.with_name(f"{stem_of(encoded)}.plants.parquet")


@contextmanager
def plants_writer(path: Path, head: PlantsHead) -> Iterator[dict[str, str]]:
    """Yield the person by record, to be filled; then write it, whole or not at all, mode 0600."""
    with new_file(path) as draft:
        draft.touch(mode=0o600)
        person: dict[str, str] = {}
        yield person
        rows = sorted(person.items())  # pseudonyms are random, and so is this order
        schema = _SCHEMA.with_metadata({_METADATA_KEY: head.model_dump_json().encode()})
        table = pa.table([[row[0] for row in rows], [row[1] for row in rows]], schema=schema)
        pq.write_table(table, draft, compression="none")


def read_plants(path: Path) -> Plants:
    """Read and check a list. Raises `InputError`, and `MismatchError` for another version."""
    try:
        with pq.ParquetFile(path) as file:
            raw = (file.metadata.metadata or {}).get(_METADATA_KEY, b"")
            rows = file.metadata.num_rows
    except (pa.ArrowException, OSError):
        raise InputError(f"{path}: not {_WHAT}") from None
    head = _head(path, raw)
    if not 0 < rows <= MOST_PLANTS:
        raise InputError(f"{path}: {rows:,} planted records; a list has 1 to {MOST_PLANTS:,}")
    person = read_unique(path, "record", "person", _WHAT)
    if not all(re.fullmatch("[0-9a-f]{16}", number) for number in person.values()):
        raise InputError(f"{path}: damaged or edited: a person's number is none")
    return Plants(head, person)


def _head(path: Path, raw: bytes) -> PlantsHead:
    try:
        content = json.loads(raw) if len(raw) <= _MAX_METADATA_BYTES else None
        if isinstance(content, dict) and content.get("plants_version", 1) != PLANTS_VERSION:
            raise MismatchError(f"{path}: planted by another release; use the one that wrote it")
        return PlantsHead.model_validate(content)
    except (ValidationError, ValueError, RecursionError):
        raise InputError(f"{path}: not {_WHAT}") from None
