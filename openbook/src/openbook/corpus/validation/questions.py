"""Questions to a person about papers, with what to look at before answering: for a review of records, and for labelling.

A queue of questions knows nothing of how it is asked: the terminal and the browser take from the same one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from openbook.assessors.linear.answers import given_links
from openbook.assessors.linear.assessor import LinearAssessor
from openbook.assessors.linear.model import LEAST
from openbook.evidence.locating import Finder
from openbook.ledger.store import ALLOWED
from openbook.papers.paper import Paper
from openbook.record.model import Evidence
from openbook.text import one_line, shortened
from openbook.variables import SCORED
from openbook.variables.definitions import definition as definition_of

if TYPE_CHECKING:
    from openbook.assessors.linear.model import PaperScores
    from openbook.ledger import Ledger
    from openbook.ledger.queries import DoubtfulAnswer

#: Passages that are shown at once.
SHOWN: Final = 3
_MISSING: Final = "The paper is not at hand, so its passages are not shown."
_FRONT: Final = 1500
_CUES: Final = {
    "pseudocode": r"\balgorithm\s+\d|\bpseudo-?\s?code|\bprocedure\s+\d|\balgorithm\b",
    "open_source_code": r"git\s?(?:hub|lab)|bitbucket|zenodo|\b(?:source\s+)?code\b|\bopen[-\s]?sourc|\bimplementation\b|\brepository",
    "open_datasets": r"\bdata\s?-?sets?\b|\bbenchmarks?\b|\bcorpus|\bcorpora\b|\buci\b|\bmnist\b|\bcifar|imagenet|\bpublicly\b",
    "dataset_splits": r"\btrain(?:ing)?\b.{0,60}\b(?:test|validation|dev)|\bsplits?\b|cross[-\s]?validat|held[-\s]?out|\bfolds?\b|\d\s?%",
    "hardware_specification": r"\b(?:g|c|t)pus?\b|nvidia|\bintel\b|\bxeon\b|\bcores?\b|\bghz\b|\bram\b|\bmemory\b|\bcompute\s+cluster|\bnodes?\b|tesla|\baws\b",
    "software_dependencies": r"\bversions?\b|[a-z]{3}\s+v?\d+\.\d+|python|pytorch|tensorflow|matlab|\bcuda\b|cplex|gurobi|scikit|\blibrar|\btoolbox",
    "experiment_setup": r"learning\s+rate|batch\s+size|\bepochs?\b|hyper-?\s?parameter|\boptimi[sz]er|\bdropout|\binitiali[sz]|\bset\s+to\b",
    "research_type": r"\bexperiment|\bempirical|\bevaluat|\btheorem\b|\bproof\b|\bwe\s+prove\b|\bresults\s+show",
    "affiliation": r"universit|institut|\blabs?\b|research|\binc\b|corporation|college|school|google|microsoft|\bltd\b|@",
}
_COMPILED: Final = {variable: re.compile(cue, re.IGNORECASE) for variable, cue in _CUES.items()}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may decide an answer, and where it stands."""

    words: str
    page: int | None = None
    section: str = ""
    start: int | None = None
    end: int | None = None
    note: str = ""

    @property
    def place(self) -> str:
        """Its place in words."""
        page = f"page {self.page}" if self.page is not None else ""
        return " · ".join(part for part in (page, self.section, self.note) if part)


class Candidates:
    """What a person looks at before answering a question about a paper."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self._reading: PaperScores | None = None

    def passages(self, variable: str) -> list[Candidate]:
        """First the assessor's, the most telling first, then the sentences with telling words, the densest first.

        Of the affiliation, only what stands on the first page.
        """
        found = self._assessors(variable) + self._with_cues(variable)
        return list({one.words: one for one in reversed(found)}.values())[::-1]

    def links(self, variable: str) -> list[str]:
        """The addresses that the paper gives for code or data, with their pages."""
        found = given_links(variable, self.paper)
        return [url if page is None else f"{url} (page {page})" for url, page in found.items()]

    def _assessors(self, variable: str) -> list[Candidate]:
        if variable not in SCORED or not self.paper.sentences:
            return []
        if self._reading is None:
            self._reading = LinearAssessor().read(self.paper)
        log_odds = self._reading.log_odds[:, SCORED.index(variable)]
        ranked = sorted(range(len(log_odds)), key=lambda place: -log_odds[place])[:SHOWN]
        return [
            self._passage(item.start, item.end)
            for item in (self._reading.items[place] for place in ranked if log_odds[place] > LEAST)
        ]

    def _passage(self, start: int, end: int) -> Candidate:
        section = self.paper.section_at(start)
        return Candidate(
            one_line(self.paper.text[start:end]),
            self.paper.page_at(start),
            shortened(one_line(section.title), 60) if section else "",
            start,
            end,
        )

    def _with_cues(self, variable: str) -> list[Candidate]:
        paper, cue = self.paper, _COMPILED[variable]
        found: list[tuple[int, int, Candidate]] = []
        for place, sentence in enumerate(paper.sentences):
            if variable == "affiliation" and sentence.start > _FRONT:
                break
            if paper.part_at(sentence.start) == "references":
                continue
            words = one_line(paper.words(sentence))
            hits = len({match.group(0).lower() for match in cue.finditer(words)})
            if hits and 2 * sum(map(str.isalpha, words)) > len(words):  # rows of numbers tell nothing
                passage = self._passage(sentence.start, sentence.end)
                found.append((-hits - (sentence.kind == "caption"), place, passage))
        if variable == "affiliation" and not found:
            front = Candidate(one_line(paper.text[:_FRONT]), 1 if paper.pages else None)
            found.append((0, 0, front))
        return [passage for _, _, passage in sorted(found, key=lambda one: one[:2])]


#: Key -> answer, by variable.
KEYS: Final[dict[str, dict[str, str]]] = {
    **{variable: {"y": "yes", "n": "no", "u": "unknown"} for variable in SCORED},
    "research_type": {"e": "experimental", "t": "theoretical", "u": "unknown"},
    "affiliation": {"a": "academia", "i": "industry", "c": "collaboration", "u": "unknown"},
}


@dataclass(frozen=True, slots=True)
class AnswerQuestion:
    """One variable of one paper, and what to look at. ``keys`` are the answers by key, ``now`` the record's own."""

    id: str
    paper: str
    variable: str
    number: int
    total: int
    keys: dict[str, str]
    now: str = ""
    why: str = ""
    response: str = ""
    quotes: list[Candidate] = field(default_factory=list)
    passages: list[Candidate] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    missing: str = ""

    @property
    def title(self) -> str:
        """The title of the variable."""
        return definition_of(self.variable).title

    @property
    def asked(self) -> str:
        """The question in words."""
        return definition_of(self.variable).question

    @property
    def may_keep(self) -> bool:
        """Whether the record's own answer may stand."""
        return self.now in self.keys.values()


class QuestionQueue(Protocol):
    """A queue of questions, which continues where it was left."""

    heading: str
    done: int

    def current(self) -> AnswerQuestion | None:
        """The next question; None when there is none left."""

    def answer(self, result: str, why: str = "", proof: Candidate | None = None) -> None:
        """Keep the answer to the current question at once. ``proof`` is the passage that says so."""

    def skip(self) -> None:
        """Leave the current question for another time."""

    def back(self) -> bool:
        """Return to the question before; False if there is none."""


class ReviewQuestions:
    """The doubtful answers of a ledger; what a person says is appended to it as a correction."""

    heading = "Review"

    def __init__(
        self, ledger: Ledger, found: Sequence[DoubtfulAnswer], who: str, paper_of: Callable[[str], Paper | None]
    ) -> None:
        self._ledger = ledger
        self._found = found
        self._who = who
        self._paper_of = paper_of
        self._at = 0
        self._papers: dict[str, Candidates | None] = {}
        self.done = 0

    def current(self) -> AnswerQuestion | None:
        """The next doubtful answer. A paper that is not at hand has no passages, and the question says so."""
        if self._at >= len(self._found):
            return None
        item = self._found[self._at]
        answer, candidates = item.answer, self._candidates(item.key)
        quotes = [_quoted(one) for one in answer.evidence]
        if answer.near_miss is not None:
            miss = answer.near_miss
            quotes.append(
                Candidate(
                    one_line(miss.quote), miss.page, start=miss.start, end=miss.end, note=f"near miss: {miss.kind}"
                )
            )
        unsure = answer.result in ("no", "unverified", "unknown")
        return AnswerQuestion(
            id=f"{item.key}:{item.variable}",
            paper=item.paper.title or item.paper.id,
            variable=item.variable,
            number=self._at + 1,
            total=len(self._found),
            keys={key: result for key, result in KEYS[item.variable].items() if result in ALLOWED[item.variable]},
            now=answer.result,
            why=item.why,
            response=answer.response,
            quotes=quotes,
            passages=candidates.passages(item.variable)[:SHOWN] if candidates and unsure else [],
            links=candidates.links(item.variable) if candidates and unsure else [],
            missing=_MISSING if unsure and candidates is None else "",
        )

    def answer(self, result: str, why: str = "", proof: Candidate | None = None) -> None:
        """Append the answer to the ledger. Raises LedgerError."""
        item = self._found[self._at]
        same = result == item.answer.result
        why = why.strip() or (f"“{proof.words}”" if proof else "reviewed: the answer stands" if same else "reviewed")
        self._ledger.correct(item.key, item.variable, result, who=self._who, why=why, evidence=self._located(proof))
        self._at += 1
        self.done += 1

    def skip(self) -> None:
        """Pass over the current answer."""
        self._at += 1

    def back(self) -> bool:
        """Return to the answer before; False if there is none."""
        moved = self._at > 0
        self._at -= moved
        return moved

    def _located(self, proof: Candidate | None) -> list[Evidence]:
        candidates = self._candidates(self._found[self._at].key)
        if proof is None or candidates is None:
            return []
        return [item for item in Finder.of(candidates.paper).evidence(proof.words) if item.match != "absent"]

    def _candidates(self, key: str) -> Candidates | None:
        if key not in self._papers:
            paper = self._paper_of(key)
            while len(self._papers) >= 64:  # papers are large
                self._papers.pop(next(iter(self._papers)))
            self._papers[key] = Candidates(paper) if paper is not None else None
        return self._papers[key]


def _quoted(item: Evidence) -> Candidate:
    score = f" ({item.score:.0f} of 100)" if item.match == "fuzzy" and item.score is not None else ""
    note = "not in the paper" if item.match == "absent" else f"{item.match}{score}"
    return Candidate(one_line(item.quote), item.page, item.part or "", item.start, item.end, note)
