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
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from linkage.agency.columns import LIST_MARK, read_column
from linkage.agency.encode import Encoded, Encoder
from linkage.agency.events import ReadEvents
from linkage.agency.headers import recognise
from linkage.agency.keys import ProjectKey
from linkage.agency.normalise import DATE_FORMATS, normaliser
from linkage.errors import InputError
from linkage.model import Encodings
from linkage.schema import FieldSpec, LinkageSchema

#: Begins the own ids of planted records; no real one may.
MARK = "planted:"
_ID_COLUMN = "\x00planted"
_DIGITS = 16
_LEAST_MODELS = 500
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Bools = NDArray[np.bool_]
Texts = NDArray[np.object_]


class Fictional(Protocol):
    """Records of fictional people, as `linkage.synth.planted` makes them."""

    @property
    def people(self) -> int:
        """How many people there are."""

    @property
    def person(self) -> NDArray[np.int32]:
        """The person of each record."""

    @property
    def columns(self) -> Mapping[str, Texts]:
        """The texts of the records by kind (see `linkage.agency.headers`), dates as in ISO."""

    @property
    def digest(self) -> bytes:
        """A digest of who the people are, the same for all agencies."""


@dataclass(frozen=True, repr=False)
class Seeds:
    """What planted people, a data set's records of them, and their numbers are made from."""

    people: int
    records: int
    numbers: bytes

    @classmethod
    def derive(cls, key: ProjectKey, dataset: str, plant_round: str) -> Seeds:
        """Derive them from the key; all but `records` are the same for all data sets."""
        return cls(
            people=int.from_bytes(key.derive("plant-people", plant_round)),
            records=int.from_bytes(key.derive("plant-records", f"{plant_round}/{dataset}")),
            numbers=key.derive("plant-numbers", plant_round),
        )

    def number(self, digest: bytes, person: int | None = None) -> str:
        """Give a planted person a number that tells nothing, and is the same at all agencies.

        Without a person it is a fingerprint of all. With another digest all numbers are others.
        """
        place = b"all" if person is None else person.to_bytes(8, "little")
        return hmac.new(self.numbers, digest + place, hashlib.sha256).hexdigest()[:_DIGITS]


@dataclass(frozen=True)
class WithPlanted(Encoded):
    """An encoded chunk with planted records; `numbers` has each one's person, '' for real ones."""

    numbers: NDArray[np.str_]

    @property
    def planted(self) -> Bools:
        """Which records are planted."""
        return np.asarray(self.numbers != "")

    def people(self) -> dict[str, str]:
        """Give the number of the person of each planted record."""
        records = np.char.decode(self.encodings.records[self.planted], "ascii")
        return dict(zip(records.tolist(), self.numbers[self.planted].tolist(), strict=True))


class Planter:
    """Puts planted records into the chunks of a data set, each at a random place."""

    def __init__(
        self,
        encoder: Encoder,
        key: ProjectKey,
        columns: Collection[str],
        fictional: Fictional,
        seeds: Seeds,
        *,
        share: float = 1.0,
    ) -> None:
        """Take the encoder of the data set, the columns of its file, and who is to be planted.

        Of the people the agency has the given share, which its seed chooses.
        """
        schema = encoder.schema
        self._own = Encoder(schema, key, encoder.dataset, id_column=_ID_COLUMN)
        self._own.blocking = encoder.blocking  # which keys are common is a matter of the whole file
        self._random = np.random.default_rng(secrets.randbits(128))
        chosen = _chosen(fictional.people, share, seeds.records)[fictional.person]
        order = self._random.permutation(np.flatnonzero(chosen))
        self._people = fictional.person[order]
        self._numbers = np.array(
            [seeds.number(fictional.digest, person) for person in self._people.tolist()],
            f"U{_DIGITS}",
        )
        self._headers = {one.name: _headers(one, columns) for one in schema.field}
        texts = {kind: column[order] for kind, column in fictional.columns.items()}
        self._values = _values(schema, self._headers, texts)
        self._empty = {one.name: _missing(one, self._values[one.name]) for one in schema.field}
        self._done = 0
        #: The same for agencies that plant the same people.
        self.fingerprint = seeds.number(fictional.digest)
        #: The fields of the file that no planted record has a value of.
        self.unfilled = [
            name for name, headers in self._headers.items() if headers and self._empty[name].all()
        ]

    def facts(self) -> dict[str, int | str]:
        """Say how many are planted here, and what tells agencies that they plant the same."""
        people = len(np.unique(self._people))
        return {"people": people, "records": len(self._people), "fingerprint": self.fingerprint}

    def head(self) -> dict[str, str]:
        """Describe the list of planted records."""
        return {
            "dataset": self._own.dataset,
            "key_fingerprint": self._own.key_fingerprint,
            "people_fingerprint": self.fingerprint,
        }

    def count_keys(self) -> None:
        """Count the block keys of the planted records, after those of the whole file."""
        if len(self._people):
            self._own.count_keys(self._table(slice(0, len(self._people)), {}))

    def hide(self, chunk: Encoded, table: Any, share: float) -> WithPlanted:
        """Put planted records among those of a chunk, which was made of `table`.

        `share` is the chunk's part of the rows that are still to come; with 1 it takes all planted
        records that are left.
        """
        own_ids = np.asarray(chunk.own_ids, np.bytes_)
        if np.char.startswith(own_ids, MARK.encode()).any():
            raise InputError(
                f"a record id begins with '{MARK}', which is kept for planted people; give such "
                "records other ids, or leave out --plant"
            )
        left = len(self._people) - self._done
        count = left if share >= 1 else int(self._random.binomial(left, share))
        numbers = np.zeros(len(own_ids), self._numbers.dtype)
        if not count:
            return WithPlanted(chunk.encodings, own_ids, chunk.counts, numbers, events=chunk.events)
        chosen = slice(self._done, self._done + count)
        self._done += count
        planted = self._own.encode(self._table(chosen, self._gaps(table, chosen)))
        return WithPlanted(
            _joined(chunk.encodings, planted.encodings),
            np.concatenate([own_ids, np.asarray(planted.own_ids, np.bytes_)]),
            chunk.counts,
            np.concatenate([numbers, self._numbers[chosen]]),
            events=self._with_events(chunk.events, len(own_ids), count),
        )

    def _with_events(self, read: ReadEvents | None, records: int, count: int) -> ReadEvents | None:
        """Give each planted record the events of a real one, or it would show for want of any."""
        if read is None or not records:
            return read
        models = self._random.integers(0, records, count)
        return replace(read, events=read.events.with_copies(models, records))

    def _table(self, chosen: slice, gaps: Mapping[str, Bools]) -> dict[str, list[str]]:
        """Make planted records a table of the form that the schema wants."""
        places = range(chosen.start + 1, chosen.stop + 1)
        table = {_ID_COLUMN: [f"{MARK}{place:06d}" for place in places]}
        for name, headers in self._headers.items():
            texts = self._values[name][chosen].copy()
            if name in gaps:
                texts[gaps[name]] = ""
            for place, header in enumerate(headers):
                table[header] = texts.tolist() if place == 0 else [""] * len(texts)
        return table

    def _gaps(self, table: Any, chosen: slice) -> dict[str, Bools]:
        """Tell which cells to leave empty, such that as many are missing as in the real rows.

        Each planted record takes a real row for a model, so that cells that are missing together
        there are missing together here. A field that some planted people have no value of, such as
        middle names, follows its model only so often that the shares agree.
        """
        count = chosen.stop - chosen.start
        models = self._random.integers(0, len(table), max(count, _LEAST_MODELS))
        sample, gaps = table.take(models), {}
        for field in self._own.schema.field:
            headers = self._headers[field.name]
            if headers:
                gap = _missing(field, _texts(sample, headers, self._own.schema.list_separator))
                has, wanted = 1 - self._empty[field.name].mean(), 1 - gap.mean()
                follow = (has - wanted) / max(has * (1 - wanted), 1e-9)
                gaps[field.name] = gap[:count] & (self._random.random(count) < follow)
        return gaps


def _chosen(people: int, share: float, seed: int) -> Bools:
    """Choose a share of the people by a seed, `bool[people]`."""
    order = np.random.default_rng([seed, people]).permutation(people)
    return np.asarray(order < round(share * people))


def _values(
    schema: LinkageSchema, headers: Mapping[str, tuple[str, ...]], texts: Mapping[str, Texts]
) -> dict[str, Texts]:
    """Give the texts of every field, in a form that it reads; empty where nothing is known."""
    kinds = {one.name: _kind(one, schema) for one in schema.field}
    known = dict(texts)
    if "town" not in kinds.values():
        known["address"] = _with(texts["address"], ", ", texts["town"])
    given = _with(texts["forename"], " ", texts["middle_name"])
    known["full_name"] = _with(given, " ", texts["surname"])
    nothing = np.full(len(given), "", object)
    values = {}
    for field in schema.field:
        kind = kinds[field.name]
        # Forenames of several columns, joined: the second is a middle name.
        several = kind == "forename" and len(headers[field.name]) > 1
        column = given if several else known.get(kind, nothing)
        if field.type == "date":
            form = (field.date_formats or DATE_FORMATS)[0]
            column = np.array([_date(text, form) for text in column], object)
        values[field.name] = column
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


def _headers(field: FieldSpec, columns: Collection[str]) -> tuple[str, ...]:
    """Give the headers under which the file has the field; none if it is without."""
    for one in field.columns:
        parts = (one,) if isinstance(one, str) else one
        if set(parts) & set(columns):
            return parts
    return ()


def _texts(table: Any, headers: Sequence[str], separator: str) -> list[str]:
    """Give the text of a field in every row; of several values, the first."""
    rows = zip(*(read_column(table, one).texts() for one in headers), strict=True)
    joined = (" ".join(filter(None, row)) for row in rows)
    return [text.replace(separator, LIST_MARK).partition(LIST_MARK)[0] for text in joined]


def _missing(field: FieldSpec, texts: Sequence[str] | Texts) -> Bools:
    """Tell which texts the field's rules make nothing of."""
    read = normaliser(field)
    return np.array([not (text and read(text)) for text in texts], np.bool_)


def _with(one: Texts, sign: str, other: Texts) -> Texts:
    """Put two texts behind each other, with a sign between them where both are there."""
    pairs = zip(one, other, strict=True)
    return np.array([sign.join(filter(None, pair)) for pair in pairs], object)


def _date(text: str, form: str) -> str:
    """Write an ISO date in another form; not by the system, whose months may be in any language."""
    if not text:
        return ""
    year, month, day = text.split("-")
    parts = {"%Y": year, "%m": month, "%d": day, "%b": _MONTHS[int(month) - 1]}
    for part, digits in parts.items():
        form = form.replace(part, digits)
    return form


def _joined(one: Encodings, other: Encodings) -> Encodings:
    return replace(
        one,
        records=np.concatenate([one.records, other.records]),
        owner=np.concatenate([one.owner, other.owner + len(one.records)]),
        bits=np.concatenate([one.bits, other.bits]),
        tokens=np.concatenate([one.tokens, other.tokens]),
    )
