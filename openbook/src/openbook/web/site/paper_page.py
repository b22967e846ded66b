"""The page of one paper: what its template shows, and the texts that are too long for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from markupsafe import Markup, escape

from openbook.advice.advising import drafts
from openbook.corpus.audit.findings import KINDS, Finding
from openbook.record.model import CODE_AND_DATA, DATA_ONLY, Answer, Evidence, Record, count_unclear
from openbook.text import shortened
from openbook.variables import SCORED, VARIABLES
from openbook.variables.definitions import definition
from openbook.web.addresses import href, is_web, source_name
from openbook.web.record.view import (
    RESULTS,
    code_view,
    evidence_place,
    interval_text,
    plain_title,
    response_of,
    shown_result,
    sure_text,
)
from openbook.web.site.frame import Site, badge_words, cached, render

#: Bytes of one text that a page shows; the rest is in a file beside it. All that may be long together stays below 60 KB.
LONGEST: Final = 3000
#: Findings of the audit, and facts of a run, that a page shows.
FINDINGS: Final = 12
FACTS: Final = 24
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(slots=True)
class PageAttachments:
    """Texts that went into files beside the page: name -> content."""

    files: dict[str, str] = field(default_factory=dict)

    def fold(self, text: str, name: str, longest: int = LONGEST) -> str:
        """A text whole where it is short, else, as markup, its beginning and a link to a file with all of it."""
        if 6 * len(text) <= longest or len(escape(text).encode()) <= longest:
            return text
        self.files[name] = text + "\n"
        # Escaped, a character takes at most 6 bytes: cut by what the beginning takes, between words if there are any.
        start = text[: longest // 3]
        while len(escape(start).encode()) > longest // 3:
            start = start[: len(start) * 3 // 4]
        start = start.rsplit(" ", 1)[0] or start
        return render("more.html.jinja", start=start, file=name, words=f"All of it, {len(text):,} characters")


class AnswerRow(NamedTuple):
    """A row of the table of answers. ``head`` is its variable and result; ``quotes`` are (quote, whether it is absent from
    the paper, where it stands, the link to it in the
    marked PDF)."""

    head: str
    sure: str
    said: str
    quotes: Sequence[tuple[str, bool, str, str]]
    more: str
    corrected: bool


@cache
def _titles() -> dict[str, str]:
    return {variable: definition(variable).title for variable in VARIABLES}


@cache
def _advice(variable: str) -> tuple[str, str, str]:
    """What a paper that lacks a variable could add: its title, what to add, an example."""
    return definition(variable).title, definition(variable).advice, drafts()[variable]["draft"]


@dataclass(slots=True)
class StudyBox:
    """What a paper's page shows of its studies: markup, and by variable the values that the rebuild had to guess."""

    markup: str = ""
    guessed: dict[str, list[str]] = field(default_factory=dict)


def _disagreements(record: Record, rebuilt: StudyBox) -> list[tuple[str, list[str]]]:
    """Title of each variable that the record calls documented and of which the rebuild had to guess values, with those."""
    return [
        (definition(variable).title, values)
        for variable, values in rebuilt.guessed.items()
        if variable in record.answers and record.answers[variable].result == "yes"
    ]


def paper_page(
    record: Record,
    folder: str,
    site: Site,
    findings: Sequence[Finding] = (),
    groups: tuple[str, str] | None = None,
    rebuilt: StudyBox | None = None,
    marked: bool = False,
) -> tuple[str, dict[str, str]]:
    """The page, and the texts that were too long for it: name -> content.

    ``groups`` are the paths of its venue's and its year's lists; ``rebuilt`` is what studies of the paper found;
    ``marked`` says whether the site has the paper's PDF with its quotes marked.
    """
    paper, run, scores, folded = record.paper, record.run, record.scores, PageAttachments()
    title = plain_title(paper.title) or paper.id
    at = "papers/index.html" if site.bundle else f"papers/{folder}/index.html"
    root = "../" * at.count("/")
    pdf = f"{root}marked/{href(folder)}.pdf" if marked else ""
    kinds = [(name, record.answers[name].result) for name in ("research_type", "affiliation") if name in record.answers]
    facts = [str(fact) for fact in (paper.venue, paper.year) if fact]
    facts += [f"{paper.pages} pages"] if paper.pages else []
    facts += [RESULTS[said] if said != "unknown" else f"{_titles()[name]} unknown" for name, said in kinds]
    lacking = [
        name for name in SCORED if name in record.answers and record.answers[name].result in ("no", "unverified")
    ]
    correct = (site.correct or "").replace("{id}", href(paper.id)) or f"{root}corrections/index.html#{href(folder)}"
    said = badge_words(scores.documentation)
    home = site.base_url or "https://YOUR.SITE/"
    here = home + site.paper(folder).removesuffix("index.html")
    shared = f"assets/badges/{badge_name(scores.documentation)}"
    page = site.page(
        "paper.html.jinja",
        at,
        title[:300],
        part="Papers",
        description=f"{said[0].upper()}{said[1:]} things that a reader needs to re-run it, by an estimate.",
        crumbs=_crumbs(record, groups, title),
        json_ld="" if site.bundle else json_ld(record, site.base_url, at),
        heading=folded.fold(title, "title.txt", 1500),
        authors=folded.fold(", ".join(paper.authors), "authors.txt"),
        facts=facts,
        link=paper.url if is_web(paper.url) else None,
        problem=folded.fold(paper.problem, "problem.txt", 1000) if paper.problem else "",
        theoretical=("research_type", "theoretical") in kinds,
        rebuilt=rebuilt.markup if rebuilt else "",
        disagreements=_disagreements(record, rebuilt) if rebuilt else [],
        scores=_scores(record),
        findings=[
            (KINDS[one.kind], definition(one.variable).title.lower() if one.variable else "", one)
            for one in findings[:FINDINGS]
        ],
        more_findings=max(0, len(findings) - FINDINGS),
        answers=[_row(name, record.answers[name], record, folded, pdf) for name in VARIABLES if name in record.answers],
        published=is_published(record),
        code=code_view(record.code) if record.code else None,
        pdf=pdf,
        run=run,
        advice=cached("advice.html.jinja", tuple(map(_advice, lacking))) if lacking else "",
        corrections=[
            (
                change.when,
                _titles()[name].lower(),
                change.replaced,
                change.result,
                folded.fold(change.who, f"{name}-who.txt", 300),
                folded.fold(change.why, f"{name}-why.txt", 1000),
            )
            for name, answer in record.answers.items()
            if (change := answer.correction) is not None
        ],
        correct=correct,
        badge=f"{root}{shared}" if site.bundle else "badge.svg",
        badge_alt=f"openbook: {said}",
        badge_page=here,
        badge_address=home + shared if site.bundle else here + "badge.svg",
        told=_told(record, folded),
    )
    return page, folded.files


def badge_name(documentation: int | None) -> str:
    """The file of a badge that many papers share."""
    return f"{'x' if documentation is None else documentation}.svg"


def is_published(record: Record) -> bool:
    """Whether a record was imported from the published index."""
    return record.run.assessor == "published"


def _crumbs(record: Record, groups: tuple[str, str] | None, title: str) -> list[tuple[str, str | None]]:
    short = shortened(title, 60)
    if groups is None:
        return [("Explore", "explore/index.html"), (short, None)]
    return [
        (record.paper.venue or "unknown", groups[0]),
        (str(record.paper.year or "unknown"), groups[1]),
        (short, None),
    ]


def _scores(record: Record) -> Markup:
    """The scores, the replications that they rest on, and the interval in words and as a bar of 100 units."""
    scores, answers = record.scores, record.answers
    value, (low, high) = scores.reproducibility, scores.reproducibility_interval or (0.0, 0.0)
    read = scores.documentation is not None and value is not None
    rate = ("code and data", *CODE_AND_DATA) if value and value > 0.5 else ("data but no code", *DATA_ONLY)
    return cached(
        "scores.html.jinja",
        (scores.documentation, scores.unverified) if read else None,
        f"{value or 0:.2f}",
        rate if value else None,
        interval_text((low, high)),
        (f"{100 * low:.1f}", f"{100 * (high - low):.1f}", f"{100 * (value or 0) - 0.5:.1f}"),
        count_unclear(record.answers),
        tuple(answers[name].result if name in answers else "" for name in SCORED),
    )


def _row(variable: str, answer: Answer, record: Record, folded: PageAttachments, pdf: str) -> AnswerRow:
    kind, word = shown_result(answer)
    quotes, more = _quotes(variable, answer.evidence, folded, pdf) if answer.evidence else ((), "")
    said = answer.response if is_published(record) else response_of(answer, record.run.assessor)
    return AnswerRow(
        cached("answer.html.jinja", variable, _titles()[variable], kind, word),
        sure_text(answer),
        folded.fold(said, f"{variable}.txt") if said else "",
        quotes,
        more,
        answer.correction is not None,
    )


def _quotes(
    variable: str, evidence: list[Evidence], folded: PageAttachments, pdf: str
) -> tuple[list[tuple[str, bool, str, str]], str]:
    """The quotes that a page has room for, and a link to the others."""
    items: list[tuple[str, bool, str, str]] = []
    used = 0
    for place, item in enumerate(evidence):
        if used > LONGEST:
            rest = "\n\n".join(f"{evidence_place(one)}: {one.quote}" for one in evidence[place:])
            file = f"{variable}-quotes.txt"
            folded.files[file] = rest + "\n"
            return items, render("more.html.jinja", start="", file=file, words=f"{len(evidence) - place} more quotes")
        quote = folded.fold(item.quote, f"{variable}-{place + 1}.txt", LONGEST // 2)
        used += len(escape(quote).encode())
        there = f"{pdf}#page={item.page}" if pdf and item.page else ""
        items.append((quote, item.match == "absent", evidence_place(item), there))
    return items, ""


def _told(record: Record, folded: PageAttachments) -> list[tuple[str, str]]:
    """How the paper was read: names and values."""
    run, paper = record.run, record.paper
    counted = run.input_tokens or run.output_tokens
    facts = [
        ("Assessor", "the published index" if is_published(record) else run.assessor),
        ("Model", run.model),
        ("Version", run.version),
        ("Prompt", run.prompt_hash and f"SHA-256 {run.prompt_hash}"),
        *(
            (name, value if isinstance(value, str) else json.dumps(value))
            for name, value in sorted(run.parameters.items())
        ),
        ("Tokens", counted and f"{run.input_tokens:,} in, {run.output_tokens:,} out, thoughts included"),
        ("Cost", counted and f"US$ {run.cost:.4f}"),
        ("Time", run.seconds and f"{run.seconds:.2f} s"),
        ("Made", run.created),
        ("File", source_name(paper.source)),
        ("SHA-256 of the paper", paper.sha256),
    ]
    told = [(name, value) for name, value in facts if value]
    if len(told) > FACTS:
        told[FACTS - 1 :] = [("And", f"{len(told) - FACTS + 1} more, in the record as JSON")]
    return [(name[:80], folded.fold(str(value), f"run-{place}.txt", 800)) for place, (name, value) in enumerate(told)]


def json_ld(record: Record, base_url: str, at: str) -> str:
    """What search engines read of the page: schema.org as JSON-LD, in which nothing of a paper can end the element."""
    paper, scores = record.paper, record.scores
    article: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "ScholarlyArticle",
        "name": (plain_title(paper.title) or paper.id)[:300],
        "identifier": paper.id,
    }
    if paper.authors:
        article["author"] = [{"@type": "Person", "name": name[:120]} for name in paper.authors[:50]]
    if paper.year:
        article["datePublished"] = str(paper.year)
    if paper.venue:
        article["isPartOf"] = {"@type": "PublicationIssue", "name": f"{paper.venue} {paper.year or ''}".strip()}
    if is_web(paper.url):
        article["url"] = paper.url
    here = base_url + href(at.removesuffix("index.html"))
    results = tuple((name, record.answers[name].result) for name in SCORED if name in record.answers)
    technique = " ".join(part for part in (record.run.assessor, record.run.model) if part)
    estimate = _estimate(record.notice, technique, results, scores.documentation, scores.reproducibility)
    place: dict[str, Any] = {
        "distribution": {
            "@type": "DataDownload",
            "encodingFormat": "application/json",
            "contentUrl": f"{here}record.json" if base_url else "record.json",
        },
        **({"url": here} if base_url else {}),
    }
    # Two objects as one, and that as the last member of a third: their braces make way for commas.
    return f'{_encoded(article)[:-1]},"subjectOf":{estimate[:-1]},{_encoded(place)[1:]}}}'


@lru_cache(4096)
def _estimate(
    notice: str,
    technique: str,
    results: tuple[tuple[str, str], ...],
    documentation: int | None,
    reproducibility: float | None,
) -> str:
    """What was measured of a paper, as JSON-LD: the same for many papers."""
    measured: list[dict[str, Any]] = [
        {"@type": "PropertyValue", "name": _titles()[variable], "value": result} for variable, result in results
    ]
    measured += [
        {"@type": "PropertyValue", "name": name, "value": value, "maxValue": most}
        for name, value, most in (
            ("Documentation Score", documentation, 7),
            ("Reproducibility Score", reproducibility, 1),
        )
        if value is not None
    ]
    return _encoded(
        {
            "@type": "Dataset",
            "name": "What this paper documents: an estimate",
            "description": notice,
            "measurementTechnique": technique,
            "variableMeasured": measured,
        }
    )


def _encoded(value: dict[str, Any]) -> str:
    text = _JSON.encode(value)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
