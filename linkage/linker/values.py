"""Encoded values as numbers: their frequencies are those of the values, which nobody here knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.linker.anchored import field_presence
from linkage.model import Encodings

#: Calls a function for each of its arguments, as `map` does; an engine's does so on its threads.
Each = Callable[..., Iterable[Any]]

_ODD, _OTHER = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_SHIFT, _OTHER_SHIFT = np.uint64(29), np.uint64(31)


def value_numbers(encodings: Encodings) -> NDArray[np.uint64]:
    """Give a number for every encoded value, `uint64[rows, slices]`; 0 where it is missing.

    Equal filters have equal numbers, and others hardly ever. Anchored codes only tell whether there
    is a value: all that are there have the same number.
    """
    if encodings.schema.anchored:
        return field_presence(encodings)
    ends = encodings.slice_ends
    numbers = np.zeros((len(encodings.bits), len(encodings.slices)), np.uint64)
    for place in range(len(encodings.slices)):
        bits = encodings.bits[:, ends[place] : ends[place + 1]]
        number = np.zeros(len(bits), np.uint64)
        for word in range(bits.shape[1]):
            number = (number ^ bits[:, word]) * _ODD
            number ^= number >> _SHIFT
        numbers[:, place] = np.where(bits.any(axis=1), np.maximum(number, 1), 0)
    return numbers


def joint_numbers(numbers: NDArray[np.uint64], fields: Sequence[int]) -> NDArray[np.uint64]:
    """Give a number for the values of several fields together; 0 where one is missing."""
    joint = np.zeros(len(numbers), np.uint64)
    for field in fields:
        joint = (joint * _OTHER) ^ numbers[:, field]
        joint ^= joint >> _OTHER_SHIFT
        joint *= _ODD
    whole = (numbers[:, list(fields)] != 0).all(axis=1)
    return np.where(whole, np.maximum(joint, 1), 0)


def count_equal(
    left: NDArray[np.uint64], right: NDArray[np.uint64], *, within: bool
) -> tuple[float, float]:
    """Count the pairs of equal numbers, and those where neither is 0, without listing them."""
    keys, here = _runs(left)
    rows = float(here.sum())
    if within:
        return float((here * (here - 1) // 2).sum()), rows * (rows - 1) / 2
    others, there = _runs(right)
    place = np.minimum(np.searchsorted(others, keys), max(len(others) - 1, 0))
    same = others[place] == keys if len(others) else np.zeros(len(keys), bool)
    return float(here[same] @ there[place[same]]), rows * float(there.sum())


def row_frequency(columns: Sequence[NDArray[np.uint64]]) -> list[NDArray[np.float64]]:
    """Give how often each number occurs in all columns together; NaN for a 0."""
    whole = np.concatenate(columns)
    keys, counts = _runs(whole)
    if not len(keys):
        return [np.full(len(one), np.nan) for one in columns]
    place = np.minimum(np.searchsorted(keys, whole), len(keys) - 1)
    often = np.where(whole == 0, np.nan, counts[place].astype(float))
    return np.split(often, np.cumsum([len(one) for one in columns])[:-1])


def _runs(numbers: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Give the distinct numbers but 0, rising, and how often each occurs."""
    ordered = np.sort(numbers[numbers != 0])
    start = np.flatnonzero(np.diff(ordered, prepend=np.uint64(0)))
    return ordered[start], np.diff(np.append(start, len(ordered)))
