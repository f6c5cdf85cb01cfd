"""Who is linked worse than others: the figures of groups of people, side by side.

Equal opportunity (Hardt, Price & Srebro 2016) asks for the same recall in all groups: a person's
records should be found together as surely, whoever the person is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.evaluate.gaps import MATCHES, Recalls, holm, independent, pairs_of
from linkage.evaluate.groups import Groups
from linkage.evaluate.judged import Judged
from linkage.evaluate.pairs import plain
from linkage.evaluate.resample import Resampling, shares, wilson
from linkage.evaluate.tallies import COUNTS, FALSE, FOUND, LOST, UNSURE, Ends, Tallies
from linkage.evaluate.truth import UNKNOWN
from linkage.evaluate.withhold import Withheld, withhold

_LINKS = [FOUND, FALSE]
#: Streams of random numbers from here on are for columns of groups.
_FIRST_STREAM = 10


@dataclass(frozen=True)
class Fill:
    """How full the filters of each record are: `shares` `float32[records, slices]`, by `slices`."""

    slices: tuple[str, ...]
    shares: NDArray[np.float32]


def measure_fairness(
    judged: Judged,
    columns: Sequence[Groups],
    how: Resampling,
    *,
    fill: Fill | None = None,
    suppress_below: int = 10,
) -> dict[str, Any]:
    """Measure every group of every column.

    Groups of fewer than `suppress_below` people are withheld, and others with them that would give
    them away (`linkage.evaluate.withhold`). Returns `columns`, and `warnings` in words.
    """
    ends = Ends.of(judged)
    reports = [
        _Report(one, Tallies.of(ends, one, how, _FIRST_STREAM + number), how, suppress_below)
        for number, one in enumerate(columns)
    ]
    pairs = sum(pairs_of(len(one.compared)) for one in reports)
    adjusted = holm([p for one in reports for p in one.p_values.values()])
    made, warnings = [], []
    for one in reports:
        mine, adjusted = adjusted[: len(one.p_values)], adjusted[len(one.p_values) :]
        made.append(one.summary(dict(zip(one.p_values, mine, strict=True)), pairs, fill))
        warnings += _warnings(made[-1], how)
    return {
        "suppress_below": suppress_below,
        "resampling": how.summary(),
        "columns": made,
        "warnings": warnings,
    }


class _Report:
    """The figures of one column of groups."""

    def __init__(
        self, groups: Groups, tallies: Tallies, how: Resampling, suppress_below: int
    ) -> None:
        self.groups, self.tallies, self.how = groups, tallies, how
        matches = tallies.counts[:, MATCHES].sum(axis=1)
        self.withheld: Withheld = withhold(
            [f"{groups.column} {name}" for name in groups.names],
            tallies.people,
            np.column_stack([tallies.counts, matches - tallies.counts[:, FOUND]]),
            suppress_below,
        )
        hidden = self.withheld.counts
        self.hides_recall = bool(hidden[FOUND] or hidden[COUNTS])
        self.hides_precision = bool(hidden[FOUND] or hidden[FALSE])
        self.hides_review = bool(hidden[UNSURE] or hidden[LOST])
        shown = np.flatnonzero(~self.withheld.groups & (tallies.people > 0))
        self.largest = int(shown[np.argmax(tallies.people[shown])]) if len(shown) else None
        # One person tells of chance no more than one throw of a coin: nothing to compare.
        several = how.on and not self.hides_recall
        self.compared = shown[tallies.people[shown] > 1] if several else shown[:0]
        self.recalls = Recalls.of(tallies) if how.on else None
        self.p_values = self._p_values()

    def _p_values(self) -> dict[int, float]:
        """Compare each group with the largest."""
        recalls, largest = self.recalls, self.largest
        if recalls is None or largest is None or largest not in self.compared:
            return {}
        return {
            one: recalls.p_value(one, largest) for one in self.compared.tolist() if one != largest
        }

    def summary(self, p_values: dict[int, float], pairs: int, fill: Fill | None) -> dict[str, Any]:
        """Give all figures as plain values."""
        fills = _mean_fill(self.groups, fill)
        groups = []
        for one, name in enumerate(self.groups.names):
            if self.withheld.groups[one]:
                groups.append({"group": name, "withheld": True})
                continue
            figures = self._figures(one) | self._against_largest(one, p_values)
            groups.append({"group": name, "withheld": False} | figures | fills(one))
        return {
            "column": self.groups.column,
            "groups": groups,
            "largest": None if self.largest is None else self.groups.names[self.largest],
            "gap": self._gap(pairs),
            "notes": [*self.groups.notes, *self._notes()],
        }

    def _figures(self, one: int) -> dict[str, Any]:
        counts = self.tallies.counts[one]
        hide_recall, hide_precision = self.hides_recall, self.hides_precision
        return {
            "people": int(self.tallies.people[one]),
            "true_matches": plain(float(counts[MATCHES].sum())),
            "found": None if hide_recall else plain(float(counts[FOUND])),
            "in_review": None if self.hides_review else plain(float(counts[UNSURE])),
            "false_links": None if hide_precision else plain(float(counts[FALSE])),
            **self._share("recall", one, FOUND, MATCHES, hide=hide_recall),
            **self._share("precision", one, FOUND, _LINKS, hide=hide_precision),
            **self._share("review_share", one, UNSURE, MATCHES, hide=self.hides_review),
        }

    def _share(
        self, name: str, one: int, hits: int, trials: list[int], *, hide: bool
    ) -> dict[str, Any]:
        """Give a share and its interval, if they may be seen and there is anything to share."""
        counts = self.tallies.counts[one]
        whole = float(counts[trials].sum())
        share = None if hide or not whole else float(counts[hits]) / whole
        bounds = None
        if share is not None and self.how.on:
            worth = float(independent(self.tallies, hits, trials)[one])
            bounds = wilson(share, worth, self.how)
        return {name: share, f"{name}_interval": bounds}

    def _against_largest(self, one: int, p_values: dict[int, float]) -> dict[str, Any]:
        """Compare with the largest group: how many times as many matches are missed."""
        p_value = p_values.get(one)
        answer: dict[str, Any] = {
            "missed_ratio": None,
            "missed_ratio_interval": None,
            "p_value": p_value,
            "differs": None if p_value is None else p_value < 1 - self.how.confidence,
        }
        if self.largest is None or self.hides_recall or one == self.largest:
            return answer
        mine, theirs = (_missed(self.tallies.counts[None, at])[0] for at in (one, self.largest))
        if theirs > 0 and not np.isnan(mine):
            answer["missed_ratio"] = mine / theirs
            if self.recalls is not None:
                bounds = self.recalls.ratio_interval(one, self.largest, self.how)
                answer["missed_ratio_interval"] = bounds
        return answer

    def _gap(self, pairs: int) -> dict[str, Any] | None:
        """Give the equal-opportunity gap: the largest recall less the smallest."""
        if self.recalls is None or len(self.compared) < 2:
            return None
        gap, names = self.recalls.gap(self.compared, pairs, self.how), self.groups.names
        recall = self.recalls.recall
        return {
            "gap": float(recall[gap.highest] - recall[gap.lowest]),
            "highest": names[gap.highest],
            "lowest": names[gap.lowest],
            "interval": {"lower": gap.lower, "upper": gap.upper},
            "pairs_compared": pairs,
            "significant": gap.lower > 0,
            "surest": {
                "higher": names[gap.surest[0]],
                "lower": names[gap.surest[1]],
                "difference": float(recall[gap.surest[0]] - recall[gap.surest[1]]),
            },
        }

    def _notes(self) -> list[str]:
        column, hidden = self.groups.column, int(np.count_nonzero(self.withheld.groups))
        notes = []
        if hidden:
            notes.append(
                f"'{column}': {hidden} of {self.groups.count} groups are withheld: some are of "
                "few people, and others would give them away"
            )
        if self.withheld.counts.any():
            notes.append(f"'{column}': figures that would give withheld groups away are left out")
        alone = [
            self.groups.names[one]
            for one in np.flatnonzero(~self.withheld.groups & (self.tallies.people == 1))
        ]
        if alone:
            notes.append(
                f"'{column}': {_listed(alone)} is one person with true matches; its figures tell "
                "of this person, and of nothing else"
            )
        return notes


def _warnings(column: dict[str, Any], how: Resampling) -> list[str]:
    """Say which gaps are larger than chance makes them."""
    gap, found = column["gap"], []
    if gap is not None and gap["significant"]:
        surest = gap["surest"]
        found.append(
            f"recall differs by {column['column']}: {surest['higher']} has "
            f"{surest['difference']:.4f} more than {surest['lower']}, at least "
            f"{gap['interval']['lower']:.4f} ({how.confidence:.0%} sure, with "
            f"{gap['pairs_compared']:,} pairs of groups compared)"
        )
    worse = [
        one["group"]
        for one in column["groups"]
        if one.get("differs") and (one["missed_ratio"] or 0) > 1
    ]
    if worse:
        found.append(
            f"more matches are missed by {column['column']} of {_listed(worse)} than of "
            f"{column['largest']}, the largest group"
        )
    return found


def _listed(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _missed(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the share of matches that were missed, `float64[samples]`."""
    matches = counts[:, MATCHES].sum(axis=1)
    return shares(matches - counts[:, FOUND], matches)


def _mean_fill(groups: Groups, fill: Fill | None) -> Any:
    """Give, by group, the mean share of bits set in its records' filters, in all and by slice."""
    if fill is None:
        return lambda one: {"fill": None, "fill_by_field": None}
    known = groups.of_record != UNKNOWN
    label = groups.of_record[known]
    records = np.maximum(np.bincount(label, minlength=groups.count), 1)
    means = np.column_stack([
        np.bincount(label, fill.shares[known, place], groups.count) / records
        for place in range(len(fill.slices))
    ])  # fmt: skip

    def of(one: int) -> dict[str, Any]:
        by_field = dict(zip(fill.slices, means[one].tolist(), strict=True))
        return {"fill": float(means[one].mean()), "fill_by_field": by_field}

    return of
