"""A venue's checklist, drafted from a paper and its record, and a paper's own checklist compared with its text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from openbook.errors import OpenbookError
from openbook.papers.paper import Paper, Sentence
from openbook.record.model import Record
from openbook.text import one_line
from openbook.variables.definitions import Topic, checklist, definition

Reply = Literal["yes", "no", "not applicable", "for the author"]

#: How sure the assessor must be before it contradicts an author.
SURE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence of the paper that answers an item, and where it stands."""

    quote: str
    section: str
    page: int | None


@dataclass(frozen=True, slots=True)
class DraftItem:
    """One item of a draft. ``passages`` prove a yes; ``advice`` says what to add for a no."""

    number: str
    asks: str
    reply: Reply
    passages: tuple[Passage, ...] = ()
    advice: str = ""


@dataclass(frozen=True, slots=True)
class ChecklistAnswer:
    """One answer of the checklist that is printed in the paper."""

    number: str
    reply: Literal["yes", "no", "not applicable", "todo"]
    justification: str
    page: int | None


@dataclass(frozen=True, slots=True)
class ChecklistDoubt:
    """An answer of the paper's own checklist that its text does not support or contradicts."""

    number: str
    asks: str
    kind: Literal["unsupported", "contradicted", "unanswered", "missing"]
    said: str
    why: str
    page: int | None


def draft(paper: Paper, record: Record, venue: str) -> list[DraftItem]:
    """The venue's checklist as a draft: each reply rests on the record or on located passages, none is invented.

    Raises OpenbookError if the paper could not be read.
    """
    if paper.problem is not None:
        raise OpenbookError(f"{paper.source} could not be read ({paper.problem}), so there is nothing to answer from")
    return [_drafted(paper, record, number, topic) for number, topic in checklist(venue).items]


def _drafted(paper: Paper, record: Record, number: str, topic: Topic) -> DraftItem:
    reply, passages = _reply(paper, record, topic)
    advice = ""
    if reply == "no":
        advice = topic.advice or definition(_missing(record, topic)).advice
    return DraftItem(number, topic.asks, reply, tuple(passages), advice)


def _reply(paper: Paper, record: Record, topic: Topic) -> tuple[Reply, list[Passage]]:
    theoretical = (
        record.answers["research_type"].result == "theoretical" if "research_type" in record.answers else False
    )
    if topic.only == "experiments" and theoretical:
        return "not applicable", []
    found = list(_passages(paper, topic))
    if topic.author:
        return "for the author", found[:1]
    if topic.only == "theory" and not found and not theoretical and not _has_theorems(paper):
        return "not applicable", []
    results = [record.answers[name].result if name in record.answers else "unread" for name in topic.variables]
    if results:
        settled = any(one == "yes" for one in results) if topic.any else all(one == "yes" for one in results)
        return ("yes", _from_record(paper, record, topic)) if settled else ("no", _from_record(paper, record, topic))
    return ("yes", found[:2]) if found else ("no", [])


def _missing(record: Record, topic: Topic) -> str:
    """The first variable of a topic that the record does not answer with yes."""
    return next((name for name in topic.variables if record.answers[name].result != "yes"), topic.variables[0])


def _from_record(paper: Paper, record: Record, topic: Topic) -> list[Passage]:
    quotes = []
    for name in topic.variables:
        answer = record.answers.get(name)
        if answer is not None and answer.result == "yes":
            found = next((item for item in answer.evidence if item.match != "absent"), None)
            if found is not None:
                section = paper.section_at(found.start) if found.start is not None else None
                quotes.append(Passage(one_line(found.quote), one_line(section.title) if section else "", found.page))
    return quotes


def _has_theorems(paper: Paper) -> bool:
    return any(
        re.match(r"(?:theorem|proposition|lemma)\s+\(?[A-Z]?\d", paper.words(item), re.IGNORECASE)
        for item in paper.sentences
    )


def _passages(paper: Paper, topic: Topic) -> Iterator[Passage]:
    """The sentences that answer a topic: the first of a section with such a title, then those with such words."""
    if topic.section is not None:
        for index, section in enumerate(paper.sections):
            if section.part in ("body", "appendix") and topic.section.search(section.title.strip()):
                inside = (s for s in paper.sentences if s.section == index and s.kind == "text")
                first = next((s for s in inside if _is_prose(paper.words(s))), None)
                if first is not None:
                    yield _passage(paper, first)
    if topic.passage is not None:
        for item in paper.sentences:
            part = paper.sections[item.section].part if 0 <= item.section < len(paper.sections) else "body"
            if part not in ("body", "appendix") or item.kind not in ("text", "footnote"):
                continue
            words = paper.words(item).strip()
            if topic.passage.search(words) and (topic.only == "theory" or _is_prose(words)):
                yield _passage(paper, item)


def _is_prose(words: str) -> bool:
    """Whether a sentence is one that a reader can follow: a whole one, mostly of words, not a formula or a table's row."""
    letters = sum(letter.isalpha() or letter.isspace() for letter in words)
    return len(words.split()) >= 5 and words[0].isupper() and words[-1] in ".!?)" and letters >= 0.8 * len(words)


def _passage(paper: Paper, sentence: Sentence) -> Passage:
    section = paper.sections[sentence.section].title if 0 <= sentence.section < len(paper.sections) else ""
    return Passage(one_line(paper.words(sentence))[:400], one_line(section), sentence.page)


_ANSWER: Final = re.compile(r"\[\s*(yes|no|n\s?/?\s?a|todo)\s*\]", re.IGNORECASE)
#: ``5.`` at the beginning of a line, or before the words with which the older form opens a group; ``(a)`` anywhere.
_NUMBERED: Final = re.compile(
    r"(?:(?:^|\n)\s*(?P<main>\d{1,2})\s*\.\s+(?=[A-Z]))|(?:\s(?P<group>\d{1,2})\s*\.\s+(?=If you|For all))|(?:(?:^|\s)\((?P<sub>[a-z])\)\s+)"
)
_GUIDELINES: Final = re.compile(r"\bGuidelines\s*:.*", re.IGNORECASE | re.DOTALL)
_REPLIES: Final[dict[str, Literal["yes", "no", "not applicable", "todo"]]] = {
    "yes": "yes",
    "no": "no",
    "na": "not applicable",
    "todo": "todo",
}


def printed_checklist(paper: Paper) -> list[ChecklistAnswer]:
    """The answers of the checklist that the paper prints, by their numbers (``5`` or ``3a``).

    Raises OpenbookError if the paper has none.
    """
    spans = [(section.start, section.end) for section in paper.sections if section.part == "checklist"]
    if not spans:
        raise OpenbookError(
            f"no checklist found in {paper.source}: no heading ends in “Checklist”; give the version of the paper that "
            "prints its checklist, or leave out --verify to draft one"
        )
    entries: list[ChecklistAnswer] = []
    start, end = spans[0][0], spans[-1][1]
    text = paper.text[start:end]
    main, number, begun = "", "", 0
    marks = list(_NUMBERED.finditer(text))
    for place, mark in enumerate(marks):
        if mark["main"] or mark["group"]:
            head = mark["main"] or mark["group"]
            if int(head) != (int(main) + 1 if main else 1):
                continue  # a number within the text, not the next item
            main, number, begun = head, head, mark.end()
        elif main:
            number, begun = main + mark["sub"], mark.end()
        else:
            continue
        stop = marks[place + 1].start() if place + 1 < len(marks) else len(text)
        entry = _entry(text[begun:stop], number, paper.page_at(start + begun))
        if entry is not None and all(other.number != number for other in entries):
            entries.append(entry)
    if not entries:
        raise OpenbookError(
            f"the checklist of {paper.source} has no numbered items with answers such as [Yes], [No] or [N/A]; "
            "check that the file contains the whole checklist"
        )
    return entries


def _entry(words: str, number: str, page: int | None) -> ChecklistAnswer | None:
    words = _GUIDELINES.sub("", words)
    found = _ANSWER.search(words)
    if found is None:
        return None
    reply = _REPLIES[re.sub(r"[\s/]", "", found[1].lower())]
    said = words[found.end() :]
    return ChecklistAnswer(
        number, reply, one_line(re.sub(r"^\s*Justification\s*:", "", said, flags=re.IGNORECASE))[:600], page
    )


def form_of(entries: list[ChecklistAnswer]) -> str:
    """The form of the NeurIPS checklist that a paper follows: the older one has sub-questions (3a)."""
    return "neurips-2021" if any(entry.number[-1].isalpha() for entry in entries) else "neurips"


_URL: Final = re.compile(r"https?:|www\.|github|gitlab|zenodo|supplement|appendix|attached|anonymous", re.IGNORECASE)


def verify(paper: Paper, record: Record, venue: str | None = None) -> list[ChecklistDoubt]:
    """The answers of the paper's own checklist that its text does not support or contradicts; precision matters most.

    Only items that text can answer are judged, and only where the assessor is sure. ``venue`` is the form; default: the
    NeurIPS form that the numbers follow. Raises OpenbookError if the paper prints no checklist.
    """
    entries = {entry.number: entry for entry in printed_checklist(paper)}
    doubts = []
    for number, topic in checklist(venue or form_of(list(entries.values()))).items:
        entry = entries.get(number)
        if entry is None:
            why = "The printed checklist has no answer with this number; it may be cut off."
            doubts.append(ChecklistDoubt(number, topic.asks, "missing", "", why, None))
        elif entry.reply == "todo":
            doubts.append(
                ChecklistDoubt(number, topic.asks, "unanswered", "TODO", "The answer was left open.", entry.page)
            )
        elif (doubt := _doubt(paper, record, topic, entry)) is not None:
            doubts.append(doubt)
    return doubts


def _doubt(paper: Paper, record: Record, topic: Topic, entry: ChecklistAnswer) -> ChecklistDoubt | None:
    if topic.author or topic.name == "citations":
        return None
    said = f"{entry.reply.capitalize()}: {entry.justification}"[:300]
    if entry.reply == "yes" and topic.variables:
        for name in topic.variables:
            answer = record.answers[name]
            if answer.result != "no" or (answer.confidence is not None and answer.confidence < SURE):
                continue
            if name == "open_source_code" and _URL.search(entry.justification):
                continue  # a link or supplement in the justification itself
            title = definition(name).title.lower()
            near = f" The nearest sentence: “{one_line(answer.near_miss.quote)[:160]}”." if answer.near_miss else ""
            return ChecklistDoubt(
                entry.number,
                topic.asks,
                "unsupported",
                said,
                f"No sentence of the paper shows {title}.{near}",
                entry.page,
            )
    if entry.reply == "no" and topic.variables:
        answers = [record.answers[name] for name in topic.variables]
        if all(one.result == "yes" and (one.confidence is None or one.confidence >= SURE) for one in answers):
            quote = next((item.quote for item in answers[0].evidence if item.match != "absent"), "")
            return ChecklistDoubt(
                entry.number,
                topic.asks,
                "contradicted",
                said,
                f"The paper does: “{one_line(quote)[:160]}”.",
                entry.page,
            )
    if entry.reply == "yes" and topic.section is not None and not any(True for _ in _passages(paper, topic)):
        return ChecklistDoubt(
            entry.number,
            topic.asks,
            "unsupported",
            said,
            "No section or sentence of the paper speaks of it.",
            entry.page,
        )
    return None
