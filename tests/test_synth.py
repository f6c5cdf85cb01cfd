"""The synthetic population: reproducible, well formed, and with the hard cases in it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import numpy as np
import pytest

from linkage.errors import InputError
from linkage.synth.generate import CHUNK_PEOPLE, SyntheticData, generate
from linkage.synth.profile import Profile

COLUMNS = {
    "police": "record_id forename middle_names surname dob sex postcode address pnc cro "
    "event_year event_type",
    "court": "record_id first_name middle_name last_name date_of_birth sex postcode pnc "
    "event_year event_type",
    "prison": "record_id given_name family_name birth_date gender post_code noms_number pnc cro "
    "event_year event_type",
}
CHECK_LETTERS = "ZABCDEFGHJKLMNPQRTUVWXY"
GROUPS = ["origin", "sex", "age_band", "homeless", "born_abroad", "household", "arrests"]


@pytest.fixture(scope="module")
def data() -> SyntheticData:
    return generate(8_000, 1, Profile.named("default"))


@pytest.fixture(scope="module")
def hard() -> SyntheticData:
    return generate(8_000, 2, Profile.named("hard"))


def same(a: SyntheticData, b: SyntheticData) -> bool:
    tables = [
        (x[name], y[name])
        for x, y in ((a.views, b.views), ({"t": a.truth}, {"t": b.truth}))
        for name in x
    ]
    return all(list(x) == list(y) and all(np.array_equal(x[c], y[c]) for c in x) for x, y in tables)


def person_of(data: SyntheticData, view: str) -> list[str]:
    return data.truth["person_id"][data.truth["dataset"] == view].tolist()


def test_generate__any_number_of_threads_gives_the_same() -> None:
    people = 2 * CHUNK_PEOPLE + 100
    one, two, three = (
        generate(people, 5, Profile.named("default"), threads=threads) for threads in (1, 2, 3)
    )
    assert same(one, two)
    assert same(one, three)


def test_generate__another_seed_gives_other_people(data: SyntheticData) -> None:
    other = generate(200, 1, Profile.named("default"))
    assert same(other, generate(200, 1, Profile.named("default")))
    assert not same(other, generate(200, 2, Profile.named("default")))


@pytest.mark.parametrize("people", [1, 2, 3, 40])
@pytest.mark.parametrize("profile", ["default", "hard", "clean"])
def test_generate__takes_few_people(people: int, profile: str) -> None:
    few = generate(people, 0, Profile.named(profile))
    assert len(set(few.truth["person_id"])) == people
    assert few.people["person_id"].size == people


def test_generate__views_have_their_columns_and_hold_text(data: SyntheticData) -> None:
    assert {view: " ".join(table) for view, table in data.views.items()} == COLUMNS
    for table in data.views.values():
        assert len({column.shape for column in table.values()}) == 1
        for column in table.values():
            assert column.ndim == 1
            assert all(type(value) is str for value in column.tolist())
            assert not any("\n" in value for value in column.tolist())


def test_generate__record_ids_are_unique_and_truth_names_each_once(data: SyntheticData) -> None:
    for view, table in data.views.items():
        ids = table["record_id"].tolist()
        assert len(set(ids)) == len(ids)
        named = data.truth["record_id"][data.truth["dataset"] == view].tolist()
        assert Counter(named) == Counter(ids)
    assert list(data.truth) == ["dataset", "record_id", "person_id", *GROUPS]
    assert data.truth["dataset"].size == sum(t["record_id"].size for t in data.views.values())


def test_generate__every_person_has_a_record_and_one_set_of_groups(data: SyntheticData) -> None:
    assert set(data.truth["person_id"]) == set(data.people["person_id"])
    groups = set(zip(*(data.truth[g].tolist() for g in ["person_id", *GROUPS]), strict=True))
    assert len(groups) == data.people["person_id"].size


def test_generate__order_and_number_tell_nothing_of_the_person(data: SyntheticData) -> None:
    for view, table in data.views.items():
        person = np.array(person_of(data, view))
        by_number = person[np.argsort(table["record_id"].astype(str))]
        for row in (person, by_number):
            assert np.mean(row[1:] == row[:-1]) < 0.002
    home = dict(zip(data.people["person_id"], data.people["household_id"], strict=True))
    homes = np.array([home[p] for p in sorted(home)])
    assert np.mean(homes[1:] == homes[:-1]) < 0.002


def test_generate__some_people_have_several_records_in_a_view(data: SyntheticData) -> None:
    for view in data.views:
        counts = Counter(person_of(data, view)).values()
        assert max(counts) >= 4
        assert 1.1 < np.mean(list(counts)) < 3


def test_generate__overlap_is_that_of_the_profile(data: SyntheticData) -> None:
    overlap = Profile.named("default").overlap
    known = {view: set(person_of(data, view)) for view in data.views}
    everyone = data.people["person_id"].size
    assert len(set.intersection(*known.values())) / everyone == pytest.approx(
        overlap.police_court_prison, abs=0.02
    )
    only = known["police"] - known["court"] - known["prison"]
    assert len(only) / everyone == pytest.approx(overlap.police, abs=0.02)


def test_generate__twins_share_all_but_the_forename(data: SyntheticData) -> None:
    pairs = 0
    for members in households(data, "twins"):
        first, second = members[:2]
        if first["dob"] == second["dob"] and first["surname"] == second["surname"]:
            pairs += first["forename"] != second["forename"]
    twins = np.sum(data.people["household"] == "twins") / 2.5
    assert pairs > 0.8 * twins > 20


def test_generate__namesakes_are_father_and_son(data: SyntheticData) -> None:
    homes = list(households(data, "namesakes"))
    assert len(homes) > 50
    for son, father in (sorted(h, key=lambda p: p["dob"], reverse=True) for h in homes):
        assert (son["forename"], son["surname"]) == (father["forename"], father["surname"])
        assert 16 <= int(son["dob"][:4]) - int(father["dob"][:4]) <= 40


def test_generate__siblings_share_the_surname_and_no_forename(data: SyntheticData) -> None:
    homes = list(households(data, "siblings"))
    assert sum(len({p["surname"] for p in home}) == 1 for home in homes) > 0.9 * len(homes)
    assert sum(len({p["forename"] for p in h}) == len(h) for h in homes) > 0.98 * len(homes)


def households(data: SyntheticData, kind: str) -> list[list[dict[str, str]]]:
    homes: dict[str, list[dict[str, str]]] = defaultdict(list)
    columns = ("household_id", "forename", "surname", "dob")
    rows = np.flatnonzero(data.people["household"] == kind)
    for row in rows:
        person = {c: str(data.people[c][row]) for c in columns}
        homes[person["household_id"]].append(person)
    return list(homes.values())


def test_generate__pnc_check_letters_are_valid(data: SyntheticData) -> None:
    clean = generate(3_000, 3, Profile.named("clean"))
    for view, table in clean.views.items():
        shown = [pnc for pnc in table["pnc"].tolist() if pnc]
        assert all(valid_pnc(pnc) for pnc in shown), view
    police = data.views["police"]["pnc"].tolist()
    assert sum(map(bool, police)) > 0.95 * len(police)
    assert 0.99 < np.mean([valid_pnc(pnc) for pnc in police if pnc]) < 1
    court = data.views["court"]["pnc"].tolist()
    assert 0.35 < np.mean([bool(pnc) for pnc in court]) < 0.55


def valid_pnc(pnc: str) -> bool:
    found = re.fullmatch(r"(?:\d\d)?(\d\d)/(\d{7})([A-Z])", pnc)
    return bool(found) and CHECK_LETTERS[int(found[1] + found[2]) % 23] == found[3]


def test_generate__cro_and_noms_numbers_are_well_formed(data: SyntheticData) -> None:
    shown = {cro for v in ("police", "prison") for cro in data.views[v]["cro"].tolist() if cro}
    assert "000000/00Z" in shown
    for cro in shown - {"000000/00Z"}:
        standard = re.fullmatch(r"(\d{6})/(\d\d)([A-Z])", cro)
        if standard:
            year, serial = standard[2], standard[1]
        else:
            file_number = re.fullmatch(r"SF(\d\d)/(\d{1,6})([A-Z])", cro)
            assert file_number, cro
            year, serial = file_number[1], file_number[2]
        assert CHECK_LETTERS[int(year + serial) % 23] == cro[-1]
    for noms in data.views["prison"]["noms_number"].tolist():
        assert re.fullmatch(r"[A-Z]\d{4}[A-Z]{2}", noms)


def test_generate__an_identifier_belongs_to_one_person(data: SyntheticData) -> None:
    for column, views in (("pnc", COLUMNS), ("cro", ("police", "prison"))):
        owners: dict[str, set[str]] = defaultdict(set)
        for view in views:
            for value, person in zip(data.views[view][column], person_of(data, view), strict=True):
                if value and (column == "cro" or (len(value) == 13 and valid_pnc(value))):
                    owners[value].add(person)
        owners.pop("000000/00Z", None)
        assert sum(len(people) > 1 for people in owners.values()) <= 2  # a wrong digit may hit
        assert len(owners) > 3_000


def test_generate__formats_differ_by_agency(data: SyntheticData) -> None:
    police, court, prison = (data.views[view] for view in COLUMNS)
    for column, form in (
        (police["dob"], r"\d{4}-\d\d-\d\d|"),
        (court["date_of_birth"], r"\d\d/\d\d/\d{4}|"),
        (prison["birth_date"], r"\d\d-[A-Z][a-z]{2}-\d{4}|"),
        (police["sex"], "[MFU]"),
        (court["sex"], "Male|Female|"),
    ):
        assert all(re.fullmatch(form, value) for value in set(column.tolist()))
    assert np.mean([name == name.upper() for name in police["surname"]]) == 1
    assert np.mean([name == name.title() for name in court["last_name"]]) > 0.99


def test_generate__holds_every_kind_of_dirt(hard: SyntheticData) -> None:
    text = {v: {c: set(col.tolist()) for c, col in t.items()} for v, t in hard.views.items()}
    assert {"NF1 1NF", "NF1 1FA", "", "NOT ENTERED"} <= text["police"]["postcode"]
    assert {"1970-01-01", "1900-01-01", ""} <= text["police"]["dob"]
    assert {"NOT ENTERED", "UNKNOWN", "N/A"} <= set.union(*text["prison"].values())
    surnames = text["prison"]["family_name"] | text["police"]["surname"]
    for marker in ("MIG_ERROR_", "NO_SHOW_", "DUPLICATE_"):
        assert any(name.startswith(marker) for name in surnames)
    assert any(name.startswith("MC ") for name in surnames)
    assert any(name.startswith("Mr ") for name in text["court"]["first_name"])
    assert any(" " in name for name in text["prison"]["given_name"])


def test_generate__first_of_january_is_over_represented_abroad(data: SyntheticData) -> None:
    first = np.array([dob.endswith("-01-01") for dob in data.people["dob"].tolist()])
    abroad = data.people["born_abroad"] == "yes"
    assert first[abroad].mean() > 0.05
    assert first[~abroad].mean() < 0.01


def test_generate__names_have_a_zipf_head_by_origin(data: SyntheticData) -> None:
    crowd = generate(40_000, 9, Profile.named("clean")).people
    heads = {
        "british": ("SMITH", 0.008, 0.016),
        "pakistani": ("KHAN", 0.06, 0.16),
        "vietnamese": ("NGUYEN", 0.30, 0.50),
    }
    for origin, (name, low, high) in heads.items():
        surnames = Counter(crowd["surname"][crowd["origin"] == origin].tolist())
        assert surnames.most_common(1)[0][0] == name
        assert low < surnames[name] / surnames.total() < high
    british = Counter(crowd["surname"][crowd["origin"] == "british"].tolist())
    assert 0.045 < sum(n for _, n in british.most_common(10)) / british.total() < 0.08
    assert sum(n == 1 for n in british.values()) > 0.15 * british.total()
    assert set(Profile.named("default").origins) == set(crowd["origin"].tolist())


def test_generate__people_with_long_records_have_more_aliases(data: SyntheticData) -> None:
    aliases = Counter(data.aliases["person_id"].tolist())
    number = np.array([aliases[p] for p in data.people["person_id"].tolist()])
    lengths = data.people["arrests"]
    assert number[lengths == "5+"].mean() > 1.5 * number[lengths == "1"].mean() > 0
    kinds = set(data.aliases["kind"].tolist())
    assert kinds == {
        "nickname", "respelling", "anglicised", "surname_change", "swapped", "false_dob",
        "borrowed", "invented",
    }  # fmt: skip


def test_generate__aliases_show_on_some_rows(data: SyntheticData) -> None:
    for view, kinds in data.under_alias.items():
        assert kinds.size == data.views[view]["record_id"].size
        assert 0 < np.mean(kinds != "") < 0.1


def test_generate__probation_changes_no_other_view() -> None:
    profile = Profile.named("default")
    three = generate(500, 4, profile)
    four = generate(500, 4, profile, views=("police", "court", "prison", "probation"))
    for view, table in three.views.items():
        assert all(np.array_equal(table[c], four.views[view][c]) for c in table)
    crns = four.views["probation"]["crn"].tolist()
    assert all(re.fullmatch(r"[A-Z]\d{6}", crn) for crn in crns)
    both = set(person_of(four, "prison")) & set(person_of(four, "probation"))
    assert len(both) > 0.85 * len(set(person_of(four, "prison")))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"people": 0}, "people"),
        ({"people": -3}, "people"),
        ({"people": 10_000_001}, "people"),
        ({"seed": -1}, "seed"),
        ({"threads": 0}, "threads"),
        ({"views": ("police", "customs")}, "customs"),
        ({"views": ()}, "views"),
    ],
)
def test_generate__refuses_what_is_out_of_range(arguments: dict[str, object], word: str) -> None:
    call = {"people": 10, "seed": 1, "profile": Profile.named("clean"), **arguments}
    with pytest.raises(InputError, match=word):
        generate(**call)  # type: ignore[arg-type]
