"""From the log odds of a paper's statements to its nine answers, each with the sentences that say so.

Sentences of the reference list and of author checklists are never evidence: the checklist says that something is
documented, not what.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

import numpy as np

from openbook.assessors.base import sentence_evidence
from openbook.assessors.linear import claims, named_tools
from openbook.assessors.linear.affiliation import affiliation
from openbook.assessors.linear.model import (
    LEAST,
    TARGETS,
    THEORETICAL,
    LinearModel,
    PaperLayer,
    PaperScores,
    paper_probability,
    sigmoid,
    theory_features,
)
from openbook.assessors.linear.statements import EXPERIMENT_SECTION, Statement
from openbook.assessors.linear.weight_files import FLOOR, LONGEST, MOST_QUOTES, SURE
from openbook.papers.characters import without_calls
from openbook.papers.paper import Paper
from openbook.record.model import Answer, Evidence, NearMiss
from openbook.variables import SCORED
from openbook.variables.definitions import near_miss_reason

_BLOCK: Final = 25
"""A line of an algorithm belongs to a caption that stands at most this many sentences before it."""
_BREAKS: Final = re.compile(r"(?<=[.;!?])\s+|\s+(?=[•▪◦●■]\s)")


def answers_of(paper: Paper, reading: PaperScores, weights: LinearModel) -> dict[str, Answer]:
    """The nine answers, by variable."""
    answers = {variable: _scored(paper, variable, reading, weights.papers[variable]) for variable in SCORED}
    answers["research_type"] = _research_type(paper, reading, weights.papers[THEORETICAL])
    answers["affiliation"] = _affiliation(paper)
    return answers


def _scored(paper: Paper, variable: str, reading: PaperScores, layer: PaperLayer) -> Answer:
    log_odds = reading.log_odds[:, SCORED.index(variable)]
    probability = paper_probability(layer, log_odds)
    if is_yes(probability, log_odds):
        evidence = [_evidence(paper, item) for item in best_statements(variable, reading.items, log_odds)]
        return Answer(result="yes", confidence=probability, response=_response("Yes", probability), evidence=evidence)
    right = 1 - min(probability, 0.5)
    near = nearest_miss(variable, reading.items, log_odds)
    return Answer(
        result="no",
        confidence=right,
        response=_response("No", right, near_miss_reason(near[1]) if near else "no sentence was found that says so")
        + _links(variable, paper),
        near_miss=None if near is None else _near_miss(paper, *near),
    )


def _research_type(paper: Paper, reading: PaperScores, layer: PaperLayer) -> Answer:
    if not reading.keep.any():
        return Answer(result="unknown", response="No sentence of the paper could be weighed.")
    probability = layer.probability(theory_features(reading.scores, reading.flags, reading.keep))
    theoretical = probability >= 0.5
    column = reading.scores[:, TARGETS.index(THEORETICAL)] * (1 if theoretical else -1)
    best = int(np.argmax(np.where(reading.keep, column, -np.inf)))
    right = probability if theoretical else 1 - probability
    return Answer(
        result="theoretical" if theoretical else "experimental",
        confidence=right,
        response=_response(
            "Theoretical" if theoretical else "Experimental", right, "by the sentences of the whole paper"
        ),
        evidence=[sentence_evidence(paper, paper.sentences[best])],
    )


class LinearWeighing:
    """Which statements of a paper bear on each answer, and about what the answer would be without some of them."""

    def __init__(self, reading: PaperScores, weights: LinearModel) -> None:
        self._log_odds = reading.log_odds
        self._places = np.array([item.place for item in reading.items], np.int64)
        self._layers = weights.papers

    def heaviest(self, variable: str) -> list[int]:
        """The sentences that a rule lets prove the variable, the most likely proof first."""
        log_odds = self._log_odds[:, SCORED.index(variable)]
        return [int(self._places[row]) for row in np.argsort(-log_odds, kind="stable") if log_odds[row] > LEAST]

    def probability_without(self, variable: str, places: Collection[int]) -> float:
        """About the probability of yes without these sentences; below one half where the answer would be no."""
        log_odds = self._log_odds[~np.isin(self._places, list(places)), SCORED.index(variable)]
        probability = paper_probability(self._layers[variable], log_odds)
        return probability if is_yes(probability, log_odds) else min(probability, 0.49)


def is_yes(probability: float, log_odds: Any) -> bool:
    """Whether the answer is yes: the paper's probability is one half or more, and one statement's is at least ``FLOOR``."""
    return bool(probability >= 0.5 and len(log_odds) and sigmoid(float(np.max(log_odds))) >= FLOOR)


def best_statements(variable: str, items: list[Statement], log_odds: Any) -> list[Statement]:
    """The statement that proves best, and up to two others that prove by themselves; best first.

    An algorithm is shown by its caption, if it has one among the statements, not by a line of it.
    """
    ranked = np.argsort(-log_odds, kind="stable").tolist()
    proving = [place for rank, place in enumerate(ranked) if rank == 0 or log_odds[place] > 0]
    if variable != "pseudocode":
        return [items[place] for place in proving[:MOST_QUOTES]]
    captions = [
        place for place, item in enumerate(items) if log_odds[place] > LEAST and claims.CAPTION.match(item.text)
    ]
    shown: list[int] = []
    for place in proving:
        before = [one for one in captions if 0 <= items[place].place - items[one].place <= _BLOCK]
        block = claims.LINES.search(items[place].text) and before
        shown.append(before[-1] if block else place)
    # A caption says most: it comes first.
    unique = list(dict.fromkeys(shown))[:MOST_QUOTES]
    return [items[place] for place in sorted(unique, key=lambda place: place not in captions)]


def nearest_miss(variable: str, items: list[Statement], log_odds: Any) -> tuple[Statement, str] | None:
    """The statement that comes nearest to proving the variable, and the kind of its failure."""
    found = []
    for place, item in enumerate(items):
        kind = claims.near_miss(variable, item.text)
        if kind is not None and item.kind != "heading" and not _is_table(item.text):
            named = kind != "link without a statement"
            in_place = bool(EXPERIMENT_SECTION.search(item.section))
            found.append(((named, item.part == "body", in_place, float(log_odds[place]), -place), item, kind))
    if not found:
        return None
    best = max(found, key=lambda entry: entry[0])
    return best[1], best[2]


def _is_table(text: str) -> bool:
    """Whether a text is a table or a formula rather than a sentence."""
    return len(text) > 600 or sum(character.isdigit() for character in text) > 0.15 * len(text)


def readable(text: str, key: str = "") -> tuple[int, int]:
    """The span of a quote of at most ``LONGEST`` characters: whole clauses around ``key``, else the beginning."""
    if len(text) <= LONGEST:
        return 0, len(text)
    middle = max(text.find(key), 0) if key else 0
    ends = [0, *(match.end() for match in _BREAKS.finditer(text)), len(text)]
    start = max(end for end in ends if end <= middle)
    if middle - start > LONGEST // 2:
        start = text.rfind(" ", 0, middle - LONGEST // 3) + 1
    last = max((end for end in ends if start < end <= start + LONGEST), default=0)
    if last <= middle:
        last = text.rfind(" ", start, start + LONGEST)
        last = last if last > start else start + LONGEST
    while last > start and text[last - 1].isspace():
        last -= 1
    return start, last


def _key(text: str) -> str:
    for found in (named_tools.software_versions(text), named_tools.hardware_models(text)):
        if found:
            return found[0]
    match = claims.CODE_RELEASE.search(text)
    return match[0] if match else ""


def _evidence(paper: Paper, item: Statement) -> Evidence:
    whole = paper.text[item.start : item.end]
    start, end = readable(whole, _key(whole))
    return Evidence(
        quote=whole[start:end],
        page=paper.page_at(item.start + start),
        start=item.start + start,
        end=item.start + end,
        match="exact",
        part=item.part,
        links=_links_beside(paper, item),
    )


def _links_beside(paper: Paper, item: Statement) -> list[str]:
    """The addresses behind a statement's words, and those in the footnote that it calls."""
    if not item.note:
        return list(item.links)
    notes = [one for one in paper.sentences if without_calls(" ".join(paper.words(one).split())) == item.note]
    shown = "".join(item.note.split())
    noted = [
        link.url
        for link in paper.links
        if link.url.split("://")[-1] in shown
        or (link.start is not None and any(one.start <= link.start < one.end for one in notes))
    ]
    return [*item.links, *noted]


def _near_miss(paper: Paper, item: Statement, kind: str) -> NearMiss:
    evidence = _evidence(paper, item)
    return NearMiss(quote=evidence.quote, page=evidence.page, start=evidence.start, end=evidence.end, kind=kind)


def given_links(variable: str, paper: Paper) -> dict[str, int | None]:
    """The addresses that a paper gives outside its references, with their pages; for code those of code hosts."""
    found: dict[str, int | None] = {}
    if variable not in ("open_source_code", "open_datasets"):
        return found
    for link in paper.links:
        if link.start is not None and paper.part_at(link.start) in ("references", "checklist"):
            continue
        if link.url.lower().startswith(("http", "www")) and (
            variable == "open_datasets" or claims.CODE_HOST.search(link.url)
        ):
            found.setdefault(link.url, link.page)
    return found


def _links(variable: str, paper: Paper) -> str:
    found = given_links(variable, paper)
    if not found:
        return ""
    named = [url if page is None else f"{url} (p. {page})" for url, page in list(found.items())[:5]]
    return f" Links found: {', '.join(named)}."


def _affiliation(paper: Paper) -> Answer:
    result, probability, sentences = affiliation(paper)
    if result == "unknown":
        return Answer(result="unknown", response="No author block with institutions was found.")
    return Answer(
        result=result,
        confidence=probability,
        response=_response(result.capitalize(), probability, "by the institutions of the author block"),
        evidence=[sentence_evidence(paper, sentence) for sentence in sentences],
    )


def _response(verdict: str, right: float, stated: str = "supported by the quoted sentences") -> str:
    unsure = "" if right >= SURE else " Unsure: a person should look."
    return f"{verdict}: {stated} (calibrated probability {right:.2f}).{unsure}"
