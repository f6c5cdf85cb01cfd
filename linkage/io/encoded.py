"""The encoded file: Parquet with one row per alias row, and a manifest in its metadata.

==============  =======================  ================================================
column          type                     holds
==============  =======================  ================================================
record          string                   pseudonymous id; rows of a record are adjacent
bits            fixed-size binary        all slices, 64-bit little-endian words
popcount.SLICE  uint16                   set bits of one slice
block.PASS      uint64, null if missing  keyed block key of one blocking pass
==============  =======================  ================================================

The manifest (`linkage.model.Manifest`) is JSON under the key `linkage`. Its content digest covers
the manifest and every column, so that truncation and edits show. It is no signature: whoever can
edit the file on purpose can compute it anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from linkage import __version__
from linkage.errors import InputError, MismatchError, shown
from linkage.io.clks import read_clks
from linkage.io.ids import text_array, text_order
from linkage.io.outputs import new_file
from linkage.io.records import record_ids, repeats
from linkage.io.sealed import opened, seal
from linkage.kernels.bits import popcounts
from linkage.model import FORMAT_VERSION, Encodings, Manifest, expected_slices
from linkage.schema import LinkageSchema

_METADATA_KEY = b"linkage"
_MAX_METADATA_BYTES = 1 << 20
_BATCH_ROWS = 1 << 17


def write_encodings(encodings: Encodings, path: str | Path) -> Manifest:
    """Write an encoded file, whole or not at all. Raises `UsageError` if it exists."""
    with encodings_writer(path) as writer:
        writer.write(encodings)
    return writer.manifest


@contextmanager
def encodings_writer(path: str | Path, recipients: Sequence[str] = ()) -> Iterator[EncodingsWriter]:
    """Open an encoded file to be written chunk by chunk, whole or not at all.

    With recipients (`age1...`) the file is sealed for them.
    """
    with new_file(Path(path)) as draft:
        plain = draft.with_name(f"{draft.name}.plain") if recipients else draft
        writer = EncodingsWriter(plain)
        try:
            yield writer
            writer.finish()
            writer.close()
            if recipients:
                seal(plain, draft, recipients)
        finally:
            writer.close()
            if recipients:
                plain.unlink(missing_ok=True)


class EncodingsWriter:
    """Writes chunks of one data set. A chunk's rows are ordered by record id.

    Pseudonyms are random, so the order of rows tells nothing about the agency's own order within
    a chunk.
    """

    manifest: Manifest

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: pq.ParquetWriter | None = None
        self._digest: _ContentDigest | None = None
        self._head: dict[str, Any] = {}
        self._rows = 0
        self._records = 0
        self._chance: list[list[float]] | None = None
        #: Rows of the agency's file that were left out; set it before the file is finished.
        self.rejected = 0

    def write(self, encodings: Encodings) -> None:
        """Add one chunk. No record may have rows in two chunks."""
        if self._file is None:
            self._head = _head(encodings)
            schema = _arrow_schema(self._head, encodings.schema)
            self._digest = _ContentDigest(schema.names)
            self._file = pq.ParquetWriter(
                self._path,
                schema,
                compression="none",
                use_dictionary=False,
                write_statistics=False,
                store_schema=False,
            )
        order = text_order(encodings.records)
        if len(encodings.owner) > len(order):  # rows of a record stay together, in their order
            order = np.argsort(np.argsort(order)[encodings.owner], kind="stable")
        for start in range(0, len(order), _BATCH_ROWS):
            rows = order[start : start + _BATCH_ROWS]
            columns = _columns(encodings, rows)
            assert self._digest is not None
            self._digest.update(columns)
            self._file.write_batch(_batch(columns, self._file.schema))
        if encodings.chance is not None:
            self._chance = encodings.chance.tolist()
        self._rows += len(order)
        self._records += len(encodings.records)

    def finish(self) -> None:
        """Write the manifest. Raises `InputError` if no record was written."""
        if self._file is None or self._digest is None or self._rows == 0:
            raise InputError("there is no record to write")
        head = self._head | {
            "rows": self._rows,
            "records": self._records,
            "rejected": self.rejected,
        }
        if self._chance is not None:
            head["chance"] = self._chance
        head["content_digest"] = self._digest.close(head)
        self.manifest = Manifest.model_validate(head)
        self._file.add_key_value_metadata({_METADATA_KEY.decode(): _canonical(head)})

    def close(self) -> None:
        """Close the file, finished or not."""
        if self._file is not None:
            self._file.close()


def read_manifest(path: str | Path, identity: Path | None = None) -> Manifest:
    """Read what an encoded file says of itself, without reading its rows.

    Raises `InputError` for a file that is none, `MismatchError` for another format version.
    """
    with (
        opened(Path(path), identity) as raw,
        _damage_is_input_error(path),
        pq.ParquetFile(raw) as file,
    ):
        return _manifest(file, Path(path))


def read_encodings(path: str | Path, identity: Path | None = None) -> Encodings:
    """Read and check a whole encoded file; a sealed one with the linker's identity.

    Also reads the JSON form in which clkhash's clients exchange CLKs.

    Raises `InputError` for a file that is damaged, cut short, edited or none at all,
    `MismatchError` for another format version or somebody else's seal, and `UsageError` for a
    sealed file without an identity.
    """
    if Path(path).suffix.lower() == ".json":
        return read_clks(Path(path))
    with (
        opened(Path(path), identity) as raw,
        _damage_is_input_error(path),
        pq.ParquetFile(raw) as file,
    ):
        manifest = _manifest(file, Path(path))
        schema = LinkageSchema.from_content(manifest.schema_content)
        _check_shape(file, manifest, Path(path), os.fstat(raw.fileno()).st_size)
        encodings, digest = _read_rows(file, manifest, schema, path)
    head = manifest.model_dump(mode="json", exclude=None if manifest.chance else {"chance"})
    if (
        digest.close({k: v for k, v in head.items() if k != "content_digest"})
        != head["content_digest"]
    ):
        raise InputError(
            f"{path}: the content does not fit its digest: the file was damaged or edited. "
            "Ask the agency to send it again"
        )
    _check_encodings(encodings, path)
    return encodings


def _read_rows(
    file: pq.ParquetFile, manifest: Manifest, schema: LinkageSchema, path: str | Path
) -> tuple[Encodings, _ContentDigest]:
    rows, width = manifest.rows, manifest.words
    ids: list[NDArray[np.bytes_]] = []
    bits = np.empty((rows, width), np.uint64)
    tokens = np.empty((rows, len(manifest.passes)), np.uint64)
    digest = _ContentDigest(file.schema_arrow.names)
    ends = np.concatenate([[0], np.cumsum([one.words for one in manifest.slices])])
    counted = [] if schema.anchored else [f"popcount.{one.name}" for one in manifest.slices]
    start = 0
    for batch in file.iter_batches(batch_size=_BATCH_ROWS):
        stop = start + batch.num_rows
        if stop > rows:
            break
        if any(batch.column(name).null_count for name in ("record", "bits", *counted)):
            raise InputError(f"{path}: a row without record, bits or popcounts; the file is bad")
        ids.append(record_ids(batch.column("record"), path))
        bits[start:stop] = _words(batch.column("bits"), width)
        for place, name in enumerate(manifest.passes):
            column = batch.column(f"block.{name}").fill_null(0)
            tokens[start:stop, place] = column.to_numpy(zero_copy_only=False)
        counts = np.array([batch.column(name).to_numpy() for name in counted], np.uint16).T
        if counted and not np.array_equal(
            counts, popcounts(bits[start:stop], ends.astype(np.int64))
        ):
            raise InputError(f"{path}: the popcounts do not fit the bits; the file was edited")
        digest.update(
            {"record": ids[-1], "bits": bits[start:stop]}
            | {name: counts[:, place] for place, name in enumerate(counted)}
            | {f"block.{n}": tokens[start:stop, p] for p, n in enumerate(manifest.passes)}
        )
        start = stop
    if start != rows:
        raise InputError(
            f"{path}: not {rows} rows as the manifest says; it was cut short or edited"
        )
    row_ids = np.concatenate(ids)
    first = np.concatenate([[True], row_ids[1:] != row_ids[:-1]])
    return (
        Encodings(
            dataset=manifest.dataset,
            schema=schema,
            key_fingerprint=manifest.key_fingerprint,
            records=row_ids[first],
            owner=np.cumsum(first) - 1,
            bits=bits,
            slices=tuple(manifest.slices),
            tokens=tokens,
            chance=None if manifest.chance is None else np.array(manifest.chance),
        ),
        digest,
    )


def _check_encodings(encodings: Encodings, path: str | Path) -> None:
    if repeats(encodings.records):
        raise InputError(f"{path}: a record id appears twice, in rows that are not adjacent")


def _manifest(file: pq.ParquetFile, path: Path) -> Manifest:
    raw = (file.metadata.metadata or {}).get(_METADATA_KEY)
    if raw is None:
        raise InputError(f"{path}: Parquet, but not an encoded file; `linkage encode` makes one")
    if len(raw) > _MAX_METADATA_BYTES:
        raise InputError(f"{path}: the manifest is larger than {_MAX_METADATA_BYTES} bytes")
    try:
        content = json.loads(raw)
        version = content["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{path}: the manifest can't be read; the file was edited") from None
    if version != FORMAT_VERSION:
        raise MismatchError(
            f"{path}: format version {shown(version, 20)}; this release reads version "
            f"{FORMAT_VERSION}. Encode the file anew, or use the release that wrote it"
        )
    try:
        manifest = Manifest.model_validate(content)
        digest = LinkageSchema.from_content(manifest.schema_content).digest()
    except (ValidationError, InputError, MismatchError):
        raise InputError(f"{path}: the manifest is not valid; the file was edited") from None
    if digest != manifest.schema_digest:
        raise InputError(f"{path}: the schema in the manifest does not fit its own digest")
    return manifest


def _check_shape(file: pq.ParquetFile, manifest: Manifest, path: Path, size: int) -> None:
    """Refuse a file whose columns or size do not fit its manifest, before any row is read."""
    schema = LinkageSchema.from_content(manifest.schema_content)
    if file.schema_arrow.remove_metadata() != _arrow_schema(manifest.model_dump(), schema):
        raise InputError(f"{path}: the columns do not fit the manifest; the file was edited")
    least_size = manifest.rows * manifest.words * 8
    if file.metadata.num_rows != manifest.rows or size < least_size:
        raise InputError(
            f"{path}: the manifest says {manifest.rows} rows and the file has "
            f"{file.metadata.num_rows}; it was cut short or edited"
        )
    passes = [one.name for one in schema.blocking]
    if manifest.passes != passes or manifest.slices != list(expected_slices(schema)):
        raise InputError(f"{path}: slices or blocking passes do not fit the schema; it was edited")
    shape = (len(schema.compared_fields), len(schema.decision.agreement) + 3)
    if schema.anchored and np.shape(manifest.chance or []) != shape:
        raise InputError(f"{path}: no shares of chance agreement fit the schema; it was edited")
    if manifest.hardening != schema.hardening_texts:
        raise InputError(
            f"{path}: the manifest names another hardening than its schema; the file was edited, "
            "or written by another release"
        )


def _head(encodings: Encodings) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "dataset": encodings.dataset,
        "schema_digest": encodings.schema.digest(),
        "schema_content": encodings.schema.content(),
        "key_fingerprint": encodings.key_fingerprint,
        "hardening": encodings.schema.hardening_texts,
        "slices": [one.model_dump() for one in encodings.slices],
        "passes": [one.name for one in encodings.schema.blocking],
        "software": f"linkage {__version__}",
    }


def _arrow_schema(head: dict[str, Any], schema: LinkageSchema) -> pa.Schema:
    words = sum(one["words"] for one in head["slices"])
    fields = [
        pa.field("record", pa.string()),
        pa.field("bits", pa.binary(8 * words)),
    ]
    if not schema.anchored:  # of which each has half of its bits set
        fields += [pa.field(f"popcount.{one['name']}", pa.uint16()) for one in head["slices"]]
    return pa.schema(fields + [pa.field(f"block.{name}", pa.uint64()) for name in head["passes"]])


def _columns(encodings: Encodings, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    bits = np.ascontiguousarray(encodings.bits[rows], "<u8")
    columns: dict[str, NDArray[Any]] = {
        "record": encodings.records[encodings.owner[rows]],
        "bits": bits,
    }
    if not encodings.schema.anchored:
        counts = popcounts(bits, encodings.slice_ends).astype("<u2")
        for place, slice_ in enumerate(encodings.slices):
            columns[f"popcount.{slice_.name}"] = counts[:, place]
    tokens = np.ascontiguousarray(encodings.tokens[rows].T)
    for place, one in enumerate(encodings.schema.blocking):
        columns[f"block.{one.name}"] = tokens[place]
    return columns


def _batch(columns: dict[str, NDArray[Any]], schema: pa.Schema) -> pa.RecordBatch:
    bits = columns["bits"]
    arrays = [
        text_array(columns["record"]),
        pa.Array.from_buffers(schema.field("bits").type, len(bits), [None, pa.py_buffer(bits)]),
    ]
    for name in schema.names[2:]:
        cells = np.ascontiguousarray(columns[name])
        mask = np.packbits(cells != 0, bitorder="little") if name.startswith("block.") else None
        buffers = [mask if mask is None else pa.py_buffer(mask), pa.py_buffer(cells)]
        arrays.append(pa.Array.from_buffers(schema.field(name).type, len(cells), buffers))
    return pa.record_batch(arrays, schema=schema)


def _words(column: pa.Array, width: int) -> NDArray[np.uint64]:
    whole = np.frombuffer(column.buffers()[1], "<u8")
    return whole[column.offset * width : (column.offset + len(column)) * width].reshape(-1, width)


def _canonical(content: dict[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _lines(texts: NDArray[np.bytes_]) -> bytes:
    """Give the texts, which hold no NUL, each with a line feed behind it."""
    cells = np.zeros((len(texts), texts.itemsize + 1), np.uint8)
    cells[:, :-1] = np.ascontiguousarray(texts).view(np.uint8).reshape(len(texts), -1)
    cells[:, -1] = ord("\n")
    text: bytes = cells[cells != 0].tobytes()
    return text


class _ContentDigest:
    """SHA-256 of the manifest and of every column; how rows are grouped doesn't matter."""

    def __init__(self, names: list[str]) -> None:
        self._columns = {name: hashlib.sha256() for name in names}

    def update(self, columns: dict[str, NDArray[Any]]) -> None:
        for name, state in self._columns.items():
            values = columns[name]
            if values.dtype.kind == "S":
                state.update(_lines(values))
            else:
                state.update(np.ascontiguousarray(values).data)

    def close(self, head: dict[str, Any]) -> str:
        whole = hashlib.sha256(_canonical(head).encode())
        for name, state in self._columns.items():
            whole.update(f"\n{name}:{state.hexdigest()}".encode())
        return whole.hexdigest()


@contextmanager
def _damage_is_input_error(path: str | Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, EOFError, UnicodeDecodeError):
        raise InputError(
            f"{path}: not a readable Parquet file; it is damaged, cut short or of another format"
        ) from None
    except OSError as error:
        if error.errno is None:
            raise InputError(f"{path}: damaged or cut short; ask for the file again") from None
        raise InputError(f"{path}: can't read it: {error.strerror}") from None
