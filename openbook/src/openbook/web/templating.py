"""The templates and static files that all pages share: a record's page, the site's pages and the server's."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

import openbook
from openbook.text import percent
from openbook.web.addresses import href


def environment(**shared: Any) -> Environment:
    """A Jinja environment over ``web/templates``. It escapes everything; an undefined name is an error.

    ``shared`` are names that every template sees, beside ``version``. Each process makes its own environment.
    """
    made = Environment(
        loader=PackageLoader("openbook.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    made.filters |= {"href": href, "percent": percent, "short_time": short_time}
    made.globals |= {"version": openbook.__version__} | shared
    return made


@cache
def static_text(name: str) -> str:
    """A file of ``web/static``: style sheets, scripts, the icon."""
    return files("openbook.web").joinpath("static", name).read_text(encoding="utf-8")


def short_time(moment: str | None) -> str:
    """A moment in ISO 8601 as people write it, such as 25 Nov 2026, 23:30; whatever else it is, as it is."""
    try:
        return f"{datetime.fromisoformat(moment or ''):%-d %b %Y, %H:%M}"
    except ValueError:
        return moment or ""
