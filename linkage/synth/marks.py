"""Names with all their marks, as some systems keep them and others don't: Łukasz, Nguyễn, O’Neill.

Records are drawn in plain A to Z. Where an agency's system keeps other signs, a name gets back the
spelling of its bearer's origin, if it has one and no slip of the pen is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from linkage.synth.draws import Ints, Longs, Texts, hits
from linkage.synth.profile import Agency
from linkage.synth.tables import NameTables
from linkage.synth.vocabulary import Vocabulary

_WORD = re.compile(r"[^ -]+")
_TYPOGRAPHIC = "’"


def _as_questions(text: str) -> str:
    return "".join(sign if sign.isascii() else "?" for sign in text)


def _left_out(text: str) -> str:
    return "".join(sign for sign in text if sign.isascii())


def _misread(text: str) -> str:
    """Read UTF-8 as the code page of western Windows, as in Â for a space: JOSÃ‰."""
    return text.encode("utf-8").decode("cp1252", "ignore")


#: What becomes of signs that a system on the way doesn't know.
LOSSES: tuple[Callable[[str], str], ...] = (_as_questions, _left_out, _misread)


def write_marks(
    rng: np.random.Generator,
    columns: tuple[Ints, ...],
    origin: Ints,
    rates: Agency,
    tables: NameTables,
    words: Vocabulary,
) -> tuple[Ints, ...]:
    """Give names their marks; a row has them in all its names or in none.

    Parameters
    ----------
    columns
        Codes of names, int32[rows] each.
    origin
        Place of each row's origin, int32[rows].
    """
    kept, curly, lost = (
        hits(rng, rate, origin.size)
        for rate in (rates.name_marks, rates.name_apostrophe, rates.name_marks_lost)
    )
    how = rng.integers(0, len(LOSSES), origin.size)
    out = []
    for codes in columns:
        column = codes.copy()
        fixed = kept & (codes < tables.names.size)
        column[fixed] = tables.marked[origin[fixed], codes[fixed]]
        rows = np.flatnonzero(kept & ~fixed)
        _rewrite(words, column, rows, partial(_composed, tables=tables, origin=origin[rows]))
        rows = np.flatnonzero(curly & (column > 0))
        _rewrite(words, column, rows, _with_curly_apostrophe)
        rows = np.flatnonzero(lost & (kept | curly) & (column > 0))
        _rewrite(words, column, rows, partial(_damaged, how=how[rows]))
        out.append(column)
    return tuple(out)


def _rewrite(
    words: Vocabulary, column: Ints, rows: npt.NDArray[Any], change: Callable[[Texts], list[str]]
) -> None:
    """Put a changed text where the change makes one."""
    old = words.text(column[rows])
    new = change(old)
    changed = np.array([a != b for a, b in zip(old, new, strict=True)], bool)
    if changed.any():
        column[rows[changed]] = words.add(np.array(new, object)[changed])


def _composed(texts: Texts, tables: NameTables, origin: Ints) -> list[str]:
    """Mark each word of names that are put together."""
    marks = [tables.marks[one] for one in origin.tolist()]
    return [
        _marked(text, known) if known else text
        for text, known in zip(texts.tolist(), marks, strict=True)
    ]


def _marked(text: str, known: Mapping[str, str]) -> str:
    return _WORD.sub(lambda word: known.get(word[0], word[0]), text)


def _with_curly_apostrophe(texts: Texts) -> list[str]:
    return [text.replace("'", _TYPOGRAPHIC) for text in texts.tolist()]


def _damaged(texts: Texts, how: Longs) -> list[str]:
    return [
        text if text.isascii() else LOSSES[which](text)
        for text, which in zip(texts.tolist(), how.tolist(), strict=True)
    ]
