"""Builds the site: pages of papers that changed, all else from the rows of the lists, then the search index."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import Any

import psutil

from openbook.corpus.trends.figures import all_figures
from openbook.corpus.trends.report import learn_errors
from openbook.errors import OpenbookError
from openbook.record.parquet import from_row, read_table
from openbook.studies import Study
from openbook.web.addresses import folder_name
from openbook.web.site import explore, lists, pages, state
from openbook.web.site.frame import Site, badge, bundle_file
from openbook.web.site.paper_page import StudyBox, badge_name
from openbook.web.site.rendering import Bad, RenderJob, render, seldom_collecting, shard_of
from openbook.web.site.rows import Listed, by_title
from openbook.web.site.sources import RecordSource, find_source, write_tables
from openbook.web.site.state import Folder, digest, seal
from openbook.web.templating import static_text

#: Called with what is being done, how much of it is done, and how much there is of it (0: not known).
OnBuildProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class SiteSettings:
    """What a site is built from. ``base_url`` is its address, ``correct`` where corrections are proposed.

    ``bundle`` keeps papers' pages in packed files, for hosts that refuse many files.
    ``marked_pdfs`` adds each paper's PDF with its quotes marked, where the PDF is in ``papers`` or at the record's source.
    """

    records: Path
    out: Path
    studies: Path | None = None
    labels: Path | None = None
    base_url: str = ""
    correct: str | None = None
    search: bool = True
    processes: int = 1
    bundle: bool = False
    marked_pdfs: bool = False
    papers: Path | None = None


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
    marked: int = 0
    unmarked: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def build(settings: SiteSettings, on_progress: OnBuildProgress = lambda what, done, of: None) -> Report:
    """Build the site, or bring it up to date. Raises OpenbookError."""
    with seldom_collecting():
        return _Build(settings, on_progress).run()


class _Build:
    """One build: what it is made from, what earlier builds left, what it did."""

    def __init__(self, settings: SiteSettings, on_progress: OnBuildProgress) -> None:
        self.settings = settings
        self.on_progress = on_progress
        self.out = settings.out
        self.report = Report(str(settings.out))
        self.site = Site(settings.base_url, settings.correct, settings.bundle)

    def run(self) -> Report:
        started, used, report = time.monotonic(), processor_seconds(), self.report
        with Peak() as peak:
            source = find_source(self.settings.records)
            studies = pages.read_studies(self.settings.studies)
            if self.settings.search and not explore.available():
                raise OpenbookError(
                    "search needs Pagefind; install it with: pip install 'openbook[search]', or build with --no-search"
                )
            state.check_ours(self.out)
            current = seal(self.site)
            before = state.read_state(self.out, current)
            folder = Folder(self.out, before.files)
            marked = self._mark_pdfs(folder) if self.settings.marked_pdfs else frozenset()
            papers = self._papers(
                source, current, before, pages.study_boxes(studies, "../" if self.site.bundle else "../../"), marked
            )
            self.on_progress("lists and trends", 0, 0)
            search: dict[str, Any] = {key: before.search[key] for key in ("listed", "bytes") if key in before.search}
            search["papers"] = digest(one.hash for one in papers)
            self._other_pages(source, folder, papers, studies, search["papers"] != before.search.get("papers"))
            folder.clean()
            report.pages = len(papers)
            report.other_pages = sum(path.endswith(".html") for path in folder.written)
            report.largest_page = max((one.html for one in papers), default=0)
            report.bytes = sum(one.bytes for one in papers) + sum(size for _, size in folder.written.values())
            if report.written or report.removed or len(papers) != len(before.papers):
                state.write_papers(self.out, current, papers)
            state.write_build(self.out, folder.written, search)
        report.cpu_seconds = round(processor_seconds() - used, 2)
        report.seconds, report.peak_mb = round(time.monotonic() - started, 2), peak.megabytes
        self._search(papers, search)
        state.write_build(self.out, folder.written, search)
        return report

    def _papers(
        self,
        source: RecordSource,
        current: str,
        before: state.State,
        boxes: dict[str, StudyBox],
        marked: frozenset[str],
    ) -> list[Listed]:
        """Render what is new or changed; the rows of all papers, in the order of the source."""
        self.on_progress("reading records", 0, 0)
        report = self.report
        identities: dict[str, int] = {}
        fingerprints: dict[int, str] = {}
        kept: dict[int, Listed] = {}
        there = set(os.listdir(self.out / "papers")) if (self.out / "papers").is_dir() else set()
        for place, (identity, fingerprint) in enumerate(source.fingerprints()):
            if identity and identity in identities:
                report.left_out.append(f"row {place + 1}: a second record of {identity}; the first one has the page")
                continue
            identities[identity] = place
            fingerprints[place] = fingerprint + (f"-{digest([repr(boxes[identity])])}" if identity in boxes else "")
            fingerprints[place] += "-marked" if identity in marked else ""
            old = before.papers.get(identity)
            if old is not None and old.hash == fingerprints[place] and self._kept(old) in there:
                kept[place] = old
        wanted = set(fingerprints) - set(kept)
        job = RenderJob(source, self.out, self.site, fingerprints, _now(), boxes, marked)
        (self.out / "papers").mkdir(exist_ok=True)
        journal = state.Journal(self.out, current)
        self.on_progress("papers", 0, len(wanted))
        try:
            for batch in render(job, wanted, self.settings.processes):
                rows = [_first_seen(one, before.seen) for one in batch if isinstance(one, Listed)]
                journal.add(rows)
                report.left_out += [one.why for one in batch if isinstance(one, Bad)]
                kept.update((identities[one.id], one) for one in rows)
                report.written += len(rows)
                self.on_progress("papers", report.written, len(wanted))
        finally:
            journal.close()
        papers = [kept[place] for place in sorted(kept)]
        if not papers:
            why = "; ".join(report.left_out[:3])
            raise OpenbookError(f"{self.settings.records} holds no record that can be shown: {why}")
        self._clean_papers(papers, before)
        return papers

    def _mark_pdfs(self, folder: Folder) -> frozenset[str]:
        """Write the marked PDFs; the ids of the papers that have one. A paper without one still has its page."""
        from openbook.web.marked_pdf import marked_copy

        records = self.settings.records
        beside = self.settings.papers or (records if records.is_dir() else records.parent)
        rows = read_table(records).to_pylist()
        marked: set[str] = set()
        for number, row in enumerate(rows):
            self.on_progress("marking PDFs", number, len(rows))
            try:
                record = from_row(row)
                folder.put(f"marked/{folder_name(record.paper.id)}.pdf", marked_copy(record, beside))
                marked.add(record.paper.id)
            except (OpenbookError, ValueError) as error:
                self.report.unmarked.append(f"{row.get('id')}: {str(error).splitlines()[0]}")
        self.report.marked = len(marked)
        return frozenset(marked)

    def _kept(self, one: Listed) -> str:
        """What holds a paper's page in the folder of papers."""
        return bundle_file(one.bundle) if self.site.bundle else one.folder

    def _clean_papers(self, papers: Sequence[Listed], before: state.State) -> None:
        """Remove pages of papers that are gone, and what an earlier build kept in the other way."""
        current = {self._kept(one) for one in papers}
        earlier = set(before.folders.values())
        self.report.removed = len(earlier - {one.folder for one in papers})
        for name in set(os.listdir(self.out / "papers")) - current:
            path = self.out / "papers" / name
            if path.is_dir() and name in earlier:
                rmtree(path, ignore_errors=True)
            elif name.startswith("bundle-"):
                path.unlink()

    def _bundle_pages(self, folder: Folder, papers: Sequence[Listed]) -> None:
        """What shows papers that are kept in bundles: the page, its script, in which bundle each is, the badges."""
        shards = min(64, 1 + len(papers) // 500)
        where: list[dict[str, str]] = [{} for _ in range(shards)]
        for one in papers:
            where[shard_of(one.folder, shards)][one.folder] = one.bundle
        for number, listed in enumerate(where):
            folder.put(f"papers/where-{number}.json", json.dumps(listed, ensure_ascii=False))
        for documentation in (None, *range(8)):
            folder.put(f"assets/badges/{badge_name(documentation)}", badge(documentation))
        folder.put("assets/bundle.js", static_text("bundle.js"))
        folder.put(
            "papers/index.html", self.site.page("bundle.html.jinja", "papers/index.html", "A paper", shards=shards)
        )

    def _other_pages(
        self, source: RecordSource, folder: Folder, papers: Sequence[Listed], studies: Sequence[Study], changed: bool
    ) -> None:
        """Everything but the papers' pages and the search index."""
        site, settings = self.site, self.settings
        folder.put("assets/site.css", static_text("theme.css") + static_text("site.css"))
        for name in ("icon.svg", "explore.js", "corrections.js"):
            folder.put(f"assets/{name}", static_text(name))
        if site.bundle:
            self._bundle_pages(folder, papers)
        folder.put(".nojekyll", "")  # else some hosts leave out folders whose names begin with an underscore
        write_tables(folder, source, papers, changed)
        table = self.out / "data" / "records.parquet"  # what cannot be read of a folder of records is not in it
        errors = learn_errors(table, settings.labels) if settings.labels else None
        charts = all_figures(table, errors)
        for one in charts:
            folder.put(f"trends/{one.name}.svg", one.svg)
            folder.put(f"trends/{one.name}.csv", one.csv())
        ordered = by_title(papers)
        made: dict[str, str] = {
            "index.html": pages.home(site, papers, charts, studies),
            "trends/index.html": pages.trends(site, papers, charts, errors is not None),
            "method/index.html": pages.method(site),
            "accuracy/index.html": pages.accuracy(site, table, settings.labels),
            "corrections/index.html": pages.corrections(site),
        }
        made.update(lists.list_pages(site, ordered))
        made.update(lists.audit_files(site, ordered))
        made.update(explore.explore_files(site, ordered, settings.search))
        made.update(pages.study_pages(site, studies, {one.id: one.folder for one in papers}))
        made["index.json"] = lists.index_json(site, papers)
        made["feed.xml"] = lists.atom(site, papers, _now())
        for path, content in made.items():
            folder.put(path, content)
        sizes = [
            ("data/records.parquet", "every record whole, as the table that openbook reads"),
            ("data/results.csv", "a line per paper: results as 1 or 0, and scores; without responses"),
            ("index.json", "a short object per paper: results, scores, where its record is"),
            ("audit/findings.json", "what the audit found"),
        ]
        downloads = [(path, what, folder.written[path][1]) for path, what in sizes]
        folder.put("data/index.html", pages.downloads(site, downloads))
        places = [path for path in sorted(made) if path.endswith(".html") and not path.startswith("search/")]
        for path, content in lists.sitemaps(site, papers, [*places, "data/index.html"]):
            folder.put(path, content)

    def _search(self, papers: Sequence[Listed], search: dict[str, Any]) -> None:
        """Build the index where titles or authors changed since the last one; without search, remove it."""
        report, index = self.report, self.out / explore.FOLDER
        if not self.settings.search:
            rmtree(index, ignore_errors=True)
            search.pop("listed", None)
            return
        listed = digest(json.dumps((one.id, one.plain, one.authors, one.venue, one.year)) for one in papers)
        started = time.monotonic()
        report.search_seconds, report.search_peak_mb = 0.0, 0.0
        if search.get("listed") != listed or not index.is_dir():
            with Peak() as peak:
                done = 0

                def step() -> None:
                    nonlocal done
                    done += 1
                    if done % 500 == 0:
                        self.on_progress("search index", done, len(papers))

                self.on_progress("search index", 0, len(papers))
                explore.build_index(explore.search_entries(by_title(papers)), self.out, step)
            search["listed"] = listed
            search["bytes"] = sum(path.stat().st_size for path in index.rglob("*") if path.is_file())
            report.search_seconds, report.search_peak_mb = round(time.monotonic() - started, 2), peak.megabytes
        report.bytes += search["bytes"]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _first_seen(row: Listed, seen: dict[str, str]) -> Listed:
    return row._replace(seen=seen[row.id]) if row.id in seen else row


def processor_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Peak:
    """A context manager that looks every tenth of a second; ``megabytes`` is the peak since it was entered (resident, 1 MB = 10^6 bytes; pages that
    processes share count once for each)."""

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while True:
            total = 0
            with suppress(psutil.Error):
                for process in [own, *own.children(recursive=True)]:
                    with suppress(psutil.Error):
                        total += process.memory_info().rss
            self.megabytes = max(self.megabytes, round(total / 1e6, 1))
            if self._stop.wait(0.1):
                return
