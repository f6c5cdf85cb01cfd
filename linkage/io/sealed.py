"""Sealed files: encrypted for their recipients in the age format, by pyrage.

A sealed file can be opened only with an identity of one of its recipients, and a changed byte
anywhere is refused. Identities are those of `age-keygen` (X25519).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from linkage.errors import InputError, MismatchError, UsageError

_MAGIC = b"age-encryption.org/v1"
_MOST_TEXT = 1 << 16


def new_identity() -> tuple[str, str]:
    """Make an identity: the text of its file, and the recipient that others seal for."""
    from pyrage import x25519

    identity = x25519.Identity.generate()
    recipient = str(identity.to_public())
    return f"# public key: {recipient}\n{identity}\n", recipient


def read_recipients(given: Sequence[str]) -> list[Any]:
    """Take recipients (`age1...`), or files with one on each line. Raises `UsageError`."""
    from pyrage import RecipientError, x25519

    texts: list[str] = []
    for one in given:
        texts += [one] if one.startswith("age1") else _lines(Path(one), "a recipient or a file")
    try:
        return [x25519.Recipient.from_str(text) for text in texts]
    except RecipientError as error:
        raise UsageError(f"a recipient (age1...) is mistyped: {error}") from None


def seal(source: Path, target: Path, recipients: Sequence[str]) -> None:
    """Seal a file for its recipients."""
    from pyrage import encrypt_io

    keys = read_recipients(recipients)
    with open(source, "rb") as plain, open(target, "wb") as sealed:
        encrypt_io(plain, sealed, keys)


def is_sealed(path: Path) -> bool:
    """Tell whether a file is in the age format."""
    with open(path, "rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


@contextmanager
def opened(path: Path, identity: Path | None) -> Iterator[IO[bytes]]:
    """Open a file for reading, sealed or not; a sealed one through a file without a name.

    Raises `UsageError` if an identity is needed, `MismatchError` if it is not a recipient's, and
    `InputError` if the file was changed.
    """
    try:
        sealed = is_sealed(path)
    except OSError as error:
        raise InputError(f"{path}: can't read it: {error.strerror}") from None
    if not sealed:
        with open(path, "rb") as file:
            yield file
        return
    if identity is None:
        raise UsageError(f"{path} is sealed; give the identity that opens it: --identity FILE")
    with tempfile.TemporaryFile() as file:
        _unseal(path, file, identity)
        file.seek(0)
        yield file


def _unseal(path: Path, target: IO[bytes], identity: Path) -> None:
    from pyrage import DecryptError, IdentityError, decrypt_io, x25519

    try:
        keys = [x25519.Identity.from_str(line) for line in _lines(identity, "an identity file")]
    except IdentityError:
        raise InputError(f"{identity}: not an age identity file (AGE-SECRET-KEY-1...)") from None
    try:
        with open(path, "rb") as source:
            decrypt_io(source, target, keys)
    except DecryptError as error:
        if "No matching keys" in str(error):
            raise MismatchError(
                f"{path}: sealed for somebody else; {identity} is not the identity of a recipient"
            ) from None
        raise InputError(f"{path}: damaged or changed; the seal does not hold") from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise InputError(f"{path}: damaged or changed; the seal does not hold") from None


def _lines(path: Path, what: str) -> list[str]:
    """Read the lines of a small file that are neither empty nor comments."""
    try:
        if os.path.getsize(path) > _MOST_TEXT:
            raise ValueError
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError:
        raise UsageError(f"{str(path)[:80]}: not {what} (age1...), and no such file") from None
    except ValueError:
        raise InputError(f"{path}: not {what}") from None
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise InputError(f"{path}: holds no line; not {what}")
    return found
