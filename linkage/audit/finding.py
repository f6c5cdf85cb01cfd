"""Attempts judged by the truth: how many were named, with an interval, over how many attempts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from linkage.audit.attack import PEOPLE, Attempt
from linkage.audit.scene import Bools, Ints, Truth, View
from linkage.linker.completeness import wilson


@dataclass(frozen=True)
class Setting:
    """The situation of a finding.

    `overlap` is the share of the file's people whom the attacker's list has too; `times` how many
    times as long as the file the list is; `errors` the share of characters that differ between the
    file and the list; `known` the number of pairs that the attacker knows.
    """

    overlap: float = 1.0
    times: float = 1.0
    errors: float = 0.0
    known: int = 0


@dataclass(frozen=True)
class Finding:
    """What one attack found in one situation.

    Attributes
    ----------
    attack, what
        The attack's name; whether it named `people`, or values of a slice or pass, or measured
        something else, such as groups of equal encodings (`named` is then a share of records that
        stand out, and nobody was named).
    setting
        The situation.
    named, low, high
        The share named rightly by the best attempt, with its 95 % interval (Wilson 1927) over the
        `records` that could have been named.
    by_chance
        The share that guesses at random would name.
    attempts
        How many attempts were made.
    spread
        The shares of all attempts, in their order.
    believed
        The share named by the attempt that the attacker himself would have chosen.
    label
        The settings of the best attempt.
    needs
        What the attacker must hold.
    seconds
        How long the attempts took.
    without_key
        Whether the attacker did without the key. With it he names everybody, under any encoding.
    facts
        Other figures of the attack.
    """

    attack: str
    what: str
    setting: Setting
    named: float
    low: float
    high: float
    records: int
    by_chance: float
    attempts: int
    spread: tuple[float, ...]
    believed: float
    label: str
    needs: str
    seconds: float = 0.0
    without_key: bool = True
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Tell whether it counts for a gate: people were named, by somebody without the key."""
        return self.what == PEOPLE and self.without_key

    def content(self) -> dict[str, Any]:
        """Give the finding as plain JSON values."""
        content = dict(vars(self))
        return content | {"setting": dict(vars(self.setting)), "spread": list(self.spread)}


@dataclass(frozen=True)
class Judged:
    """One attempt and the records that it named rightly."""

    attempt: Attempt
    right: int
    records: int

    @property
    def share(self) -> float:
        """The share named, 0 where nobody could be named."""
        return self.right / max(self.records, 1)


class Judge:
    """Holds the truth, and tells how good an attempt is.

    People count once a record, whatever its alias rows: a record is named if any of its rows is.
    Pairs that the attacker knew beforehand don't count.
    """

    def __init__(self, view: View, truth: Truth, known: Ints) -> None:
        """Take the rows' records, the truth, and the pairs that don't count."""
        self._owner, self._truth = view.owner, truth
        self._counts = np.ones(view.records, bool)
        self._counts[view.owner[known[:, 0]]] = False

    def knows(self, what: str) -> bool:
        """Tell whether the truth about such things is known."""
        return what == PEOPLE or what in self._truth.values

    def judge(self, attempt: Attempt) -> Judged:
        """Count what the attempt named rightly."""
        victims, people = self._sides(attempt.what)
        answered = attempt.answer >= 0
        said = np.where(answered, people[np.maximum(attempt.answer, 0)], -1) if len(people) else -1
        right = (said == victims) & (victims >= 0) & answered
        at_risk = np.isin(victims, people) & (victims >= 0)
        if attempt.what != PEOPLE:
            # A value is to be found out in every record that has it, listed or not.
            at_risk = victims >= 0
        return Judged(attempt, self._records(right), self._records(at_risk))

    def by_chance(self, what: str) -> float:
        """Give the share that a random row of the reference for each row would name."""
        victims, people = self._sides(what)
        counts = np.bincount(people[people >= 0], minlength=int(victims.max(initial=0)) + 1)
        known = victims[victims >= 0]
        if what == PEOPLE:
            known = known[counts[known] > 0]
        return float(counts[known].mean() / len(people)) if len(known) and len(people) else 0.0

    def _sides(self, what: str) -> tuple[Ints, Ints]:
        return self._truth.person if what == PEOPLE else self._truth.values[what]

    def _records(self, rows: Bools) -> int:
        held = np.zeros(len(self._counts), bool)
        held[self._owner[rows]] = True
        return int(np.count_nonzero(held & self._counts))


def find(
    attack: str,
    needs: str,
    setting: Setting,
    judged: Iterable[Judged],
    judge: Judge,
    seconds: float = 0.0,
) -> list[Finding]:
    """Make a finding of each kind of thing that the attempts named, in the order of the first."""
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        groups.setdefault(one.attempt.what, []).append(one)
    findings = []
    for what, ones in groups.items():
        best = max(ones, key=lambda one: one.share)
        believed = max(ones, key=lambda one: one.attempt.belief)
        low, high = wilson(best.right, best.records)
        findings.append(
            Finding(
                attack=attack,
                what=what,
                setting=setting,
                named=best.share,
                low=low,
                high=high,
                records=best.records,
                by_chance=judge.by_chance(what),
                attempts=len(ones),
                spread=tuple(one.share for one in ones),
                believed=believed.share,
                label=best.attempt.label,
                needs=needs,
                seconds=seconds,
            )
        )
    return findings
