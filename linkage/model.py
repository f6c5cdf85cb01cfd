"""The nouns that stages exchange: frozen dataclasses of NumPy arrays, and the manifest of a file.

An encoding is a packed bit matrix with named slices: `uint64[rows, words]`. A record-level CLK is
one slice, field-level encoding is one slice per field; the same kernels serve both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from linkage.errors import InputError
from linkage.schema import BlockingPass, FieldSpec, LinkageSchema

FORMAT_VERSION = 1
#: Weight of a pair that a person decided, in bits: beyond all that a model gives.
DECIDED_BITS = 1000.0
MAX_ID_BYTES = 128

Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
#: A data-set name becomes a file name in the results folder, so no path trick may pass.
_DATASET_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
DatasetName = Annotated[str, Field(pattern=_DATASET_NAME)]
#: Files of the results folder that no data set may be called after.
_RESERVED_NAMES = frozenset({"links", "review", "persons", "confidence", "manifest", "report"})


def check_dataset_name(name: str) -> str:
    """Give the name back if it can name a data set; raises `InputError` otherwise."""
    if not re.fullmatch(_DATASET_NAME, name) or name.lower() in _RESERVED_NAMES:
        raise InputError(
            f"'{name[:80]}' can't name a data set: use up to 64 letters, digits, '-' and '_', and "
            f"none of {', '.join(sorted(_RESERVED_NAMES))} (--dataset NAME)"
        )
    return name


class Slice(BaseModel):
    """A named range of 64-bit words of the bit matrix."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}(\.[a-z][a-z0-9_]{0,39})?$")]
    words: Annotated[int, Field(ge=1, le=256)]


def expected_slices(schema: LinkageSchema) -> tuple[Slice, ...]:
    """Give the slices that encodings under a schema have; those of anchored codes by pass."""
    if schema.anchored:
        return tuple(
            Slice(name=f"{one.name}.{field.name}", words=code_words(schema, field))
            for one in schema.blocking
            for field in coded_fields(schema, one)
        )
    fields = [field.name for field in schema.compared_fields]
    names = fields if schema.level == "field" else ["clk"]
    return tuple(Slice(name=name, words=schema.slice_bits // 64) for name in names)


def coded_fields(schema: LinkageSchema, one: BlockingPass) -> tuple[FieldSpec, ...]:
    """Give the fields that have anchored codes in a pass: those that its key does not fix."""
    fixed = fixed_fields(one)
    return tuple(field for field in schema.compared_fields if field.name not in fixed)


def fixed_fields(one: BlockingPass) -> frozenset[str]:
    """Give the fields on which all records of a block of the pass agree exactly."""
    if one.unordered:
        return frozenset()
    return frozenset(field for field, transform in one.parts if transform == "exact")


def code_words(schema: LinkageSchema, field: FieldSpec) -> int:
    """Give the 64-bit words of a field's anchored code; a sex agrees or not, and needs one."""
    return 1 if field.type == "sex" else schema.filter.bits // 64


def code_bounds(agreement: Sequence[float]) -> tuple[float, ...]:
    """Give the share of common bits in two anchored codes at each Dice of their tokens.

    A majority of random vectors agrees in a share 1 - acos(c) / pi of its positions, where c is
    the cosine of the tokens (Charikar 2002); c is near Dice for values of like length.
    """
    return tuple(round(1 - math.acos(dice) / math.pi, 6) for dice in agreement)


#: Fingerprint of encodings that come without one, and without a schema.
UNKNOWN = "0" * 16


Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
#: For each compared field, the share of pairs of other people's values at each agreement level.
Chance = Annotated[list[Annotated[list[Share], Field(max_length=9)]], Field(max_length=32)]


class Manifest(BaseModel):
    """What an encoded file says of itself. Written by the agency, checked by the linker."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format_version: int
    dataset: DatasetName
    schema_digest: Hex64
    schema_content: dict[str, Any]
    key_fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    hardening: list[str]
    slices: Annotated[list[Slice], Field(min_length=1, max_length=1024)]
    passes: Annotated[list[str], Field(max_length=32)]
    rows: Annotated[int, Field(ge=1)]
    records: Annotated[int, Field(ge=1)]
    rejected: Annotated[int, Field(ge=0)]
    software: Annotated[str, Field(max_length=80)]
    content_digest: Hex64
    chance: Chance | None = None

    @property
    def words(self) -> int:
        """64-bit words of a row of the bit matrix, all slices together."""
        return sum(one.words for one in self.slices)


@dataclass(frozen=True)
class Encodings:
    """The encodings of one data set: `n` alias rows of `r` records.

    Attributes
    ----------
    dataset
        Name of the data set.
    schema
        The schema that all parties share.
    key_fingerprint
        Tells whether two files were encoded with one key, without telling the key.
    records
        `S[r]`, the pseudonymous id of every record, distinct.
    owner
        `int64[n]`, for every row the index of its record; rows of a record are adjacent.
    bits
        `uint64[n, words]`. Bit `i` of a slice is bit `i % 64` of its word `i // 64`.
    slices
        The named ranges of `bits`, in order, covering all words.
    tokens
        `uint64[n, passes]`, keyed block keys in the order of the schema's passes; 0 is missing.
    chance
        With anchored codes, `float64[fields, levels]`: how often two people's values of a compared
        field agree at each level, counted by the agency; None for other encodings.
    """

    dataset: str
    schema: LinkageSchema
    key_fingerprint: str
    records: NDArray[np.bytes_]
    owner: NDArray[np.int64]
    bits: NDArray[np.uint64]
    slices: tuple[Slice, ...]
    tokens: NDArray[np.uint64]
    chance: NDArray[np.float64] | None = None

    def without_filters(self) -> Encodings:
        """Give the same records without what they are compared by."""
        return replace(self, bits=self.bits[:0].copy(), tokens=self.tokens[:0].copy())

    @property
    def slice_ends(self) -> NDArray[np.int64]:
        """`int64[slices + 1]`: slice `k` is the words from `ends[k]` to `ends[k + 1]`."""
        return np.concatenate([[0], np.cumsum([one.words for one in self.slices])]).astype(np.int64)


@dataclass(frozen=True)
class Task:
    """Comparisons of one blocking pass, as ranges of rows; it holds no data of records.

    `blocks` is `int64[b, 4]`: block `k` compares the rows `left_order[blocks[k, 0]:blocks[k, 1]]`
    with the rows `right_order[blocks[k, 2]:blocks[k, 3]]` (row numbers). With `within`
    both orders are the same one, and a row is compared with those behind it only. Any engine can
    compare a task wherever the encodings lie.
    """

    blocking_pass: int
    left_order: NDArray[np.int32]
    right_order: NDArray[np.int32]
    blocks: NDArray[np.int64]
    within: bool

    @property
    def comparisons(self) -> int:
        """Number of pairs of rows that the task compares."""
        left_start, left_stop, right_start, right_stop = self.blocks.T
        left = left_stop - left_start
        if not self.within:
            return int(left @ (right_stop - right_start))
        # Row i of a block meets right_stop - i - 1 others.
        return int(left @ (2 * right_stop - left_start - left_stop - 1)) // 2


def pattern_numbers(levels: NDArray[np.int8]) -> NDArray[np.int64]:
    """Give rows of agreement levels `int8[pairs, fields]` a number each, equal for equal rows."""
    base = int(levels.max(initial=0)) + 1
    if base ** levels.shape[1] < 1 << 62:
        return levels.astype(np.int64) @ base ** np.arange(levels.shape[1])
    return np.unique(levels, axis=0, return_inverse=True)[1].ravel().astype(np.int64)


@dataclass(frozen=True)
class Pairs:
    """Pairs of records of two data sets that passed the comparison, each pair once.

    Ordered by match weight falling, then similarity falling, then left, then right. `left` and
    `right` are `int64` indices of records; `similarity` is Dice over all slices, `weight` the
    match weight (log2; NaN at record level), `probability` the match probability (NaN at record
    level), all `float64`. `levels` is `int8[pairs, fields]`, the agreement levels of the decision
    model; no fields at record level, or where they are not known.
    """

    left_dataset: int
    right_dataset: int
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    similarity: NDArray[np.float64]
    weight: NDArray[np.float64]
    probability: NDArray[np.float64]
    levels: NDArray[np.int8] = field(default_factory=lambda: np.empty((0, 0), np.int8))

    def __len__(self) -> int:
        return len(self.left)

    @property
    def patterns(self) -> NDArray[np.int64]:
        """Give a number for the agreement pattern of each pair; 0 where levels are not known."""
        if not self.levels.size:
            return np.zeros(len(self), np.int64)
        return pattern_numbers(self.levels)

    def take(self, chosen: NDArray[Any]) -> Pairs:
        """Give the pairs at the given indices, or where the given mask is true."""
        return Pairs(
            self.left_dataset,
            self.right_dataset,
            self.left[chosen],
            self.right[chosen],
            self.similarity[chosen],
            self.weight[chosen],
            self.probability[chosen],
            self.levels[chosen] if len(self.levels) else self.levels,
        )


@dataclass(frozen=True)
class Persons:
    """Which records are one person.

    `person[d][i]` is the person of record `i` of data set `d`, of `count` persons. `confidence`
    `float64[count]` is the probability (Dice at record level) of the weakest tie that holds the
    person together, 1 for a single record. `ties` counts what became of the links.
    """

    person: tuple[NDArray[np.int64], ...]
    count: int
    confidence: NDArray[np.float64]
    ties: dict[str, int]


@dataclass(frozen=True)
class Decided:
    """Pairs of records of two data sets that people decided on, or know to match.

    `left` and `right` are `int64` indices of records, `match` is `bool[pairs]`.
    """

    places: tuple[int, int]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    match: NDArray[np.bool_]


@dataclass(frozen=True)
class PassCount:
    """What one blocking pass did.

    `comparisons` made in its `blocks`, of which the largest has `largest_block` rows on one side;
    `found` are the pairs of rows that passed and no earlier pass had. Blocks above the pass's cap
    are skipped: `skipped_comparisons` in `skipped_blocks`, which cost an estimated `lost_links`.
    """

    name: str
    blocks: int = 0
    largest_block: int = 0
    comparisons: int = 0
    found: int = 0
    skipped_blocks: int = 0
    skipped_comparisons: int = 0
    lost_links: float = 0.0

    def __add__(self, other: PassCount) -> PassCount:
        """Count the same pass over two pairs of data sets."""
        return PassCount(
            self.name,
            self.blocks + other.blocks,
            max(self.largest_block, other.largest_block),
            self.comparisons + other.comparisons,
            self.found + other.found,
            self.skipped_blocks + other.skipped_blocks,
            self.skipped_comparisons + other.skipped_comparisons,
            self.lost_links + other.lost_links,
        )
