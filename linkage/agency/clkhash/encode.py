"""Encode columns into CLKs, bit for bit as clkhash 0.18.3 (`clkhash.clk.generate_clks`).

Every distinct value is worked on once and every distinct token hashed once per call; nothing is
kept between calls, since a cache of tokens would be a cache of plaintext.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.agency.clkhash.features import Feature, Ngram, Numeric
from linkage.agency.clkhash.hashing import Keys, Layout, derive_keys, token_positions
from linkage.agency.clkhash.problems import Prepared, Problem, prepare_columns
from linkage.agency.clkhash.schema import ClkhashSchema
from linkage.agency.clkhash.tokens import tokenise
from linkage.agency.columns import Column
from linkage.errors import InputError
from linkage.kernels.clk import largest_shares, set_token_bits
from linkage.kernels.filters import merge_rows

#: What the filters of one block of rows may take, before folding and with their positions.
_BLOCK_BYTES = 1 << 28
_USUAL_TOKENS = 64


def encode_clks(
    columns: list[Column],
    schema: ClkhashSchema,
    secret: bytes,
    *,
    validate: bool = True,
    first_row: int = 1,
) -> NDArray[np.uint64]:
    """Encode rows into packed CLKs, `uint64[rows, words]`: row `i` of the result is row `i`.

    Bit `i` of a CLK is bit `i % 64` of word `i // 64`; bits from `schema.length` on are 0. Give
    rows in chunks of some 100,000: memory grows with the rows of a call.

    Parameters
    ----------
    columns
        One per feature of the schema, in its order, ignored ones included (their content isn't
        looked at). Take them with `read_raw_column`: clkhash sees cells with all their spaces.
    validate
        Refuse values that don't fit the formats of the schema, as clkhash does unless told not
        to. It changes no bit.
    first_row
        Number of the first row in messages.

    Raises
    ------
    InputError
        For the first cell that can't be encoded, with its row and column; if the columns don't
        fit the schema; if the secret is empty.

    Limits
    ------
    A CLK is a plain Bloom filter: see the package.
    """
    if not secret:
        raise InputError("the secret is empty, so everybody could encode guesses")
    prepared, problems = prepare_columns(columns, schema, validate=validate, first_row=first_row)
    if problems:
        raise InputError(_summary(problems))
    keys = derive_keys(schema, secret)
    layout = Layout(schema.length, 1 << schema.folds)
    rows = len(columns[0].codes)
    bits = np.zeros((rows, layout.words), np.uint64)
    step = _rows_at_once(schema, layout)
    for start in range(0, rows, step):
        part = prepared if step >= rows else [_cut(one, start, start + step) for one in prepared]
        bits[start : start + step] = _encode(part, schema, keys, layout)
    return bits


def _summary(problems: list[Problem]) -> str:
    more = len(problems) - 1
    return f"{problems[0]}" + (f"; {more} more cells can't be encoded" if more else "")


def _rows_at_once(schema: ClkhashSchema, layout: Layout) -> int:
    """Bound the rows that are worked on together, for schemas with long filters or many bits."""
    most = 0
    for feature in schema.features:
        if feature.hashing is not None:
            tokens = 1 if feature.hashing.shared else _usual_tokens(feature)
            most = max(most, feature.hashing.bits * tokens)
    return max(1, _BLOCK_BYTES // (16 * layout.words * layout.sections + 4 * most))


def _usual_tokens(feature: Feature) -> int:
    assert feature.hashing is not None
    comparison = feature.hashing.comparison
    if isinstance(comparison, Numeric):
        return 2 * comparison.resolution + 1
    return _USUAL_TOKENS if isinstance(comparison, Ngram) else 1


def _cut(column: Prepared, start: int, end: int) -> Prepared:
    """Take some rows of a column, with only the texts that they have."""
    if not column.texts:
        return Prepared(column.codes[start:end], [])
    used, codes = np.unique(column.codes[start:end], return_inverse=True)
    return Prepared(codes.astype(np.int64), [column.texts[code] for code in used.tolist()])


def _encode(
    columns: list[Prepared], schema: ClkhashSchema, keys: list[Keys], layout: Layout
) -> NDArray[np.uint64]:
    """OR the filters of all columns, then fold: the XOR of all sections."""
    rows = len(columns[0].codes)
    bits = np.zeros((rows, layout.sections * layout.words), np.uint64)
    for column, feature, pair in zip(columns, schema.features, keys, strict=True):
        if feature.hashing is not None and column.texts:
            merge_rows(bits, _filters(column.texts, feature, pair, layout), column.codes, 0)
    if layout.sections == 1:
        return bits
    folded: NDArray[np.uint64] = np.bitwise_xor.reduce(
        bits.reshape(rows, layout.sections, layout.words), axis=1
    )
    return folded


def _filters(texts: list[str], feature: Feature, keys: Keys, layout: Layout) -> NDArray[np.uint64]:
    """Build the filter of every distinct text."""
    hashing = feature.hashing
    assert hashing is not None
    tokens = tokenise(texts, hashing.comparison)
    sharing = (hashing.bits, hashing.shared)
    needed = largest_shares(tokens.numbers, tokens.ends, *sharing, len(tokens.texts))
    positions, starts = token_positions(
        tokens.texts, needed, hashing, feature.format.encoding, keys, layout
    )
    return set_token_bits(
        positions, starts, tokens.numbers, tokens.ends, *sharing, layout.sections * layout.words
    )
