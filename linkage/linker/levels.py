"""Agreement levels: what a pair of rows looks like to the decision model.

A field that has a slice of bits is missing, disagrees, or reaches one of the Dice bounds of the
schema, of which the highest is equality. Other fields are read off keyed tokens and only agree or
not: *identifiers*, which have no bits, are one field that agrees if any of them does; *swapped*
says that forename and surname together have an equal unordered token although neither agrees with
its counterpart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.errors import UsageError
from linkage.kernels.join import Rule, Side, pair_levels
from linkage.linker.anchored import PassCodes, Pooled, anchored_rule, pass_codes
from linkage.linker.compare import agreement_rule
from linkage.model import Encodings, code_bounds
from linkage.schema import LinkageSchema
from linkage.transfer import LEVEL_DEVIATIONS

MISSING, DIFFERS = 0, 1
IDENTIFIERS, SWAPPED = "identifiers", "swapped"
#: Names below this Dice disagree so far that their equal unordered token means a swap.
_SWAPPED_BELOW = 0.6


@dataclass(frozen=True)
class Levels:
    """The fields of the model, and how pairs of rows get their levels.

    The first fields have slices of bits, in the order of the slices; then comes *identifiers*, if
    there are any, with the numbers of their blocking passes, and at last *swapped*, if `names`
    holds the slices of forename and surname and the number of an unordered pass over both.
    `bounds` are the Dice bounds, rising, of the levels from 2 on, as they are for plain filters;
    the rule has what hardening makes of them. Levels that it can't tell apart become one. With
    anchored codes, `passes` say where they lie, and `rule` stands for that of a pass
    (`linker.anchored.pass_rule`).
    """

    fields: tuple[str, ...]
    kinds: tuple[str, ...]
    bounds: tuple[float, ...]
    rule: Rule
    identifiers: tuple[int, ...]
    names: tuple[int, int, int] | None
    passes: tuple[PassCodes, ...] = ()

    @property
    def slices(self) -> int:
        """Number of fields that have bits."""
        return len(self.rule.ends) - 1

    @property
    def top(self) -> int:
        """The highest level of every field."""
        return len(self.bounds) + 1

    @property
    def possible(self) -> NDArray[np.bool_]:
        """Tell which levels a field can have, `bool[fields, levels]`, missing left out."""
        found = np.zeros((len(self.fields), self.top + 1), bool)
        found[:, [DIFFERS, self.top]] = True
        # Of levels that begin at the same similarity, only the highest is ever reached.
        found[: self.slices, 2:-1] = np.diff(self.rule.thresholds, axis=1) > 0
        return found

    def first_at(self, bound: float) -> int:
        """Give the lowest level whose bound is at least so high."""
        return 2 + int(np.searchsorted(self.bounds, bound))

    def of(
        self, left: Side, right: Side, i: NDArray[np.int64], j: NDArray[np.int64]
    ) -> NDArray[np.int8]:
        """Give the levels of pairs of rows, `int8[pairs, fields]`.

        Names that are swapped are missing as fields of their own.
        """
        sliced = self._sliced(left, right, i, j)
        found = np.zeros((len(i), len(self.fields)), np.int8)
        found[:, : self.slices] = sliced
        for number in self.identifiers:
            level = self._by_token(left, right, i, j, number)
            found[:, self.slices] = np.maximum(found[:, self.slices], level)
        if self.names is None:
            return found
        forename, surname, number = self.names
        low = self.first_at(_SWAPPED_BELOW)
        both = (sliced[:, [forename, surname]] > MISSING).all(axis=1)
        apart = both & (sliced[:, [forename, surname]] < low).all(axis=1)
        swapped = apart & (self._by_token(left, right, i, j, number) == self.top)
        found[:, -1] = np.where(swapped, self.top, np.where(both, DIFFERS, MISSING))
        found[swapped, forename] = found[swapped, surname] = MISSING
        return found

    def _sliced(
        self, left: Side, right: Side, i: NDArray[np.int64], j: NDArray[np.int64]
    ) -> NDArray[np.int8]:
        """Give the levels of the fields that have bits, `int8[pairs, slices]`."""
        if not self.passes:
            return pair_levels(left, right, i, j, self.rule)
        bounds = np.array([*code_bounds(self.bounds[:-1]), 1.0])
        thresholds = np.tile(bounds, (self.slices, 1))
        binary = [kind in _BINARY for kind in self.kinds[: self.slices]]
        thresholds[binary] = 1.0
        return Pooled.of(self.passes, left, right, i, j).levels(thresholds)

    @property
    def anchors(self) -> dict[tuple[int, ...], int]:
        """Give the passes whose keys are whole values: the fields of each, and its number."""
        found = {}
        for number, one in enumerate(self.passes):
            if one.exact:
                found[tuple(np.flatnonzero(one.fixed).tolist())] = number
        return found

    def twins(self, levels: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Tell which patterns are those of twins, `bool[pairs]`.

        They agree exactly on surname and a date, and on no identifier; the forename disagrees.
        Raises `UsageError` if the schema has no date, or no pass on forename and surname in any
        order, which tells them apart from other names.
        """
        dates = [place for place, kind in enumerate(self.kinds) if kind == "date"]
        if self.names is None or not dates:
            raise UsageError(
                "--twins-apart needs a date and an unordered blocking pass on forename and surname "
                "in the schema"
            )
        forename, surname, _ = self.names
        alike = (levels[:, surname] == self.top) & (levels[:, dates] == self.top).any(axis=1)
        twins: NDArray[np.bool_] = alike & (levels[:, forename] == DIFFERS)
        if self.identifiers:
            twins &= levels[:, self.slices] != self.top
        return twins

    def _by_token(
        self, left: Side, right: Side, i: NDArray[np.int64], j: NDArray[np.int64], number: int
    ) -> NDArray[np.int8]:
        one, other = left.tokens[i, number], right.tokens[j, number]
        level = np.where(one == other, self.top, DIFFERS)
        return np.where((one == 0) | (other == 0), MISSING, level).astype(np.int8)


_BINARY = frozenset({"sex", IDENTIFIERS, SWAPPED})


def levels_of(encodings: Encodings) -> Levels:
    """Set up the levels for encodings under a schema."""
    schema = encodings.schema
    kinds = {field.name: field.type for field in schema.field}
    anchored = schema.anchored
    fields = [one.name for one in (schema.compared_fields if anchored else encodings.slices)]
    bounds = (1.0, *schema.decision.agreement)
    shape = (len(fields), len(bounds) + 2)
    if anchored:
        rule = anchored_rule(schema, np.zeros(shape))
    else:
        transfers = [schema.transfer(one.name) for one in encodings.slices]
        mapped = [[one.bound(bound, LEVEL_DEVIATIONS) for bound in bounds] for one in transfers]
        rule = agreement_rule(encodings, mapped, np.zeros(shape), cutoff=0.0)
    for place, name in enumerate(fields):
        if kinds[name] in _BINARY:
            rule.thresholds[place] = rule.thresholds[place, -1]
    tokens = _identifier_passes(schema)
    names = _unordered_names(schema, fields)
    more = [*([IDENTIFIERS] if tokens else []), *([SWAPPED] if names else [])]
    return Levels(
        (*fields, *more),
        (*(kinds[name] for name in fields), *more),
        tuple(reversed(bounds)),
        rule,
        tokens,
        names,
        pass_codes(schema) if anchored else (),
    )


def telling_passes(schema: LinkageSchema) -> list[int]:
    """Give the numbers of the passes whose equal keys are evidence themselves."""
    if schema.level == "record":
        return []
    fields = [field.name for field in schema.compared_fields]
    names = _unordered_names(schema, fields)
    return sorted({*_identifier_passes(schema), *([names[2]] if names else [])})


def _identifier_passes(schema: LinkageSchema) -> tuple[int, ...]:
    """Give the numbers of the passes whose key is one identifier and nothing else."""
    kinds = {field.name: field.type for field in schema.field}
    return tuple(
        number
        for number, one in enumerate(schema.blocking)
        if len(one.parts) == 1 and kinds[one.parts[0][0]] == "identifier"
    )


def _unordered_names(schema: LinkageSchema, fields: list[str]) -> tuple[int, int, int] | None:
    """Give the slices of two names, and the number of the pass whose key has them in any order.

    A key of some letters only would call too many names swapped.
    """
    kinds = {field.name: field.type for field in schema.field}
    for number, one in enumerate(schema.blocking):
        names = sorted(one.fields, key=fields.index) if one.fields <= set(fields) else []
        whole = all(not transform.startswith("first") for _, transform in one.parts)
        two_names = [kinds[name] for name in names] == ["name", "name"]
        if one.unordered and two_names and len(one.parts) == 2 and whole:
            return fields.index(names[0]), fields.index(names[1]), number
    return None
