"""Builds the site: pages of papers that changed, all else from the rows of the lists, then the search index."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from shutil import rmtree
from typing import Any, Final

from openbook.corpus.trends.figures import all_figures
from openbook.corpus.trends.report import learn_errors
from openbook.errors import OpenbookError
from openbook.web.site import (
    about,
    auditing,
    exploring,
    feeds,
    groups,
    lists,
    overview,
    rebuilt,
    search_page,
    searching,
    state,
)
from openbook.web.site.badges import ICON
from openbook.web.site.files import Folder
from openbook.web.site.frame import Frame
from openbook.web.site.listed import Listed
from openbook.web.site.memory import Peak, processor_seconds
from openbook.web.site.rendering import Bad, Job, render
from openbook.web.site.sources import Source, find_source
from openbook.web.site.tables import digest, write_tables

#: Told what is being done, how much of it is done, and how much there is of it (0: not known).
Progress = Callable[[str, int, int], None]
_SCRIPTS: Final = ("explore.js", "search.js", "corrections.js")


@dataclass(frozen=True)
class Settings:
    """What a site is built from. ``base_url`` is its address, ``correct`` where corrections are proposed."""

    records: Path
    out: Path
    studies: Path | None = None
    labels: Path | None = None
    base_url: str = ""
    correct: str | None = None
    search: bool = True
    processes: int = 1


@dataclass(slots=True)
class Report:
    """What was built. ``pages`` are papers' pages in the site, ``written`` those rendered in this build, ``other_pages``
    all other HTML pages; ``seconds``, ``cpu_seconds`` and ``peak_mb`` (all processes) are without the search index; ``bytes``
    of all files.
    """

    out: str
    pages: int = 0
    written: int = 0
    removed: int = 0
    other_pages: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mb: float = 0.0
    search_seconds: float | None = None
    search_peak_mb: float | None = None
    bytes: int = 0
    largest_page: int = 0
    left_out: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def build(settings: Settings, progress: Progress = lambda what, done, of: None) -> Report:
    """Build the site, or bring it up to date. Raises OpenbookError."""
    started, used = time.monotonic(), processor_seconds()
    report = Report(str(settings.out))
    with Peak() as peak:
        source = find_source(settings.records)
        studies = rebuilt.read_studies(settings.studies)
        if settings.search and not searching.available():
            raise OpenbookError(
                "search needs Pagefind; install it with: pip install 'openbook[search]', or build with --no-search"
            )
        state.check_ours(settings.out)
        frame = Frame(settings.base_url)
        seal = state.seal(frame, settings.correct)
        before = state.read_state(settings.out, seal)
        boxes = rebuilt.boxes(studies)
        papers = _papers(settings, source, frame, seal, before, boxes, report, progress)
        progress("lists and trends", 0, 0)
        folder = Folder(settings.out, before.files)
        changed = digest([one.hash for one in papers])
        _other_pages(settings, source, frame, folder, papers, studies, changed != before.search.get("papers"))
        folder.clean()
        report.pages = len(papers)
        report.other_pages = sum(path.endswith(".html") for path in folder.written)
        report.largest_page = max((one.html for one in papers), default=0)
        report.bytes = sum(one.bytes for one in papers) + sum(size for _, size in folder.written.values())
        search: dict[str, Any] = {key: before.search[key] for key in ("listed", "bytes") if key in before.search}
        search["papers"] = changed
        if report.written or report.removed or len(papers) != len(before.papers):
            state.write_papers(settings.out, seal, papers)
        state.write_build(settings.out, folder.written, search)
    report.cpu_seconds = round(processor_seconds() - used, 2)
    report.seconds, report.peak_mb = round(time.monotonic() - started, 2), peak.megabytes
    _search(settings, papers, search, report, progress)
    state.write_build(settings.out, folder.written, search)
    return report


def _papers(
    settings: Settings,
    source: Source,
    frame: Frame,
    seal: str,
    before: state.State,
    boxes: dict[str, str],
    report: Report,
    progress: Progress,
) -> list[Listed]:
    """Render what is new or changed; the rows of all papers, in the order of the source."""
    progress("reading records", 0, 0)
    identities: dict[str, int] = {}
    fingerprints: dict[int, str] = {}
    kept: dict[int, Listed] = {}
    there = set(os.listdir(settings.out / "papers")) if (settings.out / "papers").is_dir() else set()
    for place, (identity, fingerprint) in enumerate(source.fingerprints()):
        if identity and identity in identities:
            report.left_out.append(f"row {place + 1}: a second record of {identity}; the first one has the page")
            continue
        identities[identity] = place
        fingerprints[place] = fingerprint + (f"-{digest([boxes[identity]])}" if identity in boxes else "")
        old = before.papers.get(identity)
        if old is not None and old.hash == fingerprints[place] and old.folder in there:
            kept[place] = old
    wanted = set(fingerprints) - set(kept)
    seen = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    job = Job(source, settings.out, frame, fingerprints, seen, boxes, settings.correct)
    journal = state.Journal(settings.out, seal)
    progress("papers", 0, len(wanted))
    try:
        for batch in render(job, wanted, settings.processes):
            rows = [_first_seen(one, before.seen) for one in batch if isinstance(one, Listed)]
            journal.add(rows)
            report.left_out += [one.why for one in batch if isinstance(one, Bad)]
            kept.update((identities[one.id], one) for one in rows)
            report.written += len(rows)
            progress("papers", report.written, len(wanted))
    finally:
        journal.close()
    papers = [kept[place] for place in sorted(kept)]
    if not papers:
        raise OpenbookError(f"{settings.records} holds no record that can be shown: {'; '.join(report.left_out[:3])}")
    current = {one.folder for one in papers}
    for gone in set(before.folders.values()) - current:
        rmtree(settings.out / "papers" / gone, ignore_errors=True)
        report.removed += 1
    return papers


def _first_seen(row: Listed, seen: dict[str, str]) -> Listed:
    return row._replace(seen=seen[row.id]) if row.id in seen else row


def _other_pages(
    settings: Settings,
    source: Source,
    frame: Frame,
    folder: Folder,
    papers: Sequence[Listed],
    studies: Sequence[Any],
    changed: bool,
) -> None:
    here = files("openbook.web.site")
    theme = files("openbook.web.record").joinpath("theme.css").read_text(encoding="utf-8")
    folder.put("assets/site.css", theme + here.joinpath("assets/site.css").read_text(encoding="utf-8"))
    folder.put("assets/icon.svg", ICON)
    folder.put(".nojekyll", "")  # else some hosts leave out folders whose names begin with an underscore
    for name in _SCRIPTS:
        folder.put(f"assets/{name}", here.joinpath(f"assets/{name}").read_bytes())
    write_tables(folder, source, papers, changed)
    table = settings.out / "data" / "records.parquet"  # what cannot be read of a folder of records is not in it
    errors = learn_errors(table, settings.labels) if settings.labels else None
    charts = all_figures(table, errors)
    for one in charts:
        folder.put(f"trends/{one.name}.svg", one.svg)
        folder.put(f"trends/{one.name}.csv", one.csv())
    ordered = groups.by_title(papers)
    pages: dict[str, str] = {
        "index.html": overview.home(frame, papers, charts, rebuilt.at_home(studies), settings.search),
        "trends/index.html": overview.trends(frame, charts, errors is not None),
        "method/index.html": about.method(frame),
        "accuracy/index.html": about.accuracy(frame, _agreement(table, settings.labels), _card()),
        "corrections/index.html": about.corrections(frame, settings.correct),
        "search/index.html": search_page.search_page(frame, papers, settings.search),
    }
    for made in (
        lists.list_pages(frame, ordered),
        auditing.audit_files(frame, ordered),
        exploring.explore_files(frame, ordered),
        rebuilt.study_pages(frame, studies, {one.id: one.folder for one in papers}),
    ):
        pages.update(made)
    for path, content in pages.items():
        folder.put(path, content)
    folder.put("index.json", feeds.index_json(papers))
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    folder.put("feed.xml", feeds.atom(frame, papers, now))
    sizes = [
        (
            "records.parquet",
            "every record whole, as the table that openbook reads",
            folder.written["data/records.parquet"][1],
        ),
        (
            "results.csv",
            "a line per paper: results as 1 or 0, and scores; without responses",
            folder.written["data/results.csv"][1],
        ),
        (
            "../index.json",
            "a short object per paper: results, scores, where its record is",
            folder.written["index.json"][1],
        ),
        ("../audit/findings.json", "what the audit found", folder.written["audit/findings.json"][1]),
    ]
    folder.put("data/index.html", overview.downloads(frame, sizes))
    for path, content in feeds.sitemaps(
        frame, papers, [*sorted(path for path in pages if path.endswith(".html")), "data/index.html"]
    ):
        folder.put(path, content)


def _agreement(records: Path, labels: Path | None) -> dict[str, Any] | None:
    """How far the records agree with the labels. Raises OpenbookError when these cannot be compared."""
    if labels is None:
        return None
    from openbook.corpus.validation.label_tables import read_label_table
    from openbook.corpus.validation.report import validate

    return validate(read_label_table(records, "records"), read_label_table(labels, "labels"))


def _card() -> dict[str, Any]:
    """The offline assessor's own agreement, as its weights state it."""
    text = files("openbook.assessors.linear").joinpath("weights/linear.json").read_text(encoding="utf-8")
    card: dict[str, Any] = json.loads(text)
    return card


def _search(
    settings: Settings, papers: Sequence[Listed], search: dict[str, Any], report: Report, progress: Progress
) -> None:
    """Build the index where titles, authors or results changed since the last one; without search, remove it."""
    index = settings.out / searching.FOLDER
    if not settings.search:
        rmtree(index, ignore_errors=True)
        search.pop("listed", None)
        return
    listed = digest([json.dumps(one[:1] + one[3:10] + one[10:11], ensure_ascii=False) for one in papers])
    started = time.monotonic()
    report.search_seconds, report.search_peak_mb = 0.0, 0.0
    if search.get("listed") != listed or not index.is_dir():
        with Peak() as peak:
            done = 0

            def step() -> None:
                nonlocal done
                done += 1
                if done % 500 == 0:
                    progress("search index", done, len(papers))

            progress("search index", 0, len(papers))
            searching.build_index(search_page.search_entries(papers), settings.out, step)
        search["listed"] = listed
        search["bytes"] = sum(path.stat().st_size for path in index.rglob("*") if path.is_file())
        report.search_seconds, report.search_peak_mb = round(time.monotonic() - started, 2), peak.megabytes
    report.bytes += search["bytes"]
