"""Checks whether the addresses that a paper gives for its code and data can still be reached.

Only the address itself is asked, and where it leads; no third party is. One request a second to a host, at most, and no host
of this machine or of a private network, however an address leads there.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urljoin, urlsplit

import httpx

from openbook import __version__
from openbook.errors import OpenbookError
from openbook.files import sha256, write_atomically
from openbook.papers.fetch import cache_folder
from openbook.record.model import Answer, LinkCheck, Record
from openbook.repositories.archived_ids import archive_of
from openbook.repositories.cloning import refuse_private

Status = Literal["answered", "moved", "gone", "archived", "unknown"]

CHECKED: Final = ("open_source_code", "open_datasets")
MOST: Final = 10
"""So many addresses of one answer are asked."""
HOPS: Final = 5
PAUSE: Final = 1.0
SECONDS: Final = 15.0
KEPT: Final = 7 * 24 * 3600.0
"""An answer is asked for again after so many seconds."""
_ADDRESS: Final = re.compile(
    r"https?://[^\s\"<>\\^`{|}\[\]“”’]+|\b(?:github\.com|gitlab\.com|doi\.org)/[\w./%~-]+"
    r"|\bswh:1:[a-z]{3}:[0-9a-f]{40}\b|\bdoi:\s?10\.\d{4,9}/[\w./()-]+",
    re.IGNORECASE,
)
_PAGE: Final = re.compile(r" \(p\. (\d+)\)")
#: Hosts that keep copies of what others publish. A link to one of them says that only the copy is referred to.
_ARCHIVES: Final = re.compile(
    r"(?:^|\.)(?:web\.archive\.org|archive\.org|archive\.softwareheritage\.org|archive\.(?:ph|is|today)|perma\.cc|webcitation\.org)$"
)
#: Hosts that exist to lead elsewhere.
_RESOLVERS: Final = re.compile(r"(?:^|\.)(?:doi\.org|hdl\.handle\.net|purl\.org|w3id\.org|n2t\.net|identifiers\.org)$")


def links_of(answer: Answer) -> list[tuple[str, int | None]]:
    """The addresses in an answer's quotes and behind their words, in its near miss and its response, each once.

    Beside each stands the page that gives it.
    """
    places = [(" ".join([item.quote, *item.links]), item.page) for item in answer.evidence if item.match != "absent"]
    if answer.near_miss is not None:
        places.append((answer.near_miss.quote, answer.near_miss.page))
    found: dict[str, int | None] = {}
    for text, page in places:
        for url in addresses_in(text):
            found.setdefault(url, page)
    for match in _ADDRESS.finditer(answer.response):
        named = _PAGE.match(answer.response, match.end())
        found.setdefault(_whole(match[0]), int(named[1]) if named else None)
    return list(found.items())[:MOST]


def addresses_in(text: str) -> list[str]:
    """The web addresses in a text, in order, with their schemes and without the marks that end their sentences."""
    return [_whole(match[0]) for match in _ADDRESS.finditer(text)]


def _whole(address: str) -> str:
    """An address without the marks that end its sentence, and with its scheme."""
    address = address.rstrip(".,;:!?'\"")
    if address.endswith(")") and "(" not in address:
        address = address.rstrip(").,;")
    if "://" in address:
        return address
    if re.match(r"swh:|doi:", address, re.IGNORECASE):
        named = archive_of(address)
        return named.url if named else address
    return f"https://{address}"


def check_links(record: Record, checker: LinkChecker) -> Record:
    """The record with the state of the addresses that its answers on code and data give."""
    answers = dict(record.answers)
    for variable in CHECKED:
        answer = answers.get(variable)
        if answer is None or answer.result == "unread":
            continue
        links = [checker.check(url).model_copy(update={"page": page}) for url, page in links_of(answer)]
        answers[variable] = answer.model_copy(update={"links": links})
    return record.model_copy(update={"answers": answers})


def _refuse_private(url: str) -> None:
    refuse_private(url, schemes=("http", "https"))


class LinkChecker:
    """Requests addresses, politely, and remembers their answers for a week. Use it as a context manager, or call ``close``.

    Args:
        folder: where answers are kept; by default beside the downloaded papers.
        refuse: raises OpenbookError for an address that must not be asked; every hop of a redirect is put to it.
        pause: seconds between two requests to one host.
        seconds: the longest that one request may take.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        refuse: Callable[[str], None] = _refuse_private,
        pause: float = PAUSE,
        seconds: float = SECONDS,
    ) -> None:
        self._folder = folder or cache_folder().parent / "links"
        self._refuse = refuse
        self._pause = pause
        self._last: dict[str, float] = {}
        agent = f"openbook/{__version__} (checks links that papers give)"
        self._client = httpx.Client(headers={"User-Agent": agent}, timeout=seconds, follow_redirects=False)

    def check(self, url: str) -> LinkCheck:
        """The state of one address. It is ``unknown`` if there is no network or no clear answer; nothing is raised."""
        kept = self._kept(url)
        if kept is not None:
            return kept
        status, code, target = self._ask(url)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        found = LinkCheck(url=url, status=status, code=code, target=target, checked=now)
        if status != "unknown":
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path(url), found.model_dump_json())
        return found

    def _path(self, url: str) -> Path:
        return self._folder / f"{sha256(url)[:32]}.json"

    def _kept(self, url: str) -> LinkCheck | None:
        try:
            found = LinkCheck.model_validate(json.loads(self._path(url).read_text(encoding="utf-8")))
            age = datetime.now(UTC) - datetime.fromisoformat(found.checked)
        except (OSError, ValueError, TypeError):
            return None
        return found if found.url == url and 0 <= age.total_seconds() < KEPT else None

    def _ask(self, url: str) -> tuple[Status, int | None, str | None]:
        """The status of an address, the last HTTP status, and where it leads now."""
        at, lasting = url, False
        code: int | None = None
        for _ in range(HOPS + 1):
            try:
                self._refuse(at)
                code, location = self._request(at)
                if code not in (301, 302, 303, 307, 308) or not location:
                    break
                target = urljoin(at, location)
                resolver = _RESOLVERS.search(urlsplit(at).hostname or "")
                lasting = lasting or (code in (301, 308) and not resolver and not _same(at, target))
                at = target
            except (OpenbookError, httpx.HTTPError, httpx.InvalidURL, ValueError):
                return "unknown", code, None
        else:
            return "unknown", code, None
        if code in (404, 410):
            return "gone", code, None
        if not 200 <= code < 300:
            return "unknown", code, None
        if _ARCHIVES.search(urlsplit(at).hostname or ""):
            return "archived", code, None if at == url else at
        return ("moved", code, at) if lasting else ("answered", code, None)

    def _request(self, url: str) -> tuple[int, str | None]:
        """The status and the redirect of one address: asked for its head, then for itself where heads are refused."""
        host = urlsplit(url).netloc
        for method in ("HEAD", "GET"):
            wait = self._last.get(host, -self._pause) + self._pause - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            try:
                with self._client.stream(method, url) as response:  # the body is never read
                    code, location = response.status_code, response.headers.get("location")
            finally:
                self._last[host] = time.monotonic()
            if method == "GET" or not (code in (403, 404, 405, 429) or code >= 500):
                break
        return code, location

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> LinkChecker:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def _same(one: str, other: str) -> bool:
    """Whether two addresses differ only in their scheme, a ``www.``, letter case or the slash at the end."""

    def plain(url: str) -> str:
        parts = urlsplit(url)
        path = parts.path.rstrip("/").removesuffix(".git")
        return f"{(parts.hostname or '').removeprefix('www.')}{path}?{parts.query}".lower()

    return plain(one) == plain(other)
