"""Which step of a program wrote each token, and from which earlier tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from arlearn.programs.semantics import Semantics
from arlearn.programs.steps import references


@dataclass(frozen=True)
class Origin:
    """One token of a sequence.

    Attributes:
        position: where it stands, from 0.
        word: how it is written.
        name: the prompt slot or the step.
        rule: what the step does; None in the prompt.
        sources: (position, name, word) of every token the step refers to.
    """

    position: int
    word: str
    name: str
    rule: str | None
    sources: tuple[tuple[int, str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """One JSON-ready object."""
        return {
            "position": self.position,
            "token": self.word,
            "name": self.name,
            "rule": self.rule,
            "from": [{"position": p, "name": n, "token": w} for p, n, w in self.sources],
        }

    def __str__(self) -> str:
        if self.rule is None:
            return f"{self.position:>5}  {self.word:<10} {self.name} (prompt)"
        read = ", ".join(f"{name} = {word} at {position}" for position, name, word in self.sources)
        return f"{self.position:>5}  {self.word:<10} {self.name} = {self.rule}" + (f"   [{read}]" if read else "")


def trace(semantics: Semantics, words: Sequence[str]) -> list[Origin]:
    """The origin of each of these words, a prompt and as much of the chain of thought as there is.

    A loop's tokens are named after their step; a source in the pass before is called ``before.NAME``.
    """
    slots = len(semantics.program.slots)
    origins = []
    for position, word in enumerate(words):
        row = semantics.row_of(position)
        if row >= len(semantics.items):
            break
        if row < slots:
            origins.append(Origin(position, word, semantics.items[row].name, None))
            continue
        step = semantics.generated_steps[row - slots]
        places = [(position - semantics.back(row, ref), ref) for ref in references(step)]
        sources = tuple((place, ref, words[place]) for place, ref in places)
        origins.append(Origin(position, word, step.name, step.rule(), sources))
    return origins
