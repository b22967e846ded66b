"""Papers by arXiv id or address: downloaded once, politely, into a cache.

One request to a host every three seconds, patience when a server asks for it, a limit on size, an honest user agent.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from openbook import __version__
from openbook.errors import OpenbookError
from openbook.files import replacing, sha256, write_atomically

if TYPE_CHECKING:
    import httpx

ARXIV = "https://export.arxiv.org"
_ARXIV_ID = re.compile(r"(?:arxiv:)?(\d{4}\.\d{4,5}(?:v\d+)?|[a-z-]+(?:\.[A-Z]{2})?/\d{7}(?:v\d+)?)", re.IGNORECASE)
_ARXIV_PAGE = re.compile(
    r"https?://(?:www\.|export\.)?arxiv\.org/(?:abs|pdf|html)/([^?#\s]+?)(?:\.pdf)?/?", re.IGNORECASE
)
_OPENREVIEW = re.compile(r"https?://openreview\.net/forum\?id=([\w-]+).*")
_RETRIED = frozenset([408, 425, 429, 500, 502, 503, 504])
_last_request: dict[str, float] = {}


def is_remote(source: str) -> bool:
    """Whether a source is an address or an arXiv id, not a path."""
    return source.lower().startswith(("http://", "https://")) or bool(_ARXIV_ID.fullmatch(source))


def address_of(source: str) -> str:
    """The address of the document behind an arXiv id, the page of an arXiv or OpenReview paper, or any other address.

    ``OPENBOOK_ARXIV`` in the environment replaces arXiv's base address (for a mirror).
    """
    base = os.environ.get("OPENBOOK_ARXIV", ARXIV).rstrip("/")
    found = _ARXIV_ID.fullmatch(source) or _ARXIV_PAGE.fullmatch(source)
    if found:
        return f"{base}/pdf/{found.group(1)}"
    found = _OPENREVIEW.fullmatch(source)
    return f"https://openreview.net/pdf?id={found.group(1)}" if found else source


def local_path(source: str | Path) -> Path:
    """The file of a source: its path, or where the document behind an arXiv id or address was downloaded to.

    Raises ``OpenbookError`` when there is none.
    """
    path = Path(source)
    if path.is_file():
        return path
    if path.is_dir():
        raise OpenbookError(f"{str(path)!r} is a folder: give one paper in it; openbook assess takes folders")
    if is_remote(str(source)):
        return fetch(str(source))
    raise OpenbookError(f"there is no file {str(source)!r}: give the path of a paper, an arXiv id or an address")


def cache_folder() -> Path:
    """Where downloads are kept: ``OPENBOOK_CACHE`` or the user's cache folder."""
    import platformdirs

    given = os.environ.get("OPENBOOK_CACHE")
    return (Path(given) if given else Path(platformdirs.user_cache_dir("openbook"))) / "papers"


def fetch(
    source: str,
    *,
    cache: Path | None = None,
    pause: float = 3.0,
    tries: int = 4,
    megabytes: int = 200,
    timeout: float = 60.0,
) -> Path:
    """The downloaded document behind an address or arXiv id, from the cache when it is there.

    ``pause``: seconds between two requests to one host, and the first wait after a failed try (doubled with each).
    Raises ``OpenbookError`` when it cannot be had.
    """
    url = address_of(source)
    folder = cache or cache_folder()
    path = folder / sha256(url)[:32]
    if path.is_file():
        return path
    import httpx

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OpenbookError(
            f"the cache {folder} cannot be made ({error}); set OPENBOOK_CACHE to another folder"
        ) from None
    agent = f"openbook/{__version__} (reads papers; {os.environ.get('OPENBOOK_CONTACT', 'no contact given')})"
    reason = ""
    with httpx.Client(headers={"User-Agent": agent}, timeout=timeout, follow_redirects=True, max_redirects=8) as client:
        for attempt in range(max(tries, 1)):
            wait = pause * 2**attempt
            _pause(urlsplit(url).netloc, pause)
            try:
                with client.stream("GET", url) as response:
                    if response.status_code in _RETRIED:
                        reason = f"the server answers {response.status_code}"
                        wait = max(wait, _retry_after(response))
                    elif response.status_code >= 400:
                        raise OpenbookError(
                            f"{url} cannot be downloaded: the server answers {response.status_code}; check the address"
                        )
                    else:
                        _save(response, path, megabytes, url)
                        return path
            except (httpx.TransportError, httpx.InvalidURL, httpx.TooManyRedirects, httpx.DecodingError) as error:
                reason = str(error) or type(error).__name__
                if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects)):
                    break
            if attempt + 1 < tries:
                time.sleep(min(wait, 120.0))
    raise OpenbookError(f"{url} cannot be downloaded ({reason}); check the address and the network, or give a file")


def _pause(host: str, pause: float) -> None:
    wait = _last_request.get(host, 0.0) + pause - time.monotonic()
    if wait > 0 and host in _last_request:
        time.sleep(wait)
    _last_request[host] = time.monotonic()


def _retry_after(response: httpx.Response) -> float:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdigit() else 0.0


def _save(response: httpx.Response, path: Path, megabytes: int, url: str) -> None:
    """Write a document, and beside it a card that says where it is from."""
    total = 0
    with replacing(path) as partial:
        with partial.open("wb") as file:
            for chunk in response.iter_bytes(1 << 16):
                total += len(chunk)
                if total > megabytes << 20:
                    raise OpenbookError(
                        f"{url} is larger than {megabytes} MB, the limit for a paper; download it and give the file"
                    )
                file.write(chunk)
        card = {"url": url, "type": response.headers.get("content-type", ""), "bytes": total}
        write_atomically(path.with_suffix(".json"), json.dumps(card))
