"""Locating quotes in one paper: exactly, by their letters, or by similarity; else they are absent.

A quote is first looked for as it is, then folded to its letters and digits (``openbook.evidence.letters``), then by
similarity: runs of eight letters that quote and paper share vote for a place, and the two are aligned there. What is
only similar must still make the same claim (``openbook.evidence.same_claim``).
Offsets are always into the paper's own text.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from openbook.evidence.letters import Folded, Grams, best_stretch, fold, letters_of
from openbook.evidence.quote_splitting import CUTS, at_colons, trim
from openbook.evidence.same_claim import is_formula, is_harmless, same_claim, same_signs
from openbook.papers.paper import Paper
from openbook.record.model import Evidence, Match

#: Least similarity, 0..100, at which a quote counts as found; chosen by ``openbook bench evidence``.
FUZZY_THRESHOLD: Final = 85.0
#: Quotes of fewer letters than this are not looked for by similarity: too much is similar to them.
FUZZY_LETTERS: Final = 20
#: At least this share of a quote's letters must be in the paper for the quote to prove a yes.
LEAST_SHARE: Final = 0.5
#: Pieces of fewer letters than this prove nothing by themselves.
LEAST_LETTERS: Final = 8
#: What stands between the two sides of a sentence may be anything from this many letters on; and at most how many.
SPLICE_GAP: Final = 40
GAP_LETTERS: Final = 6000
#: Each side of it has this many letters; if the two stand far apart or in the other order, this many.
SPLICE_SIDE: Final = 8
SPLICE_APART: Final = 24
#: A sentence that goes on with a garbled formula begins with this many letters of prose.
FORMULA_PROSE: Final = 30
_LAST = threading.local()


@dataclass(frozen=True, slots=True)
class Location:
    """Where a quote stands: ``text[start:end]``, how it matched, and its similarity 0..100."""

    start: int
    end: int
    match: Match
    score: float = 100.0


def locate(quote: str, paper: Paper) -> Evidence:
    """Where a quote stands in a paper; its ``match`` is ``absent`` where it does not.

    Of a quote that stands in several pieces (a page's end or an ellipsis interrupts it), the longest piece that was
    found, if half of the quote's letters are there. ``Finder.evidence`` gives every piece.
    """
    pieces = Finder.of(paper).evidence(quote)
    found = [piece for piece in pieces if piece.match != "absent"]
    if not is_proven(pieces):
        return Evidence(quote=quote.strip(), match="absent")
    return max(found, key=lambda piece: len(piece.quote))


def is_proven(pieces: list[Evidence]) -> bool:
    """Whether enough of one quote, located in pieces, is in the paper to prove a yes."""
    letters = [(len(letters_of(piece.quote)), piece.match != "absent") for piece in pieces]
    there = sum(count for count, found in letters if found)
    return there > 0 and there >= LEAST_SHARE * sum(count for count, _ in letters)


class Finder:
    """Finds quotes in one paper. What it prepares once per paper is prepared when it is first needed."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.text = paper.text
        self._found: dict[str, list[Evidence]] = {}

    @classmethod
    def of(cls, paper: Paper) -> Finder:
        """A finder for a paper: the one this thread used last, with all that it found, if it is for the same paper."""
        last: Finder | None = getattr(_LAST, "finder", None)
        if last is None or last.paper is not paper or last.text is not paper.text:
            last = _LAST.finder = cls(paper)
        return last

    @cached_property
    def _folded(self) -> Folded:
        return fold(self.text)

    @cached_property
    def _grams(self) -> Grams:
        return Grams(self._folded.letters)

    def locate(self, quote: str) -> Location | None:
        """Where the whole quote stands, in one stretch of the paper; None when it does not."""
        quote = trim(quote)
        if not quote:
            return None
        return self._exact(quote) or self._normalised(quote) or self._fuzzy(quote)

    def evidence(self, quote: str) -> list[Evidence]:
        """The quote as evidence: one piece where it stands in one stretch, else the pieces it is made of.

        Pieces come from lines, sentences, ellipses and lists (``openbook.evidence.quote_splitting``), and from a float or a
        page's end that interrupts a sentence. A piece that is not in the paper is ``absent``; neighbouring absent
        pieces are one.
        """
        whole = trim(quote)
        if whole not in self._found:
            self._found[whole] = [
                self._as_evidence(piece, place) for piece, place in _merged(self._pieces(whole), whole)
            ]
        return list(self._found[whole])

    def relocate(self, item: Evidence) -> list[Evidence]:
        """Evidence that an assessor gave, checked: unchanged where the quote stands exactly there, else located again."""
        start, end, quote = item.start, item.end, item.quote
        if (
            start is not None
            and end is not None
            and 0 <= start < end
            and self.text[start:end] == quote
            and quote.strip()
        ):
            return [self._as_evidence(quote, Location(start, end, "exact"))]
        return self.evidence(quote)

    def _pieces(self, quote: str, level: int = 0) -> Iterator[tuple[str, Location | None]]:
        """The quote located, or cut at the first level of ``CUTS`` that cuts it, and so on with the pieces."""
        place = self.locate(quote)
        if place is not None:
            yield quote, place
            return
        for deeper in range(level, len(CUTS)):
            pieces = CUTS[deeper](quote)
            if pieces != [quote]:
                sides = self._spliced(quote) if deeper > 1 else None
                if sides:
                    yield from sides
                    return
                found = [part for piece in pieces for part in self._pieces(piece, deeper)]
                # What stands on both sides of a colon is one statement: half of it is not the quote.
                whole = CUTS[deeper] is not at_colons or all(place for _, place in found)
                yield from found if whole else [(quote, None)]
                return
        yield from self._spliced(quote) or self._before_formula(quote) or [(quote, None)]

    def _as_evidence(self, quote: str, place: Location | None) -> Evidence:
        if place is None:
            return Evidence(quote=quote, match="absent")
        return Evidence(
            quote=quote,
            page=self.paper.page_at(place.start),
            start=place.start,
            end=place.end,
            match=place.match,
            part=self.paper.part_at(place.start),
            score=round(place.score, 1) if place.match == "fuzzy" else None,
        )

    def _exact(self, quote: str) -> Location | None:
        at = self.text.find(quote)
        while at >= 0:
            if _stands_alone(self.text, at, at + len(quote)):
                return Location(at, at + len(quote), "exact")
            at = self.text.find(quote, at + 1)
        return None

    def _normalised(self, quote: str) -> Location | None:
        folded = fold(quote)
        if not folded.letters:
            return None
        for at in _occurrences(self._folded.letters, folded.letters):
            start, end = self._folded.span(at, at + len(folded.letters))
            if _stands_alone(self.text, start, end) and same_signs(folded, self._folded, at):
                return Location(start, end, "normalised")
        return None

    def _fuzzy(self, quote: str) -> Location | None:
        letters = fold(quote).letters
        if len(letters) < FUZZY_LETTERS:
            return None
        best: Location | None = None
        for diagonal in self._grams.diagonals(letters):
            place = self._aligned(letters, diagonal)
            if place is None or (best is not None and place.score <= best.score):
                continue
            before, after = self.text[max(0, place.start - 60) : place.start], self.text[place.end : place.end + 60]
            if same_claim(quote, self.text[place.start : place.end], before, after):
                best = place
        return best

    def _aligned(self, letters: str, diagonal: int) -> Location | None:
        """The stretch near ``diagonal`` that is most similar to ``letters``, if it reaches the threshold."""
        paper = self._folded.letters
        slack = max(24, len(letters) // 4)
        low = max(0, diagonal - slack)
        high = min(len(paper), diagonal + len(letters) + 2 * slack)
        start, end, edits = best_stretch(letters, paper[low:high])
        score = 100 * (1 - edits / max(len(letters), end - start))
        if end <= start or score < FUZZY_THRESHOLD:
            return None
        return Location(*_whole_words(self.text, *self._folded.span(low + start, low + end)), "fuzzy", score)

    def _spliced(self, sentence: str) -> list[tuple[str, Location | None]] | None:
        """The two sides of a sentence of which every letter is in the paper, but in two places.

        A float, a footnote or a page's end interrupts the sentence, or a reader left words out or joined two sentences.
        What was left out between two sides that are close to each other must be no number and no *not*.
        """
        folded = fold(sentence)
        letters, paper = folded.letters, self._folded
        if len(letters) < 2 * SPLICE_SIDE:
            return None
        for at in _occurrences(paper.letters, letters[:SPLICE_SIDE]):
            length = _common_prefix(letters, paper.letters, at)
            for cut in range(min(length, len(letters) - SPLICE_SIDE), max(SPLICE_SIDE, length - 30) - 1, -1):
                if letters[cut - 1].isdigit() and letters[cut].isdigit():
                    continue
                for follows in _occurrences(paper.letters, letters[cut:]):
                    gap = follows - at - cut
                    interrupted = 0 < gap <= GAP_LETTERS
                    apart = min(cut, len(letters) - cut) >= SPLICE_APART and gap != 0
                    if not (interrupted or apart) or (0 < gap < SPLICE_GAP and not self._harmless_gap(at + cut, gap)):
                        continue
                    first = self._side(folded, 0, cut, at)
                    second = self._side(folded, cut, len(letters), follows) if first else None
                    if first and second:
                        return [first, second]
        return None

    def _harmless_gap(self, at: int, gap: int) -> bool:
        """Whether what stands between two close sides of a sentence may be left out of it."""
        return is_harmless(self.text[slice(*self._folded.span(at, at + gap))])

    def _side(self, quote: Folded, begin: int, end: int, at: int) -> tuple[str, Location | None] | None:
        """Letters ``begin`` to ``end`` of a quote as a piece of its own, which stands at letter ``at`` of the paper."""
        first, last = quote.span(begin, end)
        piece = fold(quote.source[first:last])
        start, stop = self._folded.span(at, at + end - begin)
        if not _ends_no_number(self.text, start, stop) or not same_signs(piece, self._folded, at):
            return None
        exact = self.text[start:stop] == piece.source
        return piece.source, Location(start, stop, "exact" if exact else "normalised")

    def _before_formula(self, sentence: str) -> list[tuple[str, Location | None]] | None:
        """The beginning of a sentence that goes on with a formula, which extraction garbles: the formula is absent."""
        folded = fold(sentence)
        letters = folded.letters
        if len(letters) < FORMULA_PROSE:
            return None
        for at in _occurrences(self._folded.letters, letters[:FORMULA_PROSE]):
            cut = _word_end(folded, _common_prefix(letters, self._folded.letters, at))
            side = self._side(folded, 0, cut, at) if cut >= FORMULA_PROSE else None
            rest = sentence[folded.span(0, cut)[1] :].strip(" ,.;:") if cut < len(letters) else ""
            if side and is_formula(rest):
                return [side, (rest, None)]
        return None


def _merged(pieces: Iterator[tuple[str, Location | None]], whole: str) -> list[tuple[str, Location | None]]:
    """Neighbouring absent pieces as one. A piece too short to prove anything is absent, unless it is the whole."""
    found: list[tuple[str, Location | None]] = []
    for piece, place in pieces:
        if place is not None and piece != whole and len(fold(piece).letters) < LEAST_LETTERS:
            place = None
        if place is None and found and found[-1][1] is None:
            found[-1] = (f"{found[-1][0]} {piece}", None)
        else:
            found.append((piece, place))
    return found


def _occurrences(text: str, part: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def _common_prefix(letters: str, paper: str, at: int) -> int:
    """How many letters of ``letters`` stand at ``paper[at:]``."""
    low, high = 0, min(len(letters), len(paper) - at)
    while low < high:
        middle = (low + high + 1) // 2
        if paper.startswith(letters[:middle], at):
            low = middle
        else:
            high = middle - 1
    return low


def _word_end(folded: Folded, length: int) -> int:
    """The last end of a word of the quote within its first ``length`` letters."""
    while 0 < length < len(folded.letters) and not folded.between(length - 1):
        length -= 1
    return length


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """A span widened to the ends of the words and numbers that it cuts, by at most 20 characters."""
    first, last = start, end
    while start > max(0, first - 20) and _joined(text, start):
        start -= 1
    while end < min(len(text), last + 20) and _joined(text, end):
        end += 1
    return start, end


def _joined(text: str, at: int) -> bool:
    """Whether the characters before and at an offset belong to one word or number."""
    before, after = text[at - 1], text[at]
    if before.isalnum() and after.isalnum():
        return True
    digits = text[at - 2 : at - 1].isdigit() and before in ".," and after.isdigit()
    return digits or (before.isdigit() and after in ".," and text[at + 1 : at + 2].isdigit())


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a stretch ends where words and numbers end, so that ``5 hours`` is not found in ``15 hours``.

    A long stretch may touch a letter or a footnote's mark (extraction loses spaces), but no number of it is ever cut.
    """
    if not _ends_no_number(text, start, end):
        return False
    if end - start >= 24:
        return True
    return not (start and text[start - 1].isalnum() and text[start].isalnum()) and not (
        end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
    )


def _ends_no_number(text: str, start: int, end: int) -> bool:
    """Whether no number is cut at either end: ``5`` is not all of ``15``, ``0.5``, ``5.5``, ``5½`` or ``5^2``."""
    if start and text[start].isnumeric():
        before = text[start - 1]
        if before.isnumeric() or (before in ".,^" and start > 1 and text[start - 2].isdigit()) or before == ".":
            return False
    if end < len(text) and text[end - 1].isnumeric():
        after = text[end]
        if after.isnumeric() or (after in ".,^" and text[end + 1 : end + 2].isdigit()):
            return False
    return True
