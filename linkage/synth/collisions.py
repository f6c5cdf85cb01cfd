"""How many people share a name: by the tables' own weights, and counted in a population.

Linkage is hard where names collide. The tables' own figures hold for people who have nothing to do
with each other; families, double surnames and married names move those of a population a little.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from linkage.synth.dates import LAST_YEAR
from linkage.synth.draws import Floats, Texts
from linkage.synth.profile import Profile
from linkage.synth.tables import ERA_START, ERA_YEARS, ERAS, NameTables, load_names

TOP = 10
#: Cells of the table of full names that are held at a time.
_CELLS = 1 << 24


@dataclass(frozen=True)
class FullNames:
    """Chances of full names as the tables have them, before anybody is drawn.

    Group g of people, of one origin and sex, is a share `share[g]` of all; within it forename and
    surname are independent, with chances `forename[g]` and `surname[g]`, float64[groups, names].
    """

    share: Floats
    forename: Floats
    surname: Floats

    @classmethod
    def of(cls, profile: Profile) -> FullNames:
        """Work out the chances under a profile's shares of origins, women and years of birth."""
        tables = load_names(tuple(profile.origins))
        size, eras = tables.names.size, _era_shares(profile)
        share, forename, surname = [], [], []
        for number, origin in enumerate(profile.origins.values()):
            names = tables.surnames.chances(number, size)
            for woman, part in ((0, 1 - profile.population.women), (1, profile.population.women)):
                share.append(origin.share * part)
                surname.append(_daughters(names, tables) if woman else names)
                first = (number * 2 + woman) * ERAS
                by_era = [tables.forenames.chances(first + era, size) for era in range(ERAS)]
                forename.append(eras @ np.array(by_era))
        return cls(np.array(share), np.array(forename), np.array(surname))

    def same_name(self) -> float:
        """Chance that two people who have nothing to do with each other share a full name."""
        alike = (self.forename @ self.forename.T) * (self.surname @ self.surname.T)
        return float(self.share @ alike @ self.share)

    def people_per_name(self, sizes: Sequence[int]) -> list[float]:
        """Expect so many people per full name that occurs, in populations of these sizes."""
        used_f = np.flatnonzero(self.share @ self.forename)
        used_s = np.flatnonzero(self.share @ self.surname)
        forename, surname = self.forename[:, used_f] * self.share[:, None], self.surname[:, used_s]
        occurring = np.zeros(len(sizes))
        step = max(1, _CELLS // used_s.size)
        for start in range(0, used_f.size, step):
            chance = forename[:, start : start + step].T @ surname
            # (1 - p)^n is exp(-np) for chances as small as these.
            occurring += [float(-np.expm1(-size * chance).sum()) for size in sizes]
        return [size / float(names) for size, names in zip(sizes, occurring, strict=True)]


def top_surnames(profile: Profile) -> dict[str, tuple[list[str], float]]:
    """Give the most common surnames of each origin's table, and the share that bears just one.

    Daughters' forms count as the name; a double surname is another name.
    """
    tables = load_names(tuple(profile.origins))
    found = {}
    for number, (name, origin) in enumerate(profile.origins.items()):
        chances = tables.surnames.chances(number, tables.names.size)
        top = np.argsort(-chances, kind="stable")[:TOP]
        share = float(chances[top].sum()) * (1 - origin.double_surname)
        found[name] = (tables.names[top].tolist(), share)
    return found


def share_with(surname: Texts, names: Sequence[str], profile: Profile) -> float:
    """Share of people who bear one of the surnames or its daughters' form."""
    tables = load_names(tuple(profile.origins))
    codes = {name: code for code, name in enumerate(tables.names.tolist())}
    forms = {*names, *(tables.names[tables.female[codes[name]]] for name in names)}
    return sum(name in forms for name in surname.tolist()) / max(surname.size, 1)


def count_full_names(people: Mapping[str, Texts]) -> tuple[float, float]:
    """Count, in a register, people per full name, and how often two people share one."""
    names = Counter(zip(people["forename"].tolist(), people["surname"].tolist(), strict=True))
    size = names.total()
    pairs = sum(count * (count - 1) for count in names.values())
    return size / len(names), pairs / max(size * (size - 1), 1)


def _daughters(chances: Floats, tables: NameTables) -> Floats:
    moved = np.zeros_like(chances)
    np.add.at(moved, tables.female, chances)
    return moved


def _era_shares(profile: Profile) -> Floats:
    """Share of people born in each era, of those who live alone."""
    mean, spread = profile.population.birth_year, max(profile.population.birth_spread, 1e-9)

    def below(year: float) -> float:
        return (1 + math.erf((year - mean) / spread / math.sqrt(2))) / 2

    # Who would be born after the last year is as much older.
    def born_before(year: float) -> float:
        return 1.0 if year > LAST_YEAR else below(year) + 1 - below(2 * LAST_YEAR - year)

    ends = [ERA_START + ERA_YEARS * (era + 1) for era in range(ERAS - 1)]
    rising = np.array([0.0, *(born_before(end) for end in ends), 1.0])
    return np.diff(rising)
