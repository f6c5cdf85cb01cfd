"""The events file: years and types of events by pseudonym, which an agency may pass along.

======  ======  =====================================================================
column  type    holds
======  ======  =====================================================================
record  string  pseudonymous id of the encoded file; rows of a record are adjacent
year    int16   the year of the event, and nothing finer
type    uint8   the place of its type in the head's closed list, from 0
======  ======  =====================================================================

The head is JSON in the metadata under the key `linkage-events`. It is a file of its own, so that
whoever links need not have it, and whoever counts need not have encodings. Events of a year and a
type that few records have are left out when all are known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from linkage import __version__
from linkage.errors import InputError, MismatchError, shown
from linkage.events import FIRST_YEAR, LAST_YEAR, MOST_TYPES, Events, EventSpec, TypeName
from linkage.io.ids import stem_of, text_array, text_order
from linkage.io.outputs import new_file
from linkage.io.records import record_ids, repeats
from linkage.io.sealed import opened, seal
from linkage.model import DatasetName, Hex64

EVENTS_VERSION = 1
_METADATA_KEY = b"linkage-events"
_MAX_METADATA_BYTES = 1 << 16
_BATCH_ROWS = 1 << 17
#: An event takes more bytes than this in a file: no row count can be forged beyond its size.
_LEAST_BYTES = 8
_SCHEMA = pa.schema([("record", pa.string()), ("year", pa.int16()), ("type", pa.uint8())])
_WHAT = "an events file, as `encode` writes it"


class EventsHead(BaseModel):
    """What an events file says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    events_version: int = EVENTS_VERSION
    dataset: DatasetName
    schema_digest: Hex64
    types: Annotated[list[TypeName], Field(min_length=1, max_length=MOST_TYPES)]
    years: tuple[int, int]
    at_least: Annotated[int, Field(ge=1)]
    rows: Annotated[int, Field(ge=0)] = 0
    software: Annotated[str, Field(max_length=80)] = f"linkage {__version__}"
    content_digest: Hex64 = "0" * 64


@dataclass(frozen=True)
class EventsOfRecords:
    """The content of an events file: `events.owner` counts over `records`, `S[records]`."""

    head: EventsHead
    records: NDArray[np.bytes_]
    events: Events


def events_path(encoded: Path) -> Path:
    """Name the file beside an encoded one: `police.events.parquet` for `police.enc.parquet`."""
    sealed = ".age" if encoded.suffix == ".age" else ""
    return encoded.with_name(f"{stem_of(encoded)}.events.parquet{sealed}")


def is_events_file(path: Path, identity: Path | None = None) -> bool:
    """Tell whether a file is an events file, damaged or not."""
    try:
        with opened(path, identity) as raw, pq.ParquetFile(raw) as file:
            return _METADATA_KEY in (file.metadata.metadata or {})
    except (pa.ArrowException, OSError):
        return False


@contextmanager
def events_writer(
    path: Path, dataset: str, schema_digest: str, spec: EventSpec, recipients: Sequence[str] = ()
) -> Iterator[EventsWriter]:
    """Open an events file to be written chunk by chunk, whole or not at all.

    With recipients (`age1...`) it is sealed for them.
    """
    head = EventsHead(
        dataset=dataset,
        schema_digest=schema_digest,
        types=list(spec.types),
        years=spec.years,
        at_least=spec.at_least,
    )
    with new_file(path) as draft, ExitStack() as drafts:
        every = draft.with_name(f"{draft.name}.all")
        plain = draft.with_name(f"{draft.name}.plain") if recipients else draft
        for one in {every, plain} - {draft}:
            drafts.callback(one.unlink, missing_ok=True)
        with _parquet(every) as file:
            writer = EventsWriter(file, head)
            yield writer
        writer.finish(every, plain)
        if recipients:
            seal(plain, draft, recipients)


class EventsWriter:
    """Writes the events of chunks; a chunk's rows are ordered by record id, which is random."""

    def __init__(self, file: pq.ParquetWriter, head: EventsHead) -> None:
        self._file, self._head = file, head
        self._counts = np.zeros((LAST_YEAR + 1, len(head.types)), np.int64)
        #: Records with an event that is passed along, and events that are held back.
        self.records = self.passed = self.held_back = 0

    def write(self, records: NDArray[np.bytes_], events: Events) -> None:
        """Add the events of one chunk's records. No record may have some in two chunks."""
        np.add.at(self._counts, (events.year, events.type), 1)
        place = np.empty(len(records), np.int64)
        place[text_order(records)] = np.arange(len(records))
        order = np.argsort(place[events.owner], kind="stable")
        for start in range(0, len(order), _BATCH_ROWS):
            rows = order[start : start + _BATCH_ROWS]
            ids = records[events.owner[rows]]
            self._file.write_batch(_batch(ids, events.year[rows], events.type[rows]))

    def finish(self, every: Path, target: Path) -> None:
        """Copy the events that enough records share, and describe them."""
        common = self._counts >= self._head.at_least
        self.passed = int(self._counts[common].sum())
        self.held_back = int(self._counts.sum()) - self.passed
        digest, last = _Digest(), b""
        with (
            pq.ParquetFile(every) as source,
            _parquet(target) as file,
        ):
            for batch in source.iter_batches(batch_size=_BATCH_ROWS):
                ids = record_ids(batch.column("record"), every)
                year, type_ = (batch.column(one).to_numpy() for one in ("year", "type"))
                kept = common[year, type_]
                if not kept.any():
                    continue
                ids, year, type_ = ids[kept], year[kept], type_[kept]
                self.records += int(np.count_nonzero(ids[1:] != ids[:-1])) + (ids[0] != last)
                last = ids[-1]
                digest.update(ids, year, type_)
                file.write_batch(_batch(ids, year, type_))
            head = self._head.model_dump(mode="json") | {"rows": self.passed}
            head["content_digest"] = digest.close(head)
            file.add_key_value_metadata({_METADATA_KEY.decode(): _canonical(head)})


def read_events(path: Path, identity: Path | None = None) -> EventsOfRecords:
    """Read and check an events file; a sealed one with the identity of a recipient.

    Raises `InputError` for a file that is damaged, edited or none, with a year or a type that its
    head does not allow, `MismatchError` for another version or somebody else's seal, and
    `UsageError` for a sealed file without an identity.
    """
    try:
        with opened(path, identity) as raw, pq.ParquetFile(raw) as file:
            head = _head(path, file)
            raw.seek(0, 2)
            if file.metadata.num_rows != head.rows or head.rows * _LEAST_BYTES > raw.tell():
                raise InputError(f"{path}: not {head.rows} events as it says; it was cut short")
            table = file.read()
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError):
        raise InputError(f"{path}: damaged, cut short, or not {_WHAT}") from None
    if any(column.null_count for column in table.columns):
        raise InputError(f"{path}: an event without record, year or type; the file was edited")
    ids = record_ids(table["record"].combine_chunks(), path)
    year, type_ = (table[one].to_numpy() for one in ("year", "type"))
    _check_values(path, head, year, type_)
    digest = _Digest()
    digest.update(ids, year, type_)
    if digest.close(head.model_dump(mode="json")) != head.content_digest:
        raise InputError(
            f"{path}: the content does not fit its digest: the file was damaged or edited. Ask "
            "the agency to send it again"
        )
    first = np.append(True, ids[1:] != ids[:-1])[: len(ids)]
    if repeats(ids[first]):
        raise InputError(f"{path}: the events of a record are not side by side; it was edited")
    return EventsOfRecords(head, ids[first], Events(np.cumsum(first) - 1, year, type_))


def _check_values(
    path: Path, head: EventsHead, year: NDArray[np.int16], type_: NDArray[np.uint8]
) -> None:
    first, last = head.years
    for what, values, low, high in (
        ("year", year, first, last),
        ("type", type_, 0, len(head.types) - 1),
    ):
        bad = np.flatnonzero((values < low) | (values > high))
        if len(bad):
            raise InputError(
                f"{path}: row {bad[0] + 1}: the {what} {values[bad[0]]} is none from {low} to "
                f"{high}, which the agencies agreed on; the file was edited"
            )


def _head(path: Path, file: pq.ParquetFile) -> EventsHead:
    raw = (file.metadata.metadata or {}).get(_METADATA_KEY)
    if raw is None or len(raw) > _MAX_METADATA_BYTES:
        raise InputError(f"{path}: not {_WHAT}")
    try:
        content = json.loads(raw)
        version = content["events_version"]
        if version != EVENTS_VERSION:
            raise MismatchError(
                f"{path}: events of version {shown(version, 20)}; this release reads version "
                f"{EVENTS_VERSION}. Encode anew, or use the release that wrote it"
            )
        head = EventsHead.model_validate(content | {"years": tuple(content["years"])})
    except (ValidationError, ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{path}: not {_WHAT}; its head was edited") from None
    if file.schema_arrow.remove_metadata() != _SCHEMA:
        raise InputError(f"{path}: has other columns than record, year and type; it was edited")
    first, last = head.years
    if not FIRST_YEAR <= first <= last <= LAST_YEAR or len(set(head.types)) < len(head.types):
        raise InputError(f"{path}: allows events that no schema can; it was edited")
    return head


def _parquet(path: Path) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        _SCHEMA,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
    )


def _batch(
    records: NDArray[np.bytes_], year: NDArray[np.int16], type_: NDArray[np.uint8]
) -> pa.RecordBatch:
    return pa.record_batch([text_array(records), pa.array(year), pa.array(type_)], schema=_SCHEMA)


def _canonical(head: dict[str, Any]) -> str:
    return json.dumps(head, sort_keys=True, separators=(",", ":"))


class _Digest:
    """SHA-256 of the head and of every column; how rows are grouped doesn't matter."""

    def __init__(self) -> None:
        self._columns = [hashlib.sha256() for _ in _SCHEMA]

    def update(
        self, records: NDArray[np.bytes_], year: NDArray[np.int16], type_: NDArray[np.uint8]
    ) -> None:
        lines = (b"\n".join(records.tolist()) + b"\n") if len(records) else b""
        for state, data in zip(self._columns, (lines, year, type_), strict=True):
            state.update(data if isinstance(data, bytes) else np.ascontiguousarray(data).data)

    def close(self, head: dict[str, Any]) -> str:
        told = {name: value for name, value in head.items() if name != "content_digest"}
        whole = hashlib.sha256(_canonical(told).encode())
        for field, state in zip(_SCHEMA, self._columns, strict=True):
            whole.update(f"\n{field.name}:{state.hexdigest()}".encode())
        return whole.hexdigest()
