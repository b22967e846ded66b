"""A replication benchmark's rubric tree as a study: its leaves become claims, weighted by the product of shares on their path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from openbook.errors import OpenbookError
from openbook.text import one_line

#: The keys that a node may have; another one is an error, never ignored.
_KEYS: Final = frozenset("id requirements weight sub_tasks task_category finegrained_task_category".split())
_DEEPEST: Final = 50


def read_rubric(path: Path) -> list[dict[str, Any]]:
    """The leaves of a rubric as claims, in its order; their weights sum to 1.

    A node is an object with ``requirements`` (text), ``weight`` (a number, at least 0) and ``sub_tasks`` (a list of nodes).
    Raises OpenbookError with the path of the first node that is wrong, such as ``sub_tasks[0].sub_tasks[2]``.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise OpenbookError(f"{path} does not exist; give the rubric.json of a replication benchmark") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise OpenbookError(f"{path} is not a rubric: it cannot be read as JSON ({error})") from error
    leaves = list(_leaves(tree, path, "the root", 1.0, ()))
    if not any(weight for _, weight, _ in leaves):
        raise OpenbookError(f"{path} is not a rubric: every weight is 0")
    claims, seen = [], set()
    for number, (node, weight, parents) in enumerate(leaves, 1):
        name = re.sub(r"[^a-z0-9]+", "-", str(node.get("id", "")).lower()).strip("-")[:40] or f"claim-{number}"
        name = name if name not in seen else f"{name}-{number}"
        seen.add(name)
        where = " / ".join(one_line(one)[:60] for one in parents[-2:]) or "the rubric"
        claims.append(
            {
                **{"id": name, "sentence": one_line(node["requirements"]), "where": where},
                **{"metric": "", "command": "", "read": "", "weight": round(weight, 9), "paraphrased": True},
            }
        )
    return claims


def _leaves(
    node: Any, path: Path, place: str, weight: float, parents: tuple[str, ...]
) -> Iterator[tuple[dict[str, Any], float, tuple[str, ...]]]:
    def wrong(why: str) -> OpenbookError:
        return OpenbookError(f"{path} is not a rubric: {place} {why}")

    if not isinstance(node, dict):
        raise wrong(f"is a {type(node).__name__}, not an object")
    unknown = set(node) - _KEYS
    if unknown:
        raise wrong(f"has the unknown key {min(unknown)!r}; the keys are {', '.join(sorted(_KEYS))}")
    if not isinstance(node.get("requirements"), str) or not node["requirements"].strip():
        raise wrong("has no requirements, a text")
    tasks = node.get("sub_tasks", [])
    if not isinstance(tasks, list):
        raise wrong(f"has sub_tasks of type {type(tasks).__name__}, not a list")
    if len(parents) > _DEEPEST:
        raise wrong(f"is deeper than {_DEEPEST} levels")
    if not tasks:
        yield node, weight, parents
        return
    weights = []
    for index, task in enumerate(tasks):
        given = task.get("weight") if isinstance(task, dict) else None
        inner = f"{'' if place == 'the root' else place + '.'}sub_tasks[{index}]"
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 1e12:
            raise OpenbookError(f"{path} is not a rubric: {inner} has no weight, a number of at least 0")
        weights.append((inner, float(given)))
    total = sum(given for _, given in weights)
    for task, (inner, given) in zip(tasks, weights, strict=True):
        share = weight * given / total if total else 0.0
        yield from _leaves(task, path, inner, share, (*parents, node["requirements"]))
