"""The page of one paper. Plain string building: at 56,800 pages a template engine would take most of the time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Final

from openbook.advice.advising import drafts
from openbook.corpus.audit.findings import KINDS, Finding
from openbook.record.model import Record
from openbook.record.scores import CODE_AND_DATA, DATA_ONLY
from openbook.variables import SCORED
from openbook.variables.definitions import definition
from openbook.web.record.view import RESULTS, interval_text
from openbook.web.site.addresses import href, is_web
from openbook.web.site.answers import Folded, answers_table, is_published, seven
from openbook.web.site.badges import words
from openbook.web.site.frame import NOTICE, Frame, crumbs, link
from openbook.web.site.jsonld import json_ld

ROOT: Final = "../../"
_ADVICE: Final = {
    variable: f"<li><strong>{escape(definition(variable).title)}.</strong> {escape(definition(variable).advice)} "
    f'<span class="muted">For example: “{escape(drafts()[variable]["draft"])}”</span></li>\n'
    for variable in SCORED
}


def paper_page(
    record: Record,
    folder: str,
    frame: Frame,
    findings: Sequence[Finding] = (),
    groups: tuple[str, str] | None = None,
    rebuilt: str = "",
    history: str = "",
    correct: str | None = None,
) -> tuple[str, dict[str, str]]:
    """The page, and the texts that were too long for it: name -> content.

    ``groups`` are the paths of its venue's and its year's lists; ``rebuilt`` and ``history`` are markup about studies of
    the paper and about what happened to its record; ``correct`` is where a correction is proposed, ``{id}`` in it stands
    for the paper's id.
    """
    paper, folded = record.paper, Folded()
    title = paper.title or paper.id
    at = f"papers/{folder}/index.html"
    facts = [escape(str(fact)) for fact in (paper.venue, paper.year) if fact]
    facts += [f"{paper.pages} pages"] if paper.pages else []
    for variable, name in (("research_type", "Research type"), ("affiliation", "Affiliation")):
        answer = record.answers.get(variable)
        if answer is not None:
            facts.append(RESULTS[answer.result] if answer.result != "unknown" else f"{name} unknown")
    facts += [link(paper.url, "The paper")] if is_web(paper.url) else []
    steps = (
        [(paper.venue or "unknown", groups[0]), (str(paper.year or "unknown"), groups[1])]
        if groups
        else [("Explore", "explore/index.html")]
    )
    authors = folded.fold(", ".join(paper.authors), "authors.txt")
    body = "".join(
        [
            crumbs(ROOT, *steps, (title if len(title) <= 60 else title[:60].rsplit(" ", 1)[0] + " …", None)),
            f"<h1>{folded.fold(title, 'title.txt', 1500)}</h1>\n",
            f'<p class="authors">{authors}</p>\n' if authors else "",
            f'<p class="facts">{"".join(f"<span>{fact}</span>" for fact in facts)}</p>\n',
            f'<p class="problem"><strong>Not read.</strong> {folded.fold(paper.problem, "problem.txt", 1000)}</p>\n'
            if paper.problem
            else "",
            f'<p class="notice">{NOTICE.format(root=ROOT)}{_theoretical(record)}</p>\n',
            rebuilt,
            _scores(record),
            _audit(findings),
            f'<h2 id="answers">What the paper documents</h2>\n{answers_table(record, folded)}',
            _advice(record),
            _corrections(record, history, folder, correct, folded),
            _take_away(record, folder, frame),
            _run(record, folded),
        ]
    )
    described = f"{words(record.scores.documentation)[0].upper()}{words(record.scores.documentation)[1:]} things that a reader needs to re-run it, by an estimate."
    page = frame.page(
        title[:300], body, at, description=described, head=json_ld(record, frame.base_url, at), part="papers"
    )
    return page, folded.files


def _theoretical(record: Record) -> str:
    kind = record.answers.get("research_type")
    theoretical = kind is not None and kind.result == "theoretical"
    return " This paper is theoretical: its scores are shown, and left out of means." if theoretical else ""


def _scores(record: Record) -> str:
    scores = record.scores
    if scores.documentation is None or scores.reproducibility is None:
        return (
            '<section class="scores" aria-label="Scores"><div class="score"><h2>Scores</h2><p class="number">none</p>'
            "<p>Nothing could be read, so nothing is scored.</p></div></section>\n"
        )
    unverified = (
        f" <strong>{scores.unverified} more unverified</strong>, not counted: their quotes are not in the paper."
        if scores.unverified
        else ""
    )
    value, (low, high) = scores.reproducibility, scores.reproducibility_interval or (0.0, 0.0)
    if value:
        which, (reproduced, tried) = (
            ("code and data", CODE_AND_DATA) if value > 0.5 else ("data but no code", DATA_ONLY)
        )
        said = interval_text((low, high))
        meaning = (
            f'<svg class="interval" viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label="95 % interval '
            f'{said}"><rect class="track" y="5" width="100" height="2"/><rect class="range" x="{100 * low:.1f}" y="3" '
            f'width="{100 * (high - low):.1f}" height="6"/><rect class="value" x="{100 * value - 0.5:.1f}" width="1" '
            f'height="12"/></svg>\n<p>Of papers with {which}, a replication study could reproduce {reproduced} of {tried}; '
            f"95 % interval {said}.</p>"
        )
    else:
        meaning = "<p>No open data is documented: by definition there is nothing to start from.</p>"
    return (
        '<section class="scores" aria-label="Scores">\n<div class="score"><h2>Documentation Score</h2>'
        f'<p class="number">{scores.documentation}<small> of 7</small></p>{seven(record)}'
        f"<p>How many of seven things that a reader needs are stated in the paper.{unverified}</p></div>\n"
        '<div class="score"><h2>Reproducibility Score</h2>'
        f'<p class="number">{value:.2f}</p>{meaning}</div>\n</section>\n'
    )


def _audit(findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    items = "".join(
        f"<li><strong>{escape(KINDS[one.kind])}</strong>"
        f"{' (' + escape(definition(one.variable).title.lower()) + ')' if one.variable else ''}: {escape(one.why)}. "
        f'<span class="muted">{escape(one.severity)} severity; it rests on “{escape(one.evidence)}”</span></li>\n'
        for one in findings[:12]
    )
    more = f"<li>{len(findings) - 12} more findings.</li>" if len(findings) > 12 else ""
    return (
        f'<section class="flags" aria-labelledby="audit"><h2 id="audit">What the audit doubts</h2><ul>{items}{more}</ul>'
        f'<p class="muted"><a href="{ROOT}audit/index.html">What the audit looks for</a></p></section>\n'
    )


def _advice(record: Record) -> str:
    lacking = [
        variable
        for variable in SCORED
        if variable in record.answers and record.answers[variable].result in ("no", "unverified")
    ]
    if not lacking:
        return ""
    return (
        f'<h2 id="advice">What its authors could add</h2>\n<ul class="advice">{"".join(map(_ADVICE.get, lacking))}</ul>\n'  # type: ignore[arg-type]
        '<p class="muted">Where in the paper it fits best: <code>openbook advise paper.pdf</code>.</p>\n'
    )


def _corrections(record: Record, history: str, folder: str, correct: str | None, folded: Folded) -> str:
    made = "".join(
        f"<li>{escape(change.when)}: {escape(definition(variable).title.lower())} corrected from "
        f"{escape(change.replaced)} to {escape(change.result)} by {folded.fold(change.who, f'{variable}-who.txt', 300)}: "
        f"{folded.fold(change.why, f'{variable}-why.txt', 1000)}</li>\n"
        for variable, answer in record.answers.items()
        if (change := answer.correction) is not None
    )
    listed = history or made
    said = f"<ol>{listed}</ol>\n" if listed else "<p>No answer of this record has been corrected.</p>\n"
    address = (
        correct.replace("{id}", href(record.paper.id)) if correct else f"{ROOT}corrections/index.html#{href(folder)}"
    )
    return (
        f'<h2 id="corrections">Corrections</h2>\n{said}'
        f'<p><a href="{escape(address)}">Propose a correction</a> of this record.</p>\n'
    )


def _take_away(record: Record, folder: str, frame: Frame) -> str:
    here = f"{frame.base_url or 'https://YOUR.SITE/'}papers/{href(folder)}/"
    alt = f"openbook: {words(record.scores.documentation)}"
    code = escape(f'<a href="{here}"><img src="{here}badge.svg" alt="{alt}"></a>')
    told = "" if frame.base_url else " (put the address of this site in it)"
    return (
        f'<h2 id="badge">Record and badge</h2>\n<p><a href="record.json">The record as JSON</a>, with all that stands on '
        f'this page.</p>\n<p><img src="badge.svg" alt="{alt}" height="20"></p>\n'
        f"<p>To show the badge elsewhere{told}:</p>\n<pre><code>{code}</code></pre>\n"
    )


def _run(record: Record, folded: Folded) -> str:
    run, paper = record.run, record.paper
    told: list[tuple[str, str]] = [("Assessor", "the published index" if is_published(record) else run.assessor)]
    told += [("Model", run.model)] if run.model else []
    told += [("Version", run.version)] if run.version else []
    told += [("Prompt", f"SHA-256 {run.prompt_hash}")] if run.prompt_hash else []
    told += [
        (name, value if isinstance(value, str) else json.dumps(value)) for name, value in sorted(run.parameters.items())
    ]
    if run.input_tokens or run.output_tokens:
        told.append(("Tokens", f"{run.input_tokens:,} in, {run.output_tokens:,} out, thoughts included"))
        told.append(("Cost", f"US$ {run.cost:.4f}"))
    told += [("Time", f"{run.seconds:.2f} s")] if run.seconds else []
    told += [("Made", run.created)] if run.created else []
    told += [("Source", paper.source)] if paper.source else []
    told += [("SHA-256 of the paper", paper.sha256)] if paper.sha256 else []
    if len(told) > 24:
        told[23:] = [("And", f"{len(told) - 23} more, in the record as JSON")]
    rows = "".join(
        f"<dt>{escape(name[:80])}</dt><dd>{folded.fold(value, f'run-{place}.txt', 800)}</dd>"
        for place, (name, value) in enumerate(told)
    )
    return f'<h2 id="run">How it was read</h2>\n<dl class="terms">{rows}</dl>\n'
