"""Groups of people: counts against plain loops, intervals, gaps, and what is withheld."""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from benchmarks.intervals import table
from benchmarks.measure import RESULTS
from linkage.errors import InputError
from linkage.evaluate.fairness import Fill, measure_fairness
from linkage.evaluate.gaps import Recalls, holm
from linkage.evaluate.groups import MISSING, Groups, group_people, group_records
from linkage.evaluate.intervals import pair_intervals, person_intervals
from linkage.evaluate.judged import judge
from linkage.evaluate.persons import Cells, tallies
from linkage.evaluate.resample import Kinds, Resampling, interval, share_interval
from linkage.evaluate.tallies import FALSE, FOUND, LOST, UNSURE, Ends, Tallies
from linkage.evaluate.truth import Truth
from linkage.evaluate.withhold import withhold
from tests.command import REPOSITORY
from tests.evaluate_cases import runs
from tests.test_evaluate_measures import judged_of

HOW = Resampling(200, 3)


# Who belongs to which group.


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 2)), min_size=1, max_size=12))
def test_group_people__takes_the_label_of_most_records(rows):
    person, codes = (np.array(column) for column in zip(*rows, strict=True))
    groups = group_people("kin", ("b", "c", "a"), codes, person)
    for who in set(person.tolist()) - {-1}:
        told = Counter(
            int(code) for code, one in zip(codes, person, strict=True) if one == who and code != -1
        )
        most = max(told.values(), default=0)
        first = min((code for code, count in told.items() if count == most), default=None)
        name = MISSING if first is None else ("b", "c", "a")[first]
        assert {groups.names[code] for code in groups.of_record[person == who]} == {name}
    assert (groups.of_record[person == -1] == -1).all()
    unlike = sum(
        len({int(c) for c, one in zip(codes, person, strict=True) if one == who and c != -1}) > 1
        for who in set(person.tolist()) - {-1}
    )
    assert any(f"{unlike} people" in note for note in groups.notes) == (unlike > 0)


def test_group_people__orders_groups_and_bands_many_numbers():
    codes = np.arange(3)
    assert group_people("n", ("10", "9", "x"), codes, codes).names == ("10", "9", "x")
    assert group_people("n", ("10", "9", "2"), codes, codes).names == ("2", "9", "10")
    numbers = tuple(str(one) for one in range(100))
    banded = group_people("n", numbers, np.arange(100), np.arange(100))
    assert banded.names == ("0 to 19", "20 to 39", "40 to 59", "60 to 79", "80 to 99")
    assert np.bincount(banded.of_record).tolist() == [20] * 5
    assert "5 bands" in banded.notes[0]
    skewed = group_records("n", numbers, np.minimum(np.arange(300) % 97, 20))
    assert sum(np.bincount(skewed.of_record)) == 300


def test_group_people__refuses_too_many_labels():
    names = tuple(f"street {one}" for one in range(51))
    with pytest.raises(InputError, match="51 different labels"):
        group_people("address", names, np.arange(51), np.arange(51))


# Counting.


@given(runs(), st.lists(st.integers(0, 2), min_size=4, max_size=4))
def test_tallies__equal_plain_loops(run, by_person):
    judged = judged_of(run)
    truth = Truth.of(run.arrays())
    numbers = sorted({one for t in run.truth for one in t if one != -1})
    label = np.array([by_person[one] for one in numbers] + [-1])[truth.everyone]
    found = Tallies.of(Ends.of(judged), Groups("kin", ("a", "b", "c"), label), HOW, 0)
    expected, people = defaultdict(float), defaultdict(set)
    for place, pair, match, status, _ in run.judged():
        kinds = {"link": FOUND, "review": UNSURE, "neither": LOST}
        kind = kinds[status] if match else FALSE if status == "link" else None
        for one in run.people(place, pair):
            if kind is not None:
                expected[by_person[one], kind] += 0.5
            if match:
                people[by_person[one]].add(one)
    for group, kind in itertools.product(range(3), range(4)):
        assert found.counts[group, kind] == expected[group, kind]
        samples = found.samples[:, group, kind]
        assert (samples > 0).any() == (expected[group, kind] > 0) or expected[group, kind] < 2
    assert found.people.tolist() == [len(people[group]) for group in range(3)]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=30))
def test_kinds__are_the_distinct_rows(rows):
    kinds = Kinds.of(np.array(rows, float))
    found = {tuple(row): int(n) for row, n in zip(kinds.rows.tolist(), kinds.counts, strict=True)}
    assert found == Counter((float(a), float(b)) for a, b in rows)
    sums = kinds.sums(HOW)
    assert np.array_equal(sums, kinds.sums(HOW))
    assert not len(rows) or sums.shape == (200, 2)
    ones = Kinds.of(np.ones((len(rows), 1))).sums(HOW)
    assert (ones == len(rows)).all()


def test_kinds__draw_as_drawing_units_does():
    """Mean and variance of resampled sums are those of units drawn with replacement."""
    random = np.random.default_rng(1)
    rows = random.integers(0, 4, (300, 2)).astype(float)
    sums = Kinds.of(rows).sums(Resampling(20_000, 5))
    assert_allclose(sums.mean(axis=0), rows.sum(axis=0), rtol=0.005)
    # The standard error of a covariance of sums is 2.7 here.
    assert_allclose(np.cov(sums.T), 300 * np.cov(rows.T, bias=True), atol=11)


def test_intervals__of_nothing_seen_are_those_of_wilson():
    sums, seen = np.ones((200, 2)), np.tile([1.0, 0.0], (20, 1))
    bounds = share_interval(sums, seen, [0], [0, 1], HOW)
    z2 = 1.959964**2
    assert bounds["lower"] == pytest.approx(20 / (20 + z2), abs=1e-6)
    assert bounds["upper"] == 1.0
    assert share_interval(sums, seen, [1], [0, 1], HOW)["upper"] == pytest.approx(z2 / (20 + z2))
    assert share_interval(sums, seen, [0], [1], HOW) is None
    assert interval(np.array([np.nan]), 0.5, HOW) is None
    assert interval(np.array([1.0, 2.0, 3.0]), 2.5, HOW) == {"lower": 1.0, "upper": 3.0}


def heavy_tailed(random, people):
    """Give right and missed pairs of people: few have many pairs, and few are hard to find."""
    pairs = random.negative_binomial(0.6, 0.12, people) + 1
    pairs += pairs * (pairs - 1) // 2
    hard = random.random(people) < 0.02
    found = random.binomial(pairs, np.where(hard, random.random(people), 0.9985))
    return np.column_stack([found, pairs - found]).astype(float)


def test_intervals__hold_where_few_people_have_most_of_the_misses():
    random = np.random.default_rng(3)
    everybody = heavy_tailed(random, 1_000_000).sum(axis=0)
    true = everybody[0] / everybody.sum()
    held = [0, 0]
    for seed in range(300):
        seen = heavy_tailed(random, 1_500)
        sums = Kinds.of(seen).sums(Resampling(300, seed))
        bounds = share_interval(sums, seen, [0], [0, 1], HOW)
        drawn = np.sort(sums[:, 0] / sums.sum(axis=1))[[7, 292]]
        held[0] += bounds["lower"] <= true <= bounds["upper"]
        held[1] += drawn[0] <= true <= drawn[1]
    assert held[0] > 0.88 * 300
    assert held[1] < 0.85 * 300, "percentiles do as well, and simpler"


def test_intervals__page_shows_what_was_measured():
    results = json.loads((RESULTS / "intervals.json").read_text("utf-8"))
    assert table(results) in (REPOSITORY / "docs" / "evaluation.md").read_text("utf-8")
    assert min(one["held"] for one in results["figures"].values()) > 0.8
    assert results["groups"]["false_alarms"] <= 0.05 + 2 * (0.05 * 0.95 / 100) ** 0.5


@given(runs())
def test_intervals__hold_the_figures(run):
    judged, truth = judged_of(run), Truth.of(run.arrays())
    persons = [np.zeros(len(one), int) for one in run.truth]
    of_persons = person_intervals(tallies(Cells.of(persons, truth), truth), HOW)
    of_pairs = pair_intervals(judged, HOW)
    for bounds in (*of_pairs["pairwise"].values(), *of_persons.values()):
        assert bounds is None or 0 <= bounds["lower"] <= bounds["upper"] <= 1
    assert of_pairs == pair_intervals(judged, HOW)
    assert len(of_pairs["by_data_sets"]) == len(run.found)


# Comparing.


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm__equals_its_definition(p_values):
    adjusted = holm(p_values)
    order = sorted(p_values)
    for p, found in zip(p_values, adjusted, strict=True):
        steps = [min(1.0, (len(order) - k) * one) for k, one in enumerate(order) if one <= p]
        first = order.index(p)
        assert found >= max(steps[: first + 1]) - 1e-12
        assert found <= max(steps) + 1e-12
        assert found >= p


def population(random, people, recall, shares, worse=0.0):
    """True matches of people in groups; those of group 1 are missed more often."""
    pairs = random.integers(1, 5, people)
    label = random.choice(len(shares), people, p=shares)
    chance = np.clip(random.beta(recall * 4, (1 - recall) * 4, people) - worse * (label == 1), 0, 1)
    who = np.repeat(np.arange(people), pairs)
    linked = random.random(len(who)) < chance[who]
    truth = Truth.of([who, who])  # record i of either side is of one person; only i - i counts
    from tests.evaluate_cases import pairs_of

    links = pairs_of((0, 1), [(i, i, 0.9) for i in np.flatnonzero(linked)])
    judged = judge([links], [], truth)
    own = judged.left + len(who) == judged.right
    groups = Groups("kin", tuple(f"g{one}" for one in range(len(shares))), np.tile(label[who], 2))
    return judged.take(own), groups


def test_gap__is_found_where_there_is_one_and_hardly_ever_where_there_is_none():
    random = np.random.default_rng(2)
    shares = [0.6, 0.25, 0.1, 0.05]
    alarms = 0
    for _ in range(40):
        judged, groups = population(random, 400, 0.9, shares)
        fairness = measure_fairness(judged, [groups], HOW)
        alarms += bool(fairness["warnings"])
    assert alarms <= 6  # 2 are to be expected, and 7 or more once in 200 times
    judged, groups = population(random, 2000, 0.95, shares, worse=0.15)
    fairness = measure_fairness(judged, [groups], HOW)
    column = fairness["columns"][0]
    assert column["gap"]["significant"]
    assert column["gap"]["lowest"] == column["gap"]["surest"]["lower"] == "g1"
    assert column["gap"]["interval"]["lower"] <= column["gap"]["gap"]
    figures = {one["group"]: one for one in column["groups"]}
    assert figures["g1"]["differs"]
    assert figures["g1"]["missed_ratio_interval"]["lower"] > 1
    assert figures["g0"]["missed_ratio"] is None
    assert len(fairness["warnings"]) == 2
    assert "g1" in fairness["warnings"][0]


def test_recalls__of_groups_without_a_miss_are_not_taken_for_sure():
    counts = np.array([[990.0, 0, 10, 0], [30.0, 0, 0, 0]])
    samples = np.random.default_rng(1).poisson(counts, (200, 2, 4)).astype(float)
    found = Recalls.of(Tallies(counts, samples, np.array([900, 25]), np.array([1.1, 1.4])))
    assert found.variance[1] > found.variance[0]
    assert found.p_value(0, 1) > 0.3


def test_fairness__of_fill_and_of_all_figures():
    judged, groups = population(np.random.default_rng(5), 300, 0.9, [0.7, 0.3])
    records = len(groups.of_record)
    shares = np.column_stack([groups.of_record * 0.5, np.full(records, 0.25)]).astype(np.float32)
    fairness = measure_fairness(judged, [groups], HOW, fill=Fill(("name", "dob"), shares))
    for number, one in enumerate(fairness["columns"][0]["groups"]):
        assert one["fill_by_field"] == pytest.approx({"name": number * 0.5, "dob": 0.25})
        assert one["fill"] == pytest.approx((number * 0.5 + 0.25) / 2)
        assert one["recall"] == one["found"] / one["true_matches"]
        assert one["recall_interval"]["lower"] <= one["recall"] <= one["recall_interval"]["upper"]
    without = measure_fairness(judged, [groups], Resampling(0))
    assert without["columns"][0]["gap"] is None
    assert without["warnings"] == []
    assert without["columns"][0]["groups"][0]["recall_interval"] is None


# Withholding.


def published(people, least):
    """What somebody sees: the sum, and each group's number where it is shown."""
    names = [f"g{one}" for one in range(len(people))]
    hidden = withhold(names, np.array(people), np.zeros((len(people), 0)), least).groups
    return sum(people), tuple(None if h else n for h, n in zip(hidden, people, strict=True))


@pytest.mark.parametrize(
    ("least", "groups", "most"), [(2, 3, 8), (3, 3, 11), (3, 4, 8), (4, 3, 13)]
)
def test_withhold__cannot_be_undone_by_who_knows_the_rule(least, groups, most):
    """Try every table: none that looks like the published one may have to be the true one.

    The attacker knows the sum, the groups shown, and how groups are chosen, and so can rule out all
    tables that would have been published otherwise.
    """
    alike = defaultdict(list)
    for people in itertools.product(range(most + 1), repeat=groups):
        alike[published(people, least)].append(people)
    for (total, shown), tables in alike.items():
        if any(max(one) == most for one in tables) or not total:
            continue  # tables beyond those tried might look alike too; of nobody all is known
        for group, number in enumerate(shown):
            if number is None:
                assert len({one[group] for one in tables}) > 1, (total, shown)
            else:
                assert number >= least


counts = st.lists(st.integers(0, 3), min_size=3, max_size=3)


@given(st.lists(st.tuples(st.integers(0, 60), counts), min_size=1, max_size=7), st.integers(0, 20))
def test_withhold__leaves_no_figure_to_be_worked_out(rows, least):
    people = np.array([one for one, _ in rows])
    figures = np.array([more for _, more in rows], float)
    made = withhold([f"g{one}" for one in range(len(rows))], people, figures, least)
    hidden = made.groups
    if least <= 1 or not (people < least).any():
        assert not hidden.any()
        assert not made.counts.any()
        return
    assert hidden[people < least].all()
    if hidden.all():
        return
    assert hidden.sum() >= 2
    assert people[hidden].sum() >= 2 * least
    for column in range(3):
        rest = figures[:, column].sum() - figures[~hidden, column].sum()
        # What is left to the withheld groups is nothing only where it is so for everybody,
        # or where nobody is told.
        assert rest > 0 or figures[:, column].sum() == 0 or made.counts[column]


@given(st.lists(st.integers(0, 40), min_size=2, max_size=6), st.permutations(range(6)))
def test_withhold__does_not_depend_on_the_order_of_groups(people, order):
    order = [one for one in order if one < len(people)]
    names = np.array([f"g{one}" for one in range(len(people))])
    number = np.array(people) * 10 + np.arange(len(people))  # no two alike
    nothing = np.zeros((len(people), 0))
    first = withhold(names.tolist(), number, nothing, 25).groups
    again = withhold(names[order].tolist(), number[order], nothing, 25).groups
    assert again.tolist() == first[order].tolist()


def test_fairness__withholds_all_figures_of_a_small_group():
    random = np.random.default_rng(4)
    judged, groups = population(random, 400, 0.9, [0.5, 0.3, 0.15, 0.03, 0.02])
    column = measure_fairness(judged, [groups], HOW, suppress_below=30)["columns"][0]
    hidden = [one for one in column["groups"] if one["withheld"]]
    assert 2 <= len(hidden) < 5
    assert all(one.keys() == {"group", "withheld"} for one in hidden)
    names = {one["group"] for one in hidden}
    assert not names & {column["gap"][one] for one in ("highest", "lowest")}
    assert column["largest"] not in names
    assert any(f"{len(hidden)} of 5 groups are withheld" in note for note in column["notes"])
    shown = measure_fairness(judged, [groups], HOW, suppress_below=0)["columns"][0]["groups"]
    assert not any(one["withheld"] for one in shown)
    assert sum(one["true_matches"] for one in shown) == judged.match.sum()


def test_fairness__says_so_of_a_group_of_one_person():
    truth = Truth.of([np.arange(30), np.arange(30)])
    from tests.evaluate_cases import pairs_of

    judged = judge([pairs_of((0, 1), [(i, i, 0.9) for i in range(20)])], [], truth)
    label = np.where(truth.everyone == 7, 1, 0)
    column = measure_fairness(judged, [Groups("kin", ("a", "b"), label)], HOW, suppress_below=0)
    note = column["columns"][0]["notes"][0]
    assert "b is one person" in note
    assert column["columns"][0]["gap"] is None
