"""Reads ``checklists.toml``: what each venue's checklist asks, and how an item can be answered from a paper."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

#: The names that ``--venue`` takes. A paper's own NeurIPS checklist may follow the older form, which is recognised.
VENUES: Final = ("neurips", "neurips-2021", "icml", "aaai", "acl", "generic")


class Topic(BaseModel):
    """What items of checklists ask, and how a paper answers it. ``checklists.toml`` explains the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    asks: str
    variables: tuple[str, ...] = ()
    any: bool = False
    section: re.Pattern[str] | None = None
    passage: re.Pattern[str] | None = None
    only: Literal["experiments", "theory"] | None = None
    author: bool = False
    advice: str = ""


class Checklist(BaseModel):
    """A venue's checklist: its title, and the number and topic of each item in the order of the form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    venue: str
    title: str
    items: tuple[tuple[str, Topic], ...]


@cache
def checklist(venue: str) -> Checklist:
    """The checklist of a venue. Raises KeyError for a name that is not in ``VENUES``."""
    table = tomllib.loads(files("openbook.variables").joinpath("checklists.toml").read_text(encoding="utf-8"))
    topics = {name: Topic(name=name, **_compiled(given)) for name, given in table["topics"].items()}
    form = table[venue]
    return Checklist(venue=venue, title=form["title"], items=[(number, topics[name]) for number, name in form["items"]])


def _compiled(given: dict[str, object]) -> dict[str, object]:
    patterns = {name: re.compile(str(given[name]), re.IGNORECASE) for name in ("section", "passage") if name in given}
    return given | patterns
