"""The page of an agency's data-quality report. It shows raw values and stays with the agency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from linkage import __version__
from linkage.report.page import Bar, histogram, render


def render_profile(
    content: Mapping[str, Any], *, file: str, schema_file: str, next_command: str
) -> str:
    """Make the HTML page of a profile.

    Parameters
    ----------
    content
        `Profile.content(raw_values=True)`.
    file, schema_file
        The names of the profiled file and of the schema, for people.
    next_command
        The command line to go on with.
    """
    charts = {one["name"]: _charts(one) for one in content["fields"]}
    return render(
        "profile.html",
        profile=content,
        file=file,
        schema_file=schema_file,
        next_command=next_command,
        charts=charts,
        version=__version__,
    )


def _charts(field: Mapping[str, Any]) -> dict[str, list[Bar]]:
    decades = field["dates"]["decades"] if field["dates"] else ()
    return {"lengths": histogram(field["lengths"]), "decades": histogram(decades, step=10)}
