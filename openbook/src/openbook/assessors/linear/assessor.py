"""The default assessor: linear, offline, calibrated. Its evidence is the sentence itself.

It reads nothing but the paper, calls no network and is deterministic. Sentences are data to it: an instruction inside a
paper is a row of words like any other. This module loads little: a command that leaves the answers to its reading
processes only needs the assessor's name.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.assessors.linear.weight_files import FLOOR, LONGEST, MOST_QUOTES, SHIPPED, SURE, read_weights
from openbook.errors import OpenbookError

if TYPE_CHECKING:
    from openbook.assessors.linear.answers import LinearWeighing
    from openbook.assessors.linear.model import LinearModel, PaperScores
    from openbook.papers.paper import Paper
    from openbook.record.model import Answer


@cache
def _model(folder: Path) -> LinearModel:
    from openbook.assessors.linear.model import load_model

    return load_model(folder)


@cache
def _card(folder: Path) -> dict[str, Any]:
    return read_weights(folder)[0]


class LinearAssessor:
    """Answers all nine variables from sentences. ``weights`` is a folder that ``openbook train`` wrote.

    Raises OpenbookError if the weights are absent or broken.
    """

    name = "linear"
    prompt_hash: str | None = None

    def __init__(self, weights: Path | None = None) -> None:
        self._folder = weights or SHIPPED
        self._card = _card(self._folder)
        if self._folder != SHIPPED:
            self.load()

    def load(self) -> None:
        """Load the weights now, and not with the first paper."""
        _model(self._folder)

    @property
    def recipe(self) -> tuple[str, dict[str, Any]]:
        """How another process makes this assessor."""
        return "openbook.assessors.linear.assessor:from_folder", {"folder": str(self._folder.absolute())}

    @property
    def model(self) -> str:
        """Which weights: the first twelve hex digits of their SHA-256."""
        return f"linear-{self._card['weights_sha256'][:12]}"

    @property
    def version(self) -> str:
        """The version of the weights file's format, and of the code that reads it."""
        return str(self._card["format"])

    @property
    def parameters(self) -> dict[str, Any]:
        """What else changes answers."""
        return {"sure": SURE, "quotes": MOST_QUOTES, "longest": LONGEST, "floor": FLOOR}

    def assess(self, paper: Paper) -> dict[str, Answer]:
        """The answers for one paper that was read. Raises OpenbookError if it was not."""
        from openbook.assessors.linear.answers import answers_of

        return answers_of(paper, self.read(paper), _model(self._folder))

    def read(self, paper: Paper) -> PaperScores:
        """The candidates of a paper with the log odds that each proves each of the seven. Raises as ``assess`` does."""
        if paper.problem is not None:
            raise OpenbookError(f"{paper.source}: the paper was not read ({paper.problem}), so it cannot be assessed")
        from openbook.assessors.linear.model import read

        return read(paper, _model(self._folder))

    def weigh(self, paper: Paper) -> LinearWeighing:
        """How the sentences of a paper are weighed. Raises as ``assess`` does."""
        from openbook.assessors.linear.answers import LinearWeighing

        return LinearWeighing(self.read(paper), _model(self._folder))


def from_folder(folder: str) -> LinearAssessor:
    """The assessor with the weights in a folder. Raises as ``LinearAssessor`` does."""
    return LinearAssessor(Path(folder))
