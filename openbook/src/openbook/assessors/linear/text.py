"""Words of sentences as the linear assessor counts them: numbers, links and citations become their kind.

``words(["We set the learning rate to 0.01 (Smith, 2012).", "See www.a.org."])`` is
``["we", "set", "the", "learning", "rate", "to", "@decimal", "@citation", "\\n", "see", "@url"]``.

Extracted texts differ in ligatures, dashes and in where a run of letters was cut (``ResNet`` or ``Res Net``), so these
are made alike first. All sentences of a paper go through each regular expression in one call: that is what makes it
fast.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from openbook.papers.characters import LIGATURES

_PLAIN: Final = (
    *LIGATURES.items(),
    *(("’", "'"), ("‘", "'"), ("“", '"'), ("”", '"')),
    *((dash, "-") for dash in "–—−‐‑"),
    *((space, " ") for space in "\n\r\t\f\v\x1c\x1d\x1e\x85\xa0\u2028\u2029"),
)
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_EMAIL: Final = re.compile(r"@[\w-]+\.[\w.]+")
# Printed addresses are often broken by a space after a slash or a dot.
_URL: Final = re.compile(
    r"(?:https? ?: ?// ?|www ?\. ?)[^\s,;)]+(?: [^\s,;)]*/[^\s,;)]*)?"
    r"|(?:github|bitbucket|gitlab|sourceforge)\.[^\s,;)]+"
)
_CITATION: Final = re.compile(
    r"\([^()\n]{0,90}?\b(?:19|20)\d\d[a-z]?\b[^()\n]{0,90}\)|\[ ?\d+(?: ?[,-] ?\d+)* ?\]|et al\.?,? \(?(?:19|20)\d\d"
)
_NUMBER: Final = re.compile(
    r"[.\d](?<![a-z\d]\d)(?<![\d.][.\d])(?:[\d.,]*\d)?(?:e-?\d+)?"
    r"(?: ?-? ?(?:gb|gib|tb|mb|gigabytes?|g(?= ?(?:ram|memory|of|b))|ghz|mhz|folds?)\b| ?%| ?- ?\d\b|k\b)?"
)
_WORD: Final = re.compile(r"@?[a-z\d]+(?:\+\+)?|[α-ω=×\n]")
_HOST: Final = re.compile(
    r"github|bitbucket|gitlab|sourceforge|code\.google|zenodo|figshare|kaggle|uci|libsvm|openml|lecun|toronto|stanford"
    r"|huggingface|drive\.google|dropbox|anonymous|torch|theano|mloss|arxiv|grouplens|jmlr|mturk"
)
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
BREAK: Final = "\n"
"""Stands between two sentences in what ``words`` returns."""


def plain(sentences: Sequence[str]) -> list[str]:
    """Each sentence in lower case, ligatures and dashes spelled out, humped words cut. Lengths are not kept."""
    if not sentences:
        return []
    text = "\x00".join(sentence.replace("\x00", " ") for sentence in sentences)
    for found, instead in _PLAIN:  # str.translate takes ten times as long
        text = text.replace(found, instead)
    return _HUMP.sub(" ", text).lower().split("\x00")


def words(lowered: Sequence[str]) -> list[str]:
    """The words of sentences that ``plain`` made, one list for all, with ``BREAK`` between sentences."""
    text = _EMAIL.sub(" @email ", BREAK.join(lowered)).replace("<email>", " @email ")
    text = _URL.sub(_url, text)
    text = _CITATION.sub(" @citation ", text)
    return _WORD.findall(_NUMBER.sub(_number, text))


def _url(found: re.Match[str]) -> str:
    return " @url " + "".join(f"@{host.replace('.', '')} " for host in _HOST.findall(found[0]))


def _number(found: re.Match[str]) -> str:
    text = found[0]
    last = text[-1]
    if last.isdigit():
        if len(text) <= 2:
            return f" @{text} "
        if _YEAR.fullmatch(text):
            return " @year "
        if " " in text or "-" in text:
            return " @power "
        if text.count(".") > 1:
            return " @version "
        return " @decimal " if "." in text else " @large "
    if last == ".":
        return " "
    if last == "%":
        return " @percent "
    if last == "z":
        return " @clock "
    if "fold" in text:
        return " @fold "
    return " @large " if last == "k" else " @memory "
