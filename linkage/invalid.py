"""What pydantic finds wrong with a document, in one line for people."""

from __future__ import annotations

from pydantic import ValidationError

from linkage.errors import shown


def explain(error: ValidationError) -> str:
    """All problems of a schema in one line, each with the key that it is about."""
    problems = []
    for one in error.errors(include_url=False, include_context=False):
        place = ".".join(map(_shown, one["loc"]))
        if one["type"] == "extra_forbidden":
            message = "unknown key; remove it or correct its spelling"
        else:
            message = one["msg"].removeprefix("Value error, ")
        problems.append(f"{place}: {message}" if place else message)
    named = "; ".join(problems[:5])
    more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
    return named + more


def _shown(part: int | str) -> str:
    """Show a step to a key, with places from 1."""
    return str(part + 1) if isinstance(part, int) else shown(part)
