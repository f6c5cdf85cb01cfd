"""Each measure of pairs, persons, blocking and causes against plain loops over small runs."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from linkage.errors import InputError
from linkage.evaluate.blocking import Rows, blocking_figures, meeting_passes
from linkage.evaluate.causes import FALSE_KINDS, FATES, false_causes, match_causes, unlinked_repeats
from linkage.evaluate.judged import LINK, NEITHER, REVIEW, judge
from linkage.evaluate.pairs import Ranked, curve, evaluate_judged
from linkage.evaluate.persons import Cells, evaluate_persons, pairs_between, tallies
from linkage.evaluate.reviewed import Reviewed, judge_reviewed
from linkage.evaluate.truth import Truth
from tests.evaluate_cases import STRENGTHS, Run, pairs_of, runs

KINDS = {"link": LINK, "review": REVIEW, "neither": NEITHER}


def judged_of(run: Run, **how):
    return judge(run.tables("link"), run.tables("review"), Truth.of(run.arrays(), **how))


def rows_of(judged):
    """Rows as plain tuples: place, pair, match, status."""
    places = [judged.places[number] for number in judged.place.tolist()]
    starts = np.array([[judged.starts[side] for side in place] for place in places]).reshape(-1, 2)
    ends = (np.column_stack([judged.left, judged.right]) - starts).tolist()
    told = judged.match.tolist(), judged.status.tolist()
    return [
        (place, tuple(pair), m, s) for place, pair, m, s in zip(places, ends, *told, strict=True)
    ]


@given(runs())
def test_judge__lists_each_pair_that_counts_once(run):
    judged = judged_of(run)
    expected = [
        (place, pair, match, KINDS[status]) for place, pair, match, status, _ in run.judged()
    ]
    assert Counter(rows_of(judged)) == Counter(expected)
    assert (judged.ends == 0.5).all()


@given(runs(), st.sampled_from(STRENGTHS), st.booleans())
def test_curve__equals_plain_counts_at_every_cutoff(run, cutoff, above):
    judged = judged_of(run)
    cutoff += 0.01 * above
    counts = Counter(
        match for _, _, match, status, s in run.judged() if status != "neither" and s >= cutoff
    )
    matches = sum(match for _, _, match, _, _ in run.judged())
    quality = Ranked.of(judged).at(cutoff)
    assert (quality.true_positives, quality.false_positives) == (counts[True], counts[False])
    assert quality.false_negatives == matches - counts[True]
    rows = curve(judged, 0.5)
    assert [row["threshold"] for row in rows] == sorted({row["threshold"] for row in rows})
    best = evaluate_judged(judged)["best_threshold"]
    assert best["f1"] >= max((row["f1"] for row in rows), default=0)
    if rows:
        assert best["threshold"] in {row["threshold"] for row in rows}
        assert rows[0]["true_positives"] == Ranked.of(judged).at(0.0).true_positives


@given(runs())
def test_whole_people__each_person_alone_adds_up_to_all(run):
    """Every person in turn is the sample; the counts of all samples make those of a full truth."""
    known = [[max(one, 0) for one in truth] for truth in run.truth]
    run = Run(known, run.found)
    full = evaluate_judged(judged_of(run))["pairwise"]
    sums = Counter()
    for person in {one for truth in known for one in truth}:
        alone = Run([[one if one == person else -1 for one in t] for t in known], run.found)
        figures = evaluate_judged(judged_of(alone, whole=True))["pairwise"]
        sums.update({name: figures[name] for name in figures if "_" in name})
    assert all(sums[name] == full[name] for name in full if "_" in name)
    same = evaluate_judged(judged_of(run, whole=True))["pairwise"]
    assert same == full


@given(runs(), st.lists(st.integers(1, 5), min_size=4, max_size=4))
def test_sampling_weights__count_each_person_so_often(run, by_person):
    weight = [np.array([float(by_person[one]) for one in truth]) for truth in run.truth]
    figures = evaluate_judged(judged_of(run, weight=weight, whole=True))["pairwise"]
    right = wrong = missed = 0.0
    for place in run.found:
        for pair in run.all_pairs(place):
            ends = [by_person[one] / 2 if one != -1 else 0 for one in run.people(place, pair)]
            linked = run.status(place, pair)[0] == "link"
            match = run.is_match(place, pair)
            right += sum(ends) * (match and linked)
            missed += sum(ends) * (match and not linked)
            wrong += sum(ends) * (linked and not match)
    counts = [figures[f"{one}s"] for one in ("true_positive", "false_positive", "false_negative")]
    assert counts == [right, wrong, missed]


@pytest.mark.parametrize("weights", [[0.0, 1.0], [np.nan, 1.0], [1.0, 2.0], [np.inf, np.inf]])
def test_sampling_weights__must_be_numbers_and_the_same_for_a_person(weights):
    with pytest.raises(InputError, match="weight"):
        Truth.of([np.array([3, 3])], [np.array(weights)], whole=True)


labels = st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 2)), min_size=1, max_size=9)


@given(labels, st.integers(0, 9))
def test_persons__equal_plain_loops(rows, cut):
    found, true = ([row[side] for row in rows] for side in (0, 1))
    cut = min(cut, len(rows))
    parts = [[np.array(one[:cut], int), np.array(one[cut:], int)] for one in (found, true)]
    answer = evaluate_persons(*parts)
    known = [(f, t) for f, t in rows if t != -1]
    clusters, people = ({} for _ in "ab")
    for place, (f, t) in enumerate(known):
        clusters.setdefault(f, set()).add(place)
        people.setdefault(t, set()).add(place)
    both = list(itertools.combinations(range(len(known)), 2))
    held = {pair for pair in both if known[pair[0]][0] == known[pair[1]][0]}
    same = {pair for pair in both if known[pair[0]][1] == known[pair[1]][1]}
    share = lambda part, whole: part / whole if whole else 1.0  # noqa: E731
    assert answer["pair_precision"] == share(len(held & same), len(held))
    assert answer["pair_recall"] == share(len(held & same), len(same))
    like = lambda one, others: max(len(one & two) / len(one | two) for two in others)  # noqa: E731
    if known:
        closest = [like(one, people.values()) for one in clusters.values()]
        assert_allclose(answer["closest_precision"], sum(closest) / len(closest))
        closest = [like(one, clusters.values()) for one in people.values()]
        assert_allclose(answer["closest_recall"], sum(closest) / len(closest))
    assert answer["found_persons"] == len(clusters)
    truth = Truth.of(parts[1])
    for place, figures in zip(
        [(0, 1), (0, 0)], pairs_between(parts[0], truth, [(0, 1), (0, 0)]), strict=True
    ):
        sides = [range(cut) if one == 0 else range(cut, len(rows)) for one in place]
        pairs = [
            (i, j)
            for i, j in itertools.product(*sides)
            if -1 not in (true[i], true[j]) and (place[0] != place[1] or i < j)
        ]
        counted = Counter((found[i] == found[j], true[i] == true[j]) for i, j in pairs)
        assert figures["true_positives"] == counted[True, True]
        assert figures["false_positives"] == counted[True, False]
        assert figures["false_negatives"] == counted[False, True]


@given(labels)
def test_persons_of_a_sample__count_records_that_it_does_not_name(rows):
    """A sample that names one person: its precision is that of its records among all records."""
    found, true = (np.array([row[side] for row in rows]) for side in (0, 1))
    person = int(true.max())
    if person == -1:
        return
    alone = np.where(true == person, person, -1)
    answer = evaluate_persons([found], Truth.of([alone], whole=True))
    own = np.flatnonzero(true == person)
    shares = [np.mean(true[found == found[one]] == person) for one in own]
    assert_allclose(answer["precision"], np.mean(shares))
    whole = set(own.tolist()) == set(np.flatnonzero(found == found[own[0]]).tolist())
    assert answer["exact"] == float(whole)


@given(st.data(), runs())
def test_blocking__equals_plain_loops_by_pass(data, run):
    passes = data.draw(st.integers(1, 3))
    sides, plain = [], []
    for truth in run.truth:
        shape = st.lists(
            st.lists(st.integers(0, 2), min_size=passes, max_size=passes), min_size=1, max_size=3
        )
        keys = [data.draw(shape) for _ in truth]
        owner = np.repeat(np.arange(len(keys)), [len(one) for one in keys])
        matrix = np.array([row for one in keys for row in one], np.uint64).reshape(-1, passes)
        sides.append(Rows.of(matrix, owner, len(keys)))
        plain.append(keys)
    for place in run.found:
        pairs = [pair for pair in run.all_pairs(place) if run.is_match(place, pair)]
        left, right = (np.array([pair[end] for pair in pairs], int) for end in (0, 1))
        met = meeting_passes(sides[place[0]], sides[place[1]], left, right)
        expected = [
            [
                any(a[p] == b[p] != 0 for a in plain[place[0]][i] for b in plain[place[1]][j])
                for p in range(passes)
            ]
            for i, j in pairs
        ]
        assert met.tolist() == expected
        named = [{"name": f"p{p}", "comparisons": 5} for p in range(passes)]
        figures = blocking_figures(met, np.ones(len(pairs)), named, 5, 10)
        for p, one in enumerate(figures["passes"]):
            assert one["matches"] == sum(row[p] for row in expected)
            assert one["alone"] == sum(row[p] and sum(row) == 1 for row in expected)
        completeness = np.mean([any(row) for row in expected]) if pairs else 1.0
        assert figures["pairs_completeness"] == pytest.approx(completeness)


@given(st.data(), runs())
def test_match_causes__equal_plain_rules(data, run):
    judged = judged_of(run)
    persons = [
        data.draw(st.lists(st.integers(0, 2), min_size=len(t), max_size=len(t))) for t in run.truth
    ]
    every = np.array(persons[0] + persons[1])
    together = every[judged.left] == every[judged.right]
    missing = int(judged.missing.sum())
    met, strong = (
        np.array(data.draw(st.lists(st.booleans(), min_size=missing, max_size=missing)), bool)
        for _ in "ab"
    )
    answer = match_causes(judged, together, met, strong)
    told = iter(zip(met.tolist(), strong.tolist(), strict=True))
    expected, held = Counter(), Counter()
    for (_, _, match, status), one in zip(rows_of(judged), together.tolist(), strict=True):
        if not match:
            continue
        fate = {LINK: "linked", REVIEW: "in_review"}.get(status)
        if status == NEITHER:
            blocked, enough = next(told)
            fate = (
                "never_blocked" if not blocked else "assigned_elsewhere" if enough else "scored_low"
            )
        expected[fate] += 1
        held[fate] += one
    assert {one["fate"]: one["pairs"] for one in answer["by_fate"]} == {
        fate: expected[fate] for fate in FATES if fate != "not_told"
    }
    assert all(one["one_person"] == held[one["fate"]] for one in answer["by_fate"])
    assert answer["clustered_apart"] == expected["linked"] - held["linked"]
    assert sum(row[fate] for row in answer["by_data_sets"] for fate in FATES) == expected.total()
    untold = match_causes(judged, None, None, None)
    assert {one["fate"]: one["pairs"] for one in untold["by_fate"]}.get("not_told", 0) == missing
    assert untold["clustered_apart"] is None


@given(runs(), st.lists(st.integers(-1, 1), min_size=12, max_size=12))
def test_false_causes__equal_plain_rules(run, codes):
    judged = judged_of(run)
    label = np.array(codes)[: int(judged.starts[-1])]
    answer = false_causes(judged, None, Truth.of(run.arrays()), {"kin": label})
    expected, same, ends = Counter(), [], []
    for place, pair, match, status, _ in run.judged():
        if match or status != "link":
            continue
        fates = [
            [run.status(place, other)[0] for other in run.all_pairs(place)
             if run.is_match(place, other) and _touches(place, other, pair, end)]
            for end in (0, 1)
        ]  # fmt: skip
        if any(one and "link" not in one for one in fates):
            expected["instead_of_a_match"] += 1
        elif any("link" in one for one in fates):
            expected["beside_a_match"] += 1
        else:
            expected["no_match_there"] += 1
        one, other = (label[judged.starts[place[end]] + pair[end]] for end in (0, 1))
        if -1 not in (one, other):
            same.append(one == other)
            ends += [one, other]
    assert answer["by_kind"] == {name: expected[name] for name in FALSE_KINDS}
    if not same:
        assert answer["same_group"]["kin"] is None
        return
    chance = sum((count / len(ends)) ** 2 for count in Counter(ends).values())
    assert_allclose(
        [answer["same_group"]["kin"][one] for one in ("share", "by_chance")],
        [np.mean(same), chance],
    )


def _touches(place, other, pair, end):
    """Tell whether another pair has the record at an end of a pair, on either side if within."""
    return pair[end] in other if place[0] == place[1] else other[end] == pair[end]


def test_unlinked_repeats__counts_what_links_elsewhere_brought_together():
    truth = Truth.of([np.array([0, 0, 0, 1]), np.array([0, 1, 1])])
    persons = [np.array([5, 5, 6, 7]), np.array([5, 7, 7])]
    assert unlinked_repeats(persons, truth, [(0, 1)]) == [
        {"data_set": 0, "pairs": 3, "one_person": 1},
        {"data_set": 1, "pairs": 1, "one_person": 1},
    ]
    assert [one["data_set"] for one in unlinked_repeats(persons, truth, [(0, 1), (0, 0)])] == [1]


@given(runs())
def test_reviewed__of_everything_is_the_truth(run):
    """If all pairs are reviewed, and each stands for itself, the figures are those of the truth."""
    run = Run([[max(one, 0) for one in truth] for truth in run.truth], run.found)
    rows = [
        (place, pair, run.is_match(place, pair))
        for place in run.found
        for pair in run.all_pairs(place)
    ]
    reviewed = Reviewed(
        np.array([place for place, _, _ in rows]).reshape(-1, 2),
        np.array([pair[0] for _, pair, _ in rows], int),
        np.array([pair[1] for _, pair, _ in rows], int),
        np.array([match for _, _, match in rows], bool),
        None,
    )
    sizes = [len(one) for one in run.truth]
    judged = judge_reviewed(run.tables("link"), run.tables("review"), reviewed, sizes)
    by_truth = judged_of(run)
    assert Counter(rows_of(judged)) == Counter(rows_of(by_truth))
    assert evaluate_judged(judged) == evaluate_judged(by_truth)


def test_reviewed__links_and_review_stand_for_all_of_their_kind():
    links = pairs_of((0, 1), [(i, i, 0.9) for i in range(10)])
    review = pairs_of((0, 1), [(i, i + 1, 0.2) for i in range(20)])
    # 4 of 10 links, 3 right; 5 of 20 for review, 1 right; one pair from elsewhere that matches.
    pairs = (
        [(i, i, i < 3) for i in range(4)] + [(i, i + 1, i == 0) for i in range(5)] + [(9, 0, True)]
    )
    left, right, match = (np.array(one) for one in zip(*pairs, strict=True))
    places = np.tile([0, 1], (len(pairs), 1))
    reviewed = Reviewed(places, left, right, match, None)
    figures = evaluate_judged(judge_reviewed([links], [review], reviewed, [30, 30]))["pairwise"]
    assert figures["precision"] == 3 / 4
    assert_allclose(figures["recall"], 3 * 10 / 4 / (3 * 10 / 4 + 1 * 20 / 5 + 1))
    weighted = Reviewed(places, left, right, match, np.arange(1.0, 11.0))
    figures = evaluate_judged(judge_reviewed([links], [review], weighted, [30, 30]))["pairwise"]
    assert_allclose(figures["precision"], (1 + 2 + 3) / (1 + 2 + 3 + 4))
    assert_allclose(figures["recall"], 6 / (6 + 5 + 10))


def test_judge__draws_false_links_of_one_record_together():
    truth = Truth.of([np.arange(4), np.array([9, 9, 9, 3])])
    links = pairs_of((0, 1), [(0, 1, 0.9), (1, 1, 0.9), (2, 1, 0.9), (3, 3, 0.9), (3, 0, 0.9)])
    judged = judge([links], [], truth)
    nine = int(truth.person[1][0])
    assert judged.unit[judged.linked].tolist() == [nine, nine, nine, int(truth.person[0][3]), nine]


def test_tallies__add_up_to_the_figures():
    truth = Truth.of([np.array([0, 0, 1, 2, 2, -1])])
    made = tallies(Cells.of([np.array([0, 0, 0, 1, 2, 2])], truth), truth)
    assert made.sum(axis=0).tolist() == [5, 2 * 2 / 3 + 1 / 3 + 2, 2 + 1 + 2 * 0.5, 3, 0, 1, 2, 1]
