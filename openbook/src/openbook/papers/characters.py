"""Characters that typesetting changed: ligatures, spaces, control characters, accents set as letters of their own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_TABLE: dict[int, str | None] = {ord(key): value for key, value in LIGATURES.items()}
_TABLE.update(dict.fromkeys((9, 10, 11, 12, 13, 160, 8194, 8195, 8199, 8201, 8202, 8239), " "))
# symbols of mathematical fonts without a Unicode value arrive as control or private characters: they say nothing
_TABLE.update(dict.fromkeys((*range(9), *range(14, 32), *range(127, 160), 65534, 65535, 65533), " "))
_TABLE.update(
    dict.fromkeys((0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
_PRIVATE = re.compile("[\ue000-\uf8ff\ud800-\udfff\U000e0000-\U000e0fff]+")
_SPACES = re.compile(r" {2,}")
_ACCENTS = {"´": "\u0301", "`": "\u0300", "¨": "\u0308", "ˆ": "\u0302", "˜": "\u0303", "ˇ": "\u030c", "¯": "\u0304"}
_ACCENT_FIRST = re.compile(
    r"(?<=[A-Za-z]) ?([´¨ˇ˜ˆ]) ?([A-Za-zı])(?=[a-z\s,.;)]|$)|(?<![\w])([´¨ˇ]) ?([A-Za-z])(?=[a-z])"
)
_SMALL_CAPS = re.compile(r"\b([A-Z]) ([A-Z]{2,})\b")


def clean(text: str) -> str:
    """One line of text in plain characters: ligatures apart, no control characters, single spaces."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text
    text = _PRIVATE.sub(" ", text.translate(_TABLE))
    if any(mark in text for mark in "´¨ˇ˜ˆ"):
        text = _ACCENT_FIRST.sub(_accented, text)
    return _SPACES.sub(" ", text).strip()


def _accented(match: re.Match[str]) -> str:
    mark, letter = (match.group(1), match.group(2)) if match.group(1) else (match.group(3), match.group(4))
    composed = unicodedata.normalize("NFC", ("i" if letter == "ı" else letter) + _ACCENTS[mark])
    return composed if len(composed) == 1 else match.group()


def close_small_caps(heading: str, words: Collection[str] = ()) -> str:
    """``1 I NTRODUCTION``, as small capitals of two sizes arrive, is ``1 INTRODUCTION``.

    ``words``: the paper's vocabulary, which tells ``A BSTRACT`` from ``A METHOD``.
    """
    if not heading.isupper():
        return heading

    def close(match: re.Match[str]) -> str:
        first, rest = match.groups()
        alone = first in "AI" and (first + rest).lower() not in words and rest.lower() in words
        return match.group() if alone else first + rest

    return _SMALL_CAPS.sub(close, heading)
