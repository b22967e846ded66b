"""What a chair needs of all papers of a venue: a table ranked by what is missing, marked PDFs, the site, the trends."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from openbook.advice.advising import OF_THEORY
from openbook.corpus.trends.figures import all_figures, write_figures
from openbook.errors import OpenbookError
from openbook.files import write_atomically
from openbook.record.model import Record
from openbook.record.parquet import from_row, read_table
from openbook.text import one_line
from openbook.variables import SCORED
from openbook.variables.definitions import definition
from openbook.web.addresses import folder_name
from openbook.web.marked_pdf import marked_copy
from openbook.web.site.building import OnBuildProgress, Report, SiteSettings, build

TABLE: Final = "papers.csv"
_FIRST: Final = ("rank", "id", "title", "venue", "year", "research_type")
_LAST: Final = ("documentation", "reproducibility", "missing", "what_is_missing", "problem", "page", "marked_pdf")
_FORMULA: Final = tuple("=+-@\t\r")


@dataclass(slots=True)
class Overview:
    """What was written. ``missing`` counts the papers that lack each variable, ``unmarked`` says why a PDF is not marked."""

    out: Path
    papers: int = 0
    marked: int = 0
    figures: int = 0
    ranked: list[tuple[str, list[str]]] = field(default_factory=list)
    """Each paper's title and what it lacks, the paper that lacks most first."""
    missing: Counter[str] = field(default_factory=Counter)
    unmarked: list[str] = field(default_factory=list)
    site: Report | None = None


def missing_of(record: Record) -> list[str]:
    """What a paper lacks of the seven, in the order of the variables; for a theoretical paper, only what applies to it."""
    kind = record.answers.get("research_type")
    theoretical = kind is not None and kind.result == "theoretical"
    return [
        variable
        for variable in SCORED
        if variable in record.answers
        and record.answers[variable].result in ("no", "unverified")
        and (variable in OF_THEORY or not theoretical)
    ]


def write_overview(
    records: Path,
    out: Path,
    *,
    papers: Path | None = None,
    search: bool = False,
    on_progress: OnBuildProgress = lambda what, done, of: None,
) -> Overview:
    """Write ``papers.csv``, ``marked/``, ``figures/`` and ``site/`` into a folder.

    Args:
        records: Parquet, or a folder that ``openbook assess`` wrote.
        out: the folder; it is made.
        papers: where the papers' PDFs are, by the names of their sources; else their sources as the records have them.
        search: build the site's search index.
        on_progress: called with what is being done, how much of it is done, and how much there is.

    Raises OpenbookError if the records cannot be read or the folder cannot be written.
    """
    found = [from_row(row) for row in read_table(records).to_pylist()]
    overview = Overview(out, papers=len(found))
    try:
        (out / "marked").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OpenbookError(f"{out} cannot be written ({error.strerror}); give another folder with --out") from error
    beside = papers or (records if records.is_dir() else records.parent)
    marked: dict[str, str] = {}
    for number, record in enumerate(found):
        on_progress("marking PDFs", number, len(found))
        name = f"marked/{folder_name(record.paper.id)}.pdf"
        try:
            write_atomically(out / name, marked_copy(record, beside))
        except OpenbookError as error:
            overview.unmarked.append(f"{record.paper.id}: {error}")
            (out / name).unlink(missing_ok=True)  # one of an earlier record would mislead
        else:
            marked[record.paper.id] = name
    overview.marked = len(marked)
    ranked = sorted(found, key=lambda record: (record.paper.problem is None, -len(missing_of(record)), _title(record)))
    overview.ranked = [(_title(record), missing_of(record)) for record in ranked if record.paper.problem is None]
    overview.missing = Counter(variable for _, missing in overview.ranked for variable in missing)
    overview.figures = len(write_figures(all_figures(records, None, None), out / "figures")) // 3
    overview.site = build(SiteSettings(records, out / "site", search=search), on_progress)
    pages = {record.paper.id: f"site/papers/{folder_name(record.paper.id)}/index.html" for record in found}
    write_atomically(
        out / TABLE, papers_table(ranked, {name: page for name, page in pages.items() if (out / page).exists()}, marked)
    )
    return overview


def _title(record: Record) -> str:
    return one_line(record.paper.title) or record.paper.id


def papers_table(records: Iterable[Record], pages: dict[str, str], marked: dict[str, str]) -> str:
    """The papers as CSV, one row each. ``pages`` and ``marked``: id -> the page and the PDF, as paths beside the table."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*_FIRST, *SCORED, *_LAST])
    for rank, record in enumerate(records, 1):
        paper, scores, missing = record.paper, record.scores, missing_of(record)
        answers = [record.answers[name].result if name in record.answers else "" for name in ("research_type", *SCORED)]
        row: list[object] = [rank, paper.id, _title(record), paper.venue, paper.year, *answers]
        row += [scores.documentation, scores.reproducibility, len(missing)]
        row += ["; ".join(definition(variable).title for variable in missing), paper.problem]
        row += [pages.get(paper.id), marked.get(paper.id)]
        table.writerow([_cell(value) for value in row])
    return text.getvalue()


def _cell(value: object) -> object:
    """A value that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
