"""What typesetting did to characters and words, undone: ligatures, spaces, accents set apart, words broken at line ends."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

#: The letters of each ligature. The one table of this package.
LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_TABLE: dict[int, str | None] = {ord(key): value for key, value in LIGATURES.items()}
_TABLE.update(dict.fromkeys((9, 10, 11, 12, 13, 160, 8194, 8195, 8199, 8201, 8202, 8239), " "))
# symbols of mathematical fonts without a Unicode value arrive as control or private characters: they say nothing
_TABLE.update(dict.fromkeys((*range(9), *range(14, 32), *range(127, 160), 65534, 65535, 65533), " "))
_TABLE.update(
    dict.fromkeys((0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
_LIGATURE_WORDS = (
    "affect affine affinity affirm afford afraid amplifi artifici artifact beneficial benefit briefly buffer certificat certified "
    "classifi coefficient coffee conference confidence confident confiden configur confine confirm conflict deficien defin definit "
    "differ differen diffic diffus efficac efficien effect effort fidelity field fields fifteen fifth fifty figur figure filter "
    "filled final finance financ find finding fine-tun finetun finish finite first fitted fitting fixed flexib flipp float flow flows "
    "fluctuat gflownet graffiti identifi identify indefinite infer infinit inflat influen insufficien justifi justify knockoff magnific "
    "misclassif modif modifi modify netflix nonlinear office official offline offset often overfit pacific payoff prefix profil profit "
    "qualif quantif rectif refin reflect sacrific satisf scaffold scientific semidefinite shuffl significan signif simplif specif "
    "staff stratif suffer suffic sufficien suffix tensorflow traffic tradeoff undefin unified unif verif workflow"
).split()
"""How words with a ligature begin, for papers whose fonts lose the ligatures: ``e cient``."""
_FI_STEMS = "ampli certi clari classi identi justi modi noti quali quanti recti scienti signi simpli speci strati uni veri".split()
_FI_ENDINGS = "able ability c cally cance cant cation cations city ed er ers es".split()


def _lost_ligatures() -> dict[str, list[tuple[str, str]]]:
    """What stands before a lost ligature -> the ligature and how the word goes on."""
    table: dict[str, list[tuple[str, str]]] = {stem: [("fi", ending) for ending in _FI_ENDINGS] for stem in _FI_STEMS}
    for word in _LIGATURE_WORDS:
        for ligature in ("ffi", "ffl", "ff", "fi", "fl"):
            before, found, after = word.partition(ligature)
            if found:
                if len(after) >= (2 if before else 3):
                    table.setdefault(before, []).append((ligature, after))
                break
    return table


_LOST = _lost_ligatures()
_SIGNS_OF_LOSS = re.compile(
    r"\b(?:e|su|coe) cien|\bdi (?:eren|cult)|\bspeci c|\brst\b|\bsigni can|\bcon den|\bde n[ei]"
)
IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Letters of scripts that put few spaces or none between words: Chinese, Japanese, Korean."""
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
    if "¸" in text:
        text = text.replace("c¸", "ç").replace("C¸", "Ç")
    if any(mark in text for mark in "´¨ˇ˜ˆ"):
        text = _ACCENT_FIRST.sub(_accented, text)
    return _SPACES.sub(" ", text).strip()


def _accented(match: re.Match[str]) -> str:
    mark, letter = (match.group(1), match.group(2)) if match.group(1) else (match.group(3), match.group(4))
    composed = unicodedata.normalize("NFC", ("i" if letter == "ı" else letter) + _ACCENTS[mark])
    return composed if len(composed) == 1 else match.group()


def has_lost_ligatures(lines: Iterable[str]) -> bool:
    """Whether the fonts of these lines have no characters for ligatures, so that ``e cient`` stands for ``efficient``."""
    text = "\n".join(lines)
    if (
        sum(
            text.count(piece)
            for piece in (" cien", " eren", " cult", "speci c", " rst", "signi can", "con den", "de n")
        )
        < 3
    ):
        return False
    return len(_SIGNS_OF_LOSS.findall(text)) >= 3


def restore_ligatures(text: str) -> str:
    """A line of a paper that loses its ligatures, with those of known words: ``e cient`` is ``efficient``."""
    words = text.split(" ")
    result: list[str] = []
    for word in words:
        before = result[-1] if result else ""
        head = re.sub(r"^.*[^A-Za-z]", "", before)
        for start in dict.fromkeys((head.lower(), "")):
            rest = re.match(r"[a-z]*", word).group()  # type: ignore[union-attr]
            found = next(
                (
                    pair
                    for pair in _LOST.get(start, ())
                    if rest == pair[1] or (len(pair[1]) > 1 and rest.startswith(pair[1]))
                ),
                None,
            )
            if found and start and start == head.lower():
                result[-1] = before + found[0] + word
                break
            if found and not start:
                result.append(found[0] + word)
                break
        else:
            result.append(word)
    return " ".join(result)


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


NOTE_CALL = re.compile(r" ?⟨\d{1,2}(?:,\d{1,2})*⟩")
"""The raised number that calls a footnote, as readers write it into the text: ``available⟨1⟩``."""


def without_calls(text: str) -> str:
    """The text without the numbers that call footnotes."""
    return NOTE_CALL.sub("", text) if "⟨" in text else text


_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LAST = re.compile(r"(?<![^\W\d_])[^\W\d_]+(?:-[^\W\d_]+)*$")
_FIRST = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
# A hyphen after these is the author's when the next part is a word ...
_KEPT_PREFIXES = frozenset(
    (
        "self well semi state low high large small multi two three one single first second real long short cross end "
        "fine pre post non data model user task domain time off on in out zero few open right left hand"
    ).split()
)
# ... but these are also the beginnings of words written in one.
_JOINED_PREFIXES = frozenset(["non", "pre", "post", "multi", "semi", "on", "in", "out", "off"])


class PaperWords:
    """The words of one paper that no line end broke, to decide about those that one did."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.words = set(_WORD.findall("\n".join(texts).lower()))
        self.parts = {part for word in self.words for part in word.split("-")}

    def join(self, before: str, after: str) -> str:
        """Two lines as one where the first was broken after its last letter; ``before`` has no hyphen any more."""
        first, second = _LAST.search(before[before.rfind(" ") + 1 :]), _FIRST.match(after)
        if not first or not second:
            # a digit, an address or a symbol before the hyphen: it was written, not inserted
            return f"{before}-{after}"
        left, right = first.group().lower(), second.group().lower()
        if not after[0].islower():
            return f"{before}-{after}"
        if self._keeps_hyphen(left, right):
            return f"{before}-{after}"
        return before + after

    def _keeps_hyphen(self, left: str, right: str) -> bool:
        if left + right in self.words:
            return False
        if f"{left}-{right}" in self.words:
            return True
        tail, head = left.rsplit("-", 1)[-1], right.split("-", 1)[0]
        if f"{tail}-{head}" in self.words and tail + head not in self.words:
            return True
        if tail + head in self.words:
            return False
        if "-" in left and len(tail) <= 3 and head in self.parts:  # state-of-the-art
            return True
        known = len(head) > 2 and head in self.words
        if tail in _KEPT_PREFIXES and tail not in _JOINED_PREFIXES:
            return known
        return len(tail) > 3 and tail in self.words and known and len(head) > 3
