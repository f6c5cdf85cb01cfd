"""Names by origin: weights, variants and rare surnames, from the CSV files in tables/."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np

from linkage.synth.draws import Bools, Choice, Ints, Texts

ERA_START, ERA_YEARS, ERAS = 1930, 10, 8
#: How many years a fashion lasts (standard deviation), and the share that never goes out of it.
_FASHION_YEARS, _FASHION_FLOOR = 12.0, 0.07
#: What a name without a peak weighs beside those with one, averaged over the eras.
_TIMELESS = 0.42
_LONGEST_SURNAME = 14
#: Composed surnames are rarer and more alike in frequency than their parts.
_EVENNESS = 0.6
VARIANT_KINDS = ("nickname", "respelling", "anglicised")


def read_table(name: str) -> list[list[str]]:
    """Rows of one table without its header; no cell holds a comma or a quote."""
    text = resources.files("linkage.synth").joinpath("tables", name).read_text("utf-8")
    return [line.split(",") for line in text.splitlines()[1:]]


@dataclass(frozen=True)
class Variants:
    """Other forms of names: those of name `c` are targets[starts[c]:starts[c + 1]]."""

    starts: Ints
    targets: Ints

    def has(self, codes: Ints) -> Bools:
        """Which names have another form."""
        return self.starts[codes + 1] > self.starts[codes]

    def draw(self, rng: np.random.Generator, codes: Ints) -> Ints:
        """Another form of each name, or the name itself where there is none."""
        count = self.starts[codes + 1] - self.starts[codes]
        at = self.starts[codes] + (rng.random(codes.shape[0]) * count).astype(np.int32)
        return np.where(count > 0, self.targets[np.minimum(at, self.targets.size - 1)], codes)


@dataclass(frozen=True)
class NameTables:
    """Every name that can be drawn, and how often.

    `names` object[v] is the vocabulary (upper case; code 0 is the empty name); `initial` int32[v]
    the first letter; `female` int32[v] the form that a daughter bears; `repunctuated` int32[v]
    the form with other punctuation (OBRIEN, AL HASSAN, MC DONALD); `marked` int32[origins, v] the
    form with all its marks among people of an origin (ŁUKASZ), or the name itself, and `marks` the
    same as texts. Groups of the choices: surnames by origin; forenames by
    (origin * 2 + woman) * ERAS + era; middle names by origin * 2 + woman.
    """

    names: Texts
    initial: Ints
    female: Ints
    repunctuated: Ints
    marked: Ints
    marks: tuple[dict[str, str], ...]
    surnames: Choice
    forenames: Choice
    middle_names: Choice
    variants: dict[str, Variants]


@functools.lru_cache(maxsize=4)
def load_names(origins: tuple[str, ...]) -> NameTables:
    """Load the tables for these origins, whose order numbers the groups."""
    codes: defaultdict[str, int] = defaultdict()
    codes.default_factory = codes.__len__
    _ = codes[""]
    surnames, female = _surnames(origins, codes)
    forenames, any_era = _forenames(origins, codes)
    middle_names = _middle_names(origins, codes, any_era)
    variants = _variants(codes)
    repunctuated = [codes[_repunctuate(name)] for name in list(codes)]
    marks = _marks(origins)
    marked = [[(codes[a], codes[b]) for a, b in one.items() if a in codes] for one in marks]
    names = np.array(list(codes), object)
    same = range(len(repunctuated), names.size)
    daughters = np.arange(names.size, dtype=np.int32)
    daughters[list(female)] = list(female.values())
    return NameTables(
        names=names,
        initial=np.array([ord(n[0]) if n else 0 for n in codes], np.int32),
        female=daughters,
        repunctuated=np.array([*repunctuated, *same], np.int32),
        marked=_changed(marked, names.size),
        marks=marks,
        surnames=Choice.of(surnames),
        forenames=Choice.of(forenames),
        middle_names=Choice.of(middle_names),
        variants={k: _packed(v, names.size) for k, v in variants.items()},
    )


def _repunctuate(name: str) -> str:
    """Drop an apostrophe, put a space for a hyphen, and part Mc from what follows."""
    name = name.replace("'", "").replace("-", " ")
    return f"MC {name[2:]}" if name.startswith("MC") and len(name) > 4 else name


Group = tuple[list[int], list[float]]


def _surnames(
    origins: Sequence[str], codes: defaultdict[str, int]
) -> tuple[list[Group], dict[int, int]]:
    groups: dict[str, Group] = {origin: ([], []) for origin in origins}
    female: dict[int, int] = {}
    for origin, name, weight, daughter in read_table("surnames.csv"):
        if origin in groups:
            groups[origin][0].append(codes[name])
            groups[origin][1].append(float(weight))
            if daughter:
                female[codes[name]] = codes[daughter]
    if "british" in groups:
        _add_composed(groups["british"], codes)
    return [groups[origin] for origin in origins], female


def _add_composed(group: Group, codes: defaultdict[str, int]) -> None:
    """Fill the listed names up to 100 per cent with rare ones put together from parts."""
    listed = set(group[0])
    missing = 100.0 - sum(group[1])
    parts: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for family, place, part, weight in read_table("surname_parts.csv"):
        parts.setdefault((family, place), []).append((part, float(weight)))
    composed: dict[str, float] = {}
    for (family, place), firsts in parts.items():
        if place == "last":
            continue
        made = {
            first + last: (first_weight * last_weight) ** _EVENNESS
            for first, first_weight in firsts
            for last, last_weight in parts[family, "last"]
            if len(first + last) <= _LONGEST_SURNAME
        }
        # A family of names weighs as much as it has first parts.
        scale = len(firsts) / sum(made.values())
        for name, weight in made.items():
            composed.setdefault(name, weight * scale)
    rare = {codes[name]: weight for name, weight in composed.items()}
    rare = {code: weight for code, weight in rare.items() if code not in listed}
    scale = missing / sum(rare.values())
    group[0].extend(rare)
    group[1].extend(weight * scale for weight in rare.values())


def _forenames(
    origins: Sequence[str], codes: defaultdict[str, int]
) -> tuple[list[Group], list[Group]]:
    """Read groups by origin, sex and era, and by origin and sex alone."""
    rows: dict[tuple[str, str], list[tuple[int, float, float]]] = {}
    for origin, sex, name, weight, peak in read_table("forenames.csv"):
        entry = (codes[name], float(weight), float(peak or "nan"))
        rows.setdefault((origin, sex), []).append(entry)
    middles = ERA_START + ERA_YEARS * (np.arange(ERAS) + 0.5)
    by_era: list[Group] = []
    any_era: list[Group] = []
    for origin in origins:
        for sex in "MF":
            entries = rows[origin, sex]
            name_codes = [code for code, _, _ in entries]
            weights = np.array([weight for _, weight, _ in entries])
            peaks = np.array([peak for _, _, peak in entries])
            any_era.append((name_codes, list(weights)))
            for middle in middles:
                fashion = np.exp(-(((middle - peaks) / _FASHION_YEARS) ** 2) / 2) + _FASHION_FLOOR
                fashion = np.where(np.isnan(peaks), _TIMELESS, fashion)
                by_era.append((name_codes, list(weights * fashion)))
    return by_era, any_era


def _middle_names(
    origins: Sequence[str], codes: defaultdict[str, int], any_era: list[Group]
) -> list[Group]:
    """Put listed middle names first; what they lack to 100 per cent are forenames."""
    groups: dict[tuple[str, str], Group] = {}
    for origin, sex, name, weight in read_table("middle_names.csv"):
        group = groups.setdefault((origin, sex), ([], []))
        group[0].append(codes[name])
        group[1].append(float(weight))
    filled: list[Group] = []
    keys = [(origin, sex) for origin in origins for sex in "MF"]
    for key, (forenames, weights) in zip(keys, any_era, strict=True):
        listed, shares = groups.get(key, ([], []))
        scale = max(0.0, 100.0 - sum(shares)) / sum(weights)
        filled.append((listed + forenames, shares + [weight * scale for weight in weights]))
    return filled


def _variants(codes: defaultdict[str, int]) -> dict[str, dict[int, list[int]]]:
    found: dict[str, dict[int, list[int]]] = {kind: {} for kind in VARIANT_KINDS}
    for kind, name, variant in read_table("variants.csv"):
        found[kind].setdefault(codes[name], []).append(codes[variant])
    return found


def _marks(origins: Sequence[str]) -> tuple[dict[str, str], ...]:
    """Read how names with marks are really written, by origin."""
    found: dict[str, dict[str, str]] = {origin: {} for origin in origins}
    for origin, name, spelling in read_table("spellings.csv"):
        if origin in found:
            found[origin][name] = spelling
    return tuple(found.values())


def _changed(pairs: Sequence[Sequence[tuple[int, int]]], size: int) -> Ints:
    """Give a row of codes for each list of pairs: the second for the first, else the same."""
    rows = np.tile(np.arange(size, dtype=np.int32), (len(pairs), 1))
    for row, changes in zip(rows, pairs, strict=True):
        for old, new in changes:
            row[old] = new
    return rows


def _packed(variants: dict[int, list[int]], size: int) -> Variants:
    counts = np.zeros(size + 1, np.int32)
    for code, others in variants.items():
        counts[code + 1] = len(others)
    order = sorted(variants)
    targets = [other for code in order for other in variants[code]]
    return Variants(np.cumsum(counts, dtype=np.int32), np.array(targets, np.int32))
