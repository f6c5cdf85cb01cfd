"""How far records of one person agree across agencies, and records of two by chance.

The levels are those of the Ministry of Justice's Core Person Record model, whose published
m- and u-probabilities the default profile is calibrated to.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType

import numpy as np
from anyascii import anyascii

from linkage.synth.capture import MARKERS, NO_ABODE, NOT_A_NAME
from linkage.synth.dates import MONTHS
from linkage.synth.draws import Bools, Texts, stream
from linkage.synth.generate import SyntheticData
from linkage.synth.views import LAYOUTS


@dataclass(frozen=True)
class Anchor:
    """A published figure, and from where to where the default profile is held to it."""

    published: float
    low: float
    high: float

    @classmethod
    def near(cls, published: float, tolerance: float) -> Anchor:
        """Allow a difference."""
        return cls(published, published - tolerance, published + tolerance)

    @classmethod
    def about(cls, published: float) -> Anchor:
        """Allow a factor, as suits the chances of strangers."""
        return cls(published, published / _FACTOR, published * _FACTOR)


_FACTOR = 1.4
#: What the default profile is calibrated to, by the levels of `measure`.
PUBLISHED = MappingProxyType(
    {
        "everything": Anchor.near(0.64, 0.02),
        "name_exact": Anchor.near(0.881, 0.02),
        "name_close": Anchor.near(0.073, 0.015),
        "name_reversed": Anchor.near(0.0020, 0.0012),
        "name_alias": Anchor.near(0.0206, 0.006),
        "name_other": Anchor.near(0.0234, 0.007),
        "dob_exact": Anchor.near(0.948, 0.01),
        "dob_alias": Anchor.near(0.017, 0.005),
        "dob_one_edit": Anchor.near(0.017, 0.005),
        "dob_other": Anchor.near(0.018, 0.006),
        "postcode_exact": Anchor.near(0.708, 0.02),
        "postcode_outcode": Anchor.near(0.092, 0.015),
        "postcode_neither": Anchor.near(0.199, 0.02),
        "middle_exact": Anchor.near(0.931, 0.02),
        "u_name": Anchor.about(6.4e-6),
        "u_dob": Anchor.about(6.3e-5),
        "u_postcode": Anchor.about(1.3e-4),
        "u_outcode": Anchor.about(2.5e-3),
        "u_middle": Anchor.about(0.0123),
    }
)
#: What the hard profile is calibrated to: the hardest public teaching data.
HARD_EVERYTHING = Anchor.near(0.41, 0.02)
#: Published levels of strangers that no profile is calibrated to, by those of `measure_strangers`.
NOT_CALIBRATED = MappingProxyType({"u_name_close": 4.6e-4, "u_dob_one_edit": 1.8e-3})

FIELDS = ("forename", "middle", "surname", "dob", "sex", "postcode")
CLOSE = 0.9
_MARKER = re.compile("|".join(MARKERS))
_TITLE = re.compile(r"^(MR|MRS|MS|MISS|DR) ")
_MC = re.compile(r"\bMC ")
_MONTH_NUMBERS = {month.upper(): f"{i:02}" for i, month in enumerate(MONTHS, 1)}
_NO_POSTCODES = {p.replace(" ", "") for p in NO_ABODE + NOT_A_NAME} | {*NO_ABODE, *NOT_A_NAME}
_INCODE = 3
_PLACEHOLDER_DATES = ("1970-01-01", "1900-01-01")
Table = dict[str, Texts]


def measure(data: SyntheticData) -> dict[str, float]:
    """Share of record pairs at each level of agreement.

    Returns
    -------
    dict
        `everything`: of the pairs of records of one person in two agencies, how many agree
        exactly on every field that both hold. `name_*`, `dob_*`, `postcode_*`, `middle_exact` and
        `sex_exact`: m-probabilities over the pairs in which both hold the field. `u_*`: how many
        pairs of records of two people agree exactly.
    """
    tables = {view: comparable(data, view) for view in data.views}
    pairs = [_pairs(tables[a], tables[b]) for a, b in combinations(tables, 2)]
    left = {key: np.concatenate([p[0][key] for p in pairs]) for key in pairs[0][0]}
    right = {key: np.concatenate([p[1][key] for p in pairs]) for key in pairs[0][1]}
    held = {f: (left[f] != "") & (right[f] != "") for f in FIELDS}
    same = {f: held[f] & (left[f] == right[f]) for f in FIELDS}
    checked = ("forename", "surname", "dob", "sex", "postcode")
    everything = np.all([same[f] | ~held[f] for f in checked], axis=0)
    return {
        "pairs": float(everything.size),
        "everything": float(everything.mean()),
        **_names(left, right, held, same),
        **_dates(left, right, held["dob"], same["dob"]),
        **_postcodes(left, right, held["postcode"], same["postcode"]),
        "middle_exact": _share(same["middle"], held["middle"]),
        "sex_exact": _share(same["sex"], held["sex"]),
        **_by_chance(tables),
    }


def measure_strangers(data: SyntheticData, pairs: int, seed: int) -> dict[str, float]:
    """Measure how often records of two people of different agencies nearly agree.

    `u_name_close`: Jaro-Winkler of the full names 0.9 or more, but not equal; `u_dob_one_edit`: one
    digit of the dates of birth off. Of so many pairs drawn at random, those that hold the field.
    """
    tables = [comparable(data, view) for view in data.views]
    rng = stream(seed, 0)
    close = edits = named = dated = 0
    for a, b in combinations(tables, 2):
        rows = [rng.integers(0, t["person"].size, pairs // 3) for t in (a, b)]
        left, right = ({k: v[r] for k, v in t.items()} for t, r in zip((a, b), rows, strict=True))
        others = left["person"] != right["person"]
        full = [t["forename"] + " " + t["surname"] for t in (left, right)]
        both = others & np.all(
            [(t["forename"] != "") & (t["surname"] != "") for t in (left, right)], 0
        )
        named += int(both.sum())
        close += sum(
            x != y and jaro_winkler(x, y) >= CLOSE
            for x, y in zip(full[0][both], full[1][both], strict=True)
        )
        both = others & (left["dob"] != "") & (right["dob"] != "") & (left["dob"] != right["dob"])
        dated += int(both.sum())
        edits += sum(
            one_edit(x, y) for x, y in zip(left["dob"][both], right["dob"][both], strict=True)
        )
    return {"u_name_close": close / max(named, 1), "u_dob_one_edit": edits / max(dated, 1)}


def comparable(data: SyntheticData, view: str) -> Table:
    """One view in plain form, with the columns FIELDS, person, and alias (kind, '' for none)."""
    table = data.views[view]
    header = {what: name for name, what in LAYOUTS[view].columns}
    count = table["record_id"].size
    plain = {f: table[header[f]] if f in header else np.full(count, "", object) for f in FIELDS}
    forename = _each(plain["forename"], plain_name)
    merged = _each(forename, lambda name: name.partition(" ")[2])
    middle = _each(plain["middle"], plain_name)
    of_view = data.truth["dataset"] == view
    return {
        "forename": _each(forename, lambda name: name.partition(" ")[0]),
        "middle": np.where(middle == "", merged, middle),
        "surname": _each(plain["surname"], plain_name),
        "dob": _each(plain["dob"], plain_date),
        "sex": _each(plain["sex"], lambda sex: sex[:1].upper() if sex[:1] in "MF" else ""),
        "postcode": _each(plain["postcode"], plain_postcode),
        "person": data.truth["person_id"][of_view],
        "alias": data.under_alias[view],
    }


def plain_name(name: str) -> str:
    """Plain upper case without markers, titles, punctuation, initials and placeholders."""
    if not name.isascii():
        name = anyascii(name.replace("’", "'"))
    name = _TITLE.sub("", _MARKER.sub("", name.upper()))
    if name in NOT_A_NAME:
        return ""
    words = _MC.sub("MC", name.replace("'", "").replace("-", " ")).split()
    return " ".join(word for word in words if len(word) > 1)


def plain_date(date: str) -> str:
    """Write a date as yyyy-mm-dd, or '' for a placeholder; no agency's two formats look alike."""
    if len(date) == 11:
        date = f"{date[7:]}-{_MONTH_NUMBERS[date[3:6].upper()]}-{date[:2]}"
    elif date[2:3] == "/":
        date = f"{date[6:]}-{date[3:5]}-{date[:2]}"
    return "" if date in _PLACEHOLDER_DATES else date


def plain_postcode(postcode: str) -> str:
    """Write a postcode without its space, or '' for a placeholder."""
    return "" if postcode in _NO_POSTCODES else postcode.replace(" ", "")


def _each(column: Texts, change: Callable[[str], str]) -> Texts:
    """Apply a function once to every distinct value."""
    values = column.tolist()
    changed = {value: change(value) for value in set(values)}
    return np.array([changed[value] for value in values], object)


def _pairs(a: Table, b: Table) -> tuple[Table, Table]:
    """Every pair of records of one person, one from each of two tables."""
    number = {person: i for i, person in enumerate(set(b["person"].tolist()))}
    left_person = np.array([number.get(person, -1) for person in a["person"].tolist()])
    person = np.array([number[person] for person in b["person"].tolist()])
    order = np.argsort(person, kind="stable")
    person = person[order]
    first = np.searchsorted(person, left_person, side="left")
    count = np.searchsorted(person, left_person, side="right") - first
    left = np.repeat(np.arange(count.size), count)
    nth = np.arange(left.size) - np.repeat(np.cumsum(count) - count, count)
    right = order[np.repeat(first, count) + nth]
    return {k: v[left] for k, v in a.items()}, {k: v[right] for k, v in b.items()}


def _share(level: Bools, held: Bools) -> float:
    return float(level.sum() / max(held.sum(), 1))


def _names(
    left: Table, right: Table, held: dict[str, Bools], same: dict[str, Bools]
) -> dict[str, float]:
    both = held["forename"] & held["surname"]
    exact = same["forename"] & same["surname"]
    turned = both & (left["forename"] == right["surname"]) & (left["surname"] == right["forename"])
    rest = both & ~exact & ~turned
    close = rest.copy()
    close[rest] = [
        jaro_winkler(f"{a} {b}", f"{c} {d}") >= CLOSE
        for a, b, c, d in zip(left["forename"][rest], left["surname"][rest],
                              right["forename"][rest], right["surname"][rest], strict=True)
    ]  # fmt: skip
    alias = rest & ~close & ((left["alias"] != "") | (right["alias"] != ""))
    levels = {"exact": exact, "close": close, "reversed": turned & ~exact, "alias": alias}
    levels["other"] = rest & ~close & ~alias
    return {f"name_{k}": _share(v, both) for k, v in levels.items()}


def _dates(left: Table, right: Table, held: Bools, same: Bools) -> dict[str, float]:
    rest = held & ~same
    false = np.isin(left["alias"], ("false_dob", "borrowed", "invented"))
    false |= np.isin(right["alias"], ("false_dob", "borrowed", "invented"))
    alias = rest & false
    near = rest & ~alias
    near[near] = [one_edit(a, b) for a, b in zip(left["dob"][near], right["dob"][near],
                                                 strict=True)]  # fmt: skip
    levels = {"exact": same, "alias": alias, "one_edit": near, "other": rest & ~alias & ~near}
    return {f"dob_{k}": _share(v, held) for k, v in levels.items()}


def _postcodes(left: Table, right: Table, held: Bools, same: Bools) -> dict[str, float]:
    out = [_each(t["postcode"], lambda p: p[:-_INCODE]) for t in (left, right)]
    near = held & ~same & (out[0] == out[1])
    levels = {"exact": same, "outcode": near, "neither": held & ~same & ~near}
    return {f"postcode_{k}": _share(v, held) for k, v in levels.items()}


def _by_chance(tables: dict[str, Table]) -> dict[str, float]:
    """How often records of two people agree exactly, from the counts of values."""
    joint: dict[str, Callable[[Table], Texts]] = {
        "u_name": lambda t: np.where(
            (t["forename"] == "") | (t["surname"] == ""), "", t["forename"] + "|" + t["surname"]
        ),
        "u_dob": lambda t: t["dob"],
        "u_postcode": lambda t: t["postcode"],
        "u_outcode": lambda t: _each(t["postcode"], lambda p: p[:-_INCODE]),
        "u_middle": lambda t: t["middle"],
    }
    return {key: _chance(tables, value) for key, value in joint.items()}


def _chance(tables: dict[str, Table], value: Callable[[Table], Texts]) -> float:
    agree = total = 0.0
    for a, b in combinations(tables, 2):
        sides = [(value(tables[v]), tables[v]["person"]) for v in (a, b)]
        kept = [(v[v != ""], p[v != ""]) for v, p in sides]
        own = _products([v + "|" + p for v, p in kept])
        agree += _products([v for v, _ in kept]) - own
        total += float(kept[0][0].size * kept[1][0].size) - _products([p for _, p in kept])
    return agree / max(total, 1.0)


def _products(sides: list[Texts]) -> float:
    """Sum over values of how often each side has it, multiplied."""
    a, b = (Counter(side.tolist()) for side in sides)
    return float(sum(count * b[value] for value, count in a.items()))


def one_edit(a: str, b: str) -> bool:
    """Whether one substitution or one transposition of neighbours makes `a` out of `b`."""
    wrong = [i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
    if len(wrong) == 1:
        return True
    return (
        len(wrong) == 2
        and wrong[1] == wrong[0] + 1
        and (a[wrong[0]] == b[wrong[1]] and a[wrong[1]] == b[wrong[0]])
    )


def jaro_winkler(a: str, b: str) -> float:
    """Jaro-Winkler similarity with a prefix weight of 0.1 over four letters (Winkler 1990)."""
    reach = max(max(len(a), len(b)) // 2 - 1, 0)
    taken = [False] * len(b)
    from_a: list[str] = []
    for i, letter in enumerate(a):
        for j in range(max(0, i - reach), min(len(b), i + reach + 1)):
            if not taken[j] and b[j] == letter:
                taken[j] = True
                from_a.append(letter)
                break
    if not from_a:
        return 0.0
    from_b = [letter for letter, hit in zip(b, taken, strict=True) if hit]
    turned = sum(x != y for x, y in zip(from_a, from_b, strict=True)) / 2
    matched = len(from_a)
    jaro = (matched / len(a) + matched / len(b) + (matched - turned) / matched) / 3
    prefix = next((i for i in range(min(4, len(a), len(b))) if a[i] != b[i]),
                  min(4, len(a), len(b)))  # fmt: skip
    return jaro + prefix * 0.1 * (1 - jaro)
