"""The protocol of all attacks, and what an attempt gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from linkage.audit.scene import Ints, Scene

#: Told of (stage, done, total); a total of 0 is unknown.
Progress = Callable[[str, int, int], None]
#: What an attempt names if it names people, and not the values of a slice or pass.
PEOPLE = "people"


@dataclass(frozen=True)
class Attempt:
    """One try: for each row of the view the row of the reference that it is said to be, or -1.

    `what` is `PEOPLE`, or the name of the slice or pass whose values the rows of the reference
    stand for. `belief` is what the attacker thinks of it without the truth: among attempts of one
    attack he would take the highest. `label` tells the settings of the attempt.
    """

    answer: Ints
    what: str = PEOPLE
    belief: float = 0.0
    label: str = ""


@dataclass(frozen=True)
class Effort:
    """How hard to try: the seed of all chance, restarts at most, and threads to use."""

    seed: int = 0
    restarts: int = 8
    threads: int = 1


class Attack(Protocol):
    """A way to name rows of a view with nothing but a scene. The same seed gives the same."""

    @property
    def name(self) -> str:
        """Its name, a key in tables and in JSON."""

    @property
    def needs(self) -> str:
        """What the attacker must hold, in words."""

    def attempts(self, scene: Scene, effort: Effort, progress: Progress) -> Iterator[Attempt]:
        """Try one way after the other; whoever has seen enough stops asking."""


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody of progress."""
