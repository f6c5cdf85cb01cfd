"""Fuzz targets for all that reads what people hand us. `make fuzz` runs them for long.

A target is a plain function of one datum and a hypothesis strategy that draws such data. A datum
is a Python literal, so that its `repr` is all that is needed to run a case again. The function
returns if the case went as it should, and raises whatever it likes if not.
"""

from __future__ import annotations

import atexit
import shutil
import signal
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hypothesis.strategies import SearchStrategy

#: No case is large, so that one which takes this long hangs.
MOST_SECONDS = 10.0


class TooSlowError(AssertionError):
    """A case took longer than any may."""


@dataclass(frozen=True)
class Target:
    """What is fuzzed: `check` is called with data that `data` draws."""

    name: str
    check: Callable[[Any], None]
    data: SearchStrategy[Any]

    def try_(self, datum: Any) -> None:
        """Check one datum within the time that a case may take."""
        with at_most(MOST_SECONDS):
            self.check(datum)


def targets() -> dict[str, Target]:
    """Give all targets by name."""
    from tests.fuzz import csv_files, encoded_files, parquet_files, schemas, values

    modules = (csv_files, parquet_files, encoded_files, schemas, values)
    return {one.name: one for module in modules for one in module.TARGETS}


def check_message(error: Exception, holds: object = "") -> None:
    """Check that a refusal says something, and no more than a person reads."""
    text = str(error)
    assert text, "a refusal without a message"
    assert len(text) < 2000, "a refusal with an endless message"
    is_control = [unicodedata.category(one) == "Cc" and one != "\n" for one in text]
    assert not any(is_control), "a refusal with control characters"
    assert len(text.splitlines()) <= 2, "a refusal of many lines"
    assert str(holds) in text, "a refusal that doesn't say which file"


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise `TooSlowError` in Python code that takes longer; works in the main thread only."""

    def stop(number: int, frame: object) -> None:
        raise TooSlowError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@lru_cache(maxsize=1)
def _folder() -> Path:
    made = Path(tempfile.mkdtemp(prefix="linkage-fuzz-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def scratch(name: str) -> Path:
    """Give a path for the file of a case; it may hold that of the case before."""
    return _folder() / name


Edit = tuple[str, float, int]


def edited(content: bytes, edits: Sequence[Edit]) -> bytes:
    """Damage a file: each edit is what to do, where (a share of the length) and a number.

    `flip` turns one bit, `set` sets a byte, `cut` drops all behind the place, `drop` and `twice`
    drop or repeat a stretch, and `tail` sets a byte counted from the end, where footers are.
    """
    damaged = bytearray(content)
    for what, share, number in edits:
        place = min(int(share * len(damaged)), max(0, len(damaged) - 1))
        stop = place + number % 64 + 1
        if not damaged:
            break
        if what == "flip":
            damaged[place] ^= 1 << number % 8
        elif what == "set":
            damaged[place] = number % 256
        elif what == "tail":
            damaged[-1 - number // 256 % len(damaged)] = number % 256
        elif what == "cut":
            del damaged[place:]
        elif what == "drop":
            del damaged[place:stop]
        else:
            damaged[place:place] = damaged[place:stop]
    return bytes(damaged)


EDITS = ("flip", "set", "tail", "cut", "drop", "twice")
