"""A saved model with the words of its tokens: prompts and answers as a person writes them, for text and for tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Int
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor
from arlearn.predictors.saving import load_predictor
from arlearn.tasks import load_task
from arlearn.tasks.base import SequenceTask
from arlearn.tasks.program import ProgramTask
from arlearn.tokens.bytepair import recorded_vocabulary

if TYPE_CHECKING:
    from arlearn.programs.text import Origin
    from arlearn.tokens import BytePair


class SavedModel:
    """A predictor with the words of its tokens.

    Attributes:
        folder: where it was read from.
        predictor: on the CPU, in evaluation mode.
        card: of the model.
        task: whose questions it answers; None for a model of text.
        vocabulary: of a model of text; None otherwise.
        stop: tokens that end a continuation.
    """

    def __init__(self, folder: Path, card: dict[str, Any] | None = None, predictor: Predictor | None = None) -> None:
        """``card`` and ``predictor``: those of the folder where they were read before.

        Raises ArlearnError if there is no usable model, or none with words for its tokens.
        """
        if card is None or predictor is None:
            predictor, card = load_predictor(folder)
        self.folder, self.card, self.predictor = folder, card, predictor.eval()
        described = card.get("task") or {}
        self.task: SequenceTask | None = None
        self.vocabulary: BytePair | None = None
        if described.get("kind") in (None, "text"):
            self.vocabulary = recorded_vocabulary(folder, card)
            self.stop = [self.vocabulary.end_of_text]
            return
        task = load_task(described["kind"], described.get("configuration") or {})
        if not isinstance(task, SequenceTask):
            raise ArlearnError(f"{folder} is a model of {described['kind']}, whose tokens have no words")
        self.task, self.stop = task, list(task.stop)
        self._tokens = {word: token for token, word in reversed(list(enumerate(task.words)))}

    def prompt(self, text: str | None) -> Int[Tensor, " prompt"]:
        """The tokens of a prompt. Raises ArlearnError if no prompt is given, or the task does not understand it."""
        if self.vocabulary is not None:
            if text is None:
                raise ArlearnError(f"{self.folder} is a model of text; give the text to continue with --prompt TEXT")
            return torch.tensor(self.vocabulary.prompt(text))
        assert self.task is not None
        text = self.task.default_prompt if text is None else text
        if text is None:
            example = " ".join(self.task.render(self.task.encode_prompts(self.task.draw(1, 0))[0]))
            raise ArlearnError(f"{self.folder} answers questions: give one with --prompt (tokens of one: {example})")
        return self.task.encode_prompts(self.task.parse_prompt(text))[0]

    @property
    def exact(self) -> bool:
        """Whether the weights were compiled: the largest logit decides, and probabilities say nothing."""
        return isinstance(self.task, ProgramTask)

    @property
    def longest(self) -> int | None:
        """Tokens after which a task's chain is complete; None for text."""
        return None if self.task is None else self.task.generated

    def word(self, token: int) -> str:
        """One token, as it is written."""
        return self.vocabulary.word(token) if self.vocabulary is not None else self.task.words[token]  # type: ignore[union-attr]

    def token(self, word: str) -> int:
        """The token with this text; ``#17`` means token 17. Raises ArlearnError, with advice, if there is none."""
        size = self.predictor.vocabulary
        if word.startswith("#") and word[1:].isdecimal():
            if int(word[1:]) >= size:
                raise ArlearnError(f"there is no token {word}: the vocabulary has {size:,} tokens, #0 to #{size - 1}")
            return int(word[1:])
        if self.vocabulary is None:
            if word in self._tokens:
                return self._tokens[word]
            near = ", ".join(sorted(self._tokens)[:12])
            raise ArlearnError(f"{word!r} is not a token of this task; its {size:,} tokens are {near}, ...")
        for special in (self.vocabulary.end_of_text, self.vocabulary.pad):
            if word == self.vocabulary.word(special):
                return special
        found = self.vocabulary.encode(word)
        if len(found) == 1:
            return found[0]
        spaced = self.vocabulary.encode(" " + word) if word and not word.startswith(" ") else []
        if len(spaced) == 1:
            raise ArlearnError(f"{word!r} is not a single token, but {' ' + word!r}, with a space before it, is one")
        parts = ", ".join(repr(self.vocabulary.word(token)) for token in found)
        raise ArlearnError(f"{word!r} is {len(found)} tokens ({parts}); name one of them, or #NUMBER")

    def written(self, tokens: Int[Tensor, " length"], before: Int[Tensor, " before"]) -> str:
        """What these tokens add to the text of those before them; a task's words with a space between them."""
        if self.vocabulary is not None:
            return self.vocabulary.added(before.tolist(), tokens.tolist())
        assert self.task is not None
        return " ".join(self.task.render(tokens))

    def answer(self, tokens: Int[Tensor, " length"]) -> str | None:
        """The answer at the end of a task's complete chain; None for text, and for incomplete chains."""
        if self.task is None or not len(tokens):
            return None
        ended = int(tokens[-1]) in self.stop if self.stop else len(tokens) >= self.task.length
        return self.task.final_answer(tokens) if ended else None

    def origins(self, tokens: Int[Tensor, " length"]) -> list[Origin] | None:
        """For a compiled program: which step wrote each token; None for every other model."""
        return self.task.trace(tokens) if isinstance(self.task, ProgramTask) else None
