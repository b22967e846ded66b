"""The default assessor: linear, offline, calibrated. Its evidence is the sentence itself.

It reads nothing but the paper, calls no network and is deterministic. Sentences are data to it: an instruction inside a
paper is a row of words like any other. Sentences of the reference list and of author checklists are never evidence: the
checklist says that something is documented, not what.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from openbook.assessors.base import sentence_evidence
from openbook.assessors.linear.blocks import affiliation
from openbook.assessors.linear.corpus import TARGETS, THEORETICAL
from openbook.assessors.linear.features import Floats
from openbook.assessors.linear.layers import SURE, LinearModel, load_model
from openbook.assessors.linear.patterns import NAMES
from openbook.assessors.linear.pooling import LEAST, Bools, eligible, features, is_yes, pool
from openbook.errors import OpenbookError
from openbook.papers.paper import Paper
from openbook.record.model import Answer
from openbook.variables import SCORED

SHIPPED: Final = Path(__file__).parent / "weights"
MOST_QUOTES: Final = 3
_MARGIN: Final = 3.0
"""A second and third sentence are quoted when their log odds are this close to the best one's and above zero."""


@cache
def _model(folder: Path) -> LinearModel:
    return load_model(folder)


class LinearAssessor:
    """Answers all nine variables from sentences. ``weights`` is a folder that ``openbook train-linear`` wrote.

    Raises OpenbookError when the weights are absent or broken.
    """

    name = "linear"
    prompt_hash: str | None = None

    def __init__(self, weights: Path | None = None) -> None:
        self._folder = weights or SHIPPED
        self._weights = _model(self._folder)

    @property
    def recipe(self) -> tuple[str, dict[str, Any]]:
        """How another process makes this assessor."""
        return "openbook.assessors.linear.assessor:from_folder", {"folder": str(self._folder.absolute())}

    @property
    def model(self) -> str:
        """Which weights: the first twelve hex digits of their SHA-256."""
        return f"linear-{self._weights.card['weights_sha256'][:12]}"

    @property
    def version(self) -> str:
        """The version of the weights file's format, and of the code that reads it."""
        return str(self._weights.card["format"])

    @property
    def parameters(self) -> dict[str, Any]:
        """What else changes answers."""
        return {"sure": SURE, "quotes": MOST_QUOTES, "least": LEAST}

    def assess(self, paper: Paper) -> dict[str, Answer]:
        """The answers for one paper that was read. Raises OpenbookError when it was not."""
        if paper.problem is not None:
            raise OpenbookError(f"{paper.source}: the paper was not read ({paper.problem}), so it cannot be assessed")
        texts = [paper.words(sentence) for sentence in paper.sentences]
        rows = self._weights.sentences.vocabulary.rows(texts)
        scores = self._weights.sentences.scores(rows)
        flags = np.asarray((rows[:, -len(NAMES) :] > 0).toarray(), np.float32)
        keep = eligible(paper, texts)
        pooled, counts = pool(scores, flags, keep)
        answers = {
            variable: self._scored(paper, variable, scores[:, place], keep, pooled, counts)
            for place, variable in enumerate(SCORED)
        }
        chance = self._chance(THEORETICAL, pooled, counts)
        answers["research_type"] = self._research_type(paper, scores, keep, chance)
        answers["affiliation"] = self._affiliation(paper)
        return answers

    def _chance(self, target: str, pooled: Floats, counts: Floats) -> float:
        return self._weights.papers[target].probability(features(target, pooled, counts))

    def _scored(
        self, paper: Paper, variable: str, scores: Floats, keep: Bools, pooled: Floats, counts: Floats
    ) -> Answer:
        chance = self._chance(variable, pooled, counts)
        if is_yes(variable, chance, self._weights.papers[variable].threshold, pooled):
            quotes = [sentence_evidence(paper, paper.sentences[place]) for place in _best(scores, keep)]
            return Answer(result="yes", confidence=chance, response=_response("Yes", variable, chance), evidence=quotes)
        return Answer(result="no", confidence=1 - chance, response=_response("No", variable, 1 - chance))

    def _research_type(self, paper: Paper, scores: Floats, keep: Bools, chance: float) -> Answer:
        if not keep.any():
            return Answer(result="unknown", response="No sentence of the paper could be weighed.")
        theoretical = chance >= self._weights.papers[THEORETICAL].threshold
        column = scores[:, TARGETS.index(THEORETICAL)]
        best = _best(column if theoretical else -column, keep)[:1]
        right = chance if theoretical else 1 - chance
        return Answer(
            result="theoretical" if theoretical else "experimental",
            confidence=right,
            response=_response("Theoretical" if theoretical else "Experimental", "research_type", right),
            evidence=[sentence_evidence(paper, paper.sentences[place]) for place in best],
        )

    def _affiliation(self, paper: Paper) -> Answer:
        result, chance, sentences = affiliation(paper, self._weights.blocks)
        if result == "unknown":
            return Answer(result="unknown", response="No author block with addresses was found.")
        return Answer(
            result=result,
            confidence=chance,
            response=_response(result.capitalize(), "affiliation", chance),
            evidence=[sentence_evidence(paper, sentence) for sentence in sentences],
        )


def from_folder(folder: str) -> LinearAssessor:
    """The assessor with the weights in a folder. Raises as ``LinearAssessor`` does."""
    return LinearAssessor(Path(folder))


def _best(scores: Floats, keep: Bools) -> list[int]:
    """The place of the best sentence, and of up to two others that come close to it; best first."""
    places = np.flatnonzero(keep)
    ranked: Sequence[int] = places[np.argsort(-scores[places], kind="stable")][:MOST_QUOTES].tolist()
    return [
        place
        for rank, place in enumerate(ranked)
        if rank == 0 or (scores[place] > 0 and scores[place] > scores[ranked[0]] - _MARGIN)
    ]


def _response(verdict: str, variable: str, right: float) -> str:
    stated = "supported by the quoted sentences" if verdict not in ("No",) else "no sentence was found that says so"
    if variable == "research_type":
        stated = "by the sentences of the whole paper"
    elif variable == "affiliation":
        stated = "by the words of the author block"
    sure = f"calibrated probability {right:.2f}"
    unsure = "" if right >= SURE else " Unsure: a person should look."
    return f"{verdict}: {stated} ({sure}).{unsure}"
