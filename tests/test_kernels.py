"""Every kernel equals the plain reference, on inputs that hypothesis makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from linkage.errors import InputError
from linkage.kernels.dice import find_pairs, least_common_bits, pair_similarity, popcounts
from linkage.kernels.filters import merge_rows, set_bits
from linkage.kernels.join import Rule, Side, compare_blocks, pair_levels
from tests import reference

#: With the JIT off, NumPy's scalars say so when a multiplication wraps, which it is meant to.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in scalar multiply")

FULL = 2**64 - 1
words = st.one_of(st.sampled_from([0, 1, FULL, 1 << 63, 0x5555555555555555]), st.integers(0, FULL))
thresholds = st.one_of(
    st.sampled_from([0.0, 1.0, 0.5, 0.65, 0.75, 0.8, 0.95, 2 / 3]), st.floats(0.0, 1.0)
)


@st.composite
def matrices(draw, width=None, max_rows=6):
    width = width or draw(st.integers(1, 3))
    rows = draw(st.integers(0, max_rows))
    return draw(arrays(np.uint64, (rows, width), elements=words))


@st.composite
def two_matrices(draw):
    width = draw(st.integers(1, 3))
    left, right = draw(matrices(width)), draw(matrices(width))
    if len(left) and draw(st.booleans()):
        right = np.concatenate([right, left[:1]])
    return left, right


def as_ints(bits):
    return [reference.to_int(row) for row in bits]


@given(two_matrices(), thresholds)
def test_find_pairs__equals_reference(sides, threshold):
    left, right = sides
    similarity, rows, columns = find_pairs(left, right, threshold)
    expected = reference.find_pairs(as_ints(left), as_ints(right), threshold)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [e[1:] for e in expected]
    assert similarity.tolist() == [float(e[0]) for e in expected]


@given(matrices(), thresholds)
def test_find_pairs__is_symmetric(bits, threshold):
    _, left, right = find_pairs(bits, bits, threshold)
    pairs = set(zip(left.tolist(), right.tolist(), strict=True))
    assert pairs == {(b, a) for a, b in pairs}
    assert all((i, i) in pairs for i, row in enumerate(bits) if row.any())


@pytest.mark.parametrize(
    ("common", "left", "right", "threshold"),
    [(13, 20, 20, 0.65), (3, 4, 4, 0.75), (19, 20, 20, 0.95), (7, 10, 10, 0.7), (1, 2, 4, 1 / 3)],
)
def test_find_pairs__includes_the_boundary(common, left, right, threshold):
    one = np.array([[(1 << left) - 1]], np.uint64)
    other = np.array([[((1 << right) - 1) << (left - common)]], np.uint64)
    found = find_pairs(one, other, threshold)[0]
    exact = reference.dice(reference.to_int(one[0]), reference.to_int(other[0]))
    assert len(found) == (float(exact) >= threshold)
    assert len(find_pairs(one, other, np.nextafter(float(exact), 0))[0]) == 1
    assert len(find_pairs(one, other, np.nextafter(float(exact), 2))[0]) == 0


def test_find_pairs__grows_beyond_its_first_capacity():
    bits = np.full((200, 1), FULL, np.uint64)
    similarity, left, right = find_pairs(bits, bits, 1.0)
    assert len(similarity) == 40_000
    assert left[:3].tolist() == [0, 0, 0]
    assert right[:3].tolist() == [0, 1, 2]


def test_find_pairs__takes_read_only_memory():
    bits = np.ones((3, 2), np.uint64)
    bits.flags.writeable = False
    assert len(find_pairs(bits, bits, 0.5)[0]) == 9


@pytest.mark.parametrize("threshold", [float("nan"), -0.1, 1.1, float("inf")])
def test_find_pairs__refuses_thresholds_out_of_range(threshold):
    bits = np.ones((1, 1), np.uint64)
    with pytest.raises(InputError, match="threshold"):
        find_pairs(bits, bits, threshold)


@pytest.mark.parametrize(
    ("left", "message"),
    [
        (np.ones((2, 1), np.int64), "left must be a uint64 matrix"),
        (np.ones(2, np.uint64), "left must be a uint64 matrix"),
        ([[1]], "left must be a uint64 matrix"),
        (np.ones((2, 0), np.uint64), "no words"),
        (np.ones((2, 3), np.uint64), "different lengths"),
    ],
)
def test_find_pairs__refuses_what_is_no_filter(left, message):
    with pytest.raises(InputError, match=message):
        find_pairs(left, np.ones((1, 1), np.uint64), 0.5)


@given(thresholds, st.integers(0, 128))
def test_least_common_bits__is_the_exact_bound(threshold, total):
    least = int(least_common_bits(threshold, 64)[total])
    exact = reference.Fraction(repr(float(threshold)))
    if total:
        assert reference.Fraction(2 * least, total) >= exact
        assert least == 0 or reference.Fraction(2 * (least - 1), total) < exact
    else:
        assert least == (0 if threshold == 0 else 1)


@given(matrices(width=3))
def test_popcounts__equal_reference(bits):
    counts = popcounts(bits, np.array([0, 1, 3]))
    expected = [
        [one.bit_count() for one in reference.slices_of(f, [0, 1, 3])] for f in as_ints(bits)
    ]
    assert counts.tolist() == expected


@given(two_matrices())
def test_pair_similarity__equals_reference(sides):
    left, right = sides
    i, j = (axis.ravel() for axis in np.indices((len(left), len(right))))
    expected = [float(reference.dice(a, b)) for a in as_ints(left) for b in as_ints(right)]
    assert pair_similarity(left, right, i, j).tolist() == expected


ENDS, BOUNDS = [0, 1, 3], [0.5, 0.75, 1.0]


def make_rule(weights, cutoff):
    least = np.array([[least_common_bits(bound, 128) for bound in BOUNDS]] * 2)
    weights = np.array(weights)
    still = np.array([weights[1].max() + 1e-9, 1e-9])
    return Rule(np.array(ENDS), least, weights, still, cutoff)


def make_side(bits, tokens):
    return Side(bits, popcounts(bits, np.array(ENDS)), np.array(tokens, np.uint64).reshape(-1, 2))


@st.composite
def blocked(draw):
    bits = draw(matrices(width=3, max_rows=8))
    tokens = draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)),
                 min_size=len(bits), max_size=len(bits))
    )  # fmt: skip
    return bits, [list(one) for one in tokens]


def join(left, right, rule, *, within):
    """Run all passes as the engine does, and check that no pair comes twice."""
    found = []
    for p in range(2):
        orders = [np.argsort(side.tokens[:, p], kind="stable") for side in (left, right)]
        keys = [s.tokens[o, p] for s, o in zip((left, right), orders, strict=True)]
        blocks = [[np.searchsorted(k, [t, t + 1]) for k in keys] for t in (1, 2)]
        blocks = np.array([[*one, *other] for one, other in blocks])
        sorted_sides = [
            Side(s.bits[o], s.counts[o], s.tokens[o, :p])
            for s, o in zip((left, right), orders, strict=True)
        ]
        rows, weights = np.empty((2, 100), np.int64), np.empty(100)
        after = 1 if within else -100
        count = compare_blocks(blocks, *sorted_sides, rule, after, rows, weights)
        found += zip(orders[0][rows[0, :count]], orders[1][rows[1, :count]], strict=True)
    assert len(found) == len(set(found))
    return set(found)


@given(blocked(), blocked(), st.booleans(), st.floats(-3, 3))
def test_compare_blocks__equals_reference(one, other, within, cutoff):
    other = one if within else other
    weights = [[0.0, -2.0, 0.5, 1.0, 2.0], [0.0, -1.5, 0.25, 0.5, 1.0]]
    left, right = make_side(*one), make_side(*other)
    expected = reference.blocked_pairs(
        as_ints(one[0]), as_ints(other[0]), one[1], other[1], ENDS, BOUNDS, weights, cutoff,
        within=within,
    )  # fmt: skip
    assert join(left, right, make_rule(weights, cutoff), within=within) == expected


def test_compare_blocks__counts_what_does_not_fit():
    side = make_side(np.ones((5, 3), np.uint64), [[1, 0]] * 5)
    rule = make_rule(np.ones((2, 5)), 0.0)
    rows, weights = np.empty((2, 3), np.int64), np.empty(3)
    side = side._replace(tokens=side.tokens[:, :0])
    count = compare_blocks(np.array([[0, 5, 0, 5]]), side, side, rule, -100, rows, weights)
    assert count == 25
    assert rows.tolist() == [[0, 0, 0], [0, 1, 2]]


@given(matrices(width=3), matrices(width=3))
def test_pair_levels__equal_reference(one, other):
    left, right = (make_side(m, [[0, 0]] * len(m)) for m in (one, other))
    i, j = (axis.ravel() for axis in np.indices((len(one), len(other))))
    expected = [
        [
            reference.level(x, y, BOUNDS)
            for x, y in zip(reference.slices_of(a, ENDS), reference.slices_of(b, ENDS), strict=True)
        ]
        for a in as_ints(one)
        for b in as_ints(other)
    ]
    assert pair_levels(left, right, i, j, make_rule(np.zeros((2, 5)), 0.0)).tolist() == expected


@settings(max_examples=50)
@given(st.lists(st.lists(st.integers(0, 4), min_size=0, max_size=5), max_size=5), st.integers(1, 9))
def test_set_bits__shares_the_budget(values, budget):
    positions = np.random.default_rng(1).integers(0, 128, (5, budget))
    tokens = np.array([token for value in values for token in value], np.int64)
    ends = np.cumsum([0, *map(len, values)])
    filters = set_bits(positions, tokens, ends, budget, 2)
    for value, row in zip(values, filters, strict=True):
        expected = 0
        for place, token in enumerate(value):
            share = budget // len(value) + (place < budget % len(value))
            for position in positions[token, :share]:
                expected |= 1 << int(position)
        assert reference.to_int(row) == expected


def test_merge_rows__skips_missing_and_keeps_what_is_set():
    bits = np.array([[1, 0], [0, 0]], np.uint64)
    merge_rows(bits, np.array([[6]], np.uint64), np.array([0, -1]), 0)
    assert bits.tolist() == [[7, 0], [0, 0]]
    merge_rows(bits, np.array([[6]], np.uint64), np.array([-1, 0]), 1)
    assert bits.tolist() == [[7, 0], [0, 6]]
