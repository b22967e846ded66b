"""What ``arlearn explain`` found out about a prompt: one ledger for each predicted token, and its JSON form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jaxtyping import Int
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.evaluation.attribution import Attribution, Ledger, check_linear, walk
from arlearn.evaluation.subject import Subject

if TYPE_CHECKING:
    from arlearn.programs.tracing import Origin


@dataclass(frozen=True)
class Moment:
    """One predicted token.

    Attributes:
        came: the token that the predictor (or the prompt) has at this position.
        attribution: the prediction taken apart.
        ledger: of the token asked for; of the one that came unless another was named.
        origin: of a compiled program, the step that wrote the token.
    """

    came: int
    attribution: Attribution
    ledger: Ledger
    origin: Origin | None = None


@dataclass(frozen=True)
class Explanation:
    """A prompt and its continuation, prediction by prediction.

    Attributes:
        subject: the model.
        tokens: prompt and continuation.
        given: how many of them are the prompt.
        moments: one for each explained position, ascending.
    """

    subject: Subject
    tokens: Int[Tensor, " length"]
    given: int
    moments: list[Moment]

    @property
    def worst(self) -> Ledger:
        """The ledger with the largest residual."""
        return max((moment.ledger for moment in self.moments), key=lambda ledger: ledger.residual)

    def as_json(self) -> dict[str, Any]:
        """The first prediction's ledger, the model and the prompt; all predictions under ``steps`` where several."""
        subject, first = self.subject, self.moments[0]
        described: dict[str, Any] = {
            "model": str(subject.model),
            "prompt": [subject.word(int(token)) for token in self.tokens[: self.given]],
            "continuation": subject.written(self.tokens[self.given :]),
            "answer": subject.answer(self.tokens),
            **self._moment(first),
        }
        if len(self.moments) > 1:
            described["steps"] = [self._moment(moment) for moment in self.moments]
        return described

    def _moment(self, moment: Moment) -> dict[str, Any]:
        word, ledger, found = self.subject.word, moment.ledger, moment.attribution
        against = ledger.against
        return {
            "position": found.position,
            "token": word(ledger.token),
            "token_id": ledger.token,
            "against": word(against) if isinstance(against, int) else against,
            "logit": ledger.logit,
            "probability": float(found.probabilities[found.candidates.index(ledger.token)]),
            "bias": ledger.bias,
            "contributions": [
                {"position": place, "token": word(token), "token_id": token, "value": value}
                for place, token, value in zip(found.places, found.tokens, ledger.values, strict=True)
            ],
            "sum": ledger.total,
            "residual": ledger.residual,
            "exact": ledger.exact,
            "came": word(moment.came),
            "alternatives": [
                {"token": word(token), "token_id": token, "logit": float(logit), "probability": float(share)}
                for token, logit, share in zip(found.candidates, found.logits, found.probabilities, strict=True)
            ],
            "step": None if moment.origin is None else moment.origin.as_json(),
        }


def explain(
    subject: Subject,
    prompt: Int[Tensor, " prompt"],
    count: int = 1,
    *,
    token: int | None = None,
    against: int | str | None = None,
    top: int = 5,
    whole: bool = False,
    temperature: float = 0.0,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Explanation:
    """Continue the prompt by up to ``count`` tokens and take every prediction apart.

    ``token``: whose logit, at every position, instead of the token that came. ``against``: a token or "mean", see
    ``Ledger``. ``top``: how many alternatives. ``whole``: explain the prompt's own tokens too, from the second on.
    ``progress`` hears the share that is done. Raises ArlearnError if the predictor is not linear.
    """
    import torch

    check_linear(subject.predictor)
    if token is not None and token == against:
        raise ArlearnError(f"{subject.word(token)!r} against itself is nothing; name two different tokens")
    if subject.longest is not None:
        count = min(count, subject.longest)
    also = [each for each in (token, against) if isinstance(each, int)]
    begin = 1 if whole else len(prompt)
    came, found = [], []
    steps = walk(
        subject.predictor,
        prompt,
        count,
        top=top,
        also=also,
        begin=begin,
        stop=subject.stop,
        temperature=temperature,
        seed=seed,
    )
    for arrived, attribution in steps:
        came.append(arrived)
        found.append(attribution)
        if progress is not None:
            progress(len(came) / (len(prompt) - begin + count))
    tokens = torch.cat([prompt[:begin], torch.tensor(came, dtype=prompt.dtype)])
    origins = subject.origins(tokens)
    moments = []
    for arrived, attribution in zip(came, found, strict=True):
        target = arrived if token is None else token
        opposed = None if against == target else against
        ledger = attribution.ledger(target, opposed)
        moments.append(Moment(arrived, attribution, ledger, None if origins is None else origins[attribution.position]))
    return Explanation(subject, tokens, len(prompt), moments)
