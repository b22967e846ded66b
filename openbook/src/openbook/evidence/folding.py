"""Folding a text to its letters and digits, with the way back to where each came from.

Two extractions of one PDF differ in spaces, hyphens at line ends, ligatures, accents, quotes and dashes; their letters
and digits are the same. What else carries meaning (a decimal point, a sign), ``openbook.evidence.meaning`` compares.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

#: Letters that decompose into nothing simpler, but that extractions exchange.
_ALIKE = str.maketrans("ıłøđħŁØ", "ilodhlo")


@lru_cache(maxsize=65536)
def fold_character(character: str) -> str:
    """The letters and digits a character stands for, in lower case: ``ﬁ`` gives ``fi``, ``é`` ``e``, a space nothing.

    A vulgar fraction stays one character, since ``5½`` is not ``51/2``.
    """
    if unicodedata.category(character) == "No" and unicodedata.decomposition(character).startswith("<fraction>"):
        return character
    plain = unicodedata.normalize("NFKD", character).translate(_ALIKE).casefold()
    # Accents that stand alone (a spacing circumflex, category Lm) belong to letters that extraction puts elsewhere.
    return "".join(letter for letter in plain if letter.isalnum() and unicodedata.category(letter) != "Lm")


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text: ``letters[i]`` came from ``source[origin[i]]``; ``origin`` never decreases."""

    source: str
    letters: str
    origin: NDArray[np.int32]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of ``source`` that ``letters[start:end]`` came from; start < end."""
        return int(self.origin[start]), int(self.origin[end - 1]) + 1

    def between(self, index: int) -> str:
        """What stands in ``source`` between letter ``index`` and the next one."""
        return self.source[int(self.origin[index]) + 1 : int(self.origin[index + 1])]


def fold(text: str) -> Folded:
    """Fold a text."""
    parts = [fold_character(character) for character in text]
    lengths = np.fromiter((len(part) for part in parts), dtype=np.int32, count=len(parts))
    origin = np.repeat(np.arange(len(parts), dtype=np.int32), lengths)
    return Folded(text, "".join(parts), origin)
