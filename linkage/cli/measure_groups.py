"""Measure groups of people, for `evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from linkage.cli.encoded_rows import Seen
    from linkage.cli.measure import Asked, Known, Run
    from linkage.evaluate.groups import Groups
    from linkage.io.truth import Labels


def chosen_labels(run: Run, known: Known, asked: Asked) -> dict[str, Labels]:
    """Give the columns of groups that were asked for, from either file."""
    from linkage.cli.measure import unused_rows
    from linkage.errors import UsageError
    from linkage.io.truth import read_groups

    labels, file = dict(known.labels), asked.truth
    if asked.groups is not None:
        table = read_groups(asked.groups, run.datasets, run.own)
        labels, file = table.labels, asked.groups
        known.notes.extend(unused_rows(table.unused, table.strangers, "groups"))
        if table.repeated:
            known.notes.append(
                f"{table.repeated:,} rows of the groups repeat a record, with the same labels"
            )
    for name in asked.chosen:
        if name not in labels:
            there = f"there are {', '.join(labels)}" if labels else "it has no column of groups"
            raise UsageError(f"--group {name}: {file} has no such column; {there}")
    return {name: labels[name] for name in (asked.chosen or labels)}


def false_links(
    known: Known, together: NDArray[np.bool_], labels: Mapping[str, Labels]
) -> dict[str, Any]:
    """Tell what is known of the false links; columns of any number of labels may tell."""
    import numpy as np

    from linkage.evaluate.causes import false_causes

    codes = {name: np.concatenate(one.codes) for name, one in labels.items()}
    return false_causes(known.judged, together, known.truth, codes)


def fairness(
    known: Known, seen: Seen | None, labels: Mapping[str, Labels], asked: Asked
) -> dict[str, Any] | None:
    """Measure groups of people, if there are any."""
    from linkage.evaluate.fairness import measure_fairness

    columns = [
        groups
        for name, one in labels.items()
        if (groups := _grouped(name, one, known, asked)) is not None
    ]
    if not columns:
        return None
    return measure_fairness(
        known.judged,
        columns,
        asked.resampling,
        fill=None if seen is None else seen.fill,
        suppress_below=asked.suppress_below,
    )


def _grouped(name: str, labels: Labels, known: Known, asked: Asked) -> Groups | None:
    """Group people by a column; one of too many labels is left out if nobody asked for it."""
    import numpy as np

    from linkage.errors import InputError
    from linkage.evaluate.groups import group_people, group_records

    codes = np.concatenate(labels.codes)
    try:
        if known.truth is None:
            return group_records(name, labels.names, codes)
        return group_people(name, labels.names, codes, known.truth.everyone)
    except InputError as error:
        if name in asked.chosen:
            raise
        known.notes.append(f"{error}; left out")
        return None
