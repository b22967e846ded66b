"""Composes a study's report from its results alone, and builds its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openbook.errors import OpenbookError
from openbook.files import write_atomically
from openbook.studies.report import results, setup
from openbook.studies.report.document import Block, Paragraph, Pseudocode, ReportDocument, ReportSection
from openbook.studies.report.output import to_html, to_pdf
from openbook.studies.results import Study, StudyRun
from openbook.studies.schema import ReportText

#: Name -> title, in the order of the report.
SECTIONS = {
    "background": "What is rebuilt",
    "pseudocode": "Algorithms",
    "open_datasets": "Data",
    "dataset_splits": "Training and held-out parts",
    "experiment_setup": "Setup",
    "hardware_specification": "Hardware",
    "software_dependencies": "Software",
    "open_source_code": "Code",
    "results": "Claims and what came out",
    "details": "Figures, tables and samples",
    "failures": "Failures",
    "not_run": "What was not run",
    "limits": "Limits",
}


def compose(study: Study, without: Sequence[str] = ()) -> ReportDocument:
    """The report of a study as its results stand. Raises OpenbookError if it was never run or has no such section."""
    unknown = [name for name in without if name not in SECTIONS]
    if unknown:
        raise OpenbookError(f"there is no section {', '.join(unknown)}; the sections are {', '.join(SECTIONS)}")
    if not study.was_run:
        raise OpenbookError(
            f"{study.name} was never run here, so there is nothing to report: openbook study run {study.name}"
        )
    text = study.file.report or ReportText(title=study.file.title)
    runs = runs_of(study)
    made: dict[str, list[Block]] = {
        "background": [Paragraph(one) for one in text.background],
        "pseudocode": _algorithms(text),
        "open_datasets": setup.datasets(text, runs),
        "dataset_splits": setup.splits(text),
        "experiment_setup": setup.setup(study, text, runs),
        "hardware_specification": setup.hardware(study, runs),
        "software_dependencies": setup.software(runs),
        "open_source_code": setup.code(text, runs),
        "results": results.claims(study),
        "details": results.details(runs),
        "failures": results.failures(study, runs),
        "not_run": results.not_run(study),
        "limits": [Paragraph(one) for one in text.limits],
    }
    paper = study.file.paper
    source = ", ".join(str(part) for part in (*paper.authors, paper.title, paper.venue, paper.year, paper.url) if part)
    return ReportDocument(
        title=text.title,
        subtitle=f"A report on {paper.title}",
        authors=text.authors,
        date=max(run.started for run in runs.values())[:10] if runs else "",
        abstract=(*((text.abstract,) if text.abstract else ()), results.summary(study)),
        sections=tuple(
            ReportSection(name, title, tuple(made[name]))
            for name, title in SECTIONS.items()
            if made[name] and name not in without
        ),
        references=(source,),
    )


def runs_of(study: Study) -> dict[str, StudyRun]:
    """The runs behind the verdicts, by key, in the order of the claims."""
    found = {}
    for name in study.claims:
        run = study.run_of(name)
        if run is not None:
            found[run.key] = run
    return found


def _algorithms(text: ReportText) -> list[Block]:
    return [Pseudocode(one.title, one.takes, one.gives, one.lines) for one in text.algorithms]


def listed(run: StudyRun, key: str) -> list[dict[str, Any]]:
    """What a run's object holds under one of the keys that a report reads; entries that are not objects are left out."""
    given = run.found.get(key, [])
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def build_report(study: Study, out: Path | None = None, without: Sequence[str] = ()) -> tuple[Path, Path]:
    """Write the PDF and the page into ``out`` (default: the study's folder ``report``), and return their places.

    Raises OpenbookError if the study was never run, a section is unknown, or a file cannot be written.
    """
    folder = out or study.folder / "report"
    document = compose(study, without)
    pdf, html = to_pdf(document), to_html(document)
    write_atomically(folder / "report.pdf", pdf)
    write_atomically(folder / "report.html", html)
    return folder / "report.pdf", folder / "report.html"
