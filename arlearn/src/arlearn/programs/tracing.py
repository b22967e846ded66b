"""Which step of a program wrote each token, and from which earlier tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from arlearn.programs.meaning import Meaning
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


def trace(meaning: Meaning, words: Sequence[str]) -> list[Origin]:
    """The origin of each of these words, a prompt and as much of the chain of thought as there is."""
    program = meaning.program
    origins = [
        Origin(i, word, slot.name, None) for i, (word, slot) in enumerate(zip(words, program.slots, strict=False))
    ]
    for step in program.steps[: max(0, len(words) - len(program.slots))]:
        position = len(origins)
        sources = tuple((meaning.position[ref], ref, words[meaning.position[ref]]) for ref in references(step))
        origins.append(Origin(position, words[position], step.name, step.rule(), sources))
    return origins
