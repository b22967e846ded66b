"""Inspects the code that a paper links to as its own. Each repository is fetched once in a run."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from shutil import move
from typing import Any, Final
from urllib.parse import urlsplit

from openbook.assessors.linear.claims import code_claim
from openbook.errors import OpenbookError
from openbook.record.model import CodeReport, Record
from openbook.repositories.archived_ids import archive_of
from openbook.repositories.cloning import cloned, is_address
from openbook.repositories.contents import read_repository
from openbook.repositories.inspection import compared, inspect_folder
from openbook.repositories.links import LinkChecker, addresses_in

PAUSE: Final = 1.0
"""Seconds between two fetches from one host."""
KEPT: Final = 500.0
"""Megabytes of text of repositories that are kept for other papers of the run."""
#: Hosts of repositories: OWNER/NAME follows. GitLab's groups may be nested.
_HOST: Final = re.compile(
    r"^https?://(?:www\.)?(github\.com|(?:[\w-]+\.)*gitlab(?:\.[\w-]+)+|bitbucket\.org|codeberg\.org)/",
    re.IGNORECASE,
)
_NO_OWNER: Final = frozenset("about topics features orgs search settings marketplace".split())
#: What a sentence says that is not about code of the paper's own that can be had.
_NOT_OWN: Final = ("others' code", "promise", "on request", "not available")


def own_code(record: Record) -> str | None:
    """The address of the code that the paper says is its own: of a repository, else of an archive; None without.

    It stands in a quote that proves *yes* to open source code, or behind its words or in its footnote.
    """
    answer = record.answers.get("open_source_code")
    if answer is None or answer.result != "yes":
        return None
    archived = None
    for item in answer.evidence:
        if item.match == "absent" or code_claim(item.quote) in _NOT_OWN:
            continue
        for url in [*addresses_in(item.quote), *item.links]:
            repository = repository_address(url)
            if repository is not None:
                return repository
            with suppress(OpenbookError):
                archived = archived or (url if archive_of(url) else None)
    return archived


def repository_address(url: str) -> str | None:
    """The https address of the repository that an address leads into, without page, branch or file; None if it is none."""
    found = _HOST.match(url)
    parts = [part for part in urlsplit(url).path.split("/") if part]
    if found is None:
        return url.replace("http://", "https://", 1) if urlsplit(url).path.endswith(".git") else None
    host = found[1].lower()
    if "gitlab" in host:
        parts = parts[: parts.index("-")] if "-" in parts else parts
    else:
        parts = parts[:2]
    if len(parts) < 2 or parts[0] in _NO_OWNER:
        return None
    return f"https://{host}/" + "/".join([*parts[:-1], parts[-1].removesuffix(".git")])


Fetch = Callable[[str], AbstractContextManager[Path]]


class CodeVisitor:
    """Adds a report on the paper's own code to its record. Use it as a context manager, or call ``close``.

    Whatever goes wrong is told by the report's ``problem``, and the rest of the record stands. One repository is fetched
    at a time, and each once: the text of its files is kept until the end for other papers, within ``KEPT``.

    Args:
        given: the folder or address of the code of every paper; by default what each paper links to. Raises OpenbookError
            for a folder that is not there.
        fetch: gives the folder of a clone for the length of a block; raises OpenbookError.
        checker: asks whether archives answer; nothing is downloaded from them.
        pause: seconds between two fetches from one host.
    """

    def __init__(
        self,
        given: str | None = None,
        *,
        fetch: Fetch = cloned,
        checker: LinkChecker | None = None,
        pause: float = PAUSE,
    ) -> None:
        if given is not None and archive_of(given) is None and not is_address(given):
            read_repository(Path(given))
        self._given = given
        self._fetch = fetch
        self._checker = checker or LinkChecker()
        self._pause = pause
        self._last: dict[str, float] = {}
        self._seen: dict[str, CodeReport] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="openbook-code-", ignore_cleanup_errors=True)
        self._texts: dict[str, Path] = {}
        self._megabytes = 0.0

    def visit(self, record: Record) -> Record:
        """The record with the report on its own code; unchanged if the paper names none, or it was inspected before."""
        source = self._given or own_code(record)
        if source is None or record.paper.problem is not None:
            return record
        before = record.code
        if self._given is None and before is not None and before.source == source and before.problem is None:
            return record
        try:
            report = self._report(source, record)
        except OpenbookError as error:
            report = CodeReport(source=_shown(source), problem=_sentence(str(error), source))
        return record.model_copy(update={"code": report})

    def _report(self, source: str, record: Record) -> CodeReport:
        archive = archive_of(source)
        if archive is not None:
            state = self._checker.check(archive.url)
            there = state.status in ("answered", "moved", "archived")
            said = "answers" if there else "is gone" if state.status == "gone" else "gave no clear answer"
            raise OpenbookError(f"It is {archive.what}, which {said}; archives are not downloaded.")
        if not is_address(source):
            return inspect_folder(Path(source), _shown(source), record)
        if source in self._texts:
            return compared(self._seen[source], read_repository(self._texts[source]), record)
        if source in self._seen and self._seen[source].problem is not None:
            return self._seen[source]
        try:
            self._wait(urlsplit(source).netloc)
            with self._fetch(source) as folder:
                report = inspect_folder(folder, source, fetched=True)
                full = compared(report, read_repository(folder), record)
                self._seen[source] = report
                self._keep(source, folder)
        except OpenbookError as error:
            self._seen[source] = CodeReport(source=source, problem=_sentence(str(error), source))
            return self._seen[source]
        return full

    def _keep(self, source: str, folder: Path) -> None:
        """Keep the files of a clone that a comparison reads."""
        files = [file for file in read_repository(folder).files if file.is_text]
        size = sum(file.size for file in files) / 1e6
        if self._megabytes + size > KEPT:
            return
        place = Path(self._folder.name) / str(len(self._texts))
        for file in files:
            target = place / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):
                move(folder / file.path, target)
        if place.exists():
            self._megabytes += size
            self._texts[source] = place

    def _wait(self, host: str) -> None:
        wait = self._last.get(host, -self._pause) + self._pause - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        self._last[host] = time.monotonic()

    def close(self) -> None:
        """Remove what was kept, and close the connections."""
        self._folder.cleanup()
        self._checker.close()

    def __enter__(self) -> CodeVisitor:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def _shown(source: str) -> str:
    """A source as a record names it: an address whole, a folder by its name."""
    return source if is_address(source) or archive_of(source) else Path(source).resolve().name


def _sentence(reason: str, source: str) -> str:
    """A reason as one line, without the source, which stands beside it."""
    line = " ".join(reason.split())[:500]
    for before in (f"{source}: ", f"{source} was not looked at: "):
        line = line.removeprefix(before)
    return line[:1].upper() + line[1:] if line[:8] != source[:8] else line
