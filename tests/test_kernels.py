"""Every kernel equals the plain reference, on inputs that hypothesis makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_equal

from linkage.errors import InputError
from linkage.kernels import dice
from linkage.kernels.bits import popcounts
from linkage.kernels.blocks import match_keys, strongest
from linkage.kernels.dice import find_pairs
from linkage.kernels.filters import merge_rows, set_bits
from linkage.kernels.join import Rule, Side, compare_blocks, pair_levels
from linkage.kernels.matching import match_odds
from linkage.kernels.measures import FIXED_ONE, fixed_threshold, least_common, least_common_bits
from linkage.kernels.nearest import find_nearest
from linkage.kernels.odds import mixture_odds
from linkage.kernels.similarity import pair_similarity
from linkage.kernels.unions import join_records, join_stars
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


measures = st.sampled_from(["dice", "jaccard", "cosine", "hamming"])


@given(two_matrices(), thresholds, measures, st.integers(1, 2))
def test_find_pairs__equals_reference(sides, threshold, measure, threads):
    left, right = sides
    similarity, rows, columns = find_pairs(left, right, threshold, measure=measure, threads=threads)
    expected = reference.find_pairs(as_ints(left), as_ints(right), threshold, measure,
                                    64 * left.shape[1])  # fmt: skip
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [e[1:] for e in expected]
    assert_allclose(similarity, [float(e[0]) for e in expected], rtol=1e-15)


@given(two_matrices(), thresholds)
def test_find_pairs__is_the_same_where_pairs_do_not_fit_one_number(sides, threshold):
    expected = find_pairs(*sides, threshold)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dice, "_KEY_BITS", 8)
        assert_equal(find_pairs(*sides, threshold), expected)


@given(two_matrices(), thresholds, st.integers(1, 4), st.integers(1, 2))
def test_find_nearest__equals_reference(sides, threshold, k, threads):
    left, right = sides
    similarity, rows = find_nearest(left, right, k, threshold=threshold, threads=threads)
    pairs = reference.find_pairs(as_ints(left), as_ints(right), threshold)
    for i in range(len(left)):
        expected = [(float(s), j) for s, row, j in pairs if row == i][:k]
        expected += [(0.0, -1)] * (k - len(expected))
        assert list(zip(similarity[i].tolist(), rows[i].tolist(), strict=True)) == expected


def test_find_nearest__refuses_no_neighbours():
    with pytest.raises(InputError, match="k must be at least 1"):
        find_nearest(np.ones((1, 1), np.uint64), np.ones((1, 1), np.uint64), 0)


@pytest.mark.parametrize("threshold", [0.3, 0.65, 0.8])
def test_find_pairs__equals_reference_on_many_rows(threshold):
    random = np.random.default_rng(1)
    words = [random.integers(0, FULL, (size, 4), np.uint64, endpoint=True) for size in (60, 75)]
    left, right = (one & random.permuted(one, axis=1) for one in words)
    right[:20] = left[:20] ^ (np.uint64(1) << random.integers(0, 64, (20, 4), np.uint64))
    expected = reference.find_pairs(as_ints(left), as_ints(right), threshold)
    similarity, rows, columns = find_pairs(left, right, threshold)
    assert list(zip(similarity, rows, columns, strict=True)) == [
        (float(s), i, j) for s, i, j in expected
    ]


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
        (np.ones((2, 257), np.uint64), "overflow the counts"),
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


@pytest.mark.parametrize("measure", range(4))
@given(threshold=thresholds, left=st.integers(0, 64), right=st.integers(0, 64))
def test_least_common__is_the_exact_bound(measure, threshold, left, right):
    least = int(least_common(measure, threshold, np.array([left]), np.array([right]), 64)[0, 0])
    name = ["dice", "jaccard", "cosine", "hamming"][measure]
    exact = reference.Fraction(repr(float(threshold)))
    passing = [
        c for c in range(min(left, right) + 1)
        if reference.reaches(name, c, left, right, 64, exact)
    ]  # fmt: skip
    if passing:
        assert max(least, left + right - 64) == max(passing[0], left + right - 64)
    else:
        assert least > min(left, right)


@given(thresholds, st.sampled_from([64, 256, 1024]))
def test_fixed_threshold__parts_as_the_whole_numbers_do(threshold, bits):
    least = least_common_bits(threshold, bits)
    fixed = fixed_threshold(least)
    sums = np.arange(1, len(least))
    assert np.array_equal(-(-fixed * sums // FIXED_ONE), np.maximum(least[1:], 0))


ENDS, BOUNDS = [0, 1, 3], [0.5, 0.75, 1.0]


def make_rule(weights, cutoff, order=(0, 1)):
    fixed = [fixed_threshold(least_common_bits(bound, 128)) for bound in BOUNDS]
    weights, order = np.array(weights, np.int64), np.array(order)
    return Rule(np.array(ENDS), np.array([fixed] * 2), weights, order, cutoff)


def make_side(bits, tokens, rarity=()):
    tokens = np.array(tokens, np.uint64).reshape(-1, 2)
    rarity = np.array(rarity, np.int32).reshape(-1, 2)
    return Side(bits, popcounts(bits, np.array(ENDS)), tokens, rarity)


@st.composite
def blocked(draw):
    bits = draw(matrices(width=3, max_rows=20))
    tokens = draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)),
                 min_size=len(bits), max_size=len(bits))
    )  # fmt: skip
    return bits, [list(one) for one in tokens]


def join(left, right, rule, *, within, backwards=False):
    """Run all passes as the engine does, and check that no pair comes twice."""
    found = []
    for p in range(2):
        orders = [
            np.argsort(side.tokens[:, p], kind="stable").astype(np.int32) for side in (left, right)
        ]
        keys = [s.tokens[o, p] for s, o in zip((left, right), orders, strict=True)]
        starts = [int(np.searchsorted(key, 1)) for key in keys]
        blocks = match_keys(*(key[start:] for key, start in zip(keys, starts, strict=True)))
        blocks = blocks + np.repeat(starts, 2)
        if backwards:
            blocks = np.ascontiguousarray(blocks[::-1])
        rows = compare_blocks(blocks, *orders, left, right, rule, p, within)
        found += zip(*(one.tolist() for one in rows), strict=True)
    assert len(found) == len({one[:2] for one in found})
    return set(found)


WEIGHTS = [[0, -2, 1, 3, 7], [0, -3, 1, 2, 6]]


@given(blocked(), blocked(), st.booleans(), st.integers(-6, 13), st.permutations([0, 1]))
def test_compare_blocks__equals_reference(one, other, within, cutoff, order):
    other = one if within else other
    left, right = make_side(*one), make_side(*other)
    expected = reference.blocked_pairs(
        as_ints(one[0]), as_ints(other[0]), one[1], other[1], ENDS, BOUNDS, WEIGHTS, cutoff,
        within=within,
    )  # fmt: skip
    rule = make_rule(WEIGHTS, cutoff, order)
    found = join(left, right, rule, within=within)
    assert found == expected
    assert join(left, right, rule, within=within, backwards=True) == expected
    swapped = [
        side._replace(tokens=np.ascontiguousarray(side.tokens[:, ::-1])) for side in (left, right)
    ]
    assert join(*swapped, rule, within=within) == expected


@given(blocked(), blocked(), st.integers(-6, 13), st.data())
def test_compare_blocks__adds_the_rarity_of_the_left_row(one, other, cutoff, data):
    extra = data.draw(arrays(np.int32, (len(one[0]), 2), elements=st.integers(-4, 4)))
    left, right = make_side(*one, extra * (1 << 16)), make_side(*other)
    whole = [[w << 32 for w in row] for row in WEIGHTS]
    expected = reference.blocked_pairs(
        as_ints(one[0]), as_ints(other[0]), one[1], other[1], ENDS, BOUNDS, whole, cutoff << 32,
        within=False, rarity=[[e << 32 for e in row] for row in extra.tolist()],
    )  # fmt: skip
    assert join(left, right, make_rule(whole, cutoff << 32), within=False) == expected


@pytest.mark.parametrize("within", [False, True])
def test_compare_blocks__equals_reference_on_large_blocks(within):
    random = np.random.default_rng(2)
    rows = random.integers(0, FULL, (1300, 3), np.uint64, endpoint=True)
    rows[random.random(rows.shape) < 0.1] = 0
    tokens = random.integers(0, 3, (1300, 2))
    one = rows[:40], tokens[:40]
    other = one if within else (rows[20:], tokens[20:])
    expected = reference.blocked_pairs(
        as_ints(one[0]), as_ints(other[0]), one[1].tolist(), other[1].tolist(), ENDS, BOUNDS,
        WEIGHTS, 1, within=within,
    )  # fmt: skip
    found = join(make_side(*one), make_side(*other), make_rule(WEIGHTS, 1), within=within)
    assert found == expected


def test_compare_blocks__grows_beyond_its_first_capacity():
    side = make_side(np.ones((100, 3), np.uint64), [[1, 0]] * 100)
    order = np.arange(100, dtype=np.int32)
    blocks = np.array([[0, 100, 0, 100]])
    rule = make_rule(np.ones((2, 5)), 0)
    left, right, weights = compare_blocks(blocks, order, order, side, side, rule, 0, False)
    assert left.tolist() == np.repeat(np.arange(100), 100).tolist()
    assert right.tolist() == np.tile(np.arange(100), 100).tolist()
    assert set(weights.tolist()) == {2}


keys = st.lists(st.integers(1, 6), max_size=12).map(lambda one: np.array(sorted(one), np.uint64))


@given(keys, keys)
def test_match_keys__gives_the_ranges_of_equal_keys(left, right):
    expected = [
        [*np.searchsorted(left, [key, key + 1]), *np.searchsorted(right, [key, key + 1])]
        for key in sorted(set(left.tolist()) & set(right.tolist()))
    ]
    assert match_keys(left, right).tolist() == expected


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 4), max_size=12))
def test_strongest__gives_the_heaviest_of_each_key(rows):
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    kept = strongest(columns[0], np.argsort(columns[0], kind="stable"), *columns[1:])
    best = {}
    for key, weight, left, right in rows:
        best[key] = max(best.get(key, (weight, -left, -right)), (weight, -left, -right))
    assert [(columns[1][k], -columns[2][k], -columns[3][k]) for k in kept] == [
        best[key] for key in sorted(best)
    ]


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
    assert pair_levels(left, right, i, j, make_rule(np.zeros((2, 5)), 0)).tolist() == expected


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


ratios = st.integers(-20, 20).map(lambda bits: 2.0**bits)


@st.composite
def forests(draw):
    """Links of two sides of five records without a circle, as columns, and their ratios."""
    ends = st.tuples(st.integers(0, 4), st.integers(0, 4))
    links = []
    for a, b in draw(st.lists(ends, max_size=8)):
        trees = reference.components(10, [(i, 5 + j) for i, j in links])
        if not any(a in tree and 5 + b in tree for tree in trees):
            links.append((a, b))
    return links, draw(st.lists(ratios, min_size=len(links), max_size=len(links)))


def compete(links, weights, matches=1.0, records=(5, 5), rounds=5000):
    """Odds of the links, and the expected number of them."""
    left, right = np.array(links, np.int64).reshape(-1, 2).T.copy()
    odds = np.zeros(len(links))
    total = match_odds(left, right, np.array(weights), *records, matches, rounds, 1e-12, odds)
    return odds, total


def prior_odds(matches, left=5, right=5):
    return matches / (max(left - matches, 0.5) * max(right - matches, 0.5))


@given(forests())
def test_match_odds__are_exact_without_circles(forest):
    links, weights = forest
    odds, total = compete(links, weights)
    prior = prior_odds(total)
    expected = reference.link_odds(links, [one * prior for one in weights], (True, True))
    assert_allclose(odds, expected, rtol=1e-6)
    assert_allclose(total, max(1e-6, (odds / (1 + odds)).sum()), rtol=1e-9)


all_links = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), ratios), unique_by=lambda one: one[:2]
)


@given(all_links, st.randoms())
def test_match_odds__are_bounded_and_do_not_depend_on_sides_or_order(rows, random):
    links, weights = [one[:2] for one in rows], [one[2] for one in rows]
    odds, total = compete(links, weights)
    assert (odds >= 0).all()
    assert (odds <= np.array(weights) * prior_odds(total) * (1 + 1e-6)).all()
    chance = odds / (1 + odds)
    for side in (0, 1):
        ends = np.array([one[side] for one in links], int)
        assert np.bincount(ends, chance, 5).max() <= 1 + 1e-6
    turned = compete([one[::-1] for one in links], weights)[0]
    assert_allclose(turned, odds, rtol=1e-4)
    order = random.sample(range(len(rows)), len(rows))
    mixed = compete([links[k] for k in order], [weights[k] for k in order])[0]
    assert_allclose(mixed, odds[order], rtol=1e-4)


@given(st.integers(0, 2**32 - 1), st.integers(1, 2), st.integers(0, 3))
def test_mixture_odds__equal_reference(seed, own, more):
    random = np.random.default_rng(seed)
    m, u = random.random((2, 3, 4)) + 1e-3
    shares = random.random((own + 1 + more, 3)) < 0.5
    sizes = 10 ** random.uniform(-1, 6, len(shares))
    levels = random.integers(0, 4, (20, 3)).astype(np.int8)
    rarity = random.integers(-(2**18), 2**18, (5, 2)).astype(np.int32)
    rows = random.integers(0, 5, 20)
    weights = np.log2(m / u)
    weights[:, 0] = 0
    classes = [(set(np.flatnonzero(one)), size) for one, size in zip(shares, sizes, strict=True)]
    extra = np.where(levels == 3, np.pad(rarity[rows] / 2**16, ((0, 0), (0, 1))), 0.0)
    for by_field, given_rarity in ((extra, rarity), (np.zeros((20, 3)), rarity[:0])):
        expected = [
            reference.match_weight(one, m, u, classes, own, rare)
            for one, rare in zip(levels.tolist(), by_field.tolist(), strict=True)
        ]
        found = mixture_odds(levels, given_rarity, rows, weights, shares, np.log2(sizes), own)
        assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


pairs_of_six = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=10)
six_holds = st.lists(st.sampled_from([0, 0, 1, 2]), min_size=6, max_size=6)


def columns_of(pairs):
    return np.array(pairs, np.int64).reshape(-1, 2).T.copy()


def groups_of(roots):
    return {frozenset(np.flatnonzero(roots == root).tolist()) for root in roots.tolist()}


@given(pairs_of_six, six_holds, pairs_of_six, st.data())
def test_join_records__equals_reference(links, holds, apart, data):
    apart = sorted({one for one in apart if one[0] != one[1]})
    weak = data.draw(st.lists(st.booleans(), min_size=len(links), max_size=len(links)))
    groups, expected = reference.join_strong_first(6, links, weak, holds, apart)
    said = np.array(apart, np.int64).reshape(-1, 2)
    roots, fate = join_records(*columns_of(links), np.array(weak, bool), np.array(holds), said)
    assert groups_of(roots) == set(groups)
    assert fate.tolist() == expected


@given(pairs_of_six, six_holds)
def test_join_stars__equals_reference(links, holds):
    groups, expected = reference.join_stars(6, links, holds)
    roots, fate = join_stars(*columns_of(links), np.array(holds))
    assert groups_of(roots) == set(groups)
    assert fate.tolist() == expected
