"""Texts as they are shown: a share as a percentage, a token with its ends visible, a page from its template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def percent(share: float, digits: int | None = 0) -> str:
    """A fraction as a percentage with this many decimal places; None: as many as it needs."""
    return f"{100 * share:g} %" if digits is None else f"{100 * share:.{digits}f} %"


def visible(word: str) -> str:
    """A token, between quotes if its ends would not be seen."""
    return repr(word) if word != word.strip() or not word.isprintable() or not word else word


def render_page(package: str, name: str, content: Mapping[str, Any]) -> str:
    """The template ``name`` in the folder ``page`` of a package, as HTML; all of ``content`` is escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package, "page"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["percent"] = percent
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    return environment.get_template(name).render(content)
