"""Fuzz for long: `python -m tests.fuzz.run --seconds 600 [--target NAME] [--seed N]`.

Each target runs in a process of its own with bounded memory, under hypothesis's engine. Failing
cases are made small, kept in .hypothesis/fuzz, and tried again first the next time. A kind of
failure that has been found is counted from then on, and the search goes on for others.

Coverage of Python code steers nothing here: the parsers proper are compiled libraries.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.fuzz import Target, targets

FOLDER = Path(".hypothesis/fuzz")
#: Beyond what a target's process has taken when the first case is done.
MORE_MEMORY = 3 << 30
_ROUND = 400
#: A process that says nothing for this long after its time hangs in compiled code.
_PATIENCE = 60


class _TimeOver(BaseException):
    """The time of a target has run out; hypothesis lets it pass."""


@dataclass
class Search:
    """What came of one target: cases tried, how often each kind of failure, its smallest case."""

    target: Target
    stop: float
    tried: int = 0
    count: Counter[str] = field(default_factory=Counter)
    smallest: dict[str, tuple[str, str]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)

    def fuzz(self, first_seed: int) -> None:
        """Try cases until time is over."""
        folder = FOLDER / self.target.name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1 << 30):
            try:
                self._round(first_seed + number, folder)
            except _TimeOver:
                break
            except Exception:  # it has been kept by `_case`
                self.closed.update(self.smallest)
            self._say()
        self._say()

    def _round(self, number: int, folder: Path) -> None:
        @seed(number)
        @settings(
            max_examples=_ROUND,
            deadline=None,
            database=DirectoryBasedExampleDatabase(folder / "examples"),
            suppress_health_check=list(HealthCheck),
            phases=[Phase.reuse, Phase.generate, Phase.target, Phase.shrink],
            verbosity=Verbosity.quiet,
            print_blob=False,
        )
        @given(self.target.data)
        def search(datum: Any) -> None:
            self._case(datum, folder)

        search()

    def _case(self, datum: Any, folder: Path) -> None:
        if time.monotonic() > self.stop:
            raise _TimeOver
        self.tried += 1
        text = repr(datum)
        (folder / "current.txt").write_text(text, encoding="utf-8")
        try:
            self.target.try_(datum)
        except Exception as error:
            kind = kind_of(error)
            self.count[kind] += 1
            known = self.smallest.get(kind)
            if known is None or len(text) < len(known[0]):
                self.smallest[kind] = (text, "".join(traceback.format_exception(error)))
                self._say()
            if kind not in self.closed:
                raise

    def _say(self) -> None:
        """Tell the process above how far it is: one line of JSON."""
        found = {kind: (self.count[kind], *self.smallest[kind]) for kind in self.smallest}
        print(json.dumps({"tried": self.tried, "found": found}), flush=True)


def kind_of(error: Exception) -> str:
    """Name a kind of failure: the exception and the last place in our own files."""
    here = str(Path.cwd())
    frames = [one for one in traceback.extract_tb(error.__traceback__) if here in one.filename]
    frames = [one for one in frames if one.name not in ("_case", "try_", "stop")]
    last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    what = (
        str(error)[:60].splitlines()[0] if isinstance(error, AssertionError) and error.args else ""
    )
    place = f"{Path(last.filename).name}:{last.lineno} {last.name}"
    return f"{type(error).__name__} in {place}{what and ': '}{what}"


def child(name: str, seconds: float, first_seed: int) -> None:
    """Fuzz one target in this process; progress goes to standard output as JSON."""
    warnings.simplefilter("error")
    target = targets()[name]
    limit = _address_space() + MORE_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    Search(target, time.monotonic() + seconds).fuzz(first_seed)


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


@dataclass(frozen=True)
class Outcome:
    """What came of one target: cases tried, and the smallest case of each kind of failure."""

    tried: int
    found: dict[str, tuple[int, str, str]]


def supervise(name: str, seconds: float, first_seed: int) -> Outcome:
    """Fuzz one target in a process of its own, and see how it ends."""
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.run", "--child", name]
    command += ["--seconds", str(seconds), "--seed", str(first_seed)]
    state: dict[str, Any] = {"tried": 0, "found": {}}
    begun = shown = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="linkage-fuzz-") as scratch,
        open(folder / "stderr.txt", "w", encoding="utf-8") as errors,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"TMPDIR": scratch},
        ) as process,
    ):
        killer = threading.Timer(seconds + _PATIENCE, process.kill)
        killer.start()
        assert process.stdout is not None
        for line in process.stdout:
            state = json.loads(line)
            if time.monotonic() > shown + 5:
                shown = time.monotonic()
                _progress(name, state, shown - begun)
        code = process.wait()
        killer.cancel()
    _progress(name, state, time.monotonic() - begun)
    found = {kind: (one[0], one[1], one[2]) for kind, one in state["found"].items()}
    if code:
        ended = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        case = (folder / "current.txt").read_text(encoding="utf-8")
        said = (folder / "stderr.txt").read_text(encoding="utf-8")[-4000:]
        found[f"the process ended with {ended}"] = (1, case, said)
    return Outcome(state["tried"], found)


def _progress(name: str, state: dict[str, Any], seconds: float) -> None:
    print(
        f"{name}: {state['tried']:,} cases, {len(state['found'])} findings, {seconds:.0f} s",
        file=sys.stderr,
        flush=True,
    )


def report(name: str, outcome: Outcome) -> None:
    """Print what came of a target, and write each finding's case to a file."""
    print(f"{name}: {outcome.tried:,} cases tried, {len(outcome.found)} findings")
    folder = FOLDER / name
    for place, (kind, (count, case, trace)) in enumerate(sorted(outcome.found.items()), 1):
        path = folder / f"finding-{place}.txt"
        path.write_text(case, encoding="utf-8")
        print(f"  {kind} ({count} times)")
        print(f"    {trace.strip().splitlines()[-1][:300] if trace.strip() else ''}")
        print(f"    {case[:300]}")
        print(f"    replay: python -m tests.fuzz.run --target {name} --replay {path}")


def main() -> int:
    """Run all targets in turn, or replay one case. Gives 1 if anything was found."""
    known = targets()
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="for all targets together")
    parser.add_argument("--target", choices=sorted(known), action="append")
    parser.add_argument("--seed", type=int, help="drawn if not given, and printed")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="try the case in a file")
    parser.add_argument("--child", choices=sorted(known), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.seconds, options.seed)
        return 0
    chosen = options.target or list(known)
    if options.replay:
        warnings.simplefilter("error")
        known[chosen[0]].try_(ast.literal_eval(options.replay.read_text(encoding="utf-8")))
        print("nothing wrong with this case")
        return 0
    first_seed = random.randrange(1 << 30) if options.seed is None else options.seed
    print(f"seed {first_seed}")
    bad = False
    for name in chosen:
        outcome = supervise(name, options.seconds / len(chosen), first_seed)
        report(name, outcome)
        bad = bad or bool(outcome.found)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
