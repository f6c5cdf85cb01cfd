"""Find the events that agencies passed along, and give each to the person of its record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from linkage.io.events import EventsOfRecords
    from linkage.io.results import Results
    from linkage.pathways.content import EventsOfPersons


def read_passed(
    found: Results,
    results: Path,
    chosen: list[str],
    moved: tuple[Path, ...],
    identity: Path | None,
) -> dict[str, tuple[Path, EventsOfRecords]]:
    """Read the events of each data set that has some: of files given, or beside the encoded."""
    from linkage.errors import InputError, MismatchError, UsageError
    from linkage.io.events import events_path, read_events

    passed: dict[str, tuple[Path, EventsOfRecords]] = {}
    beside = [results / events_path(Path(one["file"])) for one in found.manifest["inputs"]]
    given = [(path, read_events(path, identity)) for path in moved]
    known = {one.head.dataset for _, one in given}
    for path, own in zip(beside, found.datasets, strict=True):
        if own in chosen and own not in known and path.is_file():
            given.append((path, read_events(path, identity)))
    for path, one in given:
        name = one.head.dataset
        if name not in found.datasets:
            raise MismatchError(
                f"{path}: events of '{name}'; these results are of {', '.join(found.datasets)}"
            )
        if one.head.schema_digest != found.manifest.get("schema_digest"):
            raise MismatchError(f"{path}: encoded under another schema than the linked files")
        if name in passed:
            raise UsageError(f"{path}: a second events file of '{name}'; give one for each")
        passed[name] = (path, one)
    kept = {name: passed[name] for name in chosen if name in passed}
    if not kept:
        raise InputError(
            f"{results}: no events of {', '.join(chosen)} are there. Agencies pass them along if "
            "the schema has [events] (docs/pathways.md); say where the files are with --events"
        )
    return kept


def events_of_persons(
    found: Results,
    results: Path,
    passed: dict[str, tuple[Path, EventsOfRecords]],
    plants: tuple[Path, ...],
) -> tuple[EventsOfPersons, list[str]]:
    """Give every event to the person of its record, planted records left out."""
    import numpy as np

    from linkage.errors import InputError
    from linkage.io.confidence import read_confidence
    from linkage.pathways.content import EventsOfPersons

    numbers = np.concatenate(found.person_numbers)
    ids = np.empty(int(numbers.max()) + 1, object)
    ids[numbers] = np.concatenate(found.persons)
    planted = _planted(found, plants)
    parts = []
    for place, (name, (path, one)) in enumerate(passed.items()):
        at = found.datasets.index(name)
        record = _places(path, one, found.records[at])
        real = ~planted[at][record][one.events.owner]
        person = found.person_numbers[at][record][one.events.owner][real]
        columns = (one.events.year[real], np.full(len(person), place), one.events.type[real])
        parts.append(np.column_stack([person, *columns]).astype(np.int64))
    whole = np.concatenate(parts)
    if not len(whole):
        raise InputError("the events files hold no event of a real record, so nothing can be told")
    person, year, dataset, type_ = whole.T
    events = EventsOfPersons(
        person, year, dataset, type_, read_confidence(results, ids.astype(np.str_))
    )
    return events, _types(passed)


def _types(passed: dict[str, tuple[Path, EventsOfRecords]]) -> list[str]:
    """Give the types of events, which all files must have from one schema."""
    from linkage.errors import InputError

    first = next(iter(passed.values()))[1].head.types
    for path, one in passed.values():
        if one.head.types != first:
            raise InputError(f"{path}: has other types than its schema says; it was edited")
    return first


def _places(path: Path, events: EventsOfRecords, records: NDArray[np.str_]) -> NDArray[np.int64]:
    """Find the records of an events file among those of the results."""
    import numpy as np

    from linkage.errors import MismatchError

    own = np.char.decode(events.records, "utf-8")
    place = np.minimum(np.searchsorted(records, own), len(records) - 1)
    unknown = int(np.count_nonzero(records[place] != own))
    if unknown:
        raise MismatchError(
            f"{path}: {unknown:,} of its {len(own):,} records are not in the results: it is of "
            "another encode run. Use the events file written with the file that was linked"
        )
    return place


def _planted(found: Results, lists: tuple[Path, ...]) -> list[NDArray[np.bool_]]:
    """Tell which records are planted, by the lists of the agencies."""
    import numpy as np

    from linkage.errors import MismatchError
    from linkage.io.plants import read_plants

    planted = [np.zeros(len(one), bool) for one in found.records]
    for path in lists:
        one = read_plants(path)
        if one.head.dataset not in found.datasets:
            raise MismatchError(f"{path}: a list of '{one.head.dataset}', which is not in here")
        at = found.datasets.index(one.head.dataset)
        named = np.isin(found.records[at], list(one.person))
        if int(named.sum()) != len(one.person):
            raise MismatchError(f"{path}: names records that are not in the results")
        planted[at] |= named
    return planted
