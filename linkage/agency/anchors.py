"""Choose anchors: blocking passes that find most matches and show the linker few neighbours.

With anchored codes a pass shows the linker how alike the records of a block are. A record's visible
neighbours are the other people it shares a block with; without them there is no graph to attack.
The rule needs no labels: it takes the set of passes that is expected to meet most matches, as long
as the visible neighbours of a record, at the size that the data will have, stay under a bound.

Neighbours are counted on the agency's own records, so that households count; what two fields have
in common by chance alone is the least they are taken for. Matches are expected from how often
values are there, which is counted, and how often they agree between two files, which is a table of
round figures (`AGREEMENT`), between those of the default and the hard profile of `linkage.synth`.

Limits: within clean and other matches errors are taken for independent of each other. Two records
of one file that look like one person are no neighbours: see `linkage.agency.one_person`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, count, product

import numpy as np
from numpy.typing import NDArray

from linkage.agency.neighbours import Counted, Neighbours, Rows
from linkage.agency.one_person import Key
from linkage.errors import InputError
from linkage.schema import BlockingPass, FieldSpec, LinkageSchema

#: Records may have so many visible neighbours on average; `docs/anchored.md` has what others cost.
NEIGHBOURS = 0.1
#: A pass must meet so much more of the matches; there are at most so many passes and parts of one.
_LEAST_GAIN, _MOST_PASSES, _MOST_PARTS = 0.0005, 16, 4
#: Fields that anchors are made of, the most telling ones.
_FIELDS = 5
#: A cost that every pass has, as a share of the bound: what a pass shows beside it hardly counts.
_BASE = 1 / 12

#: Of all matches, the share whose records are clean; the others have many errors.
CLEAN = 0.7
#: How a match agrees on a field that both records have, by type: the chance of each case among
#: clean and among other matches, and what agrees in it. In cases not listed nothing agrees.
AGREEMENT: Mapping[str, tuple[tuple[float, float, frozenset[str]], ...]] = {
    "name": (
        (0.93, 0.55, frozenset({"exact", "soundex", "first2", "first1"})),
        (0.03, 0.15, frozenset({"soundex", "first2", "first1"})),
        (0.01, 0.10, frozenset({"first2", "first1"})),
        (0.01, 0.03, frozenset({"soundex", "first1"})),
        (0.01, 0.07, frozenset({"first1"})),
    ),
    "date": (
        (0.96, 0.75, frozenset({"exact", "year", "month_day"})),
        (0.02, 0.12, frozenset({"year"})),
        (0.01, 0.06, frozenset({"month_day"})),
    ),
    "postcode": (
        (0.88, 0.65, frozenset({"exact", "outcode"})),
        (0.06, 0.12, frozenset({"outcode"})),
    ),
    "text": ((0.88, 0.60, frozenset({"exact", "first3"})), (0.02, 0.12, frozenset({"first3"}))),
    "code": ((0.95, 0.75, frozenset({"exact"})),),
    "number": ((0.92, 0.70, frozenset({"exact"})),),
}


@dataclass(frozen=True)
class Anchor:
    """A chosen pass: its parts, the expected share of matches it adds, and what it shows.

    `neighbours` are those that it adds for a record on average.
    """

    key: Key
    gain: float
    neighbours: float


@dataclass(frozen=True)
class Chosen:
    """The anchors of a schema, the matches they are expected to meet, and a record's neighbours.

    Matches that meet by an identifier alone don't count.
    """

    anchors: tuple[Anchor, ...]
    completeness: float
    neighbours: float


def choose_anchors(
    schema: LinkageSchema,
    files: Sequence[Rows],
    *,
    records: int,
    neighbours: float = NEIGHBOURS,
) -> Chosen:
    """Choose the anchors for data sets of `records` records in all.

    Raises `InputError` if nothing can be shown so few neighbours.
    """
    seen = Neighbours([Counted(one, schema) for one in files], records)
    fields = _telling(schema, files)
    # Other files may lack an identifier, so the other passes must do without.
    matches = _Matches(fields, files)
    keys = [key for key in _keys(fields) if seen.of(key) <= neighbours]
    greedy = _Greedy(matches, seen, keys, neighbours)
    for field in schema.field:
        if field.type == "identifier":
            greedy.take(((field.name, "exact"),))
    picked = _pick_exact(schema, greedy)
    while len(picked.chosen) < _MOST_PASSES and picked.add(keys):
        pass
    picked.drop_needless(schema)
    return picked.result()


class _Matches:
    """How matches agree: the chance of each combination of cases of the fields."""

    def __init__(self, fields: Sequence[FieldSpec], files: Sequence[Rows]) -> None:
        every = list(product(*(self._cases(field, files) for field in fields)))
        clean = np.array([np.prod([one for one, _, _ in case]) for case in every])
        other = np.array([np.prod([one for _, one, _ in case]) for case in every])
        self.chance = CLEAN * clean + (1 - CLEAN) * other
        self._agrees = {
            (field.name, transform): np.array([transform in case[n][2] for case in every])
            for n, field in enumerate(fields)
            for transform in _transforms(field)
        }

    def met(self, key: Key) -> NDArray[np.bool_]:
        """Tell in which combinations a pass meets the match; in none if by an identifier."""
        if any(part not in self._agrees for part in key):
            return np.zeros(len(self.chance), bool)
        found: NDArray[np.bool_] = np.all([self._agrees[part] for part in key], axis=0)
        return found

    @staticmethod
    def _cases(
        field: FieldSpec, files: Sequence[Rows]
    ) -> list[tuple[float, float, frozenset[str]]]:
        shares = [float((one.values[field.name].codes >= 0).mean()) for one in files]
        if len(shares) == 1:
            shares *= 2
        both = float(np.mean([a * b for a, b in combinations(shares, 2)]))
        cases = [(both * a, both * b, agrees) for a, b, agrees in AGREEMENT[field.type]]
        rest = 1 - sum(a for a, _, _ in cases), 1 - sum(b for _, b, _ in cases)
        return [*cases, (*rest, frozenset())]


class _Greedy:
    """Picks the pass that adds most matches for what it shows, again and again."""

    def __init__(self, matches: _Matches, seen: Neighbours, keys: list[Key], bound: float) -> None:
        self._matches, self._seen, self._bound = matches, seen, bound
        self.keys = keys
        self.chosen: list[Anchor] = []
        self._met = np.zeros(len(matches.chance), bool)
        self._used = 0.0

    def add(self, keys: Sequence[Key]) -> bool:
        """Pick one of the keys; tell whether there was one worth it."""
        best, most = None, 0.0
        for key in keys:
            gain = float(self._matches.chance[self._matches.met(key) & ~self._met].sum())
            if gain < _LEAST_GAIN or gain / (_BASE * self._bound) <= most:
                continue
            cost = self._seen.more(key)
            worth = gain / (cost + _BASE * self._bound)
            if self._used + cost <= self._bound and worth > most:
                best, most = key, worth
        if best is None:
            return False
        self.take(best)
        return True

    def drop_needless(self, schema: LinkageSchema) -> None:
        """Take back passes whose matches the others meet, but for those the linker learns in."""
        for one in sorted(self.chosen, key=lambda one: len(one.key), reverse=True):
            rest = [other for other in self.chosen if other is not one]
            met = np.any([self._matches.met(other.key) for other in rest], axis=0)
            lost = float(self._matches.chance[self._met & ~met].sum())
            own = len(one.key) == 1 and not one.gain
            if rest and not own and lost < _LEAST_GAIN and not _bound_in(schema, rest):
                self.chosen, self._met = rest, met
        self._recount()

    def _recount(self) -> None:
        """Count what each of the passes adds to those before it."""
        chosen, self.chosen = self.chosen, []
        self._met[:] = False
        self._used = 0.0
        self._seen.forget()
        for one in chosen:
            self.take(one.key)

    def take(self, key: Key) -> None:
        """Pick a key."""
        gain = float(self._matches.chance[self._matches.met(key) & ~self._met].sum())
        cost = self._seen.more(key)
        self.chosen.append(Anchor(key, gain, cost))
        self._used += cost
        self._met |= self._matches.met(key)
        self._seen.take(key)

    def result(self) -> Chosen:
        """Give what was picked."""
        met = float(self._matches.chance[self._met].sum())
        return Chosen(tuple(self.chosen), met, self._used)


def _pick_exact(schema: LinkageSchema, picked: _Greedy) -> _Greedy:
    """Pick passes on whole values first, until each field is free in one: the linker learns there.

    Raises `InputError` if there are none under the bound.
    """
    compared = {field.name for field in schema.compared_fields}
    exact = [key for key in picked.keys if _is_exact(key, compared)]
    while True:
        common = _bound_in(schema, picked.chosen)
        left = [key for key in exact if common - dict(key).keys()]
        if not common:
            return picked
        if not left or not picked.add(left):
            raise InputError(
                "no anchors show so few neighbours: the file is too small to tell for so many "
                "records, or its fields too common; allow more (--neighbours), or say fewer "
                "--records"
            )


def _is_exact(key: Key, compared: Collection[str]) -> bool:
    return all(transform == "exact" and name in compared for name, transform in key)


def _bound_in(schema: LinkageSchema, chosen: Sequence[Anchor]) -> frozenset[str]:
    """Give the fields that no pass on whole values leaves free."""
    compared = frozenset(field.name for field in schema.compared_fields)
    exact = [dict(one.key).keys() for one in chosen if _is_exact(one.key, compared)]
    return compared.intersection(*exact)


def _telling(schema: LinkageSchema, files: Sequence[Rows]) -> list[FieldSpec]:
    """Give the fields that anchors are made of: those that tell most people apart, most often.

    Identifiers are not among them: each is a pass by itself.
    """

    def tells(field: FieldSpec) -> float:
        columns = [one.values[field.name] for one in files]
        return float(np.mean([
            (column.codes >= 0).mean() * np.log1p(len(np.unique(column.codes)))
            for column in columns
        ]))  # fmt: skip

    fields = [field for field in schema.field if field.type in AGREEMENT]
    return sorted(fields, key=tells, reverse=True)[:_FIELDS]


def _transforms(field: FieldSpec) -> list[str]:
    return sorted({one for *_, agrees in AGREEMENT[field.type] for one in agrees})


def _keys(fields: Sequence[FieldSpec]) -> Iterator[Key]:
    """Give all keys of whole values and parts of up to four fields."""
    for size in range(1, _MOST_PARTS + 1):
        for some in combinations(fields, size):
            for transforms in product(*(_transforms(field) for field in some)):
                yield tuple(zip((field.name for field in some), transforms, strict=True))


def as_passes(anchors: Sequence[Anchor]) -> list[BlockingPass]:
    """Give the blocking passes of anchors, called after their fields."""
    passes: dict[str, BlockingPass] = {}
    for one in anchors:
        stem = "_".join(field for field, _ in one.key)[:36].rstrip("_")
        names = (f"{stem}_{again}" if again > 1 else stem for again in count(1))
        name = next(name for name in names if name not in passes)
        on = tuple(f if t == "exact" else f"{f}:{t}" for f, t in one.key)
        passes[name] = BlockingPass(name=name, on=on)
    return list(passes.values())
