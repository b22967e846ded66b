"""Turns of phrase that say more than their words do: the named patterns of ``patterns.toml``.

Each is a feature of a sentence and, counted over a paper, a feature of the paper. They are evidence for the learned
weights to use, not rules: none decides an answer.
"""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import Final, NamedTuple

from openbook.assessors.linear.text import BREAK


class Pattern(NamedTuple):
    """``regex`` is searched in a lowered sentence that holds one of the ``triggers`` (words of ``linear_text``)."""

    name: str
    triggers: tuple[str, ...]
    regex: re.Pattern[str]


def _read() -> tuple[Pattern, ...]:
    table = tomllib.loads(files("openbook.assessors.linear").joinpath("patterns.toml").read_text(encoding="utf-8"))
    parts = {f"<{name}>": _joined(text) for name, text in table["parts"].items()}
    words = {f"<{name}>": text for name, text in table["words"].items()}
    return tuple(
        Pattern(
            name,
            tuple(_filled(entry["triggers"], words).split()),
            re.compile(_filled(_joined(entry["regex"]), parts)),
        )
        for name, entry in table["patterns"].items()
    )


def _joined(regex: str) -> str:
    return "".join(line.strip() for line in regex.splitlines())


def _filled(text: str, parts: dict[str, str]) -> str:
    for name, part in parts.items():
        text = text.replace(name, part)
    return text


PATTERNS: Final = _read()
NAMES: Final = tuple(pattern.name for pattern in PATTERNS)

_TRIGGERED: Final[dict[str, tuple[int, ...]]] = {
    word: tuple(index for index, pattern in enumerate(PATTERNS) if word in pattern.triggers)
    for word in sorted({word for pattern in PATTERNS for word in pattern.triggers})
}


def flags(lowered: list[str], words: list[str]) -> tuple[list[int], list[int]]:
    """Which patterns stand in which sentences: (sentence indices, pattern indices), ordered by sentence.

    ``lowered`` and ``words`` are what ``linear_text.plain`` and ``linear_text.words`` made of the same sentences.
    """
    rows: list[int] = []
    columns: list[int] = []
    wanted: set[int] = set()
    sentence = 0
    triggered = _TRIGGERED.get
    for word in [*words, BREAK]:
        if word == BREAK:
            if wanted:
                text = lowered[sentence]
                for index in sorted(wanted):
                    if PATTERNS[index].regex.search(text):
                        rows.append(sentence)
                        columns.append(index)
                wanted = set()
            sentence += 1
        else:
            indices = triggered(word)
            if indices:
                wanted.update(indices)
    return rows, columns
