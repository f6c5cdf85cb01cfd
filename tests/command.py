"""Run `linkage` as people do: in a process of its own, or, much faster, in this one.

`linkage` starts the installed command, `run` calls the same entry in this process, and
`refused` runs a command that must fail, and checks all that a failure promises.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from linkage.cli import main

AGENCIES = ("police", "court", "prison")
DONE, FAILED, USAGE, BAD_INPUT, MISMATCH, GATE = range(6)
REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Result:
    """How a command ended: its exit code, and what it wrote on the two standard streams."""

    code: int
    out: str
    err: str


def linkage(*args: object, cwd: Path, env: dict[str, str] | None = None) -> Result:
    """Run the installed command in a process of its own."""
    return python("-m", "linkage", *args, cwd=cwd, env=env)


def python(*args: object, cwd: Path, env: dict[str, str] | None = None) -> Result:
    """Run this Python with the given arguments in a process of its own."""
    done = subprocess.run(
        [sys.executable, *map(str, args)],
        cwd=cwd,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"} | (env or {}),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=120,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def run(*args: object, cwd: Path) -> Result:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main.run(list(map(str, args)))
    return Result(code, out.getvalue(), err.getvalue())


def did(*args: object, cwd: Path) -> Result:
    """Run a command in this process that must succeed."""
    result = run(*args, cwd=cwd)
    assert result.code == DONE, result
    return result


def refused(*args: object, cwd: Path, code: int, says: tuple[str, ...]) -> Result:
    """Run a command in this process that must fail as people may expect.

    It ends with `code`; standard output stays empty; standard error is one or two lines that
    hold every text of `says`, and no traceback; no file below `cwd` has come, gone or changed.
    """
    before = contents(cwd)
    result = run(*args, cwd=cwd)
    assert_refusal(result, code=code, says=says)
    assert contents(cwd) == before
    return result


def assert_refusal(result: Result, *, code: int, says: tuple[str, ...]) -> None:
    """Check how a command failed: exit code, a message of at most two lines, no traceback."""
    assert result.code == code, result
    assert result.out == ""
    message = message_of(result.err)
    assert 1 <= len(message) <= 2, result.err
    assert len(" ".join(message)) < 1000, result.err
    for text in says:
        assert text in " ".join(message), f"no {text!r} in {result.err!r}"
    for sign in ("Traceback", "a defect in linkage", "Errno", "pydantic", "pyarrow", ".part"):
        assert sign not in result.err, result.err


def message_of(err: str) -> list[str]:
    """Give the lines of the message, without the reminder of usage that may stand before it."""
    lines = [line for line in err.splitlines() if line.strip()]
    if lines and lines[0].startswith("Usage: "):
        lines = [line for line in lines if not line.startswith(("Usage: ", "Try "))]
    return lines


def contents(folder: Path) -> dict[str, str]:
    """Give every path below a folder, hidden ones too, with what tells whether it changed."""
    return {str(path.relative_to(folder)): _state(path) for path in sorted(folder.rglob("*"))}


def _state(path: Path) -> str:
    mode = f"{path.lstat().st_mode:o}"
    if path.is_symlink() or not path.is_file():
        return mode
    return f"{mode} {hashlib.sha256(path.read_bytes()).hexdigest()}"
