"""One exception tree. Each class carries the exit code that the command line ends with.

A message is one or two lines that say what is wrong, where (file, row, column) and what to do.
It never holds a raw identifier or a key.
"""


class LinkageError(Exception):
    """A failure while running (disk full, file not readable, nothing left to do)."""

    exit_code = 1


class UsageError(LinkageError):
    """The command or call was put together wrongly."""

    exit_code = 2


class InputError(LinkageError):
    """Input data, a schema or a file is bad."""

    exit_code = 3


class MismatchError(LinkageError):
    """Files that do not belong together: schema, key or format version differ."""

    exit_code = 4


class GateError(LinkageError):
    """A quality gate that the user set was missed."""

    exit_code = 5


def shown(value: object, length: int = 40) -> str:
    """Show something that a file said in a message: short, and without control characters."""
    text = "".join(one if one.isprintable() else "?" for one in str(value)[: length + 1])
    return text if len(text) <= length else f"{text[:length]}..."
