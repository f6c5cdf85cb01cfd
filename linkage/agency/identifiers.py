"""Identifiers of justice systems: one form for each, and check letters that must be right.

A wrong digit is another person, so that an identifier which fails its check is missing rather
than a value. Formats and the check are those of the open Core Person Record service of the
Ministry of Justice of England and Wales.
"""

from __future__ import annotations

import re
from collections.abc import Callable

#: The check letter of a number is the one at its remainder by their count.
CHECK_LETTERS = "ZABCDEFGHJKLMNPQRTUVWXY"
_PNC = re.compile(r"(?:19|20)?(\d\d)/?(\d{1,7})([A-Z])")
_USUAL_PNC = re.compile(r"(?:19|20)\d\d/\d{7}[A-Z]")
_LONG_PNC = re.compile(r"(?:19|20)\d\d/?\d{7}[A-Z]")
_CRO = re.compile(r"(\d{1,6})/?(\d\d)([A-Z])")
_CRO_FILE = re.compile(r"SF(\d\d)/?(\d{1,6})([A-Z])")
_NOMS = re.compile(r"[A-Z]\d{4}[A-Z]{2}")
_SIGNS = re.compile(r"[^A-Z0-9/]")


def pnc(text: str) -> str:
    """Bring a Police National Computer id, with or without century, to `YYNNNNNNNL`."""
    if _USUAL_PNC.fullmatch(text):
        digits = text[2:4] + text[5:12]
        return digits + text[12] if text[12] == check_letter(digits) else ""
    plain = _SIGNS.sub("", text)
    match = _PNC.fullmatch(plain)
    # Without a slash, only the long form tells where the year ends.
    if not match or ("/" not in plain and not _LONG_PNC.fullmatch(plain)):
        return ""
    year, serial, letter = match.groups()
    serial = serial.zfill(7)
    return f"{year}{serial}{letter}" if letter == check_letter(year + serial) else ""


def cro(text: str) -> str:
    """Bring a CRO number `NNNNNN/YYL` or a file number `SFYY/NL` to one form each."""
    plain = _SIGNS.sub("", text)
    if match := _CRO_FILE.fullmatch(plain):
        year, serial, letter = match.groups()
        right = letter == check_letter(year + serial.zfill(6))
        return f"SF{year}{serial.zfill(6)}{letter}" if right else ""
    match = _CRO.fullmatch(plain)
    if not match or int(match[1]) == 0:
        return ""
    serial, year, letter = match.groups()
    serial = serial.zfill(6)
    return f"{serial}{year}{letter}" if letter == check_letter(year + serial) else ""


def noms(text: str) -> str:
    """Check the form of a prison number, `A1234BC`; it has no check letter."""
    plain = _SIGNS.sub("", text).replace("/", "")
    return plain if _NOMS.fullmatch(plain) else ""


def check_letter(digits: str) -> str:
    """Give the check letter of a two-digit year followed by a serial."""
    return CHECK_LETTERS[int(digits) % len(CHECK_LETTERS)]


FORMATS: dict[str, Callable[[str], str]] = {"pnc": pnc, "cro": cro, "noms": noms}
