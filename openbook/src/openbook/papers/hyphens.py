"""Words broken at the end of a line: made whole, or kept with their hyphen, by what the rest of the paper writes."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LAST = re.compile(r"(?<![^\W\d_])[^\W\d_]+(?:-[^\W\d_]+)*$")
_FIRST = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_KEPT_PREFIXES = frozenset(
    [
        "self",
        "well",
        "semi",
        "state",
        "low",
        "high",
        "large",
        "small",
        "multi",
        "two",
        "three",
        "one",
        "single",
        "first",
        "second",
        "real",
        "long",
        "short",
        "cross",
        "end",
        "fine",
        "pre",
        "post",
        "non",
        "data",
        "model",
        "user",
        "task",
        "domain",
        "time",
        "off",
        "on",
        "in",
        "out",
        "zero",
        "few",
        "open",
        "right",
        "left",
        "hand",
    ]
)
_JOINED_PREFIXES = frozenset(["non", "pre", "post", "multi", "semi", "on", "in", "out", "off"])


class Vocabulary:
    """The words of one paper that no line end broke, to decide about those that one did."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.words: set[str] = set()
        for text in texts:
            self.words.update(word.lower() for word in _WORD.findall(text))
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
