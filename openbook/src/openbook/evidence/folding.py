"""Folding a text to its letters and digits, with the way back to where each came from.

Two extractions of one PDF differ in spaces, hyphens at line ends, ligatures, accents, quotes and dashes; their letters
and digits are the same. What else carries meaning (a decimal point, a sign), ``openbook.evidence.meaning`` compares.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Letters that decompose into nothing simpler, but that extractions exchange.
_ALIKE = str.maketrans("ıłøđħŁØ", "ilodhlo")


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


class _Characters(dict[int, str | None]):
    """What each character folds to, by its code point (None: nothing), worked out when it is first met."""

    def __missing__(self, point: int) -> str | None:
        folded = fold_character(chr(point))
        _LENGTHS[point] = len(folded)
        return self.setdefault(point, folded or None)


_CHARACTERS = _Characters()
#: How many letters each code point folds to, where that is known by now.
_LENGTHS = np.zeros(0x110000, dtype=np.uint8)


def letters_of(text: str) -> str:
    """The letters and digits of a text, folded."""
    return text.translate(_CHARACTERS)


def fold(text: str) -> Folded:
    """Fold a text."""
    letters = letters_of(text)
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return Folded(text, letters, np.repeat(np.arange(len(text), dtype=np.int32), _LENGTHS[points]))
