"""Text as a task: TinyStories, or any text file.

What one training row looks like, with a context of 6 and whole words for tokens (E is end-of-text, _ the pad):

    the story        "Lily had a red ball. She was happy."
    row 0            E    Lily had  a    red  ball .
    row 1            .    She  was  happy .    E    _

The targets are all tokens but the first of each row: every token of the story and its end, each exactly once; the pad
does not count. ``layout`` says this precisely and lists the alternatives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.tasks.base import Batch, Task, generator
from arlearn.tasks.layout import Boundaries, Layout, Padding, Rows, check_enough
from arlearn.tasks.token_cache import TokenisedText


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
        """The rows of the text. Raises ArlearnError where the task has no text."""
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
