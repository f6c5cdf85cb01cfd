"""Attacks: those that must name people do, those that must not don't, and all by one protocol."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from linkage.audit.attack import PEOPLE, Effort, silent
from linkage.audit.dictionary import Dictionary, byte_entropy
from linkage.audit.errors import Noise, corrupt
from linkage.audit.finding import Judge, Setting, find
from linkage.audit.frequency import FrequencyRank
from linkage.audit.known import KnownPairs
from linkage.audit.lengths import Popcounts
from linkage.audit.matching import GraphMatching
from linkage.audit.mining import PatternMining, _frequent_bits
from linkage.audit.plan import TEN_TIMES
from linkage.audit.samples import draw, sizes
from linkage.audit.scene import Reference, Scene, View, number_rows
from linkage.audit.structure import ColourRefinement
from linkage.audit.trial import BitsMethod, Sight, try_attack
from linkage.audit.uniqueness import measure_groups
from tests.attacked import KEY, held, project, scene, schema, texts_of_people

GUESS = {"a guess": lambda rows: project().method.encode(rows, 12_345)}
ATTACKS = {
    "colour": ColourRefinement(),
    "frequency": FrequencyRank(),
    "popcounts": Popcounts(),
    "matching": GraphMatching(noises=(Noise(), Noise(0.1)), embeddings=("linear", "graph")),
    "values": GraphMatching(what="surname"),
    "mining": PatternMining(),
    "known": KnownPairs(),
    "dictionary": Dictionary(GUESS),
}
EFFORT = Effort(seed=3, restarts=2, threads=2)


def attempts(attack, one, effort=EFFORT):
    return list(attack.attempts(one, effort, silent))


def best(attack, drawn, effort=EFFORT, what=PEOPLE):
    """The finding of an attack on people, or on one kind of values."""
    one, truth = drawn
    judge = Judge(one.view, truth, one.known)
    judged = [judge.judge(attempt) for attempt in attempts(attack, one, effort)]
    found = {f.what: f for f in find(attack.name, attack.needs, Setting(), judged, judge)}
    return found[what]


@pytest.fixture(scope="module")
def plain():
    """The same 400 people on both sides, in plain record-level filters."""
    return scene(400)


@pytest.fixture(scope="module")
def by_field():
    """The same 400 people on both sides, in plain filters for each field."""
    return scene(400, Setting(known=20), level="field", bits=256)


@pytest.fixture(scope="module")
def nothing():
    """Random bits: there is nothing to find."""
    return scene(300, Setting(known=20), level="field", bits=256, nothing=True)


@pytest.fixture(autouse=True)
def one_thread():
    """Small matrices on one thread, as `run_steps` has them: more threads wait for each other."""
    with threadpool_limits(1):
        yield


# All attacks


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_attack__keeps_the_protocol(attack, by_field):
    one, truth = by_field
    assert attack.name
    assert attack.needs
    found = attempts(attack, one)
    assert found
    judge = Judge(one.view, truth, one.known)
    for attempt in found:
        assert attempt.answer.shape == (len(one.view),)
        assert attempt.answer.dtype == np.int64
        assert attempt.answer.min() >= -1
        assert attempt.answer.max() < len(one.reference)
        assert attempt.what == PEOPLE or attempt.what in truth.values
        assert 0 <= judge.judge(attempt).share <= 1


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_attack__gives_the_same_for_the_same_seed(attack, by_field):
    one, _ = by_field
    first = attempts(attack, one)
    again = attempts(attack, one, Effort(seed=3, restarts=2, threads=1))
    assert len(first) == len(again)
    for left, right in zip(first, again, strict=True):
        np.testing.assert_array_equal(left.answer, right.answer)
        assert left.label == right.label


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_attack__finds_nothing_in_random_bits(attack, nothing):
    one, truth = nothing
    judge = Judge(one.view, truth, one.known)
    for attempt in attempts(attack, one):
        judged = judge.judge(attempt)
        chance = judge.by_chance(attempt.what)
        # Three standard deviations above chance, and a few more, for the best of several rows.
        most = chance * judged.records + 4 * np.sqrt(chance * judged.records) + 3
        if attempt.what == PEOPLE:
            assert judged.right <= most, attempt.label


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("level", ["record", "field"])
def test_attack__survives_odd_input(attack, level):
    rows = {name: texts[:40].copy() for name, texts in texts_of_people(40).items()}
    alike = {name: np.repeat(texts[:1], 40) for name, texts in rows.items()}
    lacking = {name: np.full(40, "") for name in rows}
    single = {name: texts[:1] for name, texts in rows.items()}
    none = {name: texts[:0] for name, texts in rows.items()}
    made = project(level, 256)
    known = np.array([[0, 0]])
    for victims, listed in (
        (rows, alike), (alike, rows), (alike, alike), (lacking, rows), (rows, lacking),
        (lacking, lacking), (single, single), (rows, single), (single, rows), (rows, none),
        (none, rows), (none, none),
    ):  # fmt: skip
        one = Scene(
            made.encode(victims),
            Reference(listed, made.method),
            known[: min(len(listed["dob"]), len(victims["dob"]))],
        )
        if level == "record" and getattr(attack, "what", PEOPLE) != PEOPLE:
            continue
        for attempt in attempts(attack, one, Effort(restarts=1)):
            assert attempt.answer.shape == (len(one.view),)
            assert attempt.answer.max(initial=-1) < len(one.reference)


# Attacks that must succeed


def test_matching__names_people_in_plain_filters_without_the_key(plain):
    found = best(GraphMatching(), plain)
    assert found.named > 0.95
    assert found.low > 0.9
    assert found.by_chance < 0.01
    assert found.believed > 0.9  # the attacker knows himself which attempt is good
    assert found.attempts == len(found.spread)


def test_matching__names_people_by_field_filters_too(by_field):
    assert best(GraphMatching(), by_field).named > 0.95


def test_matching__names_values_of_a_field(by_field):
    assert best(GraphMatching(what="surname"), by_field, what="surname").named > 0.5


def test_matching__with_errors_in_the_own_list_names_more_of_a_file_with_errors():
    drawn = scene(300, Setting(errors=0.2))
    effort = Effort(seed=1, restarts=1)
    without = best(GraphMatching(), drawn, effort)
    tolerant = best(GraphMatching(noises=(Noise(0.2),)), drawn, effort)
    assert without.named < 0.3
    assert tolerant.named > 0.7


def test_colour__names_people_by_equal_fields(by_field):
    found = best(ColourRefinement(), by_field)
    assert found.named > 0.5


def test_colour__is_brittle():
    drawn = scene(900, Setting(overlap=0.2), level="field", bits=256)
    assert best(ColourRefinement(), drawn).named < 0.1


def test_frequency__names_the_most_common_surname(by_field):
    one, truth = by_field
    surnames, listed = truth.values["surname"]
    attempt = next(a for a in attempts(FrequencyRank(), one) if a.what == "surname")
    common = np.bincount(surnames).argmax()
    rows = surnames == common
    assert (listed[attempt.answer[rows]] == common).all()
    keys = next(a for a in attempts(FrequencyRank(), one) if a.what == "block key surname")
    assert (listed[keys.answer[rows]] == common).all()


def test_known__names_others_from_few_pairs():
    few = scene(900, Setting(overlap=0.5, known=10))
    many = scene(900, Setting(overlap=0.5, known=150))
    assert best(KnownPairs(), many).named > 0.9
    assert best(KnownPairs(), few).named < best(KnownPairs(), many).named
    assert best(KnownPairs(), many).records == best(KnownPairs(), few).records - 140


def test_dictionary__with_the_key_names_everybody(plain):
    leaked = Dictionary({"the key": project().encode})
    assert best(leaked, plain).named == 1
    assert best(Dictionary(GUESS), plain).named == 0


def test_dictionary__with_the_key_names_most_in_spite_of_errors():
    drawn = scene(400, Setting(errors=0.05))
    assert best(Dictionary({"the key": project().encode}), drawn).named > 0.95


def test_mining__finds_the_bits_of_a_frequent_gram():
    random = np.random.default_rng(1)
    bits = random.random((2000, 256)) < 0.3
    with_gram = random.random(2000) < 0.25
    places = np.array([3, 40, 77, 90, 140, 200, 222])
    bits[np.ix_(with_gram, places)] = True
    assert _frequent_bits(bits).tolist() == places.tolist()
    assert not len(_frequent_bits(random.random((2000, 256)) < 0.3))


def test_mining__names_more_than_chance_in_plain_filters():
    drawn = scene(3000, level="field", bits=256)
    found = best(PatternMining(), drawn)
    assert found.named > 10 * found.by_chance
    dates = best(PatternMining(), drawn, what="dob")
    assert dates.low > 3 * dates.by_chance


# One attack on any bits


def test_trial__attacks_bits_of_any_length_that_no_schema_made():
    rows = texts_of_people(400)
    made = project(bits=512).method

    def odd(texts, seed):
        # Filters of 512 bits, folded to 256 and told twice: no schema's slices are like this.
        words = made.encode(texts, seed).bits
        folded = words[:, :4] ^ words[:, 4:]
        return np.concatenate([folded, folded, np.zeros_like(folded[:, :1])], axis=1)

    method = BitsMethod(("forename", "surname", "dob"), odd)
    order = np.random.default_rng(2).permutation(400)[:300]
    victims = {name: texts[order] for name, texts in rows.items()}
    same = np.where(np.arange(300) < 290, order, -1)
    setting = Setting(known=100)
    sight = Sight(method.view(odd(victims, 77)), method, rows, same, setting)
    (known,) = try_attack(KnownPairs(), sight, seed=1)
    assert (known.records, known.setting) == (190, setting)
    assert 0 <= known.named <= 1
    (leaked,) = try_attack(Dictionary({"key": lambda texts: method.encode(texts, 77)}), sight)
    assert leaked.named == 1
    assert try_attack(FrequencyRank(), sight) == []


def test_trial__names_people_in_plain_bits():
    rows = texts_of_people(300)
    made = project().method
    method = BitsMethod(
        ("forename", "surname", "dob"), lambda one, seed: made.encode(one, seed).bits
    )
    order = np.random.default_rng(2).permutation(300)
    victims = {name: texts[order] for name, texts in rows.items()}
    sight = Sight(method.encode(victims, 77), method, rows, order)
    (found,) = try_attack(GraphMatching(), sight, restarts=1, enough=0.9)
    assert found.named > 0.9
    wrong = Sight(sight.view, method, rows, np.roll(order, 1))
    assert try_attack(GraphMatching(), wrong, restarts=1)[0].named < 0.05


# Scenes, judging, measures


def test_sizes__hold_overlap_and_length():
    assert sizes(10_000, Setting(), 10**6) == (10_000, 10_000, 10_000)
    file, listed, both = sizes(10_000, Setting(overlap=0.2), 10**6)
    assert file == listed == 5555
    assert both == 1111
    assert sizes(11_000, TEN_TIMES, 10**6) == (1100, 11_000, 1100)
    assert sizes(10**6, Setting(), 2000)[0] == 2000


def test_draw__shares_just_the_overlap():
    one, truth = scene(1000, Setting(overlap=0.25, known=30))
    left, right = truth.person
    shared = np.intersect1d(left, right)
    assert abs(len(shared) / len(np.unique(left)) - 0.25) < 0.01
    assert len(one.known) == 30
    np.testing.assert_array_equal(left[one.known[:, 0]], right[one.known[:, 1]])


def test_draw__counts_equal_records_as_one_person():
    rows = texts_of_people(100)
    double = {name: np.concatenate([texts, texts]) for name, texts in rows.items()}
    one, truth = draw(held(double), project(), Setting(overlap=0.5), 1, 1000)
    assert len(np.unique(truth.person[0])) * 2 == len(one.view)


def test_judge__counts_a_record_if_any_alias_row_is_named():
    one, truth = scene(60)
    view = one.view
    owner = np.repeat(np.arange(30), 2)
    person = (np.repeat(truth.person[0][::2], 2), truth.person[1])
    pairs = View(view.bits, view.slices, view.tokens, view.passes, owner)
    place = {int(who): row for row, who in enumerate(person[1].tolist())}
    answer = np.array([place[int(who)] for who in person[0]])
    answer[::2] = -1
    judge = Judge(pairs, type(truth)(person, {}), np.zeros((0, 2), np.int64))
    judged = judge.judge(type(attempts(GraphMatching(), one)[0])(answer))
    assert (judged.right, judged.records) == (30, 30)


def test_judge__leaves_known_pairs_out(plain):
    one, truth = plain
    known = np.stack([np.arange(10), np.arange(10)], axis=1)
    attempt = attempts(Dictionary({"the key": project().encode}), one)[0]
    assert Judge(one.view, truth, known).judge(attempt).records == len(one.view) - 10


def test_groups__measure_what_is_alone():
    bits = np.array([[1], [1], [2], [3]], np.uint64)
    tokens = np.array([[7, 7, 7, 0]], np.uint64).T
    view = View(bits, (("clk", 1),), tokens, ("p",), np.arange(4))
    found = {one.what: one for one in measure_groups(view)}
    assert found["whole encodings"].named == 0.5
    assert found["block key p"].records == 3
    assert found["block key p"].named == 0
    assert found["any visible neighbour"].named == 0.75
    assert found["any visible neighbour"].facts["largest_component"] == 0.75
    assert found["what is missing"].facts["groups"] == 2
    assert all(one.attempts == 0 and not one.counts for one in found.values())


def test_corrupt__replaces_about_the_share_by_signs_of_the_kind():
    rows = texts_of_people(2000)
    random = np.random.default_rng(1)
    bad = corrupt(rows, Noise(0.1), random)
    for field, texts in rows.items():
        old, new = "".join(texts.tolist()), "".join(bad[field].tolist())
        assert len(old) == len(new)
        changed = sum(a != b for a, b in zip(old, new, strict=True)) / len(old)
        assert 0.08 < changed < 0.12
        assert all(a.isdigit() == b.isdigit() for a, b in zip(old, new, strict=True))
    assert corrupt(rows, Noise(), random)["dob"] is rows["dob"]
    strange = "".join(corrupt(rows, Noise(0.3, strange=True), random)["surname"].tolist())
    assert not strange.isalnum()


def test_number_rows__is_the_same_on_both_sides():
    left = np.array([[1, 2], [3, 4], [1, 2]], np.uint64)
    right = np.array([[3, 4], [5, 6]], np.uint64)
    one, other = number_rows(left, right)
    assert one[0] == one[2] != one[1] == other[0] != other[1]


def test_byte_entropy__tells_random_bytes_from_words():
    random = np.random.default_rng(1).bytes(32)
    assert byte_entropy(random) > 140
    assert byte_entropy(b"passwordpasswordpasswordpassword") < 100
    assert byte_entropy(bytes(32)) == 0


def test_method__gives_an_attacker_all_but_the_key():
    rows = texts_of_people(50)
    method = project("field", 256).method
    own, other = method.encode(rows, 1), method.encode(rows, 2)
    keyed = method.encode_under(rows, KEY)
    assert own.slices == keyed.slices
    assert own.passes == keyed.passes == ("surname", "names")
    for left, right in ((own, other), (own, keyed)):
        assert not np.array_equal(left.bits, right.bits)
        one, two = left.attributes(), right.attributes()
        for name in one:
            # Equal values are equal under every key.
            assert len(np.unique(one[name])) == len(np.unique(two[name]))
    assert method.grams("surname", ["ASHBY", ""]) == [["_A", "AS", "SH", "HB", "BY", "Y_"], []]
    assert schema("field", 256).digest() == schema("field", 256).digest()
