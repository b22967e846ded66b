"""Addresses in text: whole again where a line end, a space or a hyphen split them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

from openbook.papers.blocks import Block
from openbook.papers.paper import TextRun

_OPEN_URL = re.compile(
    r".{0,20}?((?:https?://|ftp://|www\.).*|(?<![\w.@])[\w-]*\.?[\w-]+\.(?:com|org|edu|net|io|gov|ai)/.*)",
    re.IGNORECASE,
)
#: Words that a sentence goes on with after an address. A part of an address that is one of them ends in a mark.
_WORDS = frozenset(
    (
        "a along also an and are as at be but by can contains for from has have here in includes including is it its of on or "
        "our so that the their there these they this through to under upon using via was we were when where which while who "
        "will with you your"
    ).split()
)
_URL_WORD = re.compile(r"[\w./~%?=&#+:@,;()-]+")


def continues_url(before: str, after: str) -> bool:
    """Whether ``before`` ends inside an address and the next line goes on with it."""
    last = before[before.rfind(" ") + 1 :]
    if len(last) < 4 or not after or not (":" in last or "." in last):
        return False
    found = _OPEN_URL.match(last)
    if not found:
        return False
    address, token = found.group(1), after.split(None, 1)[0]
    if not _URL_WORD.match(token) or token[0] in "(,;" or token.rstrip(".,;:").lower() in _WORDS:
        return False
    if re.fullmatch(r"[A-Za-z]+[.,;:)]*", token) and address[-1] == "/" and address.split("://")[-1].count("/") > 2:
        return False  # host/owner/name/ is whole: a plain word goes on with the sentence
    if re.fullmatch(r"(?:and/or|train(?:ing)?/\w+|input/output|either/or)[.,;:)]*", token):
        return False
    if address.endswith(("://", "www.")) or address[-1] in "/-_=?&#%~+:":
        return not token[0].isupper() or any(mark in token for mark in "/._-=0123456789") or address[-1] in "-_=&%"
    if address.endswith("."):
        return bool(re.match(r"[a-z]{2,6}(?:/|$|[.?]\w)", token)) and "/" not in address.split("://")[-1]
    # broken within a word: what follows must look like the rest of an address
    return bool(re.match(r"[\w-]*[/_=?&#~]\S|[\w-]+\.(?:html?|pdf|php|zip|gz|tgz|git|py|io|com|org|edu)\b", token))


def mend(block: Block, urls: list[str]) -> None:
    """Make the visible addresses of this block whole by the links of its page, and note them as links of the block."""
    if not urls:
        return
    text = block.text
    squeezed = "".join(text.split()).lower()
    positions: list[int] = []
    for url in sorted(urls, key=len, reverse=True):
        for shown in _visible_forms(url):
            start = 0
            while (at := squeezed.find(shown.lower(), start)) >= 0:
                positions = positions or [i for i, c in enumerate(text) if not c.isspace()]
                first, last = positions[at], positions[at + len(shown) - 1] + 1
                start = at + len(shown)
                if any(first < e and s < last for s, e, _ in block.links):
                    continue
                if text[first:last] != shown:
                    _replace(block, first, last, shown)
                    text = block.text
                    positions = []
                    squeezed = "".join(text.split()).lower()
                    last = first + len(shown)
                block.links.append((first, last, url))
            if any(link[2] == url for link in block.links):
                break


@lru_cache(maxsize=1024)
def _visible_forms(url: str) -> list[str]:
    """How an address may be printed: whole, decoded, without scheme, without ``www.`` or the last slash."""
    forms = []
    for base in dict.fromkeys((url, unquote(url), url.rstrip("/"))):
        forms.append(base)
        bare = re.sub(r"^\w+://", "", base)
        forms.extend((bare, re.sub(r"^www\.", "", bare)))
    return [form for form in dict.fromkeys(forms) if len(form) > 6 and not any(c.isspace() for c in form)]


def note_link(block: Block, page: int, url: str, box: tuple[float, float, float, float]) -> bool:
    """Note a link on the words of this block that its box covers, and whether it covers any.

    Words that hold an address of their own stay as they are. ``box`` is x0, y0, x1, y1 in points of the page as written.
    """
    spans = [span for run in block.runs if run.page == page for span in _covered(run, block.text, box)]
    if not spans:
        return False
    first, last = min(spans)[0], max(spans)[1]
    while last > first + 1 and block.text[last - 1] in ".,;:)]":
        last -= 1
    words = block.text[first:last]
    if last - first > _LONGEST_ANCHOR or _ADDRESS.search(words):
        return False
    for place, (start, end, other) in enumerate(block.links):
        if other == url and not block.text[min(end, last) : max(start, first)].strip(" -"):
            block.links[place] = (min(start, first), max(end, last), url)  # it goes on on the next line
            return True
        if start < last and first < end:
            return False
    block.links.append((first, last, url))
    return True


_LONGEST_ANCHOR = 300
_ADDRESS = re.compile(r"://|www\.|\w\.(?:com|org|io|net|edu)/", re.IGNORECASE)


def _covered(run: TextRun, text: str, box: tuple[float, float, float, float]) -> Iterator[tuple[int, int]]:
    """The words of a run whose middle is in a box."""
    x0, y0, x1, y1 = (10 * value for value in box)
    near, far, low, high = (y0, y1, x0, x1) if run.direction % 2 else (x0, x1, y0, y1)
    ends = run.stops[0][1], run.stops[-1][1]
    if not low < (run.low + run.high) / 2 < high or min(ends) > far or max(ends) < near:
        return
    for word in re.finditer(r"\S+", text[run.start : run.end]):
        middle = (run.position(word.start(), text) + run.position(word.end(), text)) / 2
        if near <= middle <= far:
            yield run.start + word.start(), run.start + word.end()


def _replace(block: Block, first: int, last: int, shown: str) -> None:
    change = len(shown) - (last - first)
    block.text = block.text[:first] + shown + block.text[last:]
    block.pages = [
        (offset + change if offset >= last else min(offset, first + len(shown)), n) for offset, n in block.pages
    ]
    for run in block.runs:
        run.start = run.start + change if run.start >= last else min(run.start, first + len(shown))
        run.end = run.end + change if run.end >= last else min(run.end, first + len(shown))
    block.links = [(s + change, e + change, u) if s >= last else (s, e, u) for s, e, u in block.links]
