"""Renders the papers' pages, in this process or in several, and tells what it wrote."""

from __future__ import annotations

import gc
import gzip
import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final

from openbook.corpus.audit.findings import Finding, as_audited
from openbook.corpus.audit.rules import audit_record
from openbook.errors import OpenbookError
from openbook.record.files import dump_record
from openbook.record.model import Record
from openbook.web.addresses import folder_name, group_folder
from openbook.web.site.frame import Site, badge, bundle_file
from openbook.web.site.paper_page import StudyBox, paper_page
from openbook.web.site.rows import UNKNOWN, Listed, describe
from openbook.web.site.sources import RecordSource
from openbook.web.site.state import unwritable, write_fast

#: Fewer pages than this are rendered in this process: starting another takes longer.
FEW: Final = 600
#: Papers in one bundle: a reader loads a whole one for each paper.
PER_BUNDLE: Final = 50


@dataclass(frozen=True)
class RenderJob:
    """All that a process needs to render papers."""

    source: RecordSource
    out: Path
    site: Site
    fingerprints: dict[int, str]
    seen: str
    rebuilt: dict[str, StudyBox] = field(default_factory=dict)
    marked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that has no page, and why."""

    place: int
    why: str


Rendered = list[Listed | Bad]


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Look for cyclic garbage less often: a build makes hardly any, and the search would take a sixth of its time."""
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def render(job: RenderJob, places: set[int], processes: int) -> Iterator[Rendered]:
    """Render the records at these places of the source, a batch at a time. Raises OpenbookError."""
    if len(places) < FEW or processes < 2:
        for batch in job.source.batches(places):
            yield _batch(job, batch)
        return
    yield from _in_processes(job, places, processes)


def _batch(job: RenderJob, batch: Iterator[tuple[int, Record | str]]) -> Rendered:
    """Make the pages of some records and write each into its folder, or all into bundles."""
    records: list[tuple[int, Record]] = []
    done: Rendered = []
    for place, record in batch:
        if isinstance(record, str):
            done.append(Bad(place, record))
        else:
            records.append((place, record))
    made = _make(job, records)
    if job.site.bundle:
        for start in range(0, len(made), PER_BUNDLE):
            done += _write_bundle(job.out / "papers", made[start : start + PER_BUNDLE])
    else:
        for one, files in made:
            _write_folder(f"{job.out}/papers/{one.folder}", files)
            done.append(one)
    return done


def _make(job: RenderJob, records: Sequence[tuple[int, Record]]) -> list[tuple[Listed, dict[str, bytes]]]:
    """The row of each record, and the files of its paper: name -> content, the page first.

    Each step is done for all records before the next one: the code and the tables of one step stay in the processor's caches.
    Paper by paper the same takes a third longer.
    """
    audited = [audit_record(as_audited(record))[0] for _, record in records]
    pages = [_page(job, record, findings) for (_, record), findings in zip(records, audited, strict=True)]
    dumped = [dump_record(record) for _, record in records]
    made: list[tuple[Listed, dict[str, bytes]]] = []
    for (place, record), findings, (page, texts), dump in zip(records, audited, pages, dumped, strict=True):
        files = {"index.html": page, "record.json": dump}
        files |= texts if job.site.bundle else {"badge.svg": badge(record.scores.documentation), **texts}
        contents = {name: content.encode("utf-8", "replace") for name, content in files.items()}
        size = sum(map(len, contents.values())), len(contents["index.html"])
        folder = folder_name(record.paper.id)
        made.append((describe(record, folder, job.fingerprints[place], findings, size, job.seen), contents))
    return made


def _page(job: RenderJob, record: Record, findings: Sequence[Finding]) -> tuple[str, dict[str, str]]:
    paper = record.paper
    groups = groups_of(paper.venue or UNKNOWN, paper.year)
    rebuilt, marked = job.rebuilt.get(paper.id), paper.id in job.marked
    return paper_page(record, folder_name(paper.id), job.site, findings, groups, rebuilt, marked)


def _write_bundle(folder: Path, made: Sequence[tuple[Listed, dict[str, bytes]]]) -> list[Listed]:
    """Write papers into one packed file, named by what is in it; their rows with that name. Raises OpenbookError.

    The file is an object: a paper's folder -> its ``page`` as markup, and its other ``files`` as text.
    """
    papers = {
        one.folder: {
            "page": files["index.html"].decode(),
            "files": {name: content.decode() for name, content in files.items() if name != "index.html"},
        }
        for one, files in made
    }
    packed = gzip.compress(json.dumps(papers, ensure_ascii=False, separators=(",", ":")).encode(), 6, mtime=0)
    name = hashlib.blake2b(packed, digest_size=6).hexdigest()
    try:
        write_fast(str(folder / bundle_file(name)), packed)
    except OSError as error:
        raise unwritable(folder / bundle_file(name), error) from error
    rows = [one._replace(bundle=name, bytes=0) for one, _ in made]
    return [rows[0]._replace(bytes=len(packed)), *rows[1:]]


def shard_of(folder: str, shards: int) -> int:
    """In which of the lists of papers and their bundles a paper stands: FNV-1a, as ``bundle.js`` computes it."""
    value = 0x811C9DC5
    for byte in folder.encode("utf-8", "replace"):
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value % shards


def _write_folder(target: str, files: dict[str, bytes]) -> None:
    """Write a paper's files: a new folder whole or not at all, else one by one. Raises OpenbookError."""
    new = not os.path.isdir(target)
    beside = f"{target}.part" if new else target
    try:
        if new:
            with suppress(FileExistsError):  # left by a build that was killed
                os.mkdir(beside)
        for name, data in files.items():
            write_fast(f"{beside}/{name}", data, whole=not new)
        if new:
            os.rename(beside, target)
        else:  # texts of an older record of this paper that its page no longer needs
            for name in os.listdir(target):
                if name.endswith(".txt") and name not in files:
                    os.unlink(f"{target}/{name}")
    except OSError as error:
        if new:
            shutil.rmtree(beside, ignore_errors=True)
        raise unwritable(target, error) from error


@cache
def groups_of(venue: str, year: int | None) -> tuple[str, str]:
    """The paths of the lists that a paper stands in: of its venue, and of its venue's year."""
    folder = group_folder(venue)
    return f"venues/{folder}/index.html", f"venues/{folder}/{UNKNOWN if year is None else year}/index.html"


def _in_processes(job: RenderJob, places: set[int], processes: int) -> Iterator[Rendered]:
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads of Arrow and DuckDB
    following = context.Value("l", 0)
    workers, ends = [], []
    for _ in range(processes):
        end, start = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(job, places, following, start), daemon=True)
        worker.start()
        start.close()
        workers.append(worker)
        ends.append(end)
    try:
        open_ends: list[Any] = list(ends)
        while open_ends:
            for ready in wait(open_ends):
                assert isinstance(ready, Connection)
                try:
                    message = ready.recv()
                except EOFError:
                    raise OpenbookError(
                        "a process that was rendering pages ended without a message, perhaps for lack of memory; the same command "
                        "continues where this one stopped, and --processes 1 needs less memory"
                    ) from None
                if message is None:
                    open_ends.remove(ready)
                elif isinstance(message, str):
                    raise OpenbookError(message)
                else:
                    yield message
    finally:
        for worker in workers:
            if worker.is_alive() and worker.exitcode is None:
                worker.join(timeout=1)
                worker.terminate()
            worker.join()


def _work(job: RenderJob, places: set[int], following: Any, to: Connection) -> None:
    """Take the next batch that nobody has taken, until there are none."""
    mine = -1
    try:
        with seldom_collecting():
            for number, batch in enumerate(job.source.batches(places)):
                if mine < number:
                    with following.get_lock():
                        mine = max(following.value, number)
                        following.value = mine + 1
                if mine == number:
                    to.send(_batch(job, batch))
        to.send(None)
    except OpenbookError as error:
        to.send(str(error))
    except (KeyboardInterrupt, BrokenPipeError):
        pass
