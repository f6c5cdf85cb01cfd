"""What `schema tune` measures: how each encoding links a sample, and how many people it gives away.

Everything is encoded under a random key, and nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.agency.choices import Choice
from linkage.agency.encode import Encoder, new_records
from linkage.agency.keys import ProjectKey
from linkage.agency.neighbours import Rows
from linkage.agency.one_person import first_rows, signs_of_one_person
from linkage.agency.second_view import second_view
from linkage.agency.tokens import key_parts
from linkage.audit.attack import PEOPLE, Attack
from linkage.audit.finding import Finding, Setting
from linkage.audit.matching import GraphMatching
from linkage.audit.methods import SchemaMethod, column_of, texts_of
from linkage.audit.plan import PLAIN
from linkage.audit.samples import sizes
from linkage.audit.structure import ColourRefinement
from linkage.audit.trial import Sight, try_attack
from linkage.engine.local import link
from linkage.errors import InputError
from linkage.model import Encodings
from linkage.schema import LinkageSchema

Ints = NDArray[np.int64]
Texts = dict[str, NDArray[np.str_]]

#: People that a sample needs: below, neither F1 nor a share of people named says anything.
LEAST_PEOPLE = 100
#: Rows drawn for each that is wanted, for those that look like one person are left out.
_DRAWN = 3
#: An attack that named so many people is not restarted.
ENOUGH = 0.5


@dataclass(frozen=True, repr=False)
class Sample:
    """One record of each of some people: normalised texts by field."""

    rows: Texts

    def __len__(self) -> int:
        return len(next(iter(self.rows.values())))

    def take(self, chosen: Ints) -> Texts:
        """Give the texts of some people."""
        return {name: texts[chosen] for name, texts in self.rows.items()}


@dataclass(frozen=True)
class Measured:
    """An encoding as it was measured: F1, bytes a row, and what attacks on people found."""

    choice: Choice
    text: str = field(repr=False)
    f1: float
    bytes: int
    findings: tuple[Finding, ...]

    @cached_property
    def worst(self) -> Finding:
        """The finding that names most people; of equal ones the first."""
        return max(self.findings, key=lambda one: one.named)

    @property
    def attempts(self) -> int:
        """How many attempts were made in all."""
        return sum(one.attempts for one in self.findings)

    def named(self, overlap: float) -> float:
        """Give the greatest share named by a list with such an overlap; NaN if none was tried."""
        found = [one.named for one in self.findings if one.setting.overlap == overlap]
        return max(found, default=float("nan"))


def draw_sample(files: Sequence[Rows], schema: LinkageSchema, most: int, seed: int) -> Sample:
    """Draw records of different people from files, as far as they show who is the same.

    Raises `InputError` if there are too few.
    """
    random = np.random.default_rng([seed, 21])
    whole = {
        one.name: np.concatenate([texts_of(file.values[one.name]) for file in files])
        for one in schema.field
    }
    total = sum(one.rows for one in files)
    drawn = Sample(whole).take(random.permutation(total)[: _DRAWN * most])
    told = np.any([drawn[one.name] != "" for one in schema.compared_fields], axis=0)
    alone = np.flatnonzero(_first_of_people(drawn, schema) & told)[:most]
    if len(alone) < LEAST_PEOPLE:
        raise InputError(
            f"the sample has {len(alone)} people, which is too few to tell encodings apart; give "
            f"files with {LEAST_PEOPLE} people or more"
        )
    return Sample(Sample(drawn).take(alone))


def _first_of_people(rows: Texts, schema: LinkageSchema) -> NDArray[np.bool_]:
    count = len(next(iter(rows.values())))
    columns = [np.zeros(count, np.uint64)]
    for key in signs_of_one_person(schema):
        parts = [np.array(list(key_parts(form, rows[name].tolist()))) for name, form in key]
        _, numbers = np.unique(np.stack(parts), axis=1, return_inverse=True)
        known = np.all([part != "" for part in parts], axis=0)
        columns.append(np.where(known, numbers.ravel() + 1, 0).astype(np.uint64))
    return first_rows(np.column_stack(columns))


@dataclass(frozen=True)
class Trial:
    """How encodings are tried: on a sample, by a seed, with lists that overlap so far."""

    sample: Sample
    overlaps: tuple[float, ...]
    restarts: int
    seed: int
    threads: int

    def measure(self, choice: Choice, text: str) -> Measured:
        """Link and attack the sample under an encoding, whose schema is `text`."""
        schema, key = LinkageSchema.parse(text), ProjectKey.generate()
        first, second, truth = self._views(schema)
        encodings = [
            encode_texts(schema, key, name, rows)
            for name, rows in (("first", first), ("second", second))
        ]
        words = encodings[0].bits.shape[1] + encodings[0].tokens.shape[1]
        return Measured(
            choice, text, self._f1(encodings, truth), 8 * words, tuple(self._attack(schema, key))
        )

    def _views(self, schema: LinkageSchema) -> tuple[Texts, Texts, tuple[Ints, Ints]]:
        """Give two agencies' records: each has three quarters of the people, half are at both."""
        random = np.random.default_rng([self.seed, 22])
        people = random.permutation(len(self.sample))
        quarter = len(people) // 4
        truth = people[: 3 * quarter], random.permutation(people[quarter:])
        second = second_view(self.sample.take(truth[1]), schema.field, random)
        return self.sample.take(truth[0]), second, truth

    def _f1(self, encodings: list[Encodings], truth: tuple[Ints, Ints]) -> float:
        """Link without labels, and give F1 of the pairs."""
        result = link(encodings, threads=self.threads, seed=self.seed)
        right = sum(int((truth[0][one.left] == truth[1][one.right]).sum()) for one in result.links)
        made = sum(map(len, result.links))
        return 2 * right / (made + len(np.intersect1d(*truth)))

    def _attack(self, schema: LinkageSchema, key: ProjectKey) -> Iterator[Finding]:
        """Make the attacks, those that cost least first."""
        plain = GraphMatching(PLAIN, embeddings=("linear", "graph"))
        method = SchemaMethod(schema)
        for attack, restarts in ((ColourRefinement(), 1), (plain, self.restarts)):
            for overlap in self.overlaps:
                yield from self._tried(attack, restarts, overlap, method, key)

    def _tried(
        self, attack: Attack, restarts: int, overlap: float, method: SchemaMethod, key: ProjectKey
    ) -> list[Finding]:
        random = np.random.default_rng([self.seed, 23, round(1e6 * overlap)])
        people = random.permutation(len(self.sample))
        setting = Setting(overlap=overlap)
        file, listed, both = sizes(len(people), setting, len(people))
        seen = people[:file]
        known = random.permutation(people[file - both : file - both + listed])
        place = np.full(len(people), -1)
        place[known] = np.arange(len(known))
        view = method.encode_under(self.sample.take(seen), key)
        sight = Sight(view, method, self.sample.take(known), place[seen], setting)
        found = try_attack(
            attack, sight, seed=self.seed, restarts=restarts, threads=self.threads, enough=ENOUGH
        )
        return [one for one in found if one.what == PEOPLE]


def encode_texts(schema: LinkageSchema, key: ProjectKey, dataset: str, rows: Texts) -> Encodings:
    """Encode normalised texts as a data set of its own, a record a row."""
    encoder = Encoder(schema, key, dataset)
    values = {name: column_of(texts) for name, texts in rows.items()}
    count = len(next(iter(rows.values())))
    bits, tokens = encoder.encode_values(values, count)
    if encoder.chance is not None:
        encoder.chance.add(values, count)
    return Encodings(
        dataset=dataset,
        schema=schema,
        key_fingerprint=key.fingerprint(),
        records=new_records([f"r{place}" for place in range(count)], keep=True),
        owner=np.arange(count),
        bits=bits,
        slices=encoder.slices,
        tokens=tokens,
        chance=None if encoder.chance is None else encoder.chance.share(),
    )


def proposed(found: Sequence[Measured], below: float) -> Measured | None:
    """Give the encoding of the best F1 that stays below for every attack, if there is one."""
    kept = [one for one in found if one.worst.named < below]
    return max(kept, key=lambda one: (round(one.f1, 4), -one.bytes), default=None)


def closest(found: Sequence[Measured]) -> Measured:
    """Give the encoding of which fewest people are named, and among equals the best F1."""
    return min(found, key=lambda one: (one.worst.named, -one.f1))


def facts(one: Measured, plain: Measured) -> dict[str, Any]:
    """Give what was measured as plain JSON values."""
    return {
        "encoding": one.choice.name,
        "f1": round(one.f1, 4),
        "cost_points": round(100 * (plain.f1 - one.f1), 2),
        "named": round(one.worst.named, 4),
        "by": one.worst.attack,
        "overlap": one.worst.setting.overlap,
        "attempts": one.attempts,
        "bytes_a_row": one.bytes,
        "hardening": [dict(step) for step in one.choice.steps],
        "anchored": bool(one.choice.anchors),
        "findings": [
            {
                "attack": each.attack,
                "overlap": each.setting.overlap,
                "named": round(each.named, 4),
                "low": round(each.low, 4),
                "high": round(each.high, 4),
                "records": each.records,
                "attempts": each.attempts,
            }
            for each in one.findings
        ],
    }
