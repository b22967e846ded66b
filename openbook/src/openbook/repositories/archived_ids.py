"""Identifiers of archived code and data: DOIs, records of Zenodo, figshare and OSF, ids of Software Heritage."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from openbook.errors import OpenbookError


@dataclass(frozen=True, slots=True)
class Archive:
    """An identifier: its address, and what it is, such as ``record 1234 of Zenodo``."""

    url: str
    what: str


DOIS = "https://doi.org/"
HERITAGE = "https://archive.softwareheritage.org/"
_DOI: Final = re.compile(
    r"(?:doi:\s*|(?:https?://)?(?:dx\.|www\.)?doi\.org/(?:doi:)?)?(10\.\d{4,9}/[^\s?#]+)$", re.IGNORECASE
)
_SWHID: Final = re.compile(r"(?:https?://archive\.softwareheritage\.org/(?:browse/)?)?(swh:\S*)$", re.IGNORECASE)
_SWHID_FORM: Final = re.compile(r"swh:1:(cnt|dir|rev|rel|snp):[0-9a-f]{40}(?:;[a-z]+=[^;\s]+)*/?$")
_SWHID_KINDS: Final = {"cnt": "file", "dir": "folder", "rev": "commit", "rel": "release", "snp": "snapshot"}
#: Prefixes of DOIs, and whose they are.
_REGISTRANTS: Final = {
    "10.5281": "Zenodo",
    "10.6084": "figshare",
    "10.17605": "OSF",
    "10.5061": "Dryad",
    "10.7910": "Harvard Dataverse",
    "10.48550": "arXiv",
    "10.57967": "Hugging Face",
    "10.24433": "Code Ocean",
}
_PAGES: Final[tuple[tuple[str, str], ...]] = (
    (r"https?://(?:www\.)?zenodo\.org/records?/(\d+)", "record {} of Zenodo"),
    (r"https?://(?:www\.)?zenodo\.org/badge/latestdoi/(\d+)", "the newest version, by DOI, of repository {} in Zenodo"),
    (r"https?://(?:[\w-]+\.)?figshare\.com/(?:articles|s|collections|projects)/(?:\S*/)?(\w+)", "item {} of figshare"),
    (r"https?://(?:www\.)?osf\.io/([a-z0-9]{5})\b", "project {} of OSF"),
)


def archive_of(source: str) -> Archive | None:
    """The archive that an identifier or an address names; None if it names none.

    Raises OpenbookError if it begins like an identifier and is not whole.
    """
    source = source.strip()
    found = _SWHID.match(source)
    if found is not None:
        identifier = found[1]
        whole = _SWHID_FORM.match(identifier)
        if whole is None:
            raise OpenbookError(
                f"{source} is not a complete id of Software Heritage: swh:1:, one of {', '.join(_SWHID_KINDS)}, and 40 hex digits"
            )
        kind = _SWHID_KINDS[whole[1]]
        return Archive(f"{HERITAGE}{identifier}", f"a {kind} in Software Heritage")
    found = _DOI.match(source)
    if found is not None:
        doi = found[1]
        registrant = _REGISTRANTS.get(doi.split("/")[0])
        return Archive(f"{DOIS}{doi}", f"a DOI of {registrant}" if registrant else "a DOI")
    if re.match(r"doi:|(?:https?://)?(?:dx\.)?doi\.org/", source, re.IGNORECASE):
        raise OpenbookError(f"{source} is not a complete DOI; a DOI looks like 10.5281/zenodo.1234567")
    for pattern, what in _PAGES:
        page = re.match(pattern, source, re.IGNORECASE)
        if page is not None:
            return Archive(source, what.format(page[1]))
    return None
