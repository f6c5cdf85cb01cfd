"""An audit as an agency runs it: from its own table, its schema and its key to findings."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from linkage.agency.aliases import AliasTable
from linkage.agency.encode import Encoder, OnBadRow, refuse_row
from linkage.agency.keys import ClkhashSecret, ProjectKey
from linkage.audit.attack import Progress, silent
from linkage.audit.content import audit_content
from linkage.audit.dictionary import Encode, byte_entropy
from linkage.audit.finding import Finding, Setting
from linkage.audit.methods import ClkhashMethod, SchemaMethod
from linkage.audit.plan import Scope, steps
from linkage.audit.records import (
    Batches,
    Records,
    as_sent,
    read_clkhash_records,
    read_records,
    same_people,
)
from linkage.audit.run import Draw, Stage, other_list, own_file, run_steps
from linkage.audit.samples import Project
from linkage.audit.scene import View
from linkage.audit.uniqueness import measure_groups
from linkage.errors import InputError, MismatchError
from linkage.model import Encodings
from linkage.schema import LinkageSchema

_LEAST_PEOPLE = 20
#: Secrets that people use before they make a real one.
_WORDS = (
    "", "password", "secret", "changeme", "linkage", "test", "key", "123456", "qwerty", "admin",
    "letmein", "default",
)  # fmt: skip
#: Random bytes come near to log2 of their number a byte; this much less is suspicious.
_LEAST_ENTROPY = 0.75


@dataclass(frozen=True, repr=False)
class Own:
    """What an agency holds: its records, the schema, and the key that it encodes with."""

    schema: LinkageSchema
    key: ProjectKey
    id_column: str | None = None
    aliases: AliasTable | None = None
    method: SchemaMethod | ClkhashMethod = field(init=False)

    def __post_init__(self) -> None:
        """Find the public method of the schema."""
        kind = SchemaMethod if self.schema.clkhash is None else ClkhashMethod
        object.__setattr__(self, "method", kind(self.schema))

    def read(self, batches: Batches, on_bad_row: OnBadRow = refuse_row) -> Records:
        """Read records of a file as `encode` does; rows that it refuses are told, and left out."""
        if isinstance(self.method, ClkhashMethod):
            return read_clkhash_records(batches, self.method, self.id_column)
        encoder = Encoder(
            self.schema,
            self.key,
            "audit",
            id_column=self.id_column,
            aliases=self.aliases,
            on_bad_row=on_bad_row,
        )
        return read_records(batches, encoder, self.method.fields)

    def project(self) -> Project:
        """Give the method, with what encodes under the project's key."""
        return Project(self.method, self._encode(self.key))

    def _encode(self, key: ProjectKey) -> Encode:
        method = self.method
        if isinstance(method, ClkhashMethod):
            assert isinstance(key, ClkhashSecret)
            return lambda rows: method.encode_under(rows, key)
        return lambda rows: method.encode_under(rows, key)

    def guesses(self) -> dict[str, Encode]:
        """Give what encodes under keys that somebody might guess, by what they are."""
        words = [*_WORDS, self.schema.name]
        if isinstance(self.method, ClkhashMethod):
            keys: dict[str, ProjectKey] = {
                f"guess {n}": ClkhashSecret(one.encode()) for n, one in enumerate(words) if one
            }
        else:
            hashed = [hashlib.sha256(one.encode()).digest() for one in words]
            padded = [one.encode()[:32].ljust(32, b"\0") for one in words]
            plain = [bytes(32), bytes([255] * 32), bytes(range(32)), *hashed, *padded]
            keys = {f"guess {n}": ProjectKey(one) for n, one in enumerate(plain)}
        return {label: self._encode(key) for label, key in keys.items()}


def weak_secret(secret: bytes) -> bool:
    """Tell whether the bytes of a secret repeat more than random ones do."""
    expected = len(secret) * np.log2(max(2, min(len(secret), 256)))
    return bool(len(secret) < 16 or byte_entropy(secret) < _LEAST_ENTROPY * expected)


@dataclass(frozen=True)
class Listed:
    """What the attacker sees and holds beside the drawn samples, if it is given."""

    encodings: Encodings | None = None
    ids: Mapping[str, str] = field(default_factory=dict)
    reference: Records | None = None


def audit(
    own: Own,
    records: Records,
    scope: Scope,
    *,
    listed: Listed | None = None,
    seed: int = 0,
    threads: int = 1,
    progress: Progress = silent,
) -> tuple[list[Finding], dict[str, Any]]:
    """Attack an agency's own encodings; give the findings, and all as plain JSON values.

    Parameters
    ----------
    listed
        The file as it was sent with its ids table, and another list for the attacker; without
        them, records are encoded here, and the attacker's list is drawn from the agency's own.
    """
    start = time.perf_counter()
    given = listed or Listed()
    project = own.project()
    encoded = _as_sent(own, given, records)
    draw, setting = _draw(own, records, encoded, given.reference, scope, seed)
    whole = encoded or project.encode(records.rows)
    whole = View(whole.bits, whole.slices, whole.tokens, whole.passes, records.owner)
    names = [name for name, _ in whole.slices]
    planned = steps(
        scope, own.method.fields, names, {"the project key": project.encode}, own.guesses(), setting
    )
    stage = Stage(draw, seed, threads, scope.enough)
    findings = [*measure_groups(whole), *run_steps(list(planned), stage, progress)]
    facts = {
        "schema": own.schema.name,
        "schema_digest": own.schema.digest(),
        "level": own.schema.level,
        "fields": list(own.method.fields),
        "passes": list(whole.passes),
        "records": len(records.own_ids),
        "alias_rows": len(records.owner),
        "list": "another list" if given.reference else "drawn from the file",
        "as_sent": encoded is not None,
        "seed": seed,
    }
    return findings, audit_content(facts, scope, findings, time.perf_counter() - start)


def _as_sent(own: Own, given: Listed, records: Records) -> View | None:
    if given.encodings is None:
        return None
    if given.encodings.schema.digest() != own.schema.digest():
        raise MismatchError("the encoded file is of another schema; give the one it was made with")
    if given.encodings.key_fingerprint != own.key.fingerprint():
        raise MismatchError("the encoded file was made with another key")
    return as_sent(given.encodings, given.ids, records)


def _draw(
    own: Own,
    records: Records,
    encoded: View | None,
    reference: Records | None,
    scope: Scope,
    seed: int,
) -> tuple[Draw, Setting | None]:
    """Give where scenes come from, and the one situation there is if the list is given."""
    project = own.project()
    if reference is None:
        held = records.held(encoded)
        people = len(np.unique(held.person))
        if people < _LEAST_PEOPLE:
            raise InputError(
                f"there are {people} different people; an audit needs {_LEAST_PEOPLE} to draw an "
                "attacker's list from"
            )
        return own_file(held, project, seed, scope.people), None
    file, other = same_people(records, reference)
    held = file if encoded is None else records.held(encoded)
    held = type(held)(held.rows, held.owner, file.person, encoded)
    both = len(np.intersect1d(file.person, other.person))
    people, listed = (len(np.unique(one.person)) for one in (file, other))
    setting = Setting(round(both / people, 4), round(listed / people, 4))
    return other_list(held, other, project, seed), setting
