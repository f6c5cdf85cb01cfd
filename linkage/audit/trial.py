"""One attack on any bits, from Python: no schema, no file and no key are needed.

    from linkage.audit.matching import GraphMatching
    from linkage.audit.trial import BitsMethod, Sight, try_attack

    method = BitsMethod(("name",), encode_bits=my_bits)    # my_bits(rows, seed) -> uint64[n, words]
    sight = Sight(method.view(bits), method, listed=rows, same=who)
    for finding in try_attack(GraphMatching(), sight, restarts=4):
        print(finding.named, finding.low, finding.high, finding.attempts)

The bits may be filters or anything else, of any length; only the attacker's own way to encode
(`encode`, under seeds that he chooses) must give as many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from linkage.audit.attack import Attack
from linkage.audit.finding import Finding, Setting
from linkage.audit.plan import Step
from linkage.audit.run import Stage, run_steps
from linkage.audit.scene import Ints, Method, Reference, Rows, Scene, Truth, View, Words

_Q = 2


def bigrams(field: str, values: Sequence[str]) -> list[list[str]]:
    """Give the bigrams of each value, padded; an empty one has none."""
    padded = [f"_{value}_" if value else "" for value in values]
    return [[one[at : at + _Q] for at in range(len(one) - _Q + 1)] for one in padded]


@dataclass(frozen=True)
class BitsMethod:
    """A method made of functions.

    Attributes
    ----------
    fields
        The fields that are encoded.
    encode_bits
        Encodes rows (texts by field) under a key made from a seed: `uint64[n, words]`.
    break_up
        Breaks the values of a field into q-grams; bigrams, if not given.
    slices
        Name and number of words of each slice; the whole as one, if not given. A slice named as a
        field holds that field alone.
    """

    fields: tuple[str, ...]
    encode_bits: Callable[[Rows, int], Words] = field(repr=False)
    break_up: Callable[[str, Sequence[str]], list[list[str]]] = field(default=bigrams, repr=False)
    slices: tuple[tuple[str, int], ...] = ()

    def view(self, bits: Words) -> View:
        """Make what an attacker sees of bits; every row is a record, and there are no passes."""
        slices = self.slices or (("bits", bits.shape[1]),)
        tokens = np.zeros((len(bits), 0), np.uint64)
        return View(bits, slices, tokens, (), np.arange(len(bits)))

    def encode(self, rows: Rows, seed: int) -> View:
        """Encode rows under a key of one's own."""
        return self.view(self.encode_bits(rows, seed))

    def grams(self, field: str, values: Sequence[str]) -> list[list[str]]:
        """Give the q-grams of each value of a field."""
        return self.break_up(field, values)


@dataclass(frozen=True)
class Sight:
    """What an attacker sees and holds, and who is who.

    `view` has what is attacked, `listed` the texts of the attacker's list by field, `method` how he
    encodes it. `same` `int64[n]` is the row of the list of the same person for each row of the
    view, -1 if nobody there is. `setting` is only told again in findings, but for `known`: so many
    of the pairs are given to the attacker.
    """

    view: View
    method: Method
    listed: Rows
    same: Ints
    setting: Setting = field(default_factory=Setting)

    def meet(self, seed: int) -> tuple[Scene, Truth]:
        """Make the scene, and the truth about people; of values nothing is known."""
        reference = Reference(self.listed, self.method)
        both = np.flatnonzero(self.same >= 0)
        random = np.random.default_rng([seed, 13])
        rows = np.sort(random.permutation(both)[: self.setting.known])
        known = np.stack([rows, self.same[rows]], axis=1).astype(np.int64)
        # Whoever is not on the list has a number of his own, beyond those of the list.
        strangers = len(reference) + np.arange(len(self.view))
        person = np.where(self.same >= 0, self.same, strangers)
        return Scene(self.view, reference, known), Truth((person, np.arange(len(reference))), {})


def try_attack(
    attack: Attack,
    sight: Sight,
    *,
    seed: int = 0,
    restarts: int = 8,
    threads: int = 1,
    enough: float = 1.0,
) -> list[Finding]:
    """Make one attack on people, until `enough` of them are named, and judge its attempts.

    Attempts at values of slices are left out: for these, scenes must know the values' truth, as
    those of `linkage.audit.samples` do.
    """
    step = Step(attack, sight.setting, restarts)
    stage = Stage(lambda _: sight.meet(seed), seed, threads, enough)
    return list(run_steps([step], stage))
