"""The columns, header spellings and formats of each agency's file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from linkage.synth.capture import SEX_MAN, SEX_MISSING, SEX_WOMAN, Rows
from linkage.synth.dates import date_text
from linkage.synth.draws import Ints, Texts
from linkage.synth.geography import address_text, load_geography
from linkage.synth.vocabulary import Vocabulary


@dataclass(frozen=True)
class Layout:
    """How one agency writes a file.

    `columns` are pairs (header, what stands under it) in the order of the file; `sexes` the words
    for a man, a woman and not known; `title_case` whether names are Written So.
    """

    prefix: str
    columns: tuple[tuple[str, str], ...]
    date_format: str
    sexes: tuple[str, str, str]
    title_case: bool = False


#: Every agency says what brought a record about, and in which year.
EVENT_COLUMNS = (("event_year", "event_year"), ("event_type", "event_type"))

LAYOUTS = MappingProxyType(
    {
        "police": Layout(
            prefix="P",
            columns=(
                ("record_id", "record_id"),
                ("forename", "forename"),
                ("middle_names", "middle"),
                ("surname", "surname"),
                ("dob", "dob"),
                ("sex", "sex"),
                ("postcode", "postcode"),
                ("address", "address"),
                ("pnc", "pnc"),
                ("cro", "cro"),
                *EVENT_COLUMNS,
            ),
            date_format="yyyy-mm-dd",
            sexes=("M", "F", "U"),
        ),
        "court": Layout(
            prefix="C",
            columns=(
                ("record_id", "record_id"),
                ("first_name", "forename"),
                ("middle_name", "middle"),
                ("last_name", "surname"),
                ("date_of_birth", "dob"),
                ("sex", "sex"),
                ("postcode", "postcode"),
                ("pnc", "pnc"),
                *EVENT_COLUMNS,
            ),
            date_format="dd/mm/yyyy",
            sexes=("Male", "Female", ""),
            title_case=True,
        ),
        "prison": Layout(
            prefix="N",
            columns=(
                ("record_id", "record_id"),
                ("given_name", "forename"),
                ("family_name", "surname"),
                ("birth_date", "dob"),
                ("gender", "sex"),
                ("post_code", "postcode"),
                ("noms_number", "noms"),
                ("pnc", "pnc"),
                ("cro", "cro"),
                *EVENT_COLUMNS,
            ),
            date_format="dd-Mon-yyyy",
            sexes=("M", "F", ""),
        ),
        "probation": Layout(
            prefix="D",
            columns=(
                ("record_id", "record_id"),
                ("forename", "forename"),
                ("second_name", "middle"),
                ("surname", "surname"),
                ("date_of_birth", "dob"),
                ("gender", "sex"),
                ("postcode", "postcode"),
                ("crn", "crn"),
                ("noms_number", "noms"),
                ("pnc", "pnc"),
                ("cro", "cro"),
                *EVENT_COLUMNS,
            ),
            date_format="yyyy-mm-dd",
            sexes=("Male", "Female", "Unknown"),
            title_case=True,
        ),
    }
)


def text_columns(
    rows: Rows, layout: Layout, names: Vocabulary, postcodes: Vocabulary
) -> dict[str, Texts]:
    """Text under each header that needs no number of the whole population."""
    order = np.argsort([SEX_MAN, SEX_WOMAN, SEX_MISSING])
    sexes = np.array(layout.sexes, object)[order]
    write = _writer_of_names(layout, names)
    ready: dict[str, Callable[[], Texts]] = {
        "forename": lambda: write(rows.forename),
        "middle": lambda: write(rows.middle),
        "surname": lambda: write(rows.surname),
        "dob": lambda: date_text(rows.dob, layout.date_format),
        "sex": lambda: sexes[rows.sex],
        "postcode": lambda: postcodes.text(rows.postcode),
        "address": lambda: address_text(load_geography(), rows.address),
    }
    return {header: ready[what]() for header, what in layout.columns if what in ready}


def alias_columns(
    forename: Ints, surname: Ints, dob: Ints, layout: Layout, names: Vocabulary
) -> dict[str, Texts]:
    """Text of aliases under the headers that the agency's file has."""
    write = _writer_of_names(layout, names)
    ready: dict[str, Callable[[], Texts]] = {
        "forename": lambda: write(forename),
        "surname": lambda: write(surname),
        "dob": lambda: date_text(dob, layout.date_format),
    }
    return {header: ready[what]() for header, what in layout.columns if what in ready}


def _writer_of_names(layout: Layout, names: Vocabulary) -> Callable[[Ints], Texts]:
    return partial(_titled, names) if layout.title_case else names.text


def _titled(names: Vocabulary, codes: Ints) -> Texts:
    """Write names in title case: O'Brien, Mcdonald, Al-Hassan."""
    distinct, where = np.unique(codes, return_inverse=True)
    return np.char.title(names.text(distinct).astype("U")).astype(object)[where]
