"""Graph matching: name people by who is similar to whom, without the key.

The attacker encodes his own list with keys of his own, places both sides as points
(`linkage.audit.points`), describes each row by its similarities to all others, and looks for the
rotation between the two clouds (`linkage.audit.align`), with many restarts; cf. Vidanage & al. 2020
and Schaefer & al. 2024 (ACSAC). Errors give the file another distribution than the list has: so
the attacker puts errors into his own list until both are alike, aligns that, and names by the
clean list. In the end he learns from the pairs that he trusts how q-grams become bits
(`linkage.audit.learning`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from linkage.audit.attack import PEOPLE, Attempt, Effort, Progress
from linkage.audit.errors import NONE, Noise
from linkage.audit.learning import GramTable, name_by_learning
from linkage.audit.scene import Reference, Scene
from linkage.audit.side_by_side import in_order
from linkage.audit.sides import Beginning, Embedding, Sides, Tried
from linkage.audit.target import Target

_CHAINS, _LEAST_ROWS = 2, 30
_LEARNT_TRUST = (0.3, 0.3, 0.3, 0.3)
_BREADTHS, _NARROW = (0.06, 0.02), 0.35


@dataclass(frozen=True)
class GraphMatching:
    """Name people, or the distinct values of one slice, by similarity alone.

    `noises` are the errors that the attacker puts into his own list, and
    `embeddings` the ways to place rows, each taken in turn.
    """

    name: str = "graph matching"
    noises: tuple[Noise, ...] = (NONE,)
    embeddings: tuple[Embedding, ...] = ("linear",)
    what: str = PEOPLE
    needs: str = "the schema and a list of people"

    def attempts(self, scene: Scene, effort: Effort, progress: Progress) -> Iterator[Attempt]:
        """Restart from several beginnings, go on from the best, and learn from it."""
        people = self.what == PEOPLE
        target = Target.people(scene) if people else Target.values(scene, self.what)
        if min(len(target.view), len(target.chosen)) < _LEAST_ROWS:
            return
        sides = Sides(target, effort.seed)
        best: Tried | None = None
        for tried in self._runs(sides, effort, progress):
            if best is None or tried.aligned.agreement > best.aligned.agreement:
                best = tried
            yield _attempt(target, tried)
        if best is not None:
            yield from _learnt(target, sides, best, effort.seed)

    def _runs(self, sides: Sides, effort: Effort, progress: Progress) -> Iterator[Tried]:
        """Run all beginnings, then twice more from where the best run ended."""
        beginnings = [self._beginning(number) for number in range(effort.restarts)]
        for noise, embedding in dict.fromkeys((one.noise, one.embedding) for one in beginnings):
            sides.prepare(noise, embedding)
        best: Tried | None = None
        for done, tried in enumerate(in_order(sides.run, beginnings, effort.threads), 1):
            progress(self.name, done, effort.restarts + _CHAINS)
            if best is None or tried.aligned.agreement > best.aligned.agreement:
                best = tried
            yield tried
        if best is None:
            return
        start = best
        chains = [replace(start.beginning, number=effort.restarts + n) for n in range(_CHAINS)]
        yield from in_order(lambda one: sides.run(one, start), chains, effort.threads)
        progress(self.name, effort.restarts + _CHAINS, effort.restarts + _CHAINS)

    def _beginning(self, number: int) -> Beginning:
        """Choose the settings of a run; the first with each noise and embedding is plain."""
        kinds = len(self.noises) * len(self.embeddings)
        turn = number // kinds
        return Beginning(
            number,
            noise=self.noises[number % len(self.noises)],
            embedding=self.embeddings[number // len(self.noises) % len(self.embeddings)],
            all_kinds=turn % 4 != 1,
            weighted=turn > 0,
            breadth=_BREADTHS[turn % 2],
            power=_NARROW if turn % 4 == 3 else 0.5,
        )


def _attempt(target: Target, tried: Tried) -> Attempt:
    return Attempt(
        target.answer(tried.who), target.what, tried.aligned.agreement, str(tried.beginning)
    )


def _learnt(target: Target, sides: Sides, best: Tried, seed: int) -> Iterator[Attempt]:
    """Learn from the pairs of the best run how q-grams become bits, and name by that."""
    reference = Reference(target.reference_rows(), target.scene.reference.method)
    table = GramTable.of(reference)
    random = np.random.default_rng([seed, 4])
    pairs = sides.trusted_pairs(best, _LEARNT_TRUST[0])
    label = f"{best.beginning}, then learnt"
    rounds = list(name_by_learning(sides.points, table, pairs, _LEARNT_TRUST, random))
    for found, agreement in rounds[-1:]:
        yield Attempt(target.answer(found.who), target.what, agreement, label)
