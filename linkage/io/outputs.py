"""Outputs that appear whole or not at all: write beside the target, sync, rename."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from linkage.errors import UsageError


def check_output(path: Path, inputs: Iterable[Path] = (), *, folder: bool = False) -> None:
    """Refuse an output that is an input, that exists, or whose folder is not there.

    Where a folder is to be written, an empty one may exist. Raises `UsageError`.
    """
    for one in inputs:
        if path.exists() and one.exists() and path.samefile(one):
            raise UsageError(f"{path} is an input too; give the output another name")
    if folder and path.is_dir() and not any(path.iterdir()):
        return
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} exists; remove it, or give the output another name")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder {path.absolute().parent} does not exist; make it first")


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read, never over another. Raises `UsageError`."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(
            f"{path} exists; a key is never overwritten. Choose another name for the new one"
        ) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield the path to write to; on success it becomes `path`, on failure nothing is left."""
    check_output(path)
    draft = _draft(path)
    try:
        yield draft
        _sync(draft)
        check_output(path)
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync(path.absolute().parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to fill; on success it becomes `path`, on failure nothing is left."""
    check_output(path, folder=True)
    draft = _draft(path)
    draft.mkdir()
    try:
        yield draft
        for one in draft.iterdir():
            _sync(one)
        check_output(path, folder=True)
        if path.is_dir():
            path.rmdir()
        draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    _sync(path.absolute().parent)


def _draft(path: Path) -> Path:
    return path.absolute().parent / f".{path.name}.{secrets.token_hex(4)}.part"


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
