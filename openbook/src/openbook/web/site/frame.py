"""What stands around every page: head, bar, foot."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Final

import openbook
from openbook.web.site.addresses import href, is_web

#: Title and folder of the parts of the site, in the order of the bar.
PARTS: Final = (
    ("Explore", "explore"), ("Venues", "venues"), ("Years", "years"), ("Trends", "trends"), ("Audit", "audit"),
    ("Studies", "studies"), ("Method", "method"), ("Accuracy", "accuracy"), ("Search", "search"),
)  # fmt: skip
NOTICE: Final = (
    "These scores are <strong>estimates</strong> made by a program from the text of the paper. They say what the paper "
    'documents, not whether its results are right. <a href="{root}accuracy/index.html">How accurate they are</a>.'
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What all pages share. ``base_url`` ends in a slash, or is empty when the site does not know its address."""

    base_url: str = ""
    parts: tuple[tuple[str, str], ...] = PARTS

    def page(
        self,
        title: str,
        body: str,
        at: str,
        *,
        description: str = "",
        head: str = "",
        part: str = "",
        scripts: tuple[str, ...] = (),
        charts: bool = False,
        narrow: bool = False,
        search: bool = False,
    ) -> str:
        """A page at the path ``at`` (such as ``years/2024/index.html``). ``title`` and ``description`` are plain text,
        ``body`` and ``head`` markup; ``scripts`` are names in ``assets``. ``charts`` lets SVGs style themselves."""
        root = "../" * at.count("/")
        described = f'<meta name="description" content="{escape(description)}">\n' if description else ""
        address = self.base_url + href(at.removesuffix("index.html"))
        canonical = f'<link rel="canonical" href="{escape(address)}">\n' if self.base_url else ""
        loaded = "".join(f'<script src="{root}assets/{name}" defer></script>\n' for name in scripts)
        name = "openbook" if at == "index.html" else f"{escape(title)} · openbook"
        return (
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(bool(scripts), charts, search)}">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{name}</title>\n{described}'
            f'{canonical}<link rel="icon" href="{root}assets/icon.svg">\n'
            f'<link rel="stylesheet" href="{root}assets/site.css">\n'
            f'<link rel="alternate" type="application/atom+xml" title="New records" href="{root}feed.xml">\n{head}{loaded}'
            f'</head>\n<body>\n<a class="skip" href="#content">Skip to the content</a>\n{self._bar(root, part)}'
            f'<main id="content"{" class=narrow" if narrow else ""}>\n{body}\n</main>\n{_foot(root)}</body>\n</html>\n'
        )

    def _bar(self, root: str, part: str) -> str:
        links = "".join(
            f'<li><a href="{root}{folder}/index.html"{" aria-current=page" if folder == part else ""}>{name}</a></li>'
            for name, folder in self.parts
        )
        return (
            f'<header class="bar"><div class="inner"><a class="brand" href="{root}index.html">openbook</a>'
            f'<nav aria-label="Site"><ul>{links}</ul></nav></div></header>\n'
        )


def _policy(scripts: bool, charts: bool, search: bool) -> str:
    """What a page may load: its own files only. ``file:`` lets it be opened without a server."""
    rules = ["default-src 'none'", "img-src 'self' file: data:", "base-uri 'none'", "form-action 'self' file:"]
    rules.append("style-src 'self' file: 'unsafe-inline'" if charts else "style-src 'self' file:")
    if scripts:
        rules.append("script-src 'self' file: 'wasm-unsafe-eval'" if search else "script-src 'self' file:")
    if search:
        rules += ["connect-src 'self'", "worker-src 'self'"]
    return "; ".join(rules)


def _foot(root: str) -> str:
    return (
        '<footer class="foot"><div class="inner"><p>Scores are estimates: '
        f'<a href="{root}accuracy/index.html">how accurate they are</a>. Quotes belong to the authors of the papers.</p>'
        f'<p><a href="{root}data/index.html">Data and downloads</a> · <a href="{root}feed.xml">New records (Atom)</a> · '
        f'<a href="{root}corrections/index.html">Propose a correction</a> · made by openbook {openbook.__version__}</p>'
        "</div></footer>\n"
    )


def crumbs(root: str, *steps: tuple[str, str | None]) -> str:
    """Where a page stands: names with their paths from the root of the site; the last has none."""
    items = "".join(
        f'<li><a href="{root}{href(path)}">{escape(name)}</a></li>'
        if path is not None
        else f'<li aria-current="page">{escape(name)}</li>'
        for name, path in (("openbook", "index.html"), *steps)
    )
    return f'<nav class="crumbs" aria-label="Breadcrumbs"><ol>{items}</ol></nav>\n'


def link(url: str | None, words: str) -> str:
    """A link out of the site, or nothing where the address is none of the web's."""
    return f'<a href="{escape(url or "")}" rel="noopener noreferrer">{escape(words)}</a>' if is_web(url) else ""


def percent(value: float | None, digits: int = 0) -> str:
    """A fraction in words."""
    return "–" if value is None else f"{100 * value:.{digits}f}\u00a0%"
