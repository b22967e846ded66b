"""The report's sections on the results: claims, details, failures, and what was not run."""

from __future__ import annotations

from typing import Any

from openbook.studies.report.document import (
    Block,
    Bullets,
    CodeListing,
    Paragraph,
    ReportFigure,
    ReportTable,
    describe,
    draw,
)
from openbook.studies.results import ClaimResult, Study, StudyRun
from openbook.studies.schema import Claim
from openbook.text import percent, shortened

_MOST_TEXT = 600


def summary(study: Study) -> str:
    """The outcome in two sentences."""
    counts = study.counts(ours=False)
    parts = ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    said = f"Of the paper's {sum(counts.values())} claims that this study covers: {parts}."
    score = study.weighted_score()
    if score is not None:
        said += f" Weighted by the rubric, {percent(score, 1, sign=' %')} is reproduced."
    own = study.counts(ours=True)
    if sum(own.values()):
        parts = ", ".join(f"{number} {verdict}" for verdict, number in own.items() if number)
        said += f" Of {sum(own.values())} statements that this study adds: {parts}."
    return said


def claims(study: Study) -> list[Block]:
    """The tables of claims: the paper's, then ours."""
    blocks: list[Block] = [
        Paragraph(
            "Each claim was put to a command that prints a number, and the number was compared with the published one. "
            "What the number is stands in parentheses, its 95 % interval in brackets. A dash stands where nothing was published or measured."
        )
    ]
    for ours, caption in (
        (False, "The paper's claims, in our words, and what came out."),
        (True, "What this study adds."),
    ):
        rows = [_row(claim, study.verdicts[name]) for name, claim in study.claims.items() if claim.ours == ours]
        if rows:
            columns = ("claim", "published", "measured", "verdict")
            blocks.append(ReportTable(caption, columns, tuple(rows), wide=(0,), right=(1, 2)))
    return blocks


def _row(claim: Claim, result: ClaimResult) -> tuple[str, ...]:
    said = f"{claim.sentence} ({claim.metric})"
    return (said, number(claim.published), measured(result).replace(" [", "\n["), result.verdict)


def number(value: float | None) -> str:
    """A number as a report shows it; a dash where there is none."""
    return "–" if value is None else f"{value:,.6g}"


def measured(result: ClaimResult) -> str:
    """The measured number with its interval."""
    if result.measured is None or result.interval is None:
        return number(result.measured)
    low, high = result.interval
    return f"{number(result.measured)} [{low:.5g}, {high:.5g}]"


def details(runs: dict[str, StudyRun]) -> list[Block]:
    """The tables, figures and samples that the commands returned."""
    blocks: list[Block] = []
    for run in runs.values():
        blocks += [
            ReportTable(
                str(one["caption"]), tuple(map(str, one["columns"])), tuple(tuple(map(str, row)) for row in one["rows"])
            )
            for one in _listed(run, "tables")
        ]
        blocks += [
            ReportFigure(str(one["id"]), str(one["caption"]), draw(one), describe(one))
            for one in _listed(run, "figures")
        ]
        for one in _listed(run, "samples"):
            text = str(one["text"])
            cut = shortened(text, _MOST_TEXT)
            blocks.append(CodeListing(f"{one['title']}, given “{one['prompt']}”.", cut))
    return blocks


def _listed(run: StudyRun, key: str) -> list[dict[str, Any]]:
    given = run.found.get(key, [])
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def failures(study: Study, runs: dict[str, StudyRun]) -> list[Block]:
    """What was not reproduced, what only partly, and wrong answers word for word."""
    items = []
    for name, claim in study.claims.items():
        result = study.verdicts[name]
        if result.verdict in ("partly", "not reproduced"):
            items.append(f"{claim.sentence} {result.verdict.capitalize()}: {result.reason or 'see the table'}.")
    said = [str(one) for run in runs.values() for one in run.found.get("failures", []) if isinstance(one, str)]
    blocks: list[Block] = [Bullets(tuple(items))] if items else [Paragraph("No claim that was run failed.")]
    if said:
        blocks += [Paragraph("Answers that were wrong, the first of each kind:"), Bullets(tuple(said))]
    return blocks


def not_run(study: Study) -> list[Block]:
    """The claims that were not tested, and why."""
    items = []
    for name, claim in study.claims.items():
        result = study.verdicts[name]
        if result.verdict == "not run":
            found = f" A smaller size gave {measured(result)} ({claim.metric})." if result.measured is not None else ""
            items.append(f"{claim.sentence} {_why(result)}{found}")
    return [Bullets(tuple(items))] if items else [Paragraph("Every claim was run.")]


def _why(result: ClaimResult) -> str:
    # which machine it takes is said in the section on hardware
    if "GPU" in result.reason:
        return "What it needs was not at hand."
    return f"{result.reason[:1].upper()}{result.reason[1:]}." if result.reason else ""
