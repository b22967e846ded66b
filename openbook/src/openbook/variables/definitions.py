"""Reads ``definitions.toml`` and ``checklists.toml``: what each variable and each item of a venue's checklist asks.

A definition says what counts and gives examples at the border; an item says how a paper can answer it.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from openbook.variables import VARIABLES


class Borderline(BaseModel):
    """A sentence at the border, the answer it gives by itself, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    answer: str
    why: str


class Definition(BaseModel):
    """One variable. ``results`` are the answers it can have when the paper was read and its evidence was found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    scored: bool
    question: str
    yes: str
    no: str
    good_sentence: str
    where: str
    advice: str
    results: tuple[str, ...] = ("yes", "no")
    borderline: tuple[Borderline, ...]


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("openbook.variables").joinpath("definitions.toml").read_text(encoding="utf-8"))


@cache
def definitions() -> dict[str, Definition]:
    """All nine by name, in the order of ``VARIABLES``."""
    table = _table()
    return {name: Definition(name=name, **table[name]) for name in VARIABLES}


def definition(name: str) -> Definition:
    """One variable's definition. Raises KeyError for a name that is none of the nine."""
    return definitions()[name]


def near_miss_reason(kind: str) -> str:
    """Why a near miss of this kind does not count, as a clause; the kind itself if it is none of ours."""
    return str(_table()["near_misses"].get(kind, kind))


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
