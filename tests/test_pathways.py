"""Pathways: counted as they are defined, and protected against whoever reckons with them."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.pathways.content import EventsOfPersons, flat, publish
from linkage.pathways.histories import Histories
from linkage.pathways.protect import Rules
from linkage.pathways.tables import Question
from linkage.report.flow import draw_flow
from linkage.report.pathways import render_pathways
from tests.reference_pathways import bounds, places_of

YEARS = range(2018, 2022)
NAMES = ("police", "court", "prison")
TYPES = ("arrest", "conviction", "sentence")
EXACT = Rules(suppress_below=1, round_to=1)

event = st.tuples(st.sampled_from(YEARS), st.integers(0, 2), st.integers(0, 2))
people = st.lists(st.sets(event, min_size=1, max_size=7), min_size=1, max_size=12)


def question(within=3, datasets=NAMES, types=TYPES, years=YEARS):
    return Question(years, within, datasets, types)


def events_of(persons, confidence=None):
    rows = [(number, *one) for number, person in enumerate(persons) for one in sorted(person)]
    person, year, dataset, type_ = np.array(rows, np.int64).T
    sure = np.ones(len(persons)) if confidence is None else np.array(confidence, float)
    return EventsOfPersons(person, year, dataset, type_, sure)


def numbers(content, which="all"):
    table = flat(content)
    places = zip(table["table"], table["row"], table["column"], strict=True)
    return dict(zip(places, table[which], strict=True))


def counted(persons, *, within=3, datasets=NAMES, types=TYPES):
    return Counter(
        place
        for one in persons
        for place in places_of(one, YEARS, within, list(datasets), list(types))
    )


# What is counted


@settings(deadline=None, max_examples=60)
@given(people)
def test_publish__counts_as_defined(persons):
    used = sorted({one for person in persons for _, _, one in person})
    found = numbers(publish(events_of(persons), question(), EXACT, None))
    true = counted(persons)
    if len(used) < 2:  # of one type there is no table
        true = {place: count for place, count in true.items() if "type" not in place[0]}
    assert {place: count for place, count in found.items() if count} == dict(true)


def test_publish__counts_sure_persons_apart():
    persons = [{(2018, 0, 0), (2019, 1, 1)}] * 3 + [{(2018, 0, 0)}] * 2
    content = publish(events_of(persons, [1.0, 0.95, 0.5, 1.0, 0.2]), question(), EXACT, 0.95)
    assert content["persons"] == {"all": 5, "sure": 3}
    assert numbers(content)["orders", "police → court", "persons"] == 3
    assert numbers(content, "sure")["orders", "police → court", "persons"] == 2


def test_publish__years_of_one_year_have_no_order():
    persons = [{(2018, 0, 0), (2018, 2, 2), (2019, 1, 1), (2020, 0, 0)}]
    content = publish(events_of(persons), question(), EXACT, None)
    (order,) = content["orders"]
    assert order["order"] == [["police", "prison"], ["court"]]
    assert order["back"] == {"all": 1, "sure": None}
    found = numbers(content)
    assert found["moves_same_year", "police", "prison"] == 1
    assert found["moves_later", "police", "prison"] == 0
    assert found["moves_later", "prison", "court"] == found["moves_later", "police", "court"] == 1


def test_publish__follows_only_whom_it_can():
    persons = [{(2018, 2, 2), (2020, 0, 0)}, {(2020, 2, 2), (2021, 0, 0)}, {(2021, 2, 2)}]
    content = publish(events_of(persons), question(), EXACT, None)
    (back,) = (r for r in content["returns"] if (r["from"], r["to"]) == ("prison", "police"))
    assert [step["persons"]["all"] for step in back["within"]] == [1, 1, 1]
    assert [step["followed"]["all"] for step in back["within"]] == [2, 1, 1]
    assert [step["share"]["all"] for step in back["within"]] == [0.5, 1.0, 1.0]


def test_publish__leaves_out_other_years():
    persons = [{(2017, 0, 0), (2019, 1, 1)}, {(2017, 0, 0)}]
    content = publish(events_of(persons), question(), EXACT, None)
    assert content["persons"]["all"] == 1
    assert numbers(content)["sets", "court", "persons"] == 1


def test_publish__leaves_out_types_that_few_have():
    persons = [{(2018, 0, 0), (2019, 1, 1)}] * 12 + [{(2018, 0, 2)}] * 3
    content = publish(events_of(persons), question(), Rules(), None)
    assert content["types"] == ["arrest", "conviction"]


def test_histories__are_the_same_in_any_order_and_with_repeats():
    rows = np.array([(1, 2020, 0), (0, 2019, 1), (1, 2018, 1), (0, 2019, 1)])
    one = Histories.of(*rows.T, persons=2, stages=2)
    other = Histories.of(*rows[::-1].T, persons=2, stages=2)
    assert one.year.tolist() == other.year.tolist() == [2019, 2018, 2020]
    assert one.rank.tolist() == [[0, 1], [2, 1]]


# What is published


def crowd(seed, count=400, datasets=2, years=3):
    """People with few kinds of histories, most of them rare, and how sure each is."""
    random = np.random.default_rng(seed)
    cells = [(YEARS[y], d, d) for y in range(years) for d in range(datasets)]
    share = 0.15 + 0.35 * random.random(len(cells))
    persons = []
    while len(persons) < count:
        person = {
            cell for cell, hit in zip(cells, random.random(len(cells)) < share, strict=True) if hit
        }
        if person:
            persons.append(person)
    return persons, np.where(random.random(count) < 0.93, 1.0, 0.5)


def published_of(persons, sure, rules):
    asked = question(2, NAMES[:2], TYPES[:2], YEARS[:3])
    return publish(events_of(persons, sure), asked, rules, 0.9)


def test_publish__rounds_and_hides_small_numbers():
    persons, sure = crowd(1)
    shown = numbers(published_of(persons, sure, Rules(10, 5)))
    true = numbers(published_of(persons, sure, EXACT))
    assert any(value is None for value in shown.values())
    for place, value in shown.items():
        if value is None:
            continue
        assert value % 5 == 0
        assert abs(value - true[place]) <= 2
        assert true[place] >= 10
    assert all(shown.get(place) is None for place, count in true.items() if count < 10)


def histories_of(people):
    """Distinct sets of places, for persons that are sure and for those that are not."""
    found = {}
    for person in people:
        own = places_of(person, YEARS[:3], 2, list(NAMES[:2]), list(TYPES[:2]))
        places = frozenset((*place, "all") for place in own)
        found[places] = None
        found[places | {(*place, "sure") for place in own}] = None
    return list(found)


def everybody(years=3):
    """All histories that two data sets and so many years allow."""
    cells = [(YEARS[y], d, d) for y in range(years) for d in range(2)]
    return [set(some) for n in range(1, len(cells) + 1) for some in combinations(cells, n)]


def attack(content, true, rules, people, *, whole=False):
    """Give how many values each small number could have, to somebody who knows the page.

    Small are hidden numbers, and those who are in one printed number and not in another.
    """
    known, counts = {}, {}
    half = rules.round_to // 2
    for which in ("all", "sure"):
        for place, value in numbers(content, which).items():
            if value is not None:
                low = max(value - half, rules.suppress_below if rules.suppress_below > 1 else 0)
                known[*place, which] = (low, value - half + rules.round_to - 1)
        counts |= {(*place, which): n for place, n in numbers(true, which).items()}
    targets = [(place, None, n) for place, n in counts.items() if place not in known]
    for table, row, column, which in counts:
        outer = {"returns": ("followed", row, column, which), "orders": ("orders", row, "persons",
                 which)}.get(table)  # fmt: skip
        if outer in counts and column != "persons":
            part = (table, row, column, which)
            targets.append((outer, part, counts[outer] - counts[part]))
    possible, widths = histories_of(people), {}
    for place, without, count in targets:
        if 0 < count < rules.suppress_below:
            most = None if without else rules.suppress_below - 1
            low, high = bounds(possible, known, place, without, most=most, whole=whole)
            assert low - 1e-6 <= count <= high + 1e-6
            widths[place, without] = int(np.floor(high + 1e-6) - np.ceil(low - 1e-6)) + 1
    return widths


@pytest.mark.parametrize("rules", [Rules(10, 5), Rules(10, 1), Rules(20, 10)], ids=str)
@pytest.mark.parametrize("whole", [False, True], ids=["fractions", "whole persons"])
@pytest.mark.parametrize("seed", range(4))
def test_publish__leaves_an_attacker_in_doubt_over_every_hidden_number(seed, whole, rules):
    persons, sure = crowd(seed)
    content = published_of(persons, sure, rules)
    true = published_of(persons, sure, EXACT)
    widths = attack(content, true, rules, everybody(), whole=whole)
    assert widths
    assert min(widths.values()) >= rules.least_width


def test_publish__leaves_in_doubt_even_who_knows_which_histories_there_are():
    persons, sure = crowd(5)
    rules = Rules(10, 5)
    content = published_of(persons, sure, rules)
    widths = attack(content, published_of(persons, sure, EXACT), rules, persons)
    assert min(widths.values()) >= rules.least_width


def leaky():
    """People of whom four are known to the court only, which all others and their sum give away."""
    persons = [{(2018, 0, 0)}] * 40 + [{(2018, 1, 1)}] * 4 + [{(2018, 0, 0), (2019, 1, 1)}] * 30
    return persons, np.ones(len(persons))


def test_attack__breaks_what_only_hides_small_numbers():
    """The attacker is a good one: exact numbers, small ones left out, tell him the small ones."""
    true = published_of(*leaky(), EXACT)

    def hide(value):
        if isinstance(value, dict):
            if set(value) == {"all", "sure"}:
                return {k: None if v is not None and v < 10 else v for k, v in value.items()}
            return {key: hide(one) for key, one in value.items()}
        return [hide(one) for one in value] if isinstance(value, list) else value

    court = (("sets", "court", "persons", "all"), None)
    assert attack(hide(true), true, Rules(10, 1), everybody())[court] == 1
    for rules in (Rules(10, 1), Rules(10, 5)):
        widths = attack(published_of(*leaky(), rules), true, rules, everybody())
        assert widths[court] >= 5


def test_publish__hides_little_more_than_what_is_small():
    persons, sure = crowd(3, 3000, years=3)
    content = published_of(persons, sure, Rules(10, 5))
    true = published_of(persons, sure, EXACT)
    hidden = sum(value is None for value in numbers(content).values())
    small = sum(value < 10 for value in numbers(true).values())
    assert hidden <= small + 3


def test_rules__round_to_the_nearest_and_know_what_may_have_been_rounded():
    for base in (1, 2, 5, 10):
        rules = Rules(10, base)
        counts = np.arange(10, 200)
        rounded = rules.rounded(counts)
        low, high = rules.reach(rounded)
        assert (rounded % base == 0).all()
        assert (np.abs(rounded - counts) <= base / 2).all()
        assert ((low <= counts) & (counts <= high)).all()
        for value, least, most in set(zip(rounded, low, high, strict=True)):
            alike = counts[rounded == value]
            if value < 190:
                assert (alike.min(), alike.max()) == (least, most)


# What is drawn


def test_draw_flow__bands_are_as_high_as_the_persons_of_their_bars():
    persons = [{(2018, 0, 0), (2019, 1, 1), (2020, 0, 0)}] * 20 + [{(2018, 0, 0)}] * 30
    persons += [{(2018, 0, 0), (2018, 1, 1), (2019, 2, 2)}] * 10
    flow = draw_flow(publish(events_of(persons), question(), Rules(), None))
    assert {(bar.label, bar.persons) for bar in flow.bars} == {
        ("police", 50), ("court", 20), ("police + court", 10), ("prison", 10), ("and back", 20),
    }  # fmt: skip
    assert [band.text for band in flow.bands] == [
        "police, then court: 20", "police + court, then prison: 10", "court, then and back: 20",
    ]  # fmt: skip
    heights = {bar.label: sum(part.height for part in bar.parts) for bar in flow.bars}
    assert heights["police"] == pytest.approx(5 * heights["police + court"])


def test_render_pathways__says_so_where_everything_is_hidden():
    content = publish(events_of([{(2018, 0, 0)}] * 3), question(), Rules(), None)
    page = render_pathways(content | {"without_events": ["court"]})
    assert "All numbers are hidden." in page
    assert "Without events, and so not counted: court." in page
