"""Set up the decision for data sets: by a threshold at record level, by a trained model else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.errors import UsageError, shown
from linkage.kernels.join import Side
from linkage.linker.anchored import chance_between
from linkage.linker.by_model import ModelDecision
from linkage.linker.by_threshold import ThresholdDecision
from linkage.linker.compare import side
from linkage.linker.decide import Decision, log_odds
from linkage.linker.duplicates import MOST_DUPLICATES, duplicates_per_record
from linkage.linker.labels import learn_from_labels
from linkage.linker.levels import Levels, levels_of
from linkage.linker.rarity import value_rarity
from linkage.linker.saved import model_of
from linkage.linker.together import DataPair
from linkage.linker.train import Place, Training, train
from linkage.linker.values import Each, value_numbers
from linkage.model import Decided, Encodings

#: Rows of a data set that training looks at.
TRAINING_ROWS = 250_000


@dataclass(frozen=True)
class Choices:
    """What the user chose for the decision; None leaves it to the schema, or to the data.

    `single` names the data sets that have one record a person. With `model`, the content of a
    model file, nothing is trained; with `labels`, pairs of records known to match, m is theirs.
    """

    threshold: float | None = None
    probability: float | None = None
    single: tuple[str, ...] | None = None
    model: object | None = None
    labels: tuple[Decided, ...] = ()


@dataclass(frozen=True)
class _Sample:
    """Some rows of a data set: their side, numbers and owners, and the share that they are."""

    side: Side
    numbers: NDArray[np.uint64]
    owner: NDArray[np.int64]
    share: float
    chance: NDArray[np.float64] | None


def set_up(
    encodings: Sequence[Encodings],
    data: Sequence[DataPair],
    choices: Choices,
    seed: int,
    each: Each = map,
) -> tuple[Decision, Training | None]:
    """Set up the decision for the level of the schema. The same seed gives the same decision.

    Raises `UsageError` for a threshold at field level, a probability or model at record level, or
    names of data sets that there aren't.
    """
    schema = encodings[0].schema
    for name in choices.single or ():
        if name not in [one.dataset for one in encodings]:
            raise UsageError(f"there is no data set '{shown(name)}' to have one record a person")
    if choices.single and any(one.within for one in data):
        raise UsageError(
            "--one-record-a-person says one record a person in a data set, and --deduplicate says "
            "several; use one of them"
        )
    if schema.level == "record":
        if choices.probability is not None or choices.model is not None:
            raise UsageError(
                "a probability or a model needs field-level encodings; these are record-level: "
                "use a threshold (a Dice similarity)"
            )
        return ThresholdDecision.setup(encodings, data, choices.threshold, seed), None
    if choices.threshold is not None:
        raise UsageError(
            "a threshold (Dice) needs record-level encodings; these are field-level: "
            "use a probability"
        )
    random = np.random.default_rng(seed)
    levels = levels_of(encodings[0])
    numbers = list(each(value_numbers, encodings))
    samples = list(each(_sample, encodings, numbers, random.spawn(len(numbers))))
    given = None
    if choices.model is not None:
        given = model_of(choices.model, levels, schema.digest())
    places = [_place(samples, one.places) for one in data]
    trained = train(places, levels, random, given, each)
    model = trained.model
    if choices.labels:
        model = learn_from_labels(model, levels, data, choices.labels)
    review = schema.decision.review_probability
    if choices.probability is not None:
        log_odds(choices.probability)
        review = min(review, choices.probability)
    decision = ModelDecision(
        schema,
        levels,
        model,
        tuple(value_rarity(numbers, model, levels, each)),
        _single(encodings, data, samples, trained, levels, choices, random, each),
        choices.probability or schema.decision.probability,
        review,
        fixed=given is not None or bool(choices.labels),
    )
    return decision, trained if given is None else None


def _sample(one: Encodings, numbers: NDArray[np.uint64], random: np.random.Generator) -> _Sample:
    rows = len(one.owner)
    whole = side(one)
    if rows <= TRAINING_ROWS:
        return _Sample(whole, numbers, one.owner, 1.0, one.chance)
    chosen = np.sort(random.choice(rows, TRAINING_ROWS, replace=False))
    part = whole._replace(
        bits=whole.bits[chosen], counts=whole.counts[chosen], tokens=whole.tokens[chosen]
    )
    share = TRAINING_ROWS / rows
    return _Sample(part, numbers[chosen], one.owner[chosen], share, one.chance)


def _place(samples: Sequence[_Sample], places: tuple[int, int]) -> Place:
    left, right = (samples[place] for place in places)
    chance = None
    if left.chance is not None and right.chance is not None:
        chance = chance_between(left.chance, right.chance)
    within = places[0] == places[1]
    return Place(left.side, right.side, left.numbers, right.numbers, within, chance)


def _single(
    encodings: Sequence[Encodings],
    data: Sequence[DataPair],
    samples: Sequence[_Sample],
    trained: Training,
    levels: Levels,
    choices: Choices,
    random: np.random.Generator,
    each: Each,
) -> tuple[bool, ...]:
    """Tell which data sets have one record a person: as chosen, or as the model sees it."""
    if choices.single is not None:
        return tuple(one.dataset in choices.single for one in encodings)
    within = {one.places[0] for one in data if one.within}
    if within:
        return tuple(False for _ in encodings)

    def is_single(one: _Sample, own: np.random.Generator) -> bool:
        first = np.flatnonzero(np.diff(one.owner, prepend=-1))
        whole = one.side
        part = whole._replace(
            bits=whole.bits[first], counts=whole.counts[first], tokens=whole.tokens[first]
        )
        place = Place(part, part, one.numbers[first], one.numbers[first], True)
        repeated = duplicates_per_record(place, trained, levels, own) / one.share
        return repeated < MOST_DUPLICATES

    return tuple(each(is_single, samples, random.spawn(len(samples))))
