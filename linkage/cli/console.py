"""What people and machines see: messages, tables, progress, JSON, and the options for them.

Results go to files, answers to standard output, everything else to standard error.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

EXISTING_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
EXISTING_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class _NewPath(click.Path):
    """A path to be made: it needs a name."""

    def convert(self, value: Any, parameter: Any, context: Any) -> Path:
        path = Path(str(value))
        if not path.name or "\0" in str(value):
            self.fail("give the name of a file or folder to make", parameter, context)
        return path


class Share(click.FloatRange):
    """A number from 0 to 1, which NaN is not."""

    def __init__(self, *, ends: bool = True) -> None:
        super().__init__(0, 1, min_open=not ends, max_open=not ends)

    def convert(self, value: Any, parameter: Any, context: Any) -> float:
        """Refuse what is out of range, and NaN."""
        number: float = super().convert(value, parameter, context)
        if math.isnan(number):
            self.fail("nan is not a number", parameter, context)
        return number


class Bytes(click.ParamType[int]):
    """An amount of memory: a number, and K, M, G or T for powers of 1024."""

    name = "size"

    def convert(self, value: Any, parameter: Any, context: Any) -> int:
        """Refuse what isn't one."""
        match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([KMGT]?)(?:i?B)?", str(value), re.I)
        if not match or not float(match[1]):
            self.fail(f"{value!r} is no amount of memory; write it as 4G", parameter, context)
        return int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " "))


NEW_PATH = _NewPath()


@dataclass(frozen=True)
class Console:
    """How much is said, and in which form. `level` is 0 for quiet, 1 for normal, 2 for verbose."""

    level: int
    log_json: bool

    def say(self, message: str, **facts: Any) -> None:
        """Say something to the person who waits; `facts` go along for machines."""
        if self.level >= 1:
            self._log(message, facts)

    def detail(self, message: str, **facts: Any) -> None:
        """Say something that only `--verbose` shows."""
        if self.level >= 2:
            self._log(message, facts)

    def _log(self, message: str, facts: dict[str, Any]) -> None:
        if self.log_json:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            message = json.dumps({"time": at, "message": message} | facts)
        click.echo(message, err=True)

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[str, int, int], None]]:
        """Show a bar with rate and remaining time, on a terminal only.

        Yields a function of (stage, done, total); a total of 0 is unknown.
        """
        if self.level < 1 or self.log_json or not sys.stderr.isatty():
            yield lambda stage, done, total: None
            return
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}  {task.fields[rate]}/s"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=RichConsole(stderr=True), transient=True) as bar:
            tasks: dict[str, tuple[Any, float]] = {}
            last = time.perf_counter()

            def update(stage: str, done: int, total: int) -> None:
                nonlocal last
                if stage not in tasks:
                    tasks[stage] = (bar.add_task(f"{what} {stage}".strip(), rate="-"), last)
                task, start = tasks[stage]
                last = time.perf_counter()
                rate = f"{done / (last - start):,.0f}"
                bar.update(task, completed=done, total=total or None, rate=rate)

            yield update


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Put the name of a file before what was wrong with it, if the message has it not."""
    from linkage.errors import InputError

    try:
        yield
    except InputError as error:
        if str(file) in str(error):
            raise
        raise InputError(f"{file}: {error}") from None


def shared_options(command: Command) -> Command:
    """Add the options that every command has; the command gets a `console`."""

    def remember(context: click.Context, option: click.Parameter, value: Any) -> Any:
        context.ensure_object(dict)[option.name] = value
        return value

    def option(*names: str, **settings: Any) -> Callable[[Command], Command]:
        return click.option(*names, callback=remember, expose_value=False, **settings)

    command = option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")(command)
    command = option("-v", "--verbose", is_flag=True, help="Say more.")(command)
    return option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        help="Form of messages on standard error.",
    )(command)


def console() -> Console:
    """Give the console that the running command's options ask for."""
    said = click.get_current_context().ensure_object(dict)
    level = 0 if said.get("quiet") else 2 if said.get("verbose") else 1
    return Console(level, said.get("log_format") == "json")


def print_json(content: Any) -> None:
    """Print one JSON value on standard output."""
    click.echo(json.dumps(content, indent=2))


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table on standard output: text to the left, numbers to the right.

    Text may be a file's, so that control characters are taken out of it.
    """
    cells = [list(header)] + [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[place]) for row in cells) for place in range(len(header))]
    numbers = [all(_is_number(row[place]) for row in rows) for place in range(len(header))]
    for row in cells:
        line = "  ".join(
            one.rjust(width) if number else one.ljust(width)
            for one, width, number in zip(row, widths, numbers, strict=True)
        )
        click.echo(f"  {line}".rstrip())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) or value == ""


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else clean(str(value))


def clean(text: str) -> str:
    """Take out what moves a terminal's cursor, or turns the direction of writing."""
    return "".join(one if one.isprintable() else "?" for one in text)
