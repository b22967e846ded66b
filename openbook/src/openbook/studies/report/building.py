"""Writes a study's report: ``report/report.pdf`` and ``report/report.html``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from openbook.files import write_atomically
from openbook.studies.reading import Study
from openbook.studies.report.composing import compose
from openbook.studies.report.page import to_html
from openbook.studies.report.typesetting import to_pdf


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
