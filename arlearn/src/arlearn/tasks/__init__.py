"""Tasks: what the sequences are, and when an answer is right."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from arlearn.errors import ArlearnError

if TYPE_CHECKING:
    from arlearn.tasks.base import Task

# kind -> "module:class". Imported when asked for: a task loads PyTorch.
KINDS: dict[str, str] = {
    "text": "arlearn.tasks.text:TextTask",
    "multiplication": "arlearn.tasks.arithmetic:MultiplicationTask",
    "addition": "arlearn.tasks.arithmetic:AdditionTask",
    "parity": "arlearn.tasks.parity:ParityTask",
    "program": "arlearn.tasks.program:ProgramTask",
}


def task_class(kind: str) -> type[Task]:
    """The class of tasks of this kind. Raises ArlearnError if there is none."""
    if kind not in KINDS:
        raise ArlearnError(f"there is no task {kind!r}; the tasks are {', '.join(sorted(KINDS))}")
    module, name = KINDS[kind].split(":")
    found: type[Task] = getattr(importlib.import_module(module), name)
    return found


def load_task(kind: str, configuration: dict[str, Any]) -> Task:
    """The task that a card or a recipe describes.

    Raises ArlearnError if the kind is unknown or the configuration is invalid.
    """
    return task_class(kind).from_configuration(dict(configuration))


__all__ = ["KINDS", "load_task", "task_class"]
