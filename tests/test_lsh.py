"""Hamming LSH: the kernel equals the reference, and chances are what the formula says."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from linkage.errors import InputError, UsageError
from linkage.kernels.lsh import sample_bits
from linkage.linker.lsh import MAX_SAMPLED, MAX_TABLES, HammingLsh, hamming_keys, number_of_tables
from tests import reference

WORDS = 16


@st.composite
def samples(draw):
    """A matrix of filters, and positions of some tables."""
    rows, width, tables = draw(st.integers(0, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    words = st.one_of(st.sampled_from([0, 1, 2**64 - 1, 1 << 63]), st.integers(0, 2**64 - 1))
    sampled = draw(st.integers(1, MAX_SAMPLED))
    positions = st.lists(
        st.integers(0, 64 * width - 1), min_size=sampled, max_size=sampled, unique=True
    )
    chosen = draw(st.lists(positions, min_size=tables, max_size=tables))
    return draw(arrays(np.uint64, (rows, width), elements=words)), np.array(chosen, np.int64)


@given(samples())
def test_sample_bits__equals_reference(sample):
    bits, positions = sample
    expected = [
        [reference.hamming_key(reference.to_int(row), one) for one in positions.tolist()]
        for row in bits
    ]
    assert sample_bits(bits, positions).tolist() == expected


def test_sample_bits__works_across_tiles():
    bits = np.random.default_rng(0).integers(0, 2**64, (600, 2), np.uint64)
    bits[[0, 255, 256, 599]] = 0
    positions = np.array([[0, 64, 127]])
    expected = [reference.hamming_key(reference.to_int(row), [0, 64, 127]) for row in bits]
    assert sample_bits(bits, positions)[:, 0].tolist() == expected


@pytest.mark.parametrize(
    ("distance", "bits", "tables"), [(0.1, 20, 24), (0.2, 20, 259), (0.2, 12, 43), (0.5, 1, 5)]
)
def test_number_of_tables__is_that_of_the_formula(distance, bits, tables):
    assert number_of_tables(distance, 0.95, bits) == tables
    lsh = HammingLsh(distance, 0.95, bits)
    assert lsh.tables == tables
    assert lsh.found(distance) >= 0.95 > dataclasses.replace(lsh, completeness=0.9).found(distance)


def test_number_of_tables__is_exact_at_the_boundary():
    assert number_of_tables(0.5, 0.75, 1) == 2
    assert number_of_tables(1e-300, 0.95, 62) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"distance": 0.0}, "distance 0.0 is not"),
        ({"distance": 1}, "distance 1 is not"),
        ({"distance": float("nan")}, "distance nan is not"),
        ({"completeness": 1.0}, "completeness 1.0 is not"),
        ({"bits": 0}, "bits 0 is not a whole number from 1 to 62"),
        ({"bits": 63}, "bits 63 is not"),
        ({"bits": 2.0}, r"bits 2\.0 is not"),
        ({"seed": -1}, "seed -1 is not"),
        ({"seed": True}, "seed True is not"),
        ({"distance": 0.4, "bits": 20}, "takes more than 1024 tables"),
        ({"distance": 0.999999, "bits": 62}, "takes more than 1024 tables"),
    ],
)
def test_parameters__are_refused_by_name(settings, message):
    with pytest.raises(UsageError, match=message):
        HammingLsh(**settings)


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        (np.ones((2, 1), np.int64), "bits must be a uint64 matrix"),
        (np.ones(2, np.uint64), "bits must be a uint64 matrix"),
        ([[1]], "bits must be a uint64 matrix"),
        (np.ones((2, 0), np.uint64), "a row has 0 bits, of which 16 can't be sampled"),
    ],
)
def test_hamming_keys__refuse_what_is_no_filter(bits, message):
    with pytest.raises(InputError, match=message):
        hamming_keys(bits, 3, 16, 0)


@pytest.mark.parametrize("settings", [(0, 16), (MAX_TABLES + 1, 16), (3, 0), (3, 63), (3.0, 16)])
def test_hamming_keys__refuse_numbers_out_of_range(settings):
    with pytest.raises(UsageError, match="is not a whole number"):
        hamming_keys(np.ones((1, 1), np.uint64), *settings, 0)


def test_hamming_keys__sample_without_replacement():
    full = np.full((1, 1), 2**64 - 1, np.uint64)
    single = np.uint64(1) << np.arange(64, dtype=np.uint64)[:, None]
    keys = hamming_keys(single, 5, MAX_SAMPLED, 0)
    assert hamming_keys(full, 5, MAX_SAMPLED, 0).tolist() == [[2**63 - 1] * 5]
    for table in range(5):  # 62 of the 64 rows have their bit sampled, each at its own place
        assert len(np.unique(keys[:, table])) == MAX_SAMPLED + 1


def test_hamming_keys__are_the_same_for_the_same_seed_and_more_tables_add_to_fewer():
    bits = np.random.default_rng(0).integers(0, 2**64, (50, WORDS), np.uint64)
    bits.flags.writeable = False
    keys = hamming_keys(bits, 8, 20, 7)
    assert np.array_equal(keys, hamming_keys(bits.copy(), 8, 20, 7))
    assert np.array_equal(keys[:, :3], hamming_keys(bits, 3, 20, 7))
    assert not np.any(keys == hamming_keys(bits, 8, 20, 8))


def test_hamming_keys__an_empty_row_finds_nobody():
    bits = np.zeros((2, WORDS), np.uint64)
    bits[1, 3] = 1
    keys = hamming_keys(bits, 40, 20, 0)
    assert not keys[0].any()
    assert keys[1].all()


@given(st.integers(1, 2**64 - 1), st.integers(0, 2**32), st.integers(1, MAX_SAMPLED))
def test_hamming_keys__equal_rows_always_meet(word, seed, sampled):
    bits = np.full((2, 2), word, np.uint64)
    first, second = hamming_keys(bits, 4, sampled, seed)
    assert np.array_equal(first, second)
    assert first.all()


@settings(max_examples=5)
@given(st.sampled_from([(0.1, 20), (0.2, 12), (0.3, 8)]), st.integers(0, 100))
def test_hamming_keys__meet_as_often_as_the_formula_says(setting, seed):
    distance, sampled = setting
    rows, tables = 400, 24
    random = np.random.default_rng(seed)
    left = random.integers(0, 2**64, (rows, WORDS), np.uint64)
    flips = np.zeros((rows, 64 * WORDS), np.uint8)
    for row in flips:
        row[random.choice(64 * WORDS, round(distance * 64 * WORDS), replace=False)] = 1
    right = left ^ np.packbits(flips, axis=1).view(np.uint64)
    meet = hamming_keys(left, tables, sampled, seed) == hamming_keys(right, tables, sampled, seed)
    chance = (1 - round(distance * 64 * WORDS) / (64 * WORDS)) ** sampled
    # Draws without replacement meet a little less often; 5 standard errors, of one row's share.
    error = 5 * np.sqrt(chance * (1 - chance) / (rows * tables))
    assert meet.mean() == pytest.approx(chance, abs=error + chance * sampled**2 / 4096)
    some = 1 - (1 - chance) ** tables
    error = 5 * np.sqrt(some * (1 - some) / rows)
    assert meet.any(axis=1).mean() == pytest.approx(some, abs=error + 0.02)
