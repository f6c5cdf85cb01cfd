"""What the benchmarks measure with: the machine, medians, processes with their peak memory.

Only ratios of figures that were measured in turn, in one run, say anything: the machine is shared.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from linkage import __version__

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results")
#: Keeps every library of a peer to one thread.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NK_NUM_THREADS"), "1")
_FEATURES = ("sse4_2", "avx2", "avx512f", "avx512_vpopcntdq", "asimd", "sve")
_POLL_SECONDS = 0.1

#: Runs a command from a small process: a child counts its parent's memory at the fork as its own.
_RUNNER = """
import json, os, resource, subprocess, sys, time
start = time.perf_counter()
code = subprocess.run(sys.argv[1:]).returncode
seconds = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"code": code, "seconds": seconds, "peak_mib": used.ru_maxrss / 1024,
                  "processor_seconds": used.ru_utime + used.ru_stime}))
"""


def machine() -> dict[str, Any]:
    """Say what counts of the machine and of us."""
    flags: set[str] = set()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        flags = {
            flag
            for line in lines
            if line.startswith(("flags", "Features"))
            for flag in line.split(":")[1].split()
        }
    return {
        "python": platform.python_version(),
        "linkage": __version__,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "features": [one for one in _FEATURES if one in flags],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    }


def write_results(name: str, results: dict[str, Any]) -> None:
    """Write a results file, whole or not at all."""
    target = RESULTS / f"{name}.json"
    beside = target.with_suffix(".new")
    beside.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    beside.replace(target)


def on_one_core() -> None:
    """Keep this process and its children to one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def on_all_cores() -> None:
    """Let this process use all cores again."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))


def seconds_of(work: Callable[[], object], least: float = 0.0) -> float:
    """Time a call: the median of as many as last `least` seconds together, at least one."""
    taken: list[float] = []
    while not taken or sum(taken) < least:
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def in_turn(runs: int, *works: Callable[[], float]) -> list[list[float]]:
    """Call each work in turn, `runs` times over; gives the seconds that each reports."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(runs):
        for one, seconds in zip(works, taken, strict=True):
            seconds.append(one())
    return taken


def ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    """How many times as fast, by medians."""
    return statistics.median(slower) / statistics.median(faster)


def rounded(seconds: Sequence[float]) -> list[float]:
    """Round to what can be measured, to a tenth of a millisecond."""
    return [round(one, 4) for one in seconds]


def peer_python(environments: Path, peer: str) -> Path:
    """Find the interpreter that has a peer; `make` makes it."""
    python = environments / f".venv-{peer}" / "bin" / "python"
    if not python.exists():
        raise SystemExit(f"there is no .venv-{peer}; make .venv-{peer}/installed")
    return python


def ask(command: Sequence[object]) -> dict[str, Any]:
    """Run a command on one thread that answers with a line of JSON."""
    words = [str(one) for one in command]
    environment = os.environ | ONE_THREAD
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, env=environment)
    answer: dict[str, Any] = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return answer


def watch(command: Sequence[object], log: Path | None = None) -> dict[str, float]:
    """Run a command; give seconds, processor seconds, and the peak memory of all its processes.

    The peak is the largest that the system noted for one process, or the largest sum over
    processes that was seen while it ran, whichever is larger. Standard output goes to `log`.
    Raises `CalledProcessError` if the command fails.
    """
    words = [sys.executable, "-c", _RUNNER, *map(str, command)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        most = 0.0
        while process.poll() is None:
            most = max(most, _tree_mib(process.pid))
            time.sleep(_POLL_SECONDS)
        assert process.stdout is not None
        text = process.stdout.read().decode()
    said, _, last = text.rstrip().rpartition("\n")
    answer = json.loads(last)
    if log is not None:
        log.write_text(said)
    if answer["code"]:
        raise subprocess.CalledProcessError(answer["code"], words[3:])
    peak = max(answer["peak_mib"], most)
    return {
        "seconds": round(answer["seconds"], 2),
        "processor_seconds": round(answer["processor_seconds"], 2),
        "peak_mib": round(peak),
    }


def _tree_mib(root: int) -> float:
    """Sum up the resident memory of a process's descendants."""
    pages = 0
    left = _children(root)
    while left:
        process = left.pop()
        left += _children(process)
        with suppress(OSError):  # it may have ended meanwhile
            pages += int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _children(process: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found
