"""The page that finds papers by words and filters, and its search index.

The page's data are scripts, so that it works without a server too. ``explore/all.js`` holds seven characters a paper: its
answers as bits, and its place in the order of titles. A venue's year has a script of titles, folders and authors, which is
loaded only when papers of it are shown.

The search index is built by Pagefind's own program from titles and authors; no page is parsed for it.

Pagefind keeps a file per entry (a fragment) with what it shows of it. The site's own page shows the rows of Explore
instead, so one list of the fragments' names, in the order of those rows, takes the place of all these files.

Pagefind's Python client waits a tenth of a second for every answer (0.1 s a record: 95 minutes for 56,800), so this speaks
to the same program directly: base64 of one JSON object per message, a comma after each, answers likewise.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Final

from openbook.errors import OpenbookError
from openbook.variables import SCORED
from openbook.web.addresses import group_folder
from openbook.web.site.frame import Site
from openbook.web.site.lists import TITLES
from openbook.web.site.rows import UNKNOWN, Listed, by

_DIGITS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_KINDS: Final = ("experimental", "theoretical", "unknown")
_AFFILIATIONS: Final = ("academia", "industry", "collaboration", "unknown")


def grouped(papers: Sequence[Listed]) -> list[tuple[str, str, list[Listed]]]:
    """The papers by venue and year, in the order in which the page numbers them. ``papers`` are in order of title."""
    return [
        (venue, year, chosen)
        for venue, of_venue in by(papers, lambda one: one.venue).items()
        for year, chosen in by(of_venue, lambda one: one.year_name).items()
    ]


def explore_files(site: Site, papers: Sequence[Listed], searchable: bool) -> Iterator[tuple[str, str]]:
    """The page and its data: (path, content). ``papers`` are in order of title."""
    ranks = {one.id: place for place, one in enumerate(papers)}
    groups: list[list[str]] = []
    for venue, year, chosen in grouped(papers):
        name = f"{group_folder(venue)}-{year}.js"
        places = [0, *(ranks[one.id] for one in chosen)]
        steps = [place - before for before, place in pairwise(places)]
        packed = "".join(_encoded(_bits(one), 3) + _encoded(step, 4) for one, step in zip(chosen, steps, strict=True))
        rows = [
            [one.name[:300], one.folder, one.short_authors(100), *([one.id] if one.id != one.folder else [])]
            for one in chosen
        ]
        yield f"explore/{name}", f"explored({len(groups)},{_json(rows)})\n"
        groups.append([venue, year, name, packed])
    yield "explore/all.js", f"explore({_json(groups)})\n"
    venues = list(dict.fromkeys(group[0] for group in groups))
    years = sorted({group[1] for group in groups}, key=lambda year: (year != UNKNOWN, year), reverse=True)
    yield (
        "explore/index.html",
        site.page(
            "explore.html.jinja",
            "explore/index.html",
            "Explore",
            crumbs=[("Explore", None)],
            variables=SCORED,
            titles=TITLES,
            venues=list(zip(venues, venues, strict=True)),
            years=list(zip(years, years, strict=True)),
            scores=[(str(score), f"{score} of 7") for score in range(8)],
            searchable=searchable,
        ),
    )
    yield "search/index.html", site.page("search.html.jinja", "search/index.html", "Search", crumbs=[("Search", None)])


def search_entries(papers: Sequence[Listed]) -> Iterator[SearchEntry]:
    """What the search index is fed with: title and authors. The address of an entry is its number on the page."""
    ordered = [one for _, _, chosen in grouped(papers) for one in chosen]
    for place, one in enumerate(ordered):
        yield SearchEntry(url=str(place), content=f"{one.name}. {one.authors}")


def _bits(one: Listed) -> int:
    """The seven variables, unread, two bits of research type, flagged by the audit, two bits of affiliation."""
    bits = one.yes | (one.documentation is None) << 7 | _KINDS.index(one.research_type) << 8
    return bits | bool(one.findings) << 10 | _AFFILIATIONS.index(one.affiliation) << 11


def _encoded(value: int, length: int) -> str:
    """A number as ``length`` digits of base 64."""
    return "".join(_DIGITS[value >> 6 * place & 63] for place in reversed(range(length)))


def _json(value: object) -> str:
    """JSON that may stand in a script, whatever loads it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


FOLDER: Final = "pagefind"
#: Of what Pagefind writes, the parts that the site's own search page does not use.
_UNUSED: Final = ("pagefind-ui.*", "pagefind-modular-ui.*", "pagefind-component-ui.*", "pagefind-highlight.js")


@dataclass(frozen=True, slots=True)
class SearchEntry:
    """What the search knows of one paper. ``url`` is its number among the rows of Explore."""

    url: str
    content: str


def available() -> bool:
    """Whether Pagefind's program is installed."""
    return find_spec("pagefind") is not None and find_spec("pagefind_bin") is not None


def build_index(entries: Iterable[SearchEntry], out: Path, on_progress: Callable[[], None] = lambda: None) -> int:
    """Write the index to ``out/pagefind``, replacing an older one only when the new one is whole; how many entries it has.

    Raises OpenbookError if Pagefind is not installed, or fails.
    """
    if not available():
        raise OpenbookError(
            "search needs Pagefind; install it with: pip install 'openbook[search]', or build with --no-search"
        )
    from pagefind.service import get_executable

    with tempfile.TemporaryDirectory(prefix=".pagefind-", dir=out) as beside:
        command = [str(get_executable()), "--service"]
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as program,
        ):
            assert program.stdin is not None
            assert program.stdout is not None
            try:
                count = _talk(program.stdin, program.stdout, entries, Path(beside), on_progress)
            except (OSError, ValueError, KeyError) as error:
                program.kill()
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip().splitlines()
                raise OpenbookError(
                    f"Pagefind failed while indexing: {said[-1] if said else error}; build with --no-search to go without"
                ) from error
            finally:
                program.terminate()
        try:
            _number_fragments(Path(beside), count)
        except (OSError, ValueError, KeyError, IndexError) as error:
            raise OpenbookError(
                f"Pagefind wrote an index that this version of openbook does not understand ({error}); install the version "
                "that constraints.txt names, or build with --no-search"
            ) from error
        for pattern in _UNUSED:
            for path in Path(beside).glob(pattern):
                path.unlink()
        _replace(Path(beside), out / FOLDER)
    return count


def _number_fragments(index: Path, count: int) -> None:
    """Write ``rows.js``: the names of the fragments in the order of their entries; remove the fragments."""
    names = [""] * count
    for path in (index / "fragment").iterdir():
        text = gzip.decompress(path.read_bytes()).decode()
        found = re.search(r"\d+", json.loads(text[text.index("{") :])["url"])
        names[int(found[0]) if found else count] = path.stem
    (index / "rows.js").write_text(f"searchable({json.dumps(' '.join(names))})\n", encoding="utf-8")
    shutil.rmtree(index / "fragment")


def _replace(new: Path, old: Path) -> None:
    """Put a folder in the place of another: between two renames there is none, never half of one."""
    aside = new.with_name(new.name + ".old")
    if old.exists():
        old.rename(aside)
    new.rename(old)
    new.mkdir()  # the temporary folder that is cleaned up
    old.chmod(0o755)
    shutil.rmtree(aside, ignore_errors=True)


def _talk(
    to: IO[bytes], back: IO[bytes], entries: Iterable[SearchEntry], folder: Path, on_progress: Callable[[], None]
) -> int:
    _send(to, 0, {"type": "NewIndex", "config": {"force_language": "en", "keep_index_url": True}})
    index = _receive(back)["index_id"]
    sent = 0
    room = threading.Semaphore(500)  # messages under way: more would only fill memory
    failed: list[Exception] = []

    def write() -> None:
        nonlocal sent
        try:
            for entry in entries:
                room.acquire()
                message = {
                    "type": "AddRecord",
                    "index_id": index,
                    "url": entry.url,
                    "content": entry.content,
                    "language": "en",
                    "meta": {},
                    "filters": {},
                    "sort": None,
                }
                _send(to, sent + 1, message)
                sent += 1
            _send(to, sent + 1, {"type": "WriteFiles", "index_id": index, "output_path": str(folder)})
        except Exception as error:
            failed.append(error)
            to.close()  # the program ends, and with it the waiting below

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        while (answer := _receive(back))["type"] == "IndexedFile":
            room.release()
            on_progress()
    except (OSError, ValueError, KeyError):
        if failed:
            raise failed[0] from None
        raise
    writer.join()
    if answer["type"] != "WriteFiles":
        raise ValueError(f"unexpected answer {answer['type']}")
    return sent


def _send(to: IO[bytes], number: int, payload: dict[str, Any]) -> None:
    to.write(base64.b64encode(json.dumps({"message_id": number, "payload": payload}).encode()) + b",")
    to.flush()


def _receive(back: IO[bytes]) -> dict[str, Any]:
    """The next answer's payload. Raises ValueError at the end, or when the program reports an error."""
    parts = bytearray()
    while (byte := back.read(1)) != b",":
        if not byte:
            raise ValueError("it ended before it had answered")
        parts += byte
    payload: dict[str, Any] = json.loads(base64.b64decode(parts))["payload"]
    if payload["type"] == "Error":
        raise ValueError(str(payload.get("message")))
    return payload
