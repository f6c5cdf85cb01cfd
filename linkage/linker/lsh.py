"""Hamming LSH: block keys from the bits themselves, where an encoding has no blocking tokens.

A table samples some bit positions; two rows meet in it if they agree in all of them. Rows at
Hamming distance `d` (the share of bits in which they differ) agree in `bits` random positions with
probability `(1 - d)**bits`, so that `L` tables find them with `1 - (1 - (1 - d)**bits)**L` (Indyk
& Motwani 1998; for filters of records Durham 2012).

The keys are made by the linker and serve as tokens do: one column for each pass, 0 for missing.

Limits: encodings that were diffused (SAUL, BAD) lie so far apart that no sensible number of tables
finds them; block those on keyed tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log1p

import numpy as np
from numpy.typing import NDArray

from linkage.errors import InputError, UsageError
from linkage.kernels.lsh import sample_bits

#: A key is 64 bits wide; one more is set in each, and the highest stays free.
MAX_SAMPLED = 62
MAX_TABLES = 1024
#: Chances are kept from 0 and 1, whose logarithms are none.
_LEAST_CHANCE, _EPSILON = 1e-300, 1e-15


@dataclass(frozen=True)
class HammingLsh:
    """Parameters of Hamming LSH, checked once.

    The usual ones suit up to some 100,000 records on a side, whose true pairs lie within 0.2 of
    each other but for a few (measured on FEBRL 4 and the synthetic population). For a million take
    `distance=0.15, bits=24`: blocks of random rows grow with the square of the data, and smaller
    ones are worth more tables.

    Attributes
    ----------
    distance
        Hamming distance up to which pairs are to be found, as a share of all bits.
    completeness
        Share of the pairs at that distance that are found; nearer ones are found more often.
    bits
        Positions that a table samples: each more makes blocks smaller, and tables more.
    seed
        Draws the positions; both sides must have the same.

    Raises
    ------
    UsageError
        For values out of range, or that need more than `MAX_TABLES` tables.
    """

    distance: float = 0.2
    completeness: float = 0.95
    bits: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        _check_seed(self.seed)
        number_of_tables(self.distance, self.completeness, self.bits)

    @property
    def tables(self) -> int:
        """How many tables find the wanted share of pairs."""
        return number_of_tables(self.distance, self.completeness, self.bits)

    def found(self, distance: float) -> float:
        """Give the share of the pairs at a distance that meet in some table.

        At the distance of random pairs, 0.5 for filters that are half full and less for emptier
        ones, it is the share of all pairs that are compared.
        """
        return float(1 - (1 - (1 - distance) ** self.bits) ** self.tables)

    def keys(self, bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Make the keys of every row, `uint64[rows, tables]`; see `hamming_keys`."""
        return hamming_keys(bits, self.tables, self.bits, self.seed)


def number_of_tables(distance: float, completeness: float, bits: int) -> int:
    """Give the least number of tables that finds a share of the pairs at a Hamming distance.

    `L = ceil(ln(1 - completeness) / ln(1 - (1 - distance)**bits))`. Raises `UsageError` for values
    out of range, or if more than `MAX_TABLES` are needed.
    """
    for name, value in (("distance", distance), ("completeness", completeness)):
        if not 0 < value < 1:
            raise UsageError(f"{name} {value!r} is not a number between 0 and 1")
    _check_whole("bits", bits, MAX_SAMPLED)
    meet = min(max((1 - distance) ** bits, _LEAST_CHANCE), 1 - _EPSILON)
    tables = ceil(log1p(-completeness) / log1p(-meet))
    if tables > MAX_TABLES:
        raise UsageError(
            f"to find {completeness:g} of the pairs at distance {distance:g} by {bits} bits takes "
            f"more than {MAX_TABLES} tables: sample fewer bits, or ask for a smaller distance or "
            "completeness"
        )
    return tables


def hamming_keys(
    bits: NDArray[np.uint64], tables: int, sampled: int, seed: int
) -> NDArray[np.uint64]:
    """Make the keys of every row, `uint64[rows, tables]`, from `uint64[rows, words]`.

    Rows have the same key in a table if they agree in all of its `sampled` positions, which are
    drawn without replacement and depend on the seed and the number of words alone. A row without
    any bit has the key 0, which is missing, in all tables.

    Raises `InputError` for bits that are no such matrix or too few, `UsageError` for numbers out
    of range.
    """
    if not isinstance(bits, np.ndarray) or bits.ndim != 2 or bits.dtype != np.uint64:
        shape = getattr(bits, "shape", None)
        kind = getattr(bits, "dtype", type(bits).__name__)
        raise InputError(f"bits must be a uint64 matrix [rows, words]; it is {kind} {shape}")
    _check_whole("tables", tables, MAX_TABLES)
    _check_whole("sampled", sampled, MAX_SAMPLED)
    _check_seed(seed)
    width = 64 * bits.shape[1]
    if sampled > width:
        raise InputError(f"a row has {width} bits, of which {sampled} can't be sampled")
    random = np.random.default_rng(seed)
    drawn = [random.choice(width, sampled, replace=False) for _ in range(tables)]
    return sample_bits(np.ascontiguousarray(bits), np.array(drawn, np.int64))


def _check_whole(name: str, value: int, most: int) -> None:
    if type(value) is not int or not 1 <= value <= most:
        raise UsageError(f"{name} {value!r} is not a whole number from 1 to {most}")


def _check_seed(seed: int) -> None:
    if type(seed) is not int or seed < 0:
        raise UsageError(f"seed {seed!r} is not a whole number from 0 on")
