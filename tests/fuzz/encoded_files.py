"""Encoded files: read back as they were written, or refused with a message.

Damage is random. A forger knows the format, changes the manifest or columns with a plan, and
computes the digest anew; what is read then must still be sound in itself.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import random
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.errors import LinkageError
from linkage.io import read_encodings, write_encodings
from linkage.io.encoded import read_manifest
from linkage.io.ids import read_ids
from linkage.io.sealed import new_identity, seal
from linkage.model import MAX_ID_BYTES, Encodings, expected_slices
from linkage.schema import LinkageSchema
from tests.fuzz import EDITS, Target, check_message, edited, scratch

_SCHEMA = {
    "version": 1,
    "name": "encoded",
    "level": "field",
    "filter": {"bits": 128},
    "record_id": ["id"],
    "field": [
        {"name": "surname", "type": "name", "columns": ["surname"]},
        {"name": "dob", "type": "date", "columns": ["dob"]},
    ],
    "blocking": [{"name": "names", "on": ["surname:soundex"]}, {"name": "dob", "on": ["dob"]}],
}


def check_damage(datum: dict[str, Any]) -> None:
    """Read an encoded file, plain or sealed, into which damage was put."""
    name = "sealed" if datum["sealed"] else "plain"
    content = edited(_files()[name], datum["edits"])
    if datum["splice"]:
        other = _files()["other"]
        cut = int(datum["splice"] * len(other))
        content = content[:cut] + other[cut:]
    path, identity = scratch("damage.enc.parquet"), scratch("identity.txt")
    path.write_bytes(content)
    identity.write_bytes(_files()["identity"])
    try:
        read_manifest(path, identity)
        found = read_encodings(path, identity)
    except LinkageError as error:
        check_message(error, path)
        assert content != _files()[name], "a sound file was refused"
        return
    assert any(same(found, one) for one in _written()), "read as something else"


def check_forgery(datum: dict[str, Any]) -> None:
    """Read an encoded file that somebody made who knows the format."""
    table = pq.read_table(io.BytesIO(_files()["plain"]))
    head = json.loads(table.schema.metadata[b"linkage"])
    for path, value in datum["manifest"]:
        change(head, path, value)
    for name, how, number in datum["columns"]:
        table = changed(table, name, how, number)
    if datum["sign"] and isinstance(head, dict):
        head["content_digest"] = digest_of(head, table)
    raw = json.dumps(head).encode()
    if datum["raw"] is not None:
        raw = edited(raw, datum["raw"])
    path = scratch("forged.enc.parquet")
    pq.write_table(table.replace_schema_metadata({b"linkage": raw}), path,
                   compression=datum["compression"], row_group_size=datum["group"])  # fmt: skip
    try:
        read_manifest(path)
        found = read_encodings(path)
    except LinkageError as error:
        check_message(error, path)
        assert datum["manifest"] or datum["columns"] or datum["raw"], "a sound file was refused"
        return
    if datum["sign"]:
        check_sound(found)
    else:
        assert any(same(found, one) for one in _written()), "read as something else"


def check_ids(edits: list[Any]) -> None:
    """Read a damaged table of pseudonyms."""
    path = scratch("damage.ids.parquet")
    path.write_bytes(edited(_files()["ids"], edits))
    try:
        found = read_ids(path)
    except LinkageError as error:
        check_message(error, path)
        return
    assert all(isinstance(one, str) for pair in found.items() for one in pair)


def change(node: Any, path: list[Any], value: Any) -> None:
    """Put a value at a place of a JSON tree; a step is a share of the keys or items there."""
    for depth, share in enumerate(path):
        keys = sorted(node) if isinstance(node, dict) else range(len(node))
        if not keys:
            return
        key = keys[int(share * len(keys))]
        if depth == len(path) - 1 or not isinstance(node[key], dict | list):
            if value == "\0drop":
                del node[key]
            elif value == "\0add":
                grown: Any = {"added": 1} if isinstance(node, dict) else [*node, *node]
                node.update(grown) if isinstance(node, dict) else node.extend(grown)
            else:
                node[key] = copy.deepcopy(value)
            return
        node = node[key]


def changed(table: pa.Table, name: str, how: str, number: int) -> pa.Table:
    """Give the table with one column changed."""
    place = table.column_names.index(name) if name in table.column_names else 0
    name = table.column_names[place]
    column = table.column(place).combine_chunks()
    if not len(column):
        return table
    row = number % len(column)
    cells = column.to_pylist()
    if how == "null":
        cells[row] = None
    elif how == "swap":
        cells[row], cells[0] = cells[0], cells[row]
    elif how == "copy":
        cells[row] = cells[0]
    elif how == "text" and name == "record":
        cells[row] = ["", "x" * (MAX_ID_BYTES + 1), "a\0", "a\nb", "é", "\0", "a\0b"][number % 7]
    elif how == "drop":
        return table.remove_column(place) if table.num_columns > 1 else table
    elif how == "type":
        return table.set_column(place, name, pa.array(map(str, cells), pa.large_string()))
    elif how == "rows":
        return table.slice(0, number % (len(column) + 1))
    elif how == "twice":
        return pa.concat_tables([table, table])
    elif how == "order":
        return table.select(table.column_names[::-1])
    return table.set_column(place, table.schema.field(name), pa.array(cells, column.type))


def digest_of(head: dict[str, Any], table: pa.Table) -> str:
    """Compute the content digest as the format describes it."""
    rest = {key: value for key, value in head.items() if key != "content_digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    whole = hashlib.sha256(text.encode())
    for name in table.column_names:
        cells = table[name].to_pylist()
        if name == "record":
            raw = "".join(f"{one}\n" for one in cells).encode()
        elif name == "bits":
            raw = b"".join(one if isinstance(one, bytes) else b"" for one in cells)
        else:
            size = 2 if name.startswith("popcount.") else 8
            numbers = [one if isinstance(one, int) else 0 for one in cells]
            raw = b"".join(one.to_bytes(size, "little") for one in numbers)
        whole.update(f"\n{name}:{hashlib.sha256(raw).hexdigest()}".encode())
    return whole.hexdigest()


def check_sound(found: Encodings) -> None:
    """Check all that the linker relies on."""
    rows = len(found.bits)
    assert found.slices == expected_slices(found.schema)
    assert found.bits.shape == (rows, sum(one.words for one in found.slices))
    assert found.tokens.shape == (rows, len(found.schema.blocking))
    assert found.owner.shape == (rows,)
    assert np.array_equal(np.unique(found.owner), np.arange(len(found.records)))
    assert (np.diff(found.owner) >= 0).all()
    assert len(set(found.records.tolist())) == len(found.records)
    assert all(0 < len(one) <= MAX_ID_BYTES for one in found.records.tolist())
    np.char.decode(found.records, "utf-8")


def same(one: Encodings, other: Encodings) -> bool:
    """Tell whether two encodings are equal in all that the linker uses."""
    return (
        (one.dataset, one.schema, one.key_fingerprint, one.slices)
        == (other.dataset, other.schema, other.key_fingerprint, other.slices)
        and np.array_equal(one.records, other.records)
        and np.array_equal(one.owner, other.owner)
        and np.array_equal(one.bits, other.bits)
        and np.array_equal(one.tokens, other.tokens)
    )


@lru_cache(maxsize=1)
def _files() -> dict[str, bytes]:
    """Make the files that are damaged; only the seal differs from run to run."""
    schema = LinkageSchema.from_content(_SCHEMA)
    files = {}
    for seed, name in enumerate(("plain", "other")):
        draw = random.Random(seed)
        count = 40
        table = {
            "id": [f"{name}{n:03}" for n in range(count)],
            "surname": [draw.choice(["Smith", "Khan", "", "Jones"]) for _ in range(count)],
            "dob": [f"{draw.randrange(1940, 2000)}-0{n % 9 + 1}-11" for n in range(count)],
        }
        key = ProjectKey(bytes(range(32)))
        encodings = encode(table, schema, key, dataset=name, keep_ids=True)
        path = scratch(f"{name}.enc.parquet")
        path.unlink(missing_ok=True)
        write_encodings(encodings, path)
        files[name] = path.read_bytes()
    text, recipient = new_identity()
    files["identity"] = text.encode()
    seal(scratch("plain.enc.parquet"), scratch("sealed.age"), [recipient])
    files["sealed"] = scratch("sealed.age").read_bytes()
    ids = {"record": [f"r{n}" for n in range(40)], "record_id": [str(n) for n in range(40)]}
    pq.write_table(pa.table(ids), scratch("sound.ids.parquet"))
    files["ids"] = scratch("sound.ids.parquet").read_bytes()
    return files


@lru_cache(maxsize=1)
def _written() -> tuple[Encodings, ...]:
    made = []
    for name in ("plain", "other"):
        path = scratch(f"{name}.sound.parquet")
        path.write_bytes(_files()[name])
        made.append(read_encodings(path))
    return tuple(made)


_PLACES = st.floats(0, 1, exclude_max=True, allow_subnormal=False)
_EDITS = st.lists(st.tuples(st.sampled_from(EDITS), _PLACES, st.integers(0, 2**18 - 1)), max_size=4)
_DAMAGE = st.fixed_dictionaries(
    {
        "sealed": st.sampled_from([False, False, True]),
        "splice": st.one_of(st.just(0.0), st.just(0.0), _PLACES),
        "edits": _EDITS,
    }
)
_VALUES = st.one_of(
    st.sampled_from(["\0drop", "\0add", None, True, 0, 1, -1, 2, 39, 40, 41, 80, 2**31, 2**63,
                     2**70, 10**400, 0.5, 1e308, float("nan"), float("inf"), "", "clk", "0" * 64,
                     "0" * 16, "../x", "police", "x" * 100, "\ud800", [], {}, [[]], [{}],
                     "record", "dob:year", "surname:metaphone", "name", 64, 192, 16_384]),
    st.integers(), st.text(max_size=10), st.floats(),
)  # fmt: skip
_COLUMNS = ["record", "bits", "popcount.surname", "popcount.dob", "block.names", "block.dob"]
_CHANGES = ["null", "swap", "copy", "text", "drop", "type", "rows", "twice", "order"]
_FORGERY = st.fixed_dictionaries(
    {
        "manifest": st.lists(
            st.tuples(st.lists(_PLACES, min_size=1, max_size=5), _VALUES), max_size=3
        ),
        "columns": st.lists(
            st.tuples(st.sampled_from(_COLUMNS), st.sampled_from(_CHANGES), st.integers(0, 1000)),
            max_size=2,
        ),
        "raw": st.one_of(st.none(), st.none(), _EDITS),
        "sign": st.booleans(),
        "compression": st.sampled_from(["none", "snappy", "zstd"]),
        "group": st.sampled_from([7, 1000]),
    }
)

TARGETS = (
    Target("encoded-damage", check_damage, _DAMAGE),
    Target("encoded-forgery", check_forgery, _FORGERY),
    Target("ids-damage", check_ids, _EDITS),
)
