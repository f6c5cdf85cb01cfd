"""Which attacks an audit makes, in which situations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from linkage.audit.attack import Attack
from linkage.audit.dictionary import Dictionary, Encode
from linkage.audit.errors import Noise
from linkage.audit.finding import Setting
from linkage.audit.frequency import FrequencyRank
from linkage.audit.in_blocks import BlockSimilarity
from linkage.audit.known import KnownPairs
from linkage.audit.lengths import Popcounts
from linkage.audit.matching import GraphMatching
from linkage.audit.mining import PatternMining
from linkage.audit.sides import Embedding
from linkage.audit.structure import ColourRefinement

#: The realistic case: somebody's list is ten times as long as the file and has everybody.
TEN_TIMES = Setting(overlap=1.0, times=10.0)
#: The situation in which one thing at a time is varied.
USUAL = Setting(overlap=0.2)
#: Names of graph matching in its three forms.
PLAIN, TOLERANT, VALUES = "graph matching", "matching with errors", "values by similarity"
_EMBEDDINGS: tuple[Embedding, ...] = ("linear", "graph")
_NOISES = tuple(map(Noise, (0.02, 0.05, 0.1, 0.2)))
_GUESSING = "the schema, a list of people, and guesses at the key"


@dataclass(frozen=True)
class Scope:
    """How much an audit does.

    `overlaps` and `ten_times` say which lists the attacker may hold, `errors` and `known` what is
    varied at the overlap `varied_at`. `restarts` are those of graph matching, at most; it stops
    once `enough` people are named. `people` are drawn from the file at most.
    """

    overlaps: tuple[float, ...] = (1.0, 0.5, 0.2, 0.1, 0.05)
    ten_times: bool = True
    near_overlaps: tuple[float, ...] = (0.99, 0.9)
    errors: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2)
    known: tuple[int, ...] = (10, 30, 100, 300, 1000)
    varied_at: float = 0.2
    restarts: int = 8
    enough: float = 0.9
    people: int = 10_000

    def settings(self) -> list[Setting]:
        """Give the lists that every attack is tried with."""
        found = [Setting(overlap=one) for one in self.overlaps]
        return [*found, TEN_TIMES] if self.ten_times else found


QUICK = Scope(
    overlaps=(1.0, 0.2),
    ten_times=True,
    near_overlaps=(),
    errors=(0.05,),
    known=(100,),
    restarts=2,
    people=2000,
)


@dataclass(frozen=True)
class Step:
    """One attack in one situation; `needs_key` if the attacker holds the key, or guesses it."""

    attack: Attack
    setting: Setting
    restarts: int = 1
    needs_key: bool = False


def steps(
    scope: Scope,
    fields: Sequence[str],
    slices: Sequence[str],
    keys: Mapping[str, Encode],
    guesses: Mapping[str, Encode],
    given: Setting | None = None,
) -> Iterator[Step]:
    """Plan all steps, those that cost least first.

    Parameters
    ----------
    fields, slices
        The names of the encoded fields, and of the slices. A slice that is a field is attacked by
        its distinct values too.
    keys, guesses
        What encodes under the key itself, and under keys that somebody might guess.
    given
        The situation, where the attacker's list is given and not drawn; then nothing else of it
        is varied than errors and known pairs.
    """
    lists = [given] if given else scope.settings()
    near = [] if given else [Setting(overlap=one) for one in scope.near_overlaps]
    varied = given or Setting(overlap=scope.varied_at)
    for setting in [*lists, *near]:
        yield Step(ColourRefinement(), setting)
        if any("." in name and name not in fields for name in slices):
            yield Step(BlockSimilarity(), setting)
    for setting in lists:
        yield Step(FrequencyRank(), setting)
        if len(slices) > 1:
            yield Step(Popcounts(), setting)
        yield Step(PatternMining(), setting)
    yield Step(Dictionary(guesses, name="weak keys", needs=_GUESSING), varied)
    yield Step(Dictionary(keys, sure=True), varied, needs_key=True)
    for count in scope.known:
        yield Step(KnownPairs(), replace(varied, known=count))
    for setting in lists:
        yield Step(GraphMatching(PLAIN, embeddings=_EMBEDDINGS), setting, scope.restarts)
    with_errors = [replace(varied, errors=share) for share in scope.errors]
    if scope.ten_times and scope.errors and not given:
        with_errors.append(replace(TEN_TIMES, errors=scope.errors[0]))
    for setting in with_errors:
        yield Step(GraphMatching(TOLERANT, noises=_NOISES), setting, scope.restarts)
    for name in slices if len(slices) > 1 else ():
        if name in fields:
            yield Step(GraphMatching(VALUES, what=name), varied, max(1, scope.restarts // 2))
