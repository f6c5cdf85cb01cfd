"""Hide fictional people among the records of a data set, so that quality can be measured.

All agencies that hold the key plant the same people; see `docs/quality.md`. Planted records are
encoded as others are, get random pseudonyms as others do, and stand at random places. What is
missing in them is what is missing in a real row of the same chunk, drawn for each.

Limits: a planted record has no mark, but it is drawn from public tables of names. Who holds a list
of people and sees that some records fit none of them may guess which are planted.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.agency.columns import LIST_MARK, column_names, read_column
from linkage.agency.encode import Encoded, Encoder
from linkage.agency.headers import recognise
from linkage.agency.keys import ProjectKey
from linkage.agency.normalise import DATE_FORMATS, normaliser
from linkage.errors import InputError
from linkage.model import Encodings
from linkage.schema import FieldSpec, LinkageSchema

#: Begins the own ids of planted records; no real one may.
MARK = "planted:"
_ID_COLUMN = "\x00planted"
_NUMBER_DIGITS = 16
_LEAST_DONORS = 500
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Bools = NDArray[np.bool_]
#: The texts of records by what they are (a kind of `linkage.agency.headers`).
Texts = Mapping[str, NDArray[np.object_]]


@dataclass(frozen=True)
class Seeds:
    """What planted people, the data set's records of them, and their numbers are made from."""

    people: int
    records: int
    numbers: bytes

    @classmethod
    def derive(cls, key: ProjectKey, dataset: str, plant_round: str) -> Seeds:
        """Derive them from the key: the first and the last are the same for all data sets."""
        return cls(
            people=int.from_bytes(key.derive("plant-people", plant_round)),
            records=int.from_bytes(key.derive("plant-records", f"{plant_round}/{dataset}")),
            numbers=key.derive("plant-numbers", plant_round),
        )

    def __repr__(self) -> str:
        """Show nothing: who knows a seed knows who is planted."""
        return "<Seeds>"

    def numbers_of(self, digest: bytes, people: int) -> NDArray[np.str_]:
        """Give every planted person a number that tells nothing, and is the same at all agencies.

        `digest` is of who the people are, so that other people have other numbers.
        """
        state = hmac.new(self.numbers, digest, hashlib.sha256)
        made = []
        for place in range(people):
            one = state.copy()
            one.update(place.to_bytes(8, "little"))
            made.append(one.hexdigest()[:_NUMBER_DIGITS])
        return np.array(made, np.str_)

    def fingerprint(self, digest: bytes) -> str:
        """16 hexadecimal digits that are the same at all agencies that plant the same people."""
        return hmac.new(self.numbers, b"fingerprint" + digest, hashlib.sha256).hexdigest()[:16]


@dataclass(frozen=True)
class Mixed:
    """A chunk with planted records among its own: the number of each one's person, '' for real."""

    encodings: Encodings
    own_ids: NDArray[np.bytes_]
    numbers: NDArray[np.str_]


class Planter:
    """Puts planted records into the chunks of a data set, each at a random place."""

    def __init__(
        self,
        encoder: Encoder,
        key: ProjectKey,
        columns: Collection[str],
        texts: Texts,
        numbers: NDArray[np.str_],
    ) -> None:
        """Take the encoder of the data set, the columns of its file, and the planted records.

        `texts` are the records' texts, `numbers` those of their people.
        """
        schema = encoder.schema
        self._own = Encoder(schema, key, encoder.dataset, id_column=_ID_COLUMN)
        self._own.blocking = encoder.blocking  # which keys are common is a matter of the whole file
        self._random = np.random.default_rng(secrets.randbits(128))
        order = self._random.permutation(len(numbers))
        self._numbers = numbers[order]
        self._values = _values(schema, columns, {what: one[order] for what, one in texts.items()})
        self._header = {one.name: _header(one, columns) for one in schema.field}
        self._empty = {
            one.name: _missing(one, self._values[one.name]) for one in schema.field
        }
        self._done = 0
        #: The fields of the file that planted records have no value of.
        self.unfilled = [
            one.name for one in schema.field
            if self._header[one.name] and self._empty[one.name].all()
        ]  # fmt: skip

    def count_keys(self) -> None:
        """Count the block keys of the planted records, after those of the whole file."""
        self._own.count_keys(self._table(slice(None), {}))

    def hide(self, chunk: Encoded, table: Any, share: float) -> Mixed:
        """Put planted records among those of a chunk, made of `table`.

        `share` is the chunk's part of all rows that are still to come; with 1 it takes all planted
        records that are left.
        """
        own_ids = np.asarray(chunk.own_ids, np.bytes_)
        if np.char.startswith(own_ids, MARK.encode()).any():
            raise InputError(
                f"a record id begins with '{MARK}', which is kept for planted people; give such "
                "records other ids, or leave out --plant"
            )
        left = len(self._numbers) - self._done
        count = left if share >= 1 else int(self._random.binomial(left, share))
        numbers = np.zeros(len(own_ids), self._numbers.dtype)
        if not count:
            return Mixed(chunk.encodings, own_ids, numbers)
        chosen = slice(self._done, self._done + count)
        self._done += count
        planted = self._own.encode(self._table(chosen, self._gaps(table, chosen)))
        return Mixed(
            _joined(chunk.encodings, planted.encodings),
            np.concatenate([own_ids, np.asarray(planted.own_ids, np.bytes_)]),
            np.concatenate([numbers, self._numbers[chosen]]),
        )

    def _table(self, chosen: slice, gaps: Mapping[str, Bools]) -> dict[str, list[str]]:
        """Make planted records a table of the form that the schema wants."""
        ids = [f"{MARK}{place + 1:06d}" for place in range(len(self._numbers))]
        table = {_ID_COLUMN: ids[chosen]}
        for name, headers in self._header.items():
            texts = self._values[name][chosen].copy()
            if name in gaps:
                texts[gaps[name]] = ""
            for place, header in enumerate(headers):
                table[header] = texts.tolist() if place == 0 else [""] * len(texts)
        return table

    def _gaps(self, table: Any, chosen: slice) -> dict[str, Bools]:
        """Tell which cells to leave empty, such that as many are missing as in the real rows.

        Each planted record takes a real row for a model, so that cells that are missing together
        there are missing together here. A field that planted records lack now and then by
        themselves follows its model just so often that the shares agree.
        """
        count = chosen.stop - chosen.start
        rows = len(read_column(table, column_names(table)[0]).codes)
        models = self._random.integers(0, rows, max(count, _LEAST_DONORS))
        sample, gaps = table.take(models), {}
        for field in self._own.schema.field:
            headers = self._header[field.name]
            if headers:
                gap = _missing(field, _texts(sample, headers, self._own.schema.list_separator))
                present = 1 - self._empty[field.name].mean()
                follow = (present - (1 - gap.mean())) / max(present * gap.mean(), 1e-9)
                gaps[field.name] = gap[:count] & (self._random.random(count) < follow)
        return gaps


def who_has(people: int, share: float, seed: int) -> Bools:
    """Choose which of the planted people an agency has, `bool[people]`: a share, by a seed."""
    chosen = np.zeros(people, np.bool_)
    order = np.random.default_rng([seed, people]).permutation(people)
    chosen[order[: round(share * people)]] = True
    return chosen


def _values(
    schema: LinkageSchema, columns: Collection[str], texts: Texts
) -> dict[str, NDArray[np.object_]]:
    """Give the texts of every field, in a form that it reads; empty where nothing is known."""
    kinds = {one.name: _kind(one, schema) for one in schema.field}
    known = dict(texts)
    if "town" not in kinds.values():
        known["address"] = _with(texts["address"], ", ", texts["town"])
    known["full_name"] = _with(
        _with(texts["forename"], " ", texts["middle_name"]), " ", texts["surname"]
    )
    nothing = np.full(len(texts["surname"]), "", object)
    values = {}
    for field in schema.field:
        kind = kinds[field.name]
        one = known.get(kind, nothing)
        if kind == "forename" and len(_header(field, columns)) > 1:
            one = _with(one, " ", texts["middle_name"])
        if field.type == "date":
            form = (field.date_formats or DATE_FORMATS)[0]
            one = np.array([_date(text, form) for text in one], object)
        values[field.name] = one
    return values


def _kind(field: FieldSpec, schema: LinkageSchema) -> str:
    """Tell what a field holds, by its name or one of its headers; '' if they don't say."""
    for header in (field.name, *field.headers):
        found = recognise([header])[header]
        if found is not None and found.type == field.type:
            return found.name
    if field.type == "date":
        return "dob" if sum(one.type == "date" for one in schema.field) == 1 else ""
    return field.type if field.type in ("sex", "postcode") else ""


def _header(field: FieldSpec, columns: Collection[str]) -> tuple[str, ...]:
    """Give the headers under which the file has the field; none if it is without."""
    for one in field.columns:
        parts = (one,) if isinstance(one, str) else one
        if set(parts) & set(columns):
            return parts
    return ()


def _texts(table: Any, headers: Sequence[str], separator: str) -> list[str]:
    """Give the text of a field in every row; of several values, the first."""
    parts = zip(*(read_column(table, one).texts() for one in headers), strict=True)
    joined = (" ".join(filter(None, row)) for row in parts)
    return [text.replace(separator, LIST_MARK).partition(LIST_MARK)[0] for text in joined]


def _missing(field: FieldSpec, texts: Sequence[str] | NDArray[np.object_]) -> Bools:
    """Tell which texts the field's rules make nothing of."""
    read = normaliser(field)
    return np.array([not (text and read(text)) for text in texts], np.bool_)


def _with(
    one: NDArray[np.object_], sign: str, other: NDArray[np.object_]
) -> NDArray[np.object_]:
    pairs = zip(one, other, strict=True)
    return np.array([sign.join(filter(None, pair)) for pair in pairs], object)


def _date(text: str, form: str) -> str:
    """Write an ISO date in another form; not by the system, whose months may be in any language."""
    year, month, day = text.split("-") if text else ("", "1", "")
    parts = {"%Y": year, "%m": month, "%d": day, "%b": _MONTHS[int(month) - 1]}
    for part, digits in parts.items():
        form = form.replace(part, digits)
    return form if text else ""


def _joined(one: Encodings, other: Encodings) -> Encodings:
    return replace(
        one,
        records=np.concatenate([one.records, other.records]),
        owner=np.concatenate([one.owner, other.owner + len(one.records)]),
        bits=np.concatenate([one.bits, other.bits]),
        tokens=np.concatenate([one.tokens, other.tokens]),
    )
