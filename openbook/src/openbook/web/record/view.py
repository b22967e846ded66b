"""A record as it is shown: titles, words for its results, and each quote in its context."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from openbook.errors import OpenbookError
from openbook.papers.paper import Paper
from openbook.record.model import Answer, CodeFinding, CodeReport, Evidence, LinkCheck, Record, is_unclear
from openbook.repositories.archived_ids import archive_of
from openbook.text import one_line, percent, shortened
from openbook.variables import SCORED, VARIABLES
from openbook.variables.definitions import definition
from openbook.web.addresses import is_web

#: Words in braces, which keep their capitals in a bibliography.
_PROTECTED: Final = re.compile(r"(?<![\\\w^}])\{([A-Za-z][\w .:'’-]*)\}")
#: Characters of a title in which LaTeX is looked for.
LONGEST: Final = 1000
#: Characters of context on either side of a quote, before it is widened to whole words.
CONTEXT: Final = 220

RESULTS: Final = {
    "yes": "Yes",
    "no": "No",
    "unclear": "Unclear",
    "unverified": "Unverified",
    "unread": "Unread",
    "experimental": "Experimental",
    "theoretical": "Theoretical",
    "academia": "Academia",
    "industry": "Industry",
    "collaboration": "Collaboration",
    "unknown": "Unknown",
}
MATCHES: Final = {
    "exact": "word for word",
    "normalised": "letter for letter",
    "fuzzy": "similar",
    "absent": "not in the paper",
}
_RAISED: Final = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
_LOWERED: Final = str.maketrans("0123456789+-", "₀₁₂₃₄₅₆₇₈₉₊₋")
_MATHS: Final = re.compile(r"\$(?=\S)([^$]+)(?<=\S)\$")
_COMMAND: Final = re.compile(r"\\[A-Za-z]|[\^_]\{")
_GLUED: Final = re.compile(r"\\(mathcal|mathbb|mathbf|mathrm|sqrt)(?=[A-Z0-9])")


@dataclass(frozen=True, slots=True)
class QuoteView:
    """A quote, where it stands, and the paper's own words around it (``marked`` is what the paper has there)."""

    item: Evidence
    where: str
    before: str = ""
    marked: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class AnswerView:
    """An answer with the title of its variable and its quotes.

    ``kind`` is the class of its badge and ``result`` the word on it; ``said`` is what is said beside the quotes: the near
    miss, or the assessor's response.
    """

    variable: str
    title: str
    question: str
    scored: bool
    answer: Answer
    kind: str
    result: str
    said: str
    quotes: list[QuoteView] = field(default_factory=list)

    @property
    def response(self) -> str:
        """The answer's response in one text: what is said, else the best quote."""
        best = next((one_line(one.item.quote) for one in self.quotes if one.item.match != "absent"), "")
        return self.said or (f"“{best}”" if best else "")

    @property
    def rests_on(self) -> str:
        """On how much a yes rests, in words; empty if it is not known."""
        count = self.answer.rests_on
        return "" if count is None else f"rests on {'one sentence' if count == 1 else f'{count} sentences'}"

    @property
    def links(self) -> list[str]:
        """The addresses given for the answer, each with its state in words."""
        return [f"{link.url}: {link_text(link)}" for link in self.answer.links or []]

    @property
    def confidence(self) -> str:
        """How sure the assessor is, in words; empty if it does not say."""
        return sure_text(self.answer)


def answers_of(record: Record, paper: Paper | None = None) -> list[AnswerView]:
    """The answers in the order of the variables; with the paper, each quote in its context."""
    views = []
    for variable in VARIABLES:
        if variable not in record.answers:
            continue
        answer, known = record.answers[variable], definition(variable)
        kind, result = shown_result(answer)
        views.append(
            AnswerView(
                variable=variable,
                title=known.title,
                question=known.question,
                scored=variable in SCORED,
                answer=answer,
                kind=kind,
                result=result,
                said=response_of(answer, record.run.assessor),
                quotes=[quote_view(item, paper) for item in answer.evidence],
            )
        )
    return views


@dataclass(frozen=True, slots=True)
class CodeView:
    """A report on a repository: what it is, what its README covers, and findings by severity.

    ``stated`` are the findings that compare the paper with the repository; ``more`` were left out.
    """

    source: str
    link: str | None
    problem: str
    about: list[str]
    covered: list[str]
    lacking: list[str]
    groups: list[tuple[str, list[CodeFinding]]]
    stated: list[CodeFinding]
    more: int = 0


#: Kinds of findings that compare a paper with its repository.
COMPARED: Final = ("paper_only", "version_differs", "repository_only")
SEVERITIES: Final = {"high": "Grave", "medium": "To mend", "low": "To consider"}
MOST_FINDINGS: Final = 40


def code_view(report: CodeReport) -> CodeView:
    """How a report on code is shown. Its texts come from a repository: they are cut, and never markup."""
    shown = [
        finding.model_copy(
            update={"message": shortened(finding.message, 300), "file": shortened(finding.file or "", 200)}
        )
        for finding in report.findings[:MOST_FINDINGS]
    ]
    about = [f"{report.files:,} files, {report.size / 1e6:.1f} MB", f"licence: {report.licence or 'none'}"]
    about += [f"last change {report.last_change}"] if report.last_change else []
    about += [f"commit {report.commit[:12]}"] if report.commit else []
    about += [f"tags: {', '.join(report.tags[:3])}"] if report.tags else []
    looked = any(finding.kind == "unpinned_versions" for finding in report.findings)
    about += ["versions are not all fixed" if looked else "no unfixed versions found"] if report.files else []
    ours = [finding for finding in shown if finding.kind not in COMPARED]
    groups = [(word, [finding for finding in ours if finding.severity == grade]) for grade, word in SEVERITIES.items()]
    return CodeView(
        source=shortened(report.source, 300),
        link=report.source if is_web(report.source) else None,
        problem=shortened(report.problem or "", 500),
        about=[shortened(fact, 200) for fact in about],
        covered=[topic for topic, there in report.covers.items() if there],
        lacking=[topic for topic, there in report.covers.items() if not there],
        groups=[(word, found) for word, found in groups if found],
        stated=[finding for finding in shown if finding.kind in COMPARED],
        more=len(report.findings) - len(shown),
    )


def place_of(finding: CodeFinding) -> str:
    """The file and line of a finding; empty if it has none."""
    return f"{finding.file}:{finding.line}" if finding.file and finding.line else finding.file or ""


def link_text(link: LinkCheck) -> str:
    """The state of an address in words."""
    code = f" (HTTP {link.code})" if link.code is not None and link.status in ("gone", "unknown") else ""
    said = {
        "answered": "it answers",
        "moved": f"it has moved to {link.target}",
        "gone": f"it is gone{code}",
        "archived": "an archive's copy answers",
        "unknown": f"no clear answer{code}",
    }[link.status]
    with suppress(OpenbookError):
        named = archive_of(link.url)
        said = f"{named.what}; {said}" if named else said
    return f"{said}, asked {link.checked[:10]}"


def shown_result(answer: Answer) -> tuple[str, str]:
    """The class of a result's badge, and the word on it."""
    kind = "unclear" if is_unclear(answer) else answer.result
    return kind, RESULTS[kind]


def sure_text(answer: Answer) -> str:
    """How sure the assessor is of its result; an unclear answer names that result, since its badge does not."""
    if answer.confidence is None:
        return ""
    sure = f"{percent(answer.confidence, sign=' %')} sure"
    return f"{answer.result}, {sure}" if is_unclear(answer) else sure


def response_of(answer: Answer, assessor: str) -> str:
    """What is said beside a result, besides its quotes: the near miss and why it does not count, else the response.

    The linear assessor's response repeats its result and confidence: where it gives quotes they stand alone.
    """
    miss = answer.near_miss
    if miss is not None and not answer.evidence:
        page = f"page {miss.page}: " if miss.page is not None else ""
        return f"Comes nearest: {page}“{' '.join(miss.quote.split())}” ({miss.kind})"
    if assessor == "linear" and answer.correction is None:
        return "" if answer.evidence else re.sub(r" \(calibrated probability [\d.]+\)", "", answer.response)
    return answer.response


def quote_view(item: Evidence, paper: Paper | None) -> QuoteView:
    """A quote with its place in words, and its context where the paper is at hand."""
    section = paper.section_at(item.start) if paper and item.start is not None else None
    where = evidence_place(item, one_line(section.title)[:80] if section and section.title else "")
    if paper is None or item.start is None or item.end is None or item.end > len(paper.text):
        return QuoteView(item, where)
    first, last = _context(paper.text, item.start, item.end)
    return QuoteView(
        item,
        where,
        _inner_line(paper.text[first : item.start]),
        _inner_line(paper.text[item.start : item.end]),
        _inner_line(paper.text[item.end : last]),
    )


def evidence_place(item: Evidence, section: str = "") -> str:
    """Where a quote stands, and how it was found there."""
    if item.match == "absent":
        return MATCHES["absent"]
    parts = [f"page {item.page}"] if item.page is not None else []
    parts += [f"“{section}”"] if section else []
    parts += [item.part] if item.part and item.part != "body" else []
    score = f" ({item.score:.0f} of 100)" if item.match == "fuzzy" and item.score is not None else ""
    behind = [f"leads to {shortened(url, 200)}" for url in item.links[:3]]
    return " · ".join([*parts, MATCHES[item.match] + score, *behind])


def _context(text: str, start: int, end: int) -> tuple[int, int]:
    """A span around a quote, within its paragraph's neighbours, cut between words."""
    first, last = max(0, start - CONTEXT), min(len(text), end + CONTEXT)
    while 0 < first < start and not text[first - 1].isspace():
        first += 1
    while end < last < len(text) and not text[last].isspace():
        last -= 1
    return first, last


def _inner_line(text: str) -> str:
    """A stretch of a longer text on one line: white space at its ends stays, as one space."""
    before, after = " " if text[:1].isspace() else "", " " if text[-1:].isspace() else ""
    return f"{before}{one_line(text)}{after}" if text.strip() else before


def interval_text(interval: tuple[float, float] | None) -> str:
    """An interval in words."""
    return "" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"


def plain_title(title: str) -> str:
    """A title without LaTeX: ``$\\ell_2$`` becomes ``ℓ₂``, and ``{Bayes}`` ``Bayes``. A lone dollar sign and ``{0, 1}`` stay."""
    if "$" not in title and "\\" not in title and "{" not in title:
        return title
    title = _PROTECTED.sub(r"\1", title)
    plain = _MATHS.sub(lambda found: _without_latex(found[1]), title)
    return _without_latex(re.sub(r"(?<!\\)([%#&$~])", r"\\\1", plain)) if _COMMAND.search(plain) else plain


@cache
def _without_latex(text: str) -> str:
    from pylatexenc.latex2text import LatexNodes2Text

    try:
        plain = (
            LatexNodes2Text().latex_to_text(_GLUED.sub(r"\\\1 ", text[:LONGEST]), tolerant_parsing=True)
            + text[LONGEST:]
        )
    except Exception:  # titles are untrusted, and the library stumbles over some of them in many ways
        plain = re.sub(r"\\[A-Za-z]+ ?|[{}\\]", "", text)
    plain = re.sub(r"\^([0-9+-]+)", lambda found: found[1].translate(_RAISED), plain)
    return re.sub(r"_([0-9+-]+)", lambda found: found[1].translate(_LOWERED), plain)
