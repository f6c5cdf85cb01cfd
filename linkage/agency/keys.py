"""The project key, and the keys derived from it by name.

A key file is one line: a version marker and 32 random bytes in base64. Every use derives its own
key by HKDF-SHA-256 (RFC 5869) with a label that names the use, so that inserting a field or a
pass changes no other key.

Limits: whoever holds the project key can encode a guess and look for it. The key belongs to the
agencies; the linker must never get it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import stat
import warnings
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from linkage.errors import InputError, MismatchError

MARKER = "LINKAGE-KEY-1"
_MARKER_STEM = b"LINKAGE-KEY-"
KEY_BYTES = 32
_MAX_FILE_BYTES = 4096
#: Where secrets managers mount files for one container; their modes are not the user's to change.
_MOUNTED_SECRETS = ("/run/secrets/", "/var/run/secrets/")


class ProjectKey:
    """The secret that the agencies of one project share. Its text never shows the secret."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        """Take at least 32 secret bytes; raises `InputError` for fewer."""
        if len(secret) < KEY_BYTES:
            raise InputError(f"a project key needs at least {KEY_BYTES} bytes")
        self._secret = secret

    @classmethod
    def generate(cls) -> ProjectKey:
        """Draw a new key from the operating system's random source."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def load(cls, path: str | Path) -> ProjectKey:
        """Read a key file, or a key from a pipe such as `/dev/fd/3`.

        Raises `InputError` if it is not one, or if everybody on the machine may read it; warns
        if its group may, and about a secret that a secrets manager mounted for all.
        """
        return cls(_decode(path, _read(path)))

    def text(self) -> str:
        """Give the text of the key file. It is the secret: write it to nothing but a key file."""
        return f"{MARKER} {base64.b64encode(self._secret).decode()}\n"

    @classmethod
    def from_text(cls, content: bytes, source: str) -> ProjectKey:
        """Read the text of a key file that came from `source`. Raises `InputError`."""
        return cls(_decode(source, content))

    def fingerprint(self) -> str:
        """16 hexadecimal digits that tell keys apart and say nothing about the key."""
        return hmac.new(self.derive("fingerprint"), MARKER.encode(), hashlib.sha256).hexdigest()[
            :16
        ]

    def derive(self, label: str, name: str = "") -> bytes:
        """Derive the 32-byte key for one named use, such as `("field", "surname")`."""
        info = f"linkage/1/{label}/{name}".encode()
        return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=info).derive(self._secret)

    def __repr__(self) -> str:
        """Show the fingerprint, never the secret."""
        return f"<ProjectKey {self.fingerprint()}>"

    def __reduce__(self) -> str:
        """Refuse to be pickled: a key leaves the process as a key file or not at all."""
        raise TypeError("a ProjectKey can't be pickled")


class ClkhashSecret(ProjectKey):
    """The secret of a clkhash project: any bytes, a file's content less one trailing newline.

    Limits: a secret that a person made up can be guessed, and the fingerprint tells whether a
    guess is right. Draw it at random.
    """

    def __init__(self, secret: bytes) -> None:
        """Take the secret; raises `InputError` if it is empty."""
        if not secret:
            raise InputError("the clkhash secret is empty")
        self._secret = secret

    @classmethod
    def load(cls, path: str | Path) -> ClkhashSecret:
        """Read the secret from any file, with the same regard to its mode as for a key file."""
        return cls(_read(path).removesuffix(b"\n"))

    @property
    def secret(self) -> bytes:
        """The bytes that clkhash derives its keys from."""
        return self._secret


def _read(path: str | Path) -> bytes:
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: can't read the key file: {error.strerror}") from None
    _check_mode(path, mode)
    return content


def _decode(path: str | Path, content: bytes) -> bytes:
    marker, _, encoded = content.strip().partition(b" ")
    if marker != MARKER.encode() and marker.startswith(_MARKER_STEM):
        raise MismatchError(f"{path}: a key of another version; update linkage to read it")
    if marker != MARKER.encode() or len(content) > _MAX_FILE_BYTES:
        raise InputError(f"{path}: not a linkage key file; `linkage keygen` makes one")
    try:
        secret = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) < KEY_BYTES:
        raise InputError(f"{path}: the key file is damaged or cut short; get a new copy of it")
    return secret


def _check_mode(path: str | Path, mode: int) -> None:
    if os.name != "posix" or not stat.S_ISREG(mode):
        return
    mounted = os.path.abspath(path).startswith(_MOUNTED_SECRETS)
    if mode & stat.S_IRWXO and not mounted:
        raise InputError(
            f"{path}: everybody on this machine may open the key file "
            f"(mode {stat.S_IMODE(mode):04o}); run: chmod 600 {path}"
        )
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        warnings.warn(
            f"{path}: others than its owner may open the key file (mode "
            f"{stat.S_IMODE(mode):04o}); run: chmod 600 {path}",
            stacklevel=4,
        )
