"""Sentences with what stands around them, and the row of features that layer two reads of each.

Left out as evidence are sentences of the reference list and of author checklists, and fragments of fewer than four words.
Texts whose reference heading was lost still end in a reference list: it is found by what its entries look like.

A row holds hashed features in groups of unit length, so that a long neighbour weighs no more than a short one: words,
pairs and runs of letters of the statement, words of its neighbours, its section and its footnote. Columns are hashes
(CRC-32 of the group's letter and the feature), so no vocabulary has to be kept. The last columns are dense: layer one's
scores of the sentence, and the named ``FLAGS``, most of them read by ``claims``.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

from openbook.assessors.linear import claims, named_tools
from openbook.assessors.linear.features import BREAK, Floats, Ints, plain, words
from openbook.assessors.linear.named_tools import FilteredPattern
from openbook.papers.characters import without_calls
from openbook.papers.paper import Paper, Part, SentenceKind

_NEAR: Final = 40
"""A footnote stands at most this many sentences from the sentence that calls it."""
_CALLS: Final = re.compile(r"(?<=[a-z)\]”\"'’])\s?(\d{1,2})(?=\s*[.,;:)]|\s*$|\s+[A-Z(])|[.,;)]\s?(\d{1,2})\s*$")
_MARKS: Final = re.compile(r"⟨(\d{1,2})⟩")
_NOTE: Final = re.compile(r"^\s*[\[(]?(\d{1,2})[\])]?\s?(?=[A-Za-z(“\"])")


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence that may be evidence. ``place`` indexes ``Paper.sentences``; ``start`` and ``end`` index its text.

    ``note`` is the text of the footnote that the sentence calls, ``caller`` the sentence that calls this footnote,
    ``links`` the addresses behind its words; each is empty if there is none.
    """

    place: int
    start: int
    end: int
    text: str
    before: str
    after: str
    section: str
    part: Part
    kind: SentenceKind
    position: float
    note: str = ""
    caller: str = ""
    links: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        """The sentence, its footnote and its hidden links as one text: what a reader of the page takes in."""
        hidden = " ".join(link for link in self.links if link not in self.text)
        return " ".join(piece for piece in (self.text, self.note, hidden) if piece)


def statements(paper: Paper, places: Iterable[int], texts: Sequence[str]) -> list[Statement]:
    """These sentences with their surroundings. ``texts`` are the words of all sentences, white space made single.

    The numbers that call footnotes are left out of the statements' texts.
    """
    sentences = paper.sentences
    notes = _notes(texts, paper)
    by_number: dict[int, list[int]] = {}
    for place, number in notes.items():
        by_number.setdefault(number, []).append(place)
    callers: dict[int, int] = {}
    called: dict[int, int] = {}
    if notes:
        # a reader that saw the marks says so; else a number that stands like one may be a version or a size
        calls = _MARKS if any("⟨" in text and _MARKS.search(text) for text in texts) else _CALLS
        for place, text in enumerate(texts):
            if place in notes:
                continue
            for match in calls.finditer(text):
                number = int(next(group for group in match.groups() if group))
                near = [note for note in by_number.get(number, ()) if -3 <= note - place <= _NEAR]
                if near and near[0] not in callers:
                    callers[near[0]], called[place] = place, near[0]
    texts = [without_calls(text) for text in texts]
    starts = [sentence.start for sentence in sentences]
    links: dict[int, list[str]] = {}
    for link in paper.links:
        if link.start is not None:
            place = bisect_left(starts, link.start + 1) - 1
            if place >= 0 and link.start < sentences[place].end:
                links.setdefault(place, []).append(link.url)
    count = max(len(sentences) - 1, 1)
    found = []
    for place in places:
        sentence = sentences[place]
        known = 0 <= sentence.section < len(paper.sections)
        found.append(
            Statement(
                place=place,
                start=sentence.start,
                end=sentence.end,
                text=texts[place],
                before=texts[place - 1] if place else "",
                after=texts[place + 1] if place + 1 < len(texts) else "",
                section=paper.sections[sentence.section].title if known else "",
                part=paper.sections[sentence.section].part if known else "body",
                kind=sentence.kind,
                position=place / count,
                note=texts[called[place]] if place in called else "",
                caller=texts[callers[place]] if place in callers else "",
                links=tuple(links.get(place, ())),
            )
        )
    return found


def _notes(texts: Sequence[str], paper: Paper) -> dict[int, int]:
    """Place -> number, of the sentences that are footnotes or look like one: a number, then an address or a capital."""
    found = {}
    for place, text in enumerate(texts):
        if not text[:1].isdigit() and text[:1] not in "[(":
            continue
        match = _NOTE.match(text)
        if match and (
            paper.sentences[place].kind == "footnote" or re.match(r"\d{1,2}\s?(?:https?:|www\.|[A-Z][a-z])", text)
        ):
            found[place] = int(match[1])
    return found


_ENTRY: Final = re.compile(
    r"[A-Z][\w'’-]+, (?:[A-Z]\. ?-?)+|\bpp\. ?\d|Proceedings of|\bar ?Xiv|Journal|, (?:19|20)\d\d[a-z]?\.\s*$"
)


def eligible(paper: Paper, sentences: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which sentences may speak for the paper."""
    keep = np.ones(len(sentences), np.bool_)
    for place, sentence in enumerate(paper.sentences):
        if paper.sections and 0 <= sentence.section < len(paper.sections):
            keep[place] = paper.sections[sentence.section].part not in ("references", "checklist")
        if keep[place] and sentence.kind == "text":
            keep[place] = sentences[place].count(" ") + sentences[place].count("\n") >= 3
    keep[_references_start(sentences) :] = False
    return keep


def _references_start(sentences: Sequence[str]) -> int:
    """Where a reference list starts that runs to the end: the suffix in which entries outweigh prose."""
    first = int(len(sentences) * 0.4)
    gains = np.array([0.65 if _is_entry(sentence) else -0.35 for sentence in sentences[first:]])
    if not len(gains):
        return len(sentences)
    suffix = np.cumsum(gains[::-1])[::-1]
    best = int(np.argmax(suffix))
    return first + best if suffix[best] > 2 else len(sentences)


def _is_entry(sentence: str) -> bool:
    # Two plain searches spare most sentences the expression.
    return ("19" in sentence or "20" in sentence or "pp" in sentence or ", " in sentence[:40]) and bool(
        _ENTRY.search(sentence)
    )


BITS: Final = 17
BUCKETS: Final = 1 << BITS
_GROUP_WEIGHTS: Final = {"w": 1.0, "p": 0.7, "c": 0.7, "b": 0.35, "a": 0.35, "s": 0.5, "n": 0.5}

FLAGS: Final = tuple(
    """
    caption heading footnote appendix checklist_part early late short long starts_lower ends_sentence theorem
    we our citation link code_own code_promise code_request code_negated code_others code_link code_mention
    whole_code_own whole_code_link caller_code_own caller_code_other software_version software_name
    hardware_model hardware_kind hardware_mentioned synthetic private data_word data_link split_word elsewhere
    value many_numbers algorithm_caption algorithm_lines algorithm_pointer experiment_section related_section
    method_section
    """.split()
)
"""Named features of a statement; ``flags`` says which hold."""
EXPERIMENT_SECTION: Final = FilteredPattern(
    r"experiment|empiric|evaluat|simulat|numeric|implementation|setup|setting|training|results|data|detail|hyper|application|case stud",
    re.IGNORECASE,
)
_RELATED: Final = FilteredPattern(r"related|background|prior work|introduction|literature|prelimin", re.IGNORECASE)
_METHOD: Final = FilteredPattern(
    r"method|algorithm|model|approach|inference|learning|optimi|theor|proof|analysis", re.IGNORECASE
)


_THEOREM: Final = FilteredPattern(
    r"\W*(?:theorem|lemma|proposition|corollary|definition|proof|assumption|remark)\b", re.IGNORECASE
)
_WE: Final = re.compile(r"\b[Ww]e\b")
_OUR: Final = re.compile(r"\b[Oo]ur\b")
_CITATION: Final = re.compile(
    r"\((?:[^()]{0,80})(?:19|20)\d\d[a-z]?\)|\[[^\]]{0,80}(?:19|20)\d\d[a-z]?\]|\[\d+(?:, ?\d+)*\]"
)
_ADDRESS: Final = FilteredPattern(r"https?\s?:|www\.|github\.", re.IGNORECASE)
_WEB_ADDRESS: Final = FilteredPattern(r"https?\s?:|www\.")
_DIGITS: Final = re.compile(r"\d")
_CLAIM_FLAGS: Final = {
    "own": "code_own",
    "promise": "code_promise",
    "on request": "code_request",
    "not available": "code_negated",
    "others' code": "code_others",
    "link": "code_link",
    "mention": "code_mention",
}


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
    note(
        "theorem",
        _THEOREM.match(text),
    )
    note("we", "e" in text and _WE.search(text))
    note("our", "ur" in text and _OUR.search(text))
    note(
        "citation",
        "et al" in text or ((")" in text or "]" in text) and _CITATION.search(text)),
    )
    note("link", _ADDRESS.search(whole))
    claim = claims.code_claim(text)
    if claim is not None:
        found.append(_CLAIM_FLAGS[claim])
    if whole != text:
        claim = claims.code_claim(whole)
        note("whole_code_own", claim == "own")
        note("whole_code_link", claim == "link")
    if statement.caller:
        claim = claims.code_claim(statement.caller)
        note("caller_code_own", claim in ("own", "mention"))
        note("caller_code_other", claim == "others' code")
    note("software_version", named_tools.software_versions(text))
    note("software_name", named_tools.names_software(text))
    note("hardware_model", named_tools.hardware_models(text))
    note("hardware_kind", named_tools.names_machine(text))
    note("hardware_mentioned", claims.hardware_only_mentioned(text))
    note("synthetic", claims.SYNTHETIC.search(text))
    note("private", claims.PRIVATE.search(text))
    note("data_word", claims.DATA_WORD.search(text))
    note("data_link", claims.DATA_WORD.search(text) and _WEB_ADDRESS.search(whole))
    note("split_word", claims.SPLIT_WORD.search(text))
    note("elsewhere", claims.ELSEWHERE.search(text))
    note("value", claims.gives_value(text))
    note("many_numbers", len(_DIGITS.findall(text)) > 0.2 * max(len(text), 1))
    note("algorithm_caption", claims.CAPTION.match(text))
    note("algorithm_lines", claims.LINES.search(text))
    note("algorithm_pointer", claims.POINTER.search(text))
    note("experiment_section", EXPERIMENT_SECTION.search(statement.section))
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


def _word_lists(texts: Sequence[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for word in words(plain(texts)):
        if word == BREAK:
            found.append([])
        else:
            found[-1].append(word)
    return found + [[]] * (len(texts) - len(found))


def context_rows(items: Sequence[Statement], scores: Floats) -> tuple[Ints, Ints, Floats]:
    """(row, column, value) triples. ``scores`` (item, target) are the first layer's log odds of the sentences."""
    columns: list[int] = []
    spans: list[tuple[int, int, float]] = []
    """The row, the number of columns and the value of each group."""
    around = [(item.text, item.before, item.after, item.section, item.note or item.caller) for item in items]
    texts = list({text: None for found in around for text in found})
    words_of = dict(zip(texts, _word_lists(texts), strict=True))
    lowered = plain([item.text for item in items])
    dense = BUCKETS + scores.shape[1]
    places = {name: dense + place for place, name in enumerate(FLAGS)}
    for row, item in enumerate(items):
        own, before, after, section, note = (words_of[text] for text in around[row])
        mine = own[:150]
        groups = {
            "w": mine,
            "p": [f"{one} {other}" for one, other in pairwise(["^", *mine, "$"])],
            "b": before[-40:],
            "a": after[:40],
            "s": section[:12],
            "n": note[:40],
        }
        hashes = {group: set(_hashes(group, features)) for group, features in groups.items() if features}
        hashes["c"] = set().union(*map(_letters, set(_DIGITS.sub("0", lowered[row][:500]).split())))
        for group, distinct in hashes.items():
            if distinct:
                columns += sorted(distinct)
                spans.append((row, len(distinct), _GROUP_WEIGHTS[group] / len(distinct) ** 0.5))
        named = flags(item)
        columns += [places[name] for name in named]
        spans.append((row, len(named), 0.3))
    rows, counts, values = (np.asarray(found) for found in zip(*spans, strict=True))
    return (
        np.concatenate([np.repeat(rows, counts), np.repeat(np.arange(len(items)), scores.shape[1])]),
        np.concatenate([np.asarray(columns, np.int64), np.tile(BUCKETS + np.arange(scores.shape[1]), len(items))]),
        np.concatenate(
            [np.repeat(values.astype(np.float32), counts), (np.clip(scores, -8, 8) * 0.15).ravel().astype(np.float32)]
        ),
    )


WIDTH: Final = BUCKETS + 8 + len(FLAGS)
"""How many columns a row has; eight are layer one's scores."""
