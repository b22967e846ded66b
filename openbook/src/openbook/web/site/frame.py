"""What all pages of the site share: where it stands, how a page is rendered, where a paper's page is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from jinja2 import Environment, Template
from markupsafe import Markup

from openbook.web.addresses import href
from openbook.web.templating import environment

#: Colours of a badge's right half with white text on them, each above 4.5:1, from none documented to all seven.
_BADGES: Final = ("#5f6670", "#5f6670", "#7a5a12", "#7a5a12", "#3a6a2c", "#2b6b3a", "#1d6a42", "#17633f")


@dataclass(frozen=True)
class Site:
    """The site's address (``base_url``: empty, or ends in a slash), where corrections are proposed (``correct``: ``{id}``
    in it stands for the paper's id), and whether papers' pages are kept in bundles."""

    base_url: str = ""
    correct: str | None = None
    bundle: bool = False

    def page(self, template: str, at: str, title: str, **context: Any) -> str:
        """A page at the path ``at`` from the root of the site, such as ``years/2024/index.html``."""
        root = "../" * at.count("/")
        return _template(template).render(site=self, at=at, root=root, title=title, **context)

    def paper(self, folder: str) -> str:
        """The link to a paper's page, from the root of the site."""
        return f"papers/index.html?paper={href(folder)}" if self.bundle else f"papers/{href(folder)}/index.html"

    def record(self, folder: str, bundle: str) -> str:
        """Where a paper's record is as JSON, from the root of the site."""
        return f"papers/{bundle_file(bundle)}" if self.bundle else f"papers/{folder}/record.json"

    def address(self, path: str) -> str:
        """The whole address of a page, or its path where the site does not know its address."""
        return self.base_url + href(path.removesuffix("index.html"))


@cache
def _environment() -> Environment:
    """This process's templates."""
    return environment(cached=cached)


@cache
def _template(name: str) -> Template:
    return _environment().get_template(f"site/{name}")


def render(template: str, **context: Any) -> Markup:
    """A part of a page, or a file that is no HTML page."""
    return Markup(_template(template).render(**context))


@lru_cache(4096)
def cached(template: str, *values: Any) -> Markup:
    """A part that is the same on many pages, such as the bar above them: rendered once for each ``values``."""
    return render(template, values=values)


def bundle_file(bundle: str) -> str:
    """The name of a bundle in the folder of papers."""
    return f"bundle-{bundle}.json.gz"


def badge_words(documentation: int | None) -> str:
    """What a badge says."""
    return "not read" if documentation is None else f"documents {documentation} of 7"


@cache
def badge(documentation: int | None) -> str:
    """The badge, an SVG: the same for all papers of one Documentation Score."""
    said = badge_words(documentation)
    width = 20 + round(6.4 * len(said))
    return render("badge.svg.jinja", said=said, colour=_BADGES[documentation or 0], left=68, right=width)
