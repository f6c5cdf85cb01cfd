"""Tell within one file which records look like one person, for counts of strangers to leave out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.schema import LinkageSchema

Part = tuple[str, str]
Key = tuple[Part, ...]


def signs_of_one_person(schema: LinkageSchema) -> list[Key]:
    """Give the keys on which two records of one file look like one person.

    That is an identifier; a date, and the first name by its first letters; or all names by their
    sound, and a year or a day.
    """
    own = [field.name for field in schema.field if field.type == "identifier"]
    names = [one.name for one in schema.field if one.type == "name" and "middle" not in one.name]
    dates = [field.name for field in schema.field if field.type == "date"]
    signs: list[Key] = [((name, "exact"),) for name in own]
    for date in dates if names else []:
        signs.append(((date, "exact"), (names[0], "first2")))
        sounds = tuple((name, "soundex") for name in names[:3])
        signs += [(*sounds, (date, part)) for part in ("year", "month_day")]
    return signs


def first_rows(numbers: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Tell which rows look like none before them, by `uint64[rows, signs]`; 0 is missing."""
    first = np.ones(len(numbers), bool)
    for column in numbers.T:
        own = column == 0
        own[np.unique(column, return_index=True)[1]] = True
        first &= own
    return first
