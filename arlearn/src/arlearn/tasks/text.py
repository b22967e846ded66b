"""Text as a task: how stories become rows of T + 1 tokens, for training and for measuring alike.

A story of tokens w1..wn is the sequence E w1..wn E, where E is the end-of-text token: its first word is predicted from
E alone, and its end is predicted too. Two ways to lay out stories:

- ``story``: each story is cut into rows by itself, so no prediction ever sees another story; the last row of a story is
  filled with the pad token.
- ``joined``: the stories follow one another with one E between them and the stream is cut, so a prediction early in a
  story sees the end of the one before; only the very last row is filled.

A row holds T + 1 tokens and begins with the last token of the row before, so that every token is a target exactly once
and the first target of a row sees one token. With a context of 6 and whole words for tokens (_ is the pad):

    the story        "Lily had a red ball. She was happy."
    row 0            E    Lily had  a    red  ball .
    row 1            .    She  was  happy .    E    _

Pad is neither trained nor scored, unless ``padding`` is "scored": that is the protocol of the paper's public code, kept
for comparison, whose perplexity counts the pads that any model predicts with certainty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.tasks.base import Batch, Task, generator
from arlearn.tasks.text_files import TokenisedText

Boundaries = Literal["story", "joined"]
Padding = Literal["ignored", "scored"]


@dataclass(frozen=True)
class Layout:
    """See the module.

    Attributes:
        context: T, the longest input.
        boundaries: whether rows cross from one story to the next.
        padding: whether pad tokens are targets.
        pad: the pad token.
    """

    context: int
    boundaries: Boundaries = "story"
    padding: Padding = "ignored"
    pad: int = 1


class Rows:
    """The rows of a layout over one array of tokens, cut when they are asked for.

    Args:
        tokens: E, the first story's tokens, E, the second's, ..., E; may be memory-mapped.
        starts: where each story's leading E stands, and, last, where the final E stands: (stories + 1).
    """

    def __init__(self, layout: Layout, tokens: NDArray[np.unsignedinteger], starts: NDArray[np.int64]) -> None:
        self.layout, self.tokens = layout, tokens
        begins, ends = starts[:-1], starts[1:]  # a sequence is tokens[begin : end + 1]
        if layout.boundaries == "joined":
            begins, ends = starts[:1], starts[-1:]
        self._begins, self._ends = begins, ends
        # rows before each sequence, so that a row's sequence is found by bisection
        per_sequence = -(-(ends - begins) // layout.context)
        self._before = np.concatenate([[0], np.cumsum(per_sequence)])

    def __len__(self) -> int:
        return int(self._before[-1])

    def cut(self, rows: NDArray[np.int64]) -> Batch:
        """These rows as a batch, (rows, T + 1)."""
        length = self.layout.context + 1
        which = np.searchsorted(self._before, rows, side="right") - 1
        begins = self._begins[which] + (rows - self._before[which]) * self.layout.context
        held = np.minimum(self._ends[which] + 1 - begins, length)
        places = begins[:, None] + np.arange(length)
        real = np.arange(length) < held[:, None]
        tokens = self.tokens[np.minimum(places, len(self.tokens) - 1)].astype(np.int64)
        tokens[~real] = self.layout.pad
        counted = np.ones_like(real) if self.layout.padding == "scored" else real
        return Batch(torch.from_numpy(tokens), torch.from_numpy(counted))


def check_enough(rows: Rows, what: str) -> None:
    """Raise ArlearnError unless the text fills the context at least once."""
    longest = int((rows._ends - rows._begins).max(initial=0))
    if longest < rows.layout.context:
        joined = rows.layout.boundaries == "joined"
        advice = "give more text, or a smaller context" + ("" if joined else ', or boundaries = "joined"')
        raise ArlearnError(
            f"{what} is too short for a context of {rows.layout.context}: its longest "
            f"{'text' if joined else 'story'} has {longest} tokens; {advice}"
        )


class TextTask(Task):
    """Next-token prediction on a text, in shuffled rows of T + 1 tokens.

    Every epoch visits every row once, in an order of its own; batch i holds the rows i * size .. (i + 1) * size - 1 of
    that endless list, a pure function of (i, size, seed).

    Attributes:
        layout: how stories become rows.
        end_of_text: the token between stories.
        text: what is read; None for a task read back from a card, which gives no batches.
    """

    kind = "text"

    def __init__(self, layout: Layout, vocabulary: int, end_of_text: int, text: TokenisedText | None = None) -> None:
        if layout.context < 1:
            raise ArlearnError(f"a text needs a context of at least one token, not {layout.context}")
        self.layout, self.vocabulary, self.end_of_text, self.text = layout, vocabulary, end_of_text, text
        self.context = layout.context
        self._order: tuple[tuple[int, int], NDArray[np.int64]] | None = None
        self._rows: Rows | None = None
        if text is not None:
            self._rows = Rows(layout, text.tokens, text.starts)
            check_enough(self._rows, "the training text")

    @property
    def rows(self) -> Rows:
        """The rows of the text. Raises ArlearnError if the task has no text."""
        if self._rows is None:
            raise ArlearnError("this text task was read from a card and has no text to train on; give --data FILE")
        return self._rows

    def batch(self, index: int, size: int, seed: int) -> Batch:
        count = len(self.rows)
        places = np.arange(index * size, (index + 1) * size)
        chosen = np.empty(size, dtype=np.int64)
        for epoch in range(int(places[0] // count), int(places[-1] // count) + 1):
            here = places // count == epoch
            chosen[here] = self._permutation(epoch, seed)[places[here] % count]
        return self.rows.cut(chosen)

    def _permutation(self, epoch: int, seed: int) -> NDArray[np.int64]:
        # the last one is kept: consecutive batches share it, and a batch across two epochs is rare
        if self._order is None or self._order[0] != (epoch, seed):
            self._order = ((epoch, seed), generator((seed, epoch)).permutation(len(self.rows)))
        return self._order[1]

    def batches(self, size: int) -> int:
        return -(-len(self.rows) // size)

    def token_counts(self) -> Int[Tensor, " vocabulary"] | None:
        if self.text is None:
            return None
        # the first token of all is the one that is never a target
        return torch.from_numpy(np.bincount(self.text.tokens[1:], minlength=self.vocabulary))

    def configuration(self) -> dict[str, Any]:
        return {
            "context": self.layout.context,
            "boundaries": self.layout.boundaries,
            "padding": self.layout.padding,
            "vocabulary": self.vocabulary,
            "end_of_text": self.end_of_text,
            "pad": self.layout.pad,
        }

    @classmethod
    def from_configuration(cls, configuration: dict[str, Any]) -> TextTask:
        try:
            boundaries: Boundaries = configuration["boundaries"]
            padding: Padding = configuration["padding"]
            layout = Layout(int(configuration["context"]), boundaries, padding, int(configuration["pad"]))
            return cls(layout, int(configuration["vocabulary"]), int(configuration["end_of_text"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ArlearnError(f"the configuration of a text task is invalid: {error!r}") from error
