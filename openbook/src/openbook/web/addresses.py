"""Names of folders and files of the site, and links to them. No name comes from a record unless it is harmless."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote

from openbook.files import sha256

#: Longest folder name in bytes; file systems take 255.
_LONGEST: Final = 240
_WILD: Final = re.compile(r"[^\w.-]+")
_FORBIDDEN: Final = re.compile(r'[/\\:*?"<>|%#\x00-\x1f]')
_WEB: Final = re.compile(r"https?://[^\s\"<>\\^`{|}]+", re.IGNORECASE)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~/#-]*")


def folder_name(identity: str) -> str:
    """The folder of a paper: its id if that is a plain file name, otherwise a similar name that ends in a hash of the id."""
    plain = (
        identity == unicodedata.normalize("NFC", identity)
        and not identity.startswith((".", "-"))
        and _FORBIDDEN.search(identity) is None
        and identity.strip(" .") == identity
        and len(identity.encode()) <= _LONGEST
    )
    return identity if identity and plain else f"{slug(identity)[:100]}__{sha256(identity)[:8]}"


def slug(name: str) -> str:
    """A name as a file name: letters, digits, dots and dashes."""
    plain = _WILD.sub("-", unicodedata.normalize("NFC", name)).strip(".-_")
    return plain.encode()[:120].decode(errors="ignore") or "unnamed"


def group_folder(name: str) -> str:
    """The folder of a venue: its name if that is a plain file name, otherwise a similar one that ends in a hash of the name."""
    plain = slug(name)
    return plain if plain == name else f"{plain}-{sha256(name)[:8]}"


def href(path: str) -> str:
    """A path within the site as a relative link."""
    return path if _PLAIN.fullmatch(path) else quote(path, safe="/#.-_~")


def is_web(url: str | None) -> bool:
    """Whether an address may be linked to: only the web's own schemes, and no blanks."""
    return bool(url) and _WEB.fullmatch(url or "") is not None


def source_name(source: str | None) -> str | None:
    """Where a paper was read from, as it may be published: an address of the web, else only the file's name."""
    return (
        source
        if not source or re.match(r"https?://", source, re.IGNORECASE)
        else re.split(r"[/\\]", source.rstrip("/\\"))[-1]
    )
