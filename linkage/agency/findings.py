"""What a profile means: plain findings, the worst first, each with what to do about it.

Messages and advice hold no raw value; `examples` do, for a page that stays with the agency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from linkage.agency.cells import (
    INITIAL_ONLY,
    MIGRATION_MARK,
    MIXED_SCRIPTS,
    MONTH_TOO_HIGH,
    NOT_A_DAY,
    OUTCODE,
    UNKNOWN_PLACEHOLDER,
    WRONG_CHECK_LETTER,
)
from linkage.agency.tallies import FIRST_ROWS, Oddity, Repeats, ValueCount

if TYPE_CHECKING:
    from linkage.agency.fields import DateProfile, FieldProfile, IdProfile
    from linkage.agency.profile import Profile

#: `error`: encoding refuses the file. `warning`: links may get lost or false. `note`: know it.
Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

_MANY = 0.01
_MOSTLY_MISSING, _OFTEN_MISSING = 0.5, 0.2
#: A value is a heap if at least this share of the readable rows have it, and so many rows.
_HEAPS = {"name": 0.1, "date": 0.01, "postcode": 0.02, "text": 0.02, "identifier": 0.01}
_HEAP_ROWS = 20
_OR_ELSE = dict.fromkeys(("postcode", "text"), ", or an address of your own")


@dataclass(frozen=True)
class Finding:
    """One thing to know: what was found, in which field, in how many rows, and what to do."""

    severity: Severity
    field: str | None
    message: str
    advice: str
    rows: int
    first_rows: tuple[int, ...] = ()
    examples: tuple[str, ...] = ()


def findings(profile: Profile, ambiguous: Mapping[str, tuple[str, ...]]) -> tuple[Finding, ...]:
    """List the findings by severity, then by rows, falling.

    `ambiguous` names the fields for which the file has several columns.
    """
    found = [*_about_ids(profile.ids), *_about_records(profile), *_about_unused(profile)]
    found += _about_events(profile)
    for field in profile.fields:
        if field.name in ambiguous:
            found.append(_ambiguous(field, ambiguous[field.name]))
        if field.column is None:
            found.append(_no_column(field))
        elif field.rows:
            for look in _LOOKS:
                found += look(field)
    return tuple(sorted(found, key=lambda one: (SEVERITIES.index(one.severity), -one.rows)))


def percent(count: int, total: int) -> str:
    """Give a share in words that are neither too exact nor rounded to nothing."""
    share = 100 * count / max(1, total)
    if 0 < share < 0.1:
        return "under 0.1 %"
    if 99 < share < 100:
        return "over 99 %"
    return f"{share:.1f} %" if 0 < share < 10 else f"{share:.0f} %"


def _count(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


def _cells(count: int) -> str:
    return _count(count, "cell")


def _rows(count: int) -> str:
    return _count(count, "row")


def _key(name: str, field: FieldProfile) -> str:
    return f"`{name}` of the field '{field.name}' in the schema"


def _from_oddity(
    severity: Severity, field: FieldProfile, odd: Oddity, message: str, advice: str
) -> Finding:
    return Finding(severity, field.name, message, advice, odd.rows, odd.first_rows, odd.examples)


def _no_column(field: FieldProfile) -> Finding:
    wanted = " or ".join(f"'{one}'" for one in field.columns)
    if field.optional:
        return Finding(
            "note", field.name, f"The file has no column {wanted}; the field is optional.",
            f"If it stands under another header, add that header to {_key('columns', field)}.",
            field.rows,
        )  # fmt: skip
    return Finding(
        "error", field.name, f"The file has no column {wanted}, and the field is not optional.",
        f"Add the file's header to {_key('columns', field)}, or set `optional = true` there.",
        field.rows,
    )  # fmt: skip


def _ambiguous(field: FieldProfile, columns: tuple[str, ...]) -> Finding:
    listed = " and ".join(f"'{one}'" for one in columns)
    return Finding(
        "error", field.name,
        f"More than one column of the file fits: {listed}. Only the first was looked at.",
        f"Leave all but one out of {_key('columns', field)}.", field.rows,
    )  # fmt: skip


def _about_ids(ids: IdProfile | None) -> Iterator[Finding]:
    if ids is None:
        return
    where = f"column '{ids.column}'"
    if ids.repeats.rows:
        yield Finding(
            "error", None,
            f"{_rows(ids.repeats.rows)} with the record id of an earlier row ({where}).",
            "Every row needs an id of its own: give another column by --id-column, or change "
            "`record_id` in the schema.", ids.repeats.rows, _later(ids.repeats),
        )  # fmt: skip
    if ids.empty.rows:
        yield Finding(
            "error", None, f"{_rows(ids.empty.rows)} without a record id ({where}).",
            "Fill them in, or give another column by --id-column, or change `record_id` in the "
            "schema.", ids.empty.rows, ids.empty.first_rows,
        )  # fmt: skip
    if ids.refused.rows:
        yield Finding(
            "error", None,
            f"{_rows(ids.refused.rows)} with a record id that is too long or not printable "
            f"({where}).",
            "Mend them at their source, or give another column by --id-column.",
            ids.refused.rows, ids.refused.first_rows, ids.refused.examples,
        )  # fmt: skip


def _about_records(profile: Profile) -> Iterator[Finding]:
    if profile.rejected:
        row, problem = profile.rejected_first[0]
        yield Finding(
            "error", None,
            f"{_rows(profile.rejected)} of the file can't be read, and left out here. The "
            f"first: row {row} {problem}.",
            "Mend the file; or leave them out with `linkage encode --on-error skip`, which lists "
            "them in a reject file.", profile.rejected,
            tuple(row for row, _ in profile.rejected_first),
        )  # fmt: skip
    repeats = profile.repeats
    if repeats.rows:
        yield Finding(
            "warning" if repeats.rows >= 0.05 * profile.rows else "note", None,
            f"{_rows(repeats.rows)} ({percent(repeats.rows, profile.rows)}) with the values of "
            "an earlier row in all compared fields.",
            "Nothing to change if each is an arrest, a case or a reception of its own: they will "
            "become one person. If they are copies, remove them at their source.",
            repeats.rows, _later(repeats),
        )  # fmt: skip
    if profile.filled[0]:
        yield Finding(
            "warning", None,
            f"{_rows(profile.filled[0])} ({percent(profile.filled[0], profile.rows)}) without a "
            "readable value in any compared field: they can't be linked by them.",
            "See whether their values stand in columns that the schema does not name.",
            profile.filled[0],
        )  # fmt: skip
    if len(profile.filled) > 3 and profile.filled[1]:
        yield Finding(
            "note", None,
            f"{_rows(profile.filled[1])} ({percent(profile.filled[1], profile.rows)}) with a "
            "readable value in one compared field only.",
            "One field alone links nobody; fill in more where you can.", profile.filled[1],
        )  # fmt: skip


def _later(repeats: Repeats) -> tuple[int, ...]:
    """Give the first row numbers that repeat an earlier row."""
    return tuple(sorted(row for group in repeats.first_groups for row in group[1:]))[:FIRST_ROWS]


def _about_unused(profile: Profile) -> Iterator[Finding]:
    known = [one for one in profile.unused if one.looks_like]
    if known:
        listed = ", ".join(f"'{one.name}'" for one in known)
        yield Finding(
            "note", None, f"The schema does not use {listed}, which may help to link.",
            "If other agencies have the like, agree with them on a `[[field]]` for it, or add the "
            "header to `columns` of the field that it belongs to.", 0,
        )  # fmt: skip


def _about_events(profile: Profile) -> Iterator[Finding]:
    if profile.passed_along:
        listed = " and ".join(f"'{one}'" for one in profile.passed_along)
        yield Finding(
            "note", None, f"Years and types of events in {listed} are written in plain to an "
            "events file.",
            "Send that file only if it was agreed; without it records are linked just as well.", 0,
        )  # fmt: skip


def _about_missing(field: FieldProfile) -> Iterator[Finding]:
    share = field.missing / field.rows
    if not field.readable:
        yield Finding(
            "warning", field.name, f"No cell of column '{field.column}' is readable.",
            f"See whether `type` and {_key('columns', field)} are right.", field.rows,
        )  # fmt: skip
    elif share >= _OFTEN_MISSING:
        yield Finding(
            "warning" if share >= _MOSTLY_MISSING and field.compared and field.passes else "note",
            field.name, f"{percent(field.missing, field.rows)} of the rows have no readable value.",
            _advice_on_passes(field.passes),
            field.missing,
        )  # fmt: skip
    if field.placeholder:
        yield Finding(
            "note", field.name,
            f"{_cells(field.placeholder)} ({percent(field.placeholder, field.rows)}) "
            f"{'holds' if field.placeholder == 1 else 'hold'} a placeholder.",
            "Nothing to do: a placeholder becomes missing, so that two of them never agree.",
            field.placeholder, (), _texts(field.placeholders),
        )  # fmt: skip


def _advice_on_passes(count: int) -> str:
    if count == 0:
        return "Nothing to change: no blocking pass needs it."
    uses = "1 blocking pass needs" if count == 1 else f"{count} blocking passes need"
    return f"{uses} it: see to it that `[[blocking]]` has others that do without."


def _about_unreadable(field: FieldProfile) -> Iterator[Finding]:
    if not field.unreadable or not field.readable:
        return
    advice = f"If they stand for 'not known', add them to {_key('placeholders', field)}; else "
    if field.type == "date":
        advice = f"Add the way in which they are written to {_key('date_formats', field)}; or "
    yield _from_oddity(
        "warning" if field.unreadable >= _MANY * field.rows else "note",
        field, field.unreadable_cells,
        f"{_cells(field.unreadable)} ({percent(field.unreadable, field.rows)}) can't be read as "
        f"{_FORMATS.get(field.format or '') or _A[field.type]}: missing when encoded.",
        f"{advice}mend them at their source.",
    )  # fmt: skip


_A = {
    "name": "a name", "date": "a date", "sex": "a sex", "postcode": "a postcode",
    "text": "text", "identifier": "an identifier", "number": "a number", "code": "a code",
}  # fmt: skip


_FORMATS = {
    "pnc": "a PNC number with the right check letter",
    "cro": "a CRO number with the right check letter",
    "noms": "a NOMS number",
}


def _about_dates(field: FieldProfile) -> Iterator[Finding]:
    dates = field.dates
    if dates is None or not dates.days:
        return
    yield from _about_heaped_days(field, dates)
    suspicious: tuple[tuple[Severity, Oddity, str, str], ...] = (
        ("warning", dates.future, "in the future", "Mend them at their source"),
        ("warning", dates.before_1900, "before 1900", "Mend them at their source"),
        ("note", dates.over_110, "of people over 110 years old", "Look at some of them"),
        ("note", dates.under_10, "of people under 10 years old", "Look at some of them"),
    )
    for severity, odd, what, advice in suspicious:
        if odd.rows:
            yield _from_oddity(
                severity, field, odd,
                f"{_count(odd.rows, 'date')} ({percent(odd.rows, dates.days)}) {what}.",
                f"{advice}; one that is used for 'not known' belongs in "
                f"{_key('placeholders', field)}.",
            )  # fmt: skip


def _about_heaped_days(field: FieldProfile, dates: DateProfile) -> Iterator[Finding]:
    january, first = dates.first_of_january, dates.first_of_month
    if january.rows >= max(5, 3 * dates.first_of_january_expected * dates.days):
        yield _from_oddity(
            "warning", field, january,
            f"{percent(january.rows, dates.days)} of the dates are 1 January "
            f"({january.rows:,}; chance gives 0.3 %): placeholders?",
            "Often only the year is known, above all of people born abroad. Where a date stands "
            f"for 'not known', add it as it is written to {_key('placeholders', field)}; and tell "
            "the linker that agreement on 1 January says little.",
        )  # fmt: skip
    if first.rows >= max(10, 2 * dates.first_of_month_expected * dates.days):
        yield _from_oddity(
            "warning", field, first,
            f"{percent(first.rows, dates.days)} of the dates are the first of another month "
            f"({first.rows:,}; chance gives 3 %): is the day often unknown?",
            f"If the first stands for 'day not known', tell the linker; if some whole dates stand "
            f"for 'not known', add them to {_key('placeholders', field)}.",
        )  # fmt: skip


def _about_heaps(field: FieldProfile) -> Iterator[Finding]:
    if field.type not in _HEAPS:
        return
    least = max(_HEAP_ROWS, _HEAPS[field.type] * field.readable)
    heaps = [one for one in field.most_frequent if one.rows >= least]
    if field.distinct > 1 and heaps:
        total = sum(one.rows for one in heaps)
        what = "One value is" if len(heaps) == 1 else f"{len(heaps)} values are"
        yield Finding(
            "warning", field.name,
            f"{what} in {percent(total, field.readable)} of the readable cells ({total:,}): "
            f"placeholders{_OR_ELSE.get(field.type, '')}?",
            f"Look at the most frequent values; add those that are nobody's own to "
            f"{_key('placeholders', field)}.", total, (), _texts(tuple(heaps)),
        )  # fmt: skip


def _about_violations(field: FieldProfile) -> Iterator[Finding]:
    for odd in field.violations:
        least = 1 if odd.what in _SERIOUS else _MANY * field.rows
        serious = odd.rows >= least and odd.what not in _HARMLESS
        advice = _ADVICE.get(odd.what, "Mend them at their source, where they are wrong")
        yield _from_oddity(
            "warning" if serious else "note", field, odd,
            f"{odd.what[0].upper()}{odd.what[1:]}: {_cells(odd.rows)} "
            f"({percent(odd.rows, field.rows)}).",
            f"{advice.format(placeholders=_key('placeholders', field))}"
            f"{_key('date_formats', field) if odd.what == MONTH_TOO_HIGH else ''}.",
        )  # fmt: skip


_SERIOUS = frozenset({MONTH_TOO_HIGH, UNKNOWN_PLACEHOLDER, WRONG_CHECK_LETTER})
_HARMLESS = frozenset({MIGRATION_MARK, INITIAL_ONLY, f"the rare form {OUTCODE}"})
_ADVICE = {
    INITIAL_ONLY: "Nothing to change: an initial says little, but nothing false",
    MIGRATION_MARK: "Nothing to do: the mark is taken off before encoding",
    UNKNOWN_PLACEHOLDER: "If they stand for 'not known', add them to {placeholders}",
    WRONG_CHECK_LETTER: "One wrong digit is another person: mend or empty them at their source",
    NOT_A_DAY: "They are encoded digit by digit, for most may be right; mend them where you can",
    MONTH_TOO_HIGH: "If the file has the month first, put '%m/%d/%Y' before '%d/%m/%Y' in ",
    f"the rare form {OUTCODE}": "Nothing to change: they agree with whole postcodes in part",
}


def _about_scripts(field: FieldProfile) -> Iterator[Finding]:
    other = [one for one in field.scripts if one.text not in ("Latin", MIXED_SCRIPTS)]
    if other:
        total = sum(one.rows for one in other)
        listed = ", ".join(f"{one.text} {one.rows:,}" for one in other[:6])
        yield Finding(
            "note", field.name,
            f"{_cells(total)} ({percent(total, field.rows)}) are not in Latin letters: {listed}.",
            "They are transliterated letter by letter; a name that another agency wrote by ear "
            "may differ. If you hold a Latin spelling too, use that column.", total,
        )  # fmt: skip


def _texts(values: tuple[ValueCount, ...]) -> tuple[str, ...]:
    return tuple(f"{one.text} ({one.rows:,})" for one in values[:5])


_LOOKS: tuple[Callable[[FieldProfile], Iterator[Finding]], ...] = (
    _about_missing,
    _about_unreadable,
    _about_dates,
    _about_heaps,
    _about_violations,
    _about_scripts,
)
