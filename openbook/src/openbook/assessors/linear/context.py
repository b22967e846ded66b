"""A statement as a sparse row of hashed features: its words and letters, its neighbours, its section, what rules read in it.

Each group of features has unit length, so that a long neighbour weighs no more than a short one. Columns are hashes
(CRC-32 of the group's letter and the feature), so no vocabulary has to be kept; the last columns are dense: the first
layer's scores of the sentence, and the flags of ``claims``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

from openbook.assessors.linear import claims
from openbook.assessors.linear.statements import Statement
from openbook.assessors.linear.text import plain, words

BITS: Final = 17
BUCKETS: Final = 1 << BITS
_GROUP_WEIGHTS: Final = {"w": 1.0, "p": 0.7, "c": 0.7, "b": 0.35, "a": 0.35, "s": 0.5, "n": 0.5}

FLAGS: Final = (
    "caption", "heading", "footnote", "appendix", "checklist_part", "early", "late", "short", "long", "starts_lower",
    "ends_sentence", "theorem", "we", "our", "citation", "link", "code_own", "code_promise", "code_request", "code_negated",
    "code_others", "code_link", "code_mention", "whole_code_own", "whole_code_link", "caller_code_own", "caller_code_other",
    "software_version", "software_name", "hardware_model", "hardware_kind", "hardware_mentioned", "synthetic", "private",
    "data_word", "data_link", "split_word", "elsewhere", "value", "many_numbers", "algorithm_caption", "algorithm_lines",
    "algorithm_pointer", "experiment_section", "related_section", "method_section",
)  # fmt: skip
_EXPERIMENT: Final = re.compile(r"experiment|empiric|evaluat|simulat|numeric|implementation|setup|setting|training|results|data|detail|hyper|application|case stud", re.IGNORECASE)
_RELATED: Final = re.compile(r"related|background|prior work|introduction|literature|prelimin", re.IGNORECASE)
_METHOD: Final = re.compile(r"method|algorithm|model|approach|inference|learning|optimi|theor|proof|analysis", re.IGNORECASE)
CAPTION: Final = re.compile(r"^\W*(?:algorithm|procedure|alg\.|pseudo-?code|listing)\s+(?:[A-Z]\.?)?\d+(?:\.\d+)*\s*[.:]?\s*\S", re.IGNORECASE)
LINES: Final = re.compile(r"^\W*\d{1,2}:\s|\bend (?:for|if|while|procedure|function)\b|\b(?:input|output|require|ensure)s?\s?:|\bfor\b.{1,60}\bdo\b|\bwhile\b.{1,60}\bdo\b|\breturn\b.{0,40}\bend\b", re.IGNORECASE)
POINTER: Final = re.compile(r"\b(?:pseudo-?\s?code|algorithm\s+\d|alg\.\s*\d|procedure\s+\d)", re.IGNORECASE)


def flags(statement: Statement) -> list[str]:
    """The names of the ``FLAGS`` that hold."""
    text, whole = statement.text, statement.whole
    found = []

    def note(name: str, holds: object) -> None:
        if holds:
            found.append(name)

    note("caption", statement.kind == "caption")
    note("heading", statement.kind == "heading")
    note("footnote", statement.kind == "footnote" or (text[:1].isdigit() and text[1:2].isalpha()))
    note("appendix", statement.part == "appendix")
    note("checklist_part", statement.part in ("checklist", "references"))
    note("early", statement.position < 0.15)
    note("late", statement.position > 0.8)
    note("short", len(text) < 50)
    note("long", len(text) > 350)
    note("starts_lower", text[:1].islower())
    note("ends_sentence", text.rstrip()[-1:] in ".!?")
    note("theorem", re.match(r"\W*(?:theorem|lemma|proposition|corollary|definition|proof|assumption|remark)\b", text, re.IGNORECASE))
    note("we", re.search(r"\b[Ww]e\b", text))
    note("our", re.search(r"\b[Oo]ur\b", text))
    note("citation", re.search(r"\((?:[^()]{0,80})(?:19|20)\d\d[a-z]?\)|\[[^\]]{0,80}(?:19|20)\d\d[a-z]?\]|et al|\[\d+(?:, ?\d+)*\]", text))
    note("link", re.search(r"https?\s?:|www\.|github\.", whole, re.IGNORECASE))
    claim = claims.code_claim(text)
    kinds = {"own": "code_own", "promise": "code_promise", "on request": "code_request", "not available": "code_negated",
             "others' code": "code_others", "link": "code_link", "mention": "code_mention"}  # fmt: skip
    note(kinds.get(claim or "", ""), claim)
    if whole != text:
        claim = claims.code_claim(whole)
        note("whole_code_own", claim == "own")
        note("whole_code_link", claim == "link")
    if statement.caller:
        claim = claims.code_claim(statement.caller)
        note("caller_code_own", claim in ("own", "mention"))
        note("caller_code_other", claim == "others' code")
    note("software_version", claims.software_versions(text))
    note("software_name", claims.names_software(text))
    note("hardware_model", claims.hardware_models(text))
    note("hardware_kind", claims.names_machine(text))
    note("hardware_mentioned", claims.hardware_only_mentioned(text))
    note("synthetic", claims.SYNTHETIC.search(text))
    note("private", claims.PRIVATE.search(text))
    note("data_word", claims.DATA_WORD.search(text))
    note("data_link", claims.DATA_WORD.search(text) and re.search(r"https?\s?:|www\.", whole))
    note("split_word", claims.SPLIT_WORD.search(text))
    note("elsewhere", claims.ELSEWHERE.search(text))
    note("value", claims.gives_value(text))
    note("many_numbers", len(re.findall(r"\d", text)) > 0.2 * max(len(text), 1))
    note("algorithm_caption", CAPTION.match(text))
    note("algorithm_lines", LINES.search(text))
    note("algorithm_pointer", POINTER.search(text))
    note("experiment_section", _EXPERIMENT.search(statement.section))
    note("related_section", _RELATED.search(statement.section))
    note("method_section", _METHOD.search(statement.section))
    return found


def _hashes(group: str, features: Sequence[str]) -> list[int]:
    seed = crc32(group.encode())
    return [crc32(feature.encode(), seed) & (BUCKETS - 1) for feature in features]


@lru_cache(maxsize=1 << 15)
def _letters(word: str) -> tuple[int, ...]:
    """The columns of a word's runs of three to five letters."""
    padded = f" {word} "
    return tuple(
        _hashes("c", [padded[start : start + size] for size in (3, 4, 5) for start in range(len(padded) - size + 1)])
    )


_DIGITS: Final = re.compile(r"\d")


def _word_lists(texts: Sequence[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for word in words(plain(texts)):
        if word == "\n":
            found.append([])
        else:
            found[-1].append(word)
    return found + [[]] * (len(texts) - len(found))


def context_rows(
    items: Sequence[Statement], scores: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """(row, column, value) triples. ``scores`` (item, target) are the first layer's log odds of the sentences."""
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    own, before, after = (_word_lists([getattr(item, name) for item in items]) for name in ("text", "before", "after"))
    sections = _word_lists([item.section for item in items])
    notes = _word_lists([item.note or item.caller for item in items])
    lowered = plain([item.text for item in items])
    dense = BUCKETS + scores.shape[1]
    places = {name: place for place, name in enumerate(FLAGS)}
    for row, item in enumerate(items):
        mine = own[row][:150]
        groups = {
            "w": mine,
            "p": [f"{one} {other}" for one, other in pairwise(["^", *mine, "$"])],
            "b": before[row][-40:],
            "a": after[row][:40],
            "s": sections[row][:12],
            "n": notes[row][:40],
        }
        hashes = {group: set(_hashes(group, features)) for group, features in groups.items()}
        hashes["c"] = {column for word in set(_DIGITS.sub("0", lowered[row][:500]).split()) for column in _letters(word)}
        for group, distinct in hashes.items():
            if not distinct:
                continue
            hashed = sorted(distinct)
            value = _GROUP_WEIGHTS[group] / len(hashed) ** 0.5
            rows += [row] * len(hashed)
            columns += hashed
            values += [value] * len(hashed)
        named = flags(item)
        rows += [row] * len(named)
        columns += [dense + places[name] for name in named]
        values += [0.3] * len(named)
    target = np.arange(scores.shape[1])
    return (
        np.concatenate([np.asarray(rows, np.int64), np.repeat(np.arange(len(items)), scores.shape[1])]),
        np.concatenate([np.asarray(columns, np.int64), np.tile(BUCKETS + target, len(items))]),
        np.concatenate([np.asarray(values, np.float32), (np.clip(scores, -8, 8) * 0.15).ravel().astype(np.float32)]),
    )


def width(targets: int) -> int:
    """How many columns a row has."""
    return BUCKETS + targets + len(FLAGS)
