"""Reads ``definitions.toml``: what each variable asks, what counts, and examples at the border."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

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
    """Why a near miss of this kind does not count, as a clause; the kind itself where it is none of ours."""
    return str(_table()["near_misses"].get(kind, kind))
