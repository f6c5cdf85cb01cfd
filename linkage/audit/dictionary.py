"""Dictionary: whoever has the key encodes his list and looks for the same filters.

A key that people made up is as good as leaked: guesses are encoded one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from linkage.audit.attack import PEOPLE, Attempt, Effort, Progress
from linkage.audit.pairing import Nearest, nearest_of_parts
from linkage.audit.points import unit
from linkage.audit.scene import Floats, Ints, Rows, Scene, View, number_rows, unpack

#: With so many exact hits a guess is taken for the key, and the rest are named by similarity.
_HITS = 0.01
#: Without them, as under noise, it is taken for the key if the nearest of so many rows are nearer
#: than under another key, by so many standard errors.
_CHECKED, _LEAST_CHECKED, _NEARER = 200, 30, 6.0
_PART = 20_000

#: Encodes rows under one key.
Encode = Callable[[Rows], View]


@dataclass(frozen=True)
class Dictionary:
    """Encode the list under candidate keys; `keys` has what encodes under each, by its label.

    Who is `sure` of a key names all by similarity; a guess must first prove to be the key.
    """

    keys: Mapping[str, Encode] = field(repr=False)
    sure: bool = False
    name: str = "dictionary"
    needs: str = "the schema, a list of people, and the key"

    def attempts(self, scene: Scene, effort: Effort, progress: Progress) -> Iterator[Attempt]:
        """Try every candidate; where many filters are the same, name all by similarity."""
        if scene.empty:
            return
        random = np.random.default_rng([effort.seed, 8])
        some = np.sort(random.permutation(len(scene.view))[:_CHECKED])
        checked = scene.view.take(some)
        wrong = _closeness(checked, scene.reference.encode(effort.seed))
        for done, (label, encode) in enumerate(self.keys.items(), 1):
            own = encode(scene.reference.rows)
            answer = _same(scene.view, own)
            hits = float(np.mean(answer >= 0))
            known = self.sure or hits >= _HITS
            if known or _nearer(_closeness(checked, own), wrong):
                answer = np.where(answer >= 0, answer, _nearest(scene.view, own).who)
            progress(self.name, done, len(self.keys))
            yield Attempt(answer, PEOPLE, hits, label)


def _same(view: View, own: View) -> Ints:
    """Give for each row the first row of the list with just its bits, -1 if there is none."""
    if view.bits.shape[1] != own.bits.shape[1]:
        return np.full(len(view), -1)
    left, right = number_rows(view.bits, own.bits)
    first = np.full(int(max(left.max(initial=0), right.max(initial=0))) + 1, -1)
    first[right[::-1]] = np.arange(len(right))[::-1]
    return np.asarray(first[left])


def _closeness(view: View, own: View) -> Floats:
    """Give for each row how similar its nearest of the list is; 0 for codes of another length."""
    if view.bits.shape[1] != own.bits.shape[1]:
        return np.zeros(len(view), np.float32)
    return _nearest(view, own).similarity


def _nearer(close: Floats, wrong: Floats) -> bool:
    """Tell whether rows have nearer ones than under a key that is wrong."""
    if len(close) < _LEAST_CHECKED:
        return False
    error = np.sqrt((close.var() + wrong.var()) / len(close)) + 1e-9
    return bool(close.mean() - wrong.mean() > _NEARER * error)


def _nearest(view: View, own: View) -> Nearest:
    """Find for each row the row of the list with the most similar bits."""
    middle = unpack(own.bits).mean(axis=0, dtype=np.float32)
    left = unit(unpack(view.bits).astype(np.float32) - middle)
    parts = (
        (start, unit(unpack(own.bits[start : start + _PART]).astype(np.float32) - middle))
        for start in range(0, len(own), _PART)
    )
    return nearest_of_parts(left, parts)


def byte_entropy(secret: bytes) -> float:
    """Estimate the bits of chance in a secret from how its bytes repeat: at most 8 a byte.

    Random bytes come close to `log2(n)` a byte for `n` of them; words and dates stay far below
    what they seem, so that a low figure is a warning and a high one is no proof.
    """
    counts = np.bincount(np.frombuffer(secret, np.uint8), minlength=256)
    shares = counts[counts > 0] / max(len(secret), 1)
    return float(-(shares * np.log2(shares)).sum() * len(secret)) if len(secret) else -math.inf
