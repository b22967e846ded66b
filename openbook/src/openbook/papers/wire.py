"""A ``Paper`` as JSON values and back: how it leaves the process that read it. No pickle: that one is not trusted."""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import Any

from openbook.papers.paper import Link, Page, Paper, Section, Sentence

_SPANS: dict[str, type] = {"pages": Page, "sections": Section, "sentences": Sentence, "links": Link}
_NAMES = tuple(field.name for field in fields(Paper))


def to_wire(paper: Paper) -> dict[str, Any]:
    """The paper's fields, its spans as short lists."""
    values = {name: getattr(paper, name) for name in _NAMES}
    for name, kind in _SPANS.items():
        keys = [field.name for field in fields(kind)]
        values[name] = [[getattr(span, key) for key in keys] for span in values[name]]
    return values


def from_wire(values: dict[str, Any]) -> Paper:
    """The paper that ``to_wire`` wrote. Raises ``TypeError`` or ``KeyError`` for anything else."""
    made = dict(values)
    for name, kind in _SPANS.items():
        made[name] = [kind(*span) for span in values[name]]
    return Paper(**{name: made[name] for name in _NAMES})


def to_objects(paper: Paper) -> dict[str, Any]:
    """The paper as one JSON object with named keys, for people and scripts."""
    values = {name: getattr(paper, name) for name in _NAMES}
    for name, kind in _SPANS.items():
        keys = [field.name for field in fields(kind)]
        values[name] = [dict(zip(keys, astuple(span), strict=True)) for span in values[name]]
    return values
