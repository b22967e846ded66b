"""Composes a study's report from its results alone, and writes it as HTML and, through Typst, as PDF."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

import openbook
from openbook.errors import OpenbookError
from openbook.files import write_atomically
from openbook.studies.report import results
from openbook.studies.report.document import (
    Bullets,
    CodeListing,
    Paragraph,
    Pseudocode,
    ReportBlock,
    ReportDocument,
    ReportFigure,
    ReportSection,
    ReportTable,
)
from openbook.studies.results import Study, StudyRun
from openbook.studies.schema import VERDICTS, ReportText


class _BlockNumbers:
    """Counts tables, figures and algorithms while a page is written."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def next(self, kind: str) -> int:
        """The number of the next one of a kind."""
        self._seen[kind] += 1
        return self._seen[kind]


def to_html(document: ReportDocument) -> str:
    """The page. Figures are images inside it; whatever text says is escaped."""
    style = files("openbook.web").joinpath("static", "theme.css").read_text(encoding="utf-8")
    here = files("openbook.studies.report")
    style += here.joinpath("report.css").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(here.joinpath("page.html.jinja").read_text(encoding="utf-8"))
    return template.render(
        document=document,
        style=Markup(style),
        base64=lambda text: base64.b64encode(text.encode()).decode(),
        numbers=_BlockNumbers(),
        verdicts=VERDICTS,
        version=openbook.__version__,
    )


def to_pdf(document: ReportDocument) -> bytes:
    """The PDF. Raises OpenbookError if Typst is absent or refuses."""
    try:
        import typst
    except ImportError as error:
        raise OpenbookError("a report needs matplotlib and typst; pip install 'openbook[report]'") from error
    with TemporaryDirectory(prefix="openbook-report-") as folder:
        place = Path(folder)
        (place / "layout.typ").write_text(
            files("openbook.studies.report").joinpath("layout.typ").read_text(encoding="utf-8"), encoding="utf-8"
        )
        for section in document.sections:
            for block in section.blocks:
                if isinstance(block, ReportFigure):
                    (place / f"{_safe(block.name)}.svg").write_text(block.svg, encoding="utf-8")
        source = place / "report.typ"
        source.write_text(to_typst(document), encoding="utf-8")
        try:
            made: bytes = typst.compile(str(source), ignore_system_fonts=True)
        except RuntimeError as error:
            raise OpenbookError(f"the report could not be typeset: {error}") from error
    return made


def to_typst(document: ReportDocument) -> str:
    """The Typst source, to be compiled beside ``layout.typ`` and the figures."""
    authors = _array([_text(author) for author in document.authors])
    abstract = _array([_text(one) for one in document.abstract])
    head = f"title: {_text(document.title)}, subtitle: {_text(document.subtitle)}, date: {_text(document.date)}"
    lines = [
        '#import "layout.typ": *',
        f"#show: paper.with({head}, authors: {authors}, abstract: {abstract})",
    ]
    for section in document.sections:
        lines += _section(section)
    if document.references:
        lines.append("#heading(numbering: none)[References]")
        lines += [f"#reference({number}, {_text(one)})" for number, one in enumerate(document.references, start=1)]
    return "\n".join(lines) + "\n"


def _section(section: ReportSection) -> list[str]:
    return [f"#heading(level: 1, {_text(section.title)})", *(_block(block) for block in section.blocks)]


def _block(block: ReportBlock) -> str:
    match block:
        case Paragraph(text):
            return f"#par({_text(text)})"
        case Bullets(items):
            return f"#list(..{_array([f'[#{_text(item)}]' for item in items])})"
        case ReportTable():
            kinds = [
                "wide" if place in block.wide else "right" if place in block.right else "left"
                for place in range(len(block.columns))
            ]
            head = _array([_text(column) for column in block.columns])
            rows = _array([_array([_text(cell) for cell in row]) for row in block.rows])
            return f"#grid-table({_text(block.caption)}, {_array([_text(kind) for kind in kinds])}, {head}, {rows})"
        case ReportFigure(name, caption, _, alt):
            return f"#picture({_text(_safe(name) + '.svg')}, {_text(caption)}, {_text(alt)})"
        case Pseudocode(title, takes, gives, steps):
            levels = [(len(line) - len(line.lstrip(" "))) // 2 for line in steps]
            numbered = [f"({level}, {_text(line.strip())})" for level, line in zip(levels, steps, strict=True)]
            return f"#pseudocode({_text(title)}, {_text(takes)}, {_text(gives)}, {_array(numbered)})"
        case CodeListing(caption, text):
            return f"#listing({_text(caption)}, {_text(text)})"


def _text(text: str) -> str:
    """A Typst string literal."""
    return json.dumps(
        "".join(letter if letter >= " " or letter == "\n" else " " for letter in text), ensure_ascii=False
    )


def _array(parts: list[str]) -> str:
    return "(" + "".join(f"{part}, " for part in parts) + ")"


def _safe(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)


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
    made: dict[str, list[ReportBlock]] = {
        "background": [Paragraph(one) for one in text.background],
        "pseudocode": _algorithms(text),
        "open_datasets": results.datasets(text, runs),
        "dataset_splits": results.splits(text),
        "experiment_setup": results.setup(study, text, runs),
        "hardware_specification": results.hardware(study, runs),
        "software_dependencies": results.software(runs),
        "open_source_code": results.code(text, runs),
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


def _algorithms(text: ReportText) -> list[ReportBlock]:
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
