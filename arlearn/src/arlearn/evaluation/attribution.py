"""Which context tokens a linear predictor's next token comes from: an exact sum, not an estimate.

For ``logits_t = head (sum over s <= t of W[t, s] embedding[token_s]) + bias`` (Malach, ICML 2024, section 2) the logit of
token v is the sum over context positions of ``head[v] . W[t, s] embedding[token_s]``, plus ``bias[v]``: each summand
belongs to one (position, token), and nothing is left over. The summands are computed here in float64 from the weights;
the logit is the one that the predictor itself computes when it generates; how far the two are apart is measured.

A softmax does not see what is added to all logits alike. So a logit may be set against another token's, or against the
mean of all tokens' (*centred*): both differences are linear too, and are taken apart in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from arlearn.decoding.generate import generate
from arlearn.errors import ArlearnError
from arlearn.evaluation.saved_model import SavedModel
from arlearn.predictors.base import ABSENT, Predictor
from arlearn.predictors.linear import LinearPredictor

if TYPE_CHECKING:
    from arlearn.programs.text import Origin

TOLERANCE = 1e-4  # a larger residual means that the attribution does not explain the logit

# kind of predictor -> what in it is no sum over positions
NOT_LINEAR = {
    "mlp": "a ReLU stands between the map over positions and the head",
    "transformer": "attention weighs a position by what all the others hold, and its layers are not linear",
    "ngram": "a count is looked up for the last tokens together",
}


@dataclass(frozen=True)
class Attribution:
    """One logit, or the difference of two, as a sum.

    Attributes:
        token: whose logit; ``against`` None: the logit itself, a token: the difference to that token's logit, "mean":
            to the mean of all tokens' logits.
        logit: as the predictor computes it, in nats.
        bias: what the head adds whatever the context.
        values: what each of ``Contributions.places`` adds, in nats.
    """

    token: int
    against: int | str | None
    logit: float
    bias: float
    values: list[float]

    @property
    def total(self) -> float:
        """What the attribution adds up to."""
        return self.bias + sum(self.values)

    @property
    def residual(self) -> float:
        """``|logit - total|``, relative to the logit if that is larger than 1."""
        return abs(self.logit - self.total) / max(1.0, abs(self.logit))

    @property
    def exact(self) -> bool:
        """Whether the attribution adds up to the logit."""
        return self.residual <= TOLERANCE


@dataclass(frozen=True)
class Contributions:
    """The contributions to one prediction, for several candidate tokens.

    Attributes:
        position: of the predicted token in the sequence, counted from 0.
        places: the positions that reach the prediction, ascending; all others add exactly nothing.
        tokens: what stands there.
        candidates: token ids, likeliest first.
        logits: (candidates) of the predictor itself, in nats.
        probabilities: (candidates) after the softmax at temperature 1.
        margin: by how much the largest logit of all tokens exceeds the second, in nats.
        values: (candidates, places) float64.
        bias: (candidates) float64.
        mean_logit, mean_values, mean_bias: the same, averaged over the whole vocabulary.
    """

    position: int
    places: list[int]
    tokens: list[int]
    candidates: list[int]
    logits: Float[Tensor, " candidates"]
    probabilities: Float[Tensor, " candidates"]
    margin: float
    values: Float[Tensor, "candidates places"]
    bias: Float[Tensor, " candidates"]
    mean_logit: float
    mean_values: Float[Tensor, " places"]
    mean_bias: float

    def attribution(self, token: int, against: int | str | None = None) -> Attribution:
        """The attribution of one candidate; see ``Attribution``. Raises ArlearnError for a token that is no candidate."""
        row = self._row(token)
        logit, bias, values = float(self.logits[row]), float(self.bias[row]), self.values[row]
        if against == "mean":
            logit, bias, values = logit - self.mean_logit, bias - self.mean_bias, values - self.mean_values
        elif isinstance(against, int):
            other = self._row(against)
            logit, bias = logit - float(self.logits[other]), bias - float(self.bias[other])
            values = values - self.values[other]
        return Attribution(token, against, logit, bias, values.tolist())

    def _row(self, token: int) -> int:
        if token not in self.candidates:
            raise ArlearnError(f"token {token} is not among the candidates of this prediction")
        return self.candidates.index(token)


def check_linear(predictor: Predictor) -> LinearPredictor:
    """The predictor, if its logits are sums over positions. Raises ArlearnError saying why not."""
    if isinstance(predictor, LinearPredictor):
        return predictor
    why = NOT_LINEAR.get(predictor.kind, "its logits are not linear in what stands at each position")
    raise ArlearnError(
        f"a predictor of kind {predictor.kind!r} has no exact attribution: {why}; only linear predictors can be explained"
    )


@torch.no_grad()
def attribute(
    predictor: Predictor, tokens: Int[Tensor, " length"], top: int = 5, also: Sequence[int] = ()
) -> Contributions:
    """The contributions to the prediction after ``tokens``, for the ``top`` most likely tokens and those in ``also``.

    Past the context length the window slides, as in generation. Raises ArlearnError if the predictor is not linear or
    the tokens are none of its own.
    """
    linear = check_linear(predictor)
    if tokens.dim() != 1 or len(tokens) == 0:
        raise ArlearnError(f"an explanation needs at least one token to look at, got {tuple(tokens.shape)}")
    if not 0 <= int(tokens.min()) <= int(tokens.max()) < linear.vocabulary:
        raise ArlearnError(f"the tokens must lie in 0..{linear.vocabulary - 1}")
    tokens = tokens.to(linear.device)
    logits = linear.prefill(linear.start(1), tokens[None])[0][0].double()
    wanted = [token for token in also if 0 <= token < linear.vocabulary]
    best = logits.topk(min(max(top, 0), linear.vocabulary)).indices.tolist()
    candidates = sorted({*best, *wanted}, key=lambda token: -float(logits[token]))

    # without a context, what a position reads may depend on where it stands in the whole sequence
    window = tokens if linear.map.context is None else tokens[-linear.map.context :]
    first = len(tokens) - len(window)
    last = len(window) - 1
    sources = linear.map.sources(last)
    sources = list(range(last + 1)) if sources is None else sources
    reached = torch.zeros(len(sources), linear.map.outputs, dtype=torch.float64, device=linear.device)
    for row, source in enumerate(sources):
        block = linear.map.block(last, source)
        if block is not None:
            reached[row] = block.double() @ linear.embedding[window[source]].double()
    head = linear.head[candidates].double()
    mean_head = linear.head.double().mean(0)
    bias = (
        torch.zeros(linear.vocabulary, dtype=torch.float64) if linear.head_bias is None else linear.head_bias.double()
    )
    return Contributions(
        position=len(tokens),
        places=[first + source for source in sources],
        tokens=window[sources].tolist(),
        candidates=candidates,
        logits=logits[candidates].cpu(),
        probabilities=logits.softmax(0)[candidates].cpu(),
        margin=float(logits.topk(2).values.diff().abs()) if len(logits) > 1 else 0.0,
        values=(head @ reached.T).cpu(),
        bias=bias[candidates].cpu(),
        mean_logit=float(logits.mean()),
        mean_values=(reached @ mean_head).cpu(),
        mean_bias=float(bias.mean()),
    )


def walk(
    predictor: Predictor,
    prompt: Int[Tensor, " prompt"],
    count: int,
    *,
    top: int = 5,
    also: Sequence[int] = (),
    begin: int | None = None,
    stop: Sequence[int] = (),
    temperature: float = 0.0,
    seed: int = 0,
) -> Iterator[tuple[int, Contributions]]:
    """Continue the prompt by up to ``count`` tokens: pairs of the next token and the contributions to its prediction.

    ``begin``: start with the prediction of that position instead (1 or more), so that tokens of the prompt are
    explained too. The token that came is always a candidate.
    """
    check_linear(predictor)
    made = generate(predictor, prompt[None], count, stop=stop, temperature=temperature, seed=seed)[0]
    made = made[made != ABSENT].to(prompt)
    whole = torch.cat([prompt, made])
    for position in range(len(prompt) if begin is None else max(begin, 1), len(whole)):
        came = int(whole[position])
        yield came, attribute(predictor, whole[:position], top, [came, *also])


@dataclass(frozen=True)
class ExplainedToken:
    """One predicted token.

    Attributes:
        came: the token that the predictor (or the prompt) has at this position.
        contributions: the prediction taken apart.
        attribution: of the token asked for; of the one that came unless another was named.
        origin: of a compiled program, the step that wrote the token.
    """

    came: int
    contributions: Contributions
    attribution: Attribution
    origin: Origin | None = None


@dataclass(frozen=True)
class Explanation:
    """A prompt and its continuation, prediction by prediction.

    Attributes:
        model: the model and the words of its tokens.
        tokens: prompt and continuation.
        given: how many of them are the prompt.
        explained: one for each explained position, ascending.
    """

    model: SavedModel
    tokens: Int[Tensor, " length"]
    given: int
    explained: list[ExplainedToken]

    @property
    def worst(self) -> Attribution:
        """The attribution with the largest residual."""
        return max((each.attribution for each in self.explained), key=lambda attribution: attribution.residual)

    def as_json(self) -> dict[str, Any]:
        """The first prediction's attribution, the model and the prompt; all predictions under ``steps`` if more than one."""
        saved, first = self.model, self.explained[0]
        described: dict[str, Any] = {
            "model": str(saved.folder),
            "prompt": [saved.word(int(token)) for token in self.tokens[: self.given]],
            "continuation": saved.written(self.tokens[self.given :], self.tokens[: self.given]),
            "answer": saved.answer(self.tokens),
            **self._described(first),
        }
        if len(self.explained) > 1:
            described["steps"] = [self._described(each) for each in self.explained]
        return described

    def _described(self, explained: ExplainedToken) -> dict[str, Any]:
        word, attribution, found = self.model.word, explained.attribution, explained.contributions
        against = attribution.against
        return {
            "position": found.position,
            "token": word(attribution.token),
            "token_id": attribution.token,
            "against": word(against) if isinstance(against, int) else against,
            "logit": attribution.logit,
            "probability": float(found.probabilities[found.candidates.index(attribution.token)]),
            "margin": found.margin,
            "bias": attribution.bias,
            "contributions": [
                {"position": place, "token": word(token), "token_id": token, "value": value}
                for place, token, value in zip(found.places, found.tokens, attribution.values, strict=True)
            ],
            "sum": attribution.total,
            "residual": attribution.residual,
            "exact": attribution.exact,
            "came": word(explained.came),
            "alternatives": [
                {"token": word(token), "token_id": token, "logit": float(logit), "probability": float(share)}
                for token, logit, share in zip(found.candidates, found.logits, found.probabilities, strict=True)
            ],
            "step": None if explained.origin is None else explained.origin.as_json(),
        }


def explain(
    saved: SavedModel,
    prompt: Int[Tensor, " prompt"],
    count: int = 1,
    *,
    token: int | None = None,
    against: int | str | None = None,
    top: int = 5,
    whole: bool = False,
    temperature: float = 0.0,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> Explanation:
    """Continue the prompt by up to ``count`` tokens and explain every prediction.

    ``token``: whose logit, at every position, instead of the token that came. ``against``: a token or "mean", see
    ``Attribution``. ``top``: how many alternatives. ``whole``: explain the prompt's own tokens too, from the second on.
    ``on_progress`` is called with the share that is done. Raises ArlearnError if the predictor is not linear.
    """
    import torch

    check_linear(saved.predictor)
    if token is not None and token == against:
        raise ArlearnError(f"{saved.word(token)!r} against itself is nothing; name two different tokens")
    if saved.longest is not None:
        count = min(count, saved.longest)
    also = [each for each in (token, against) if isinstance(each, int)]
    begin = 1 if whole else len(prompt)
    came, found = [], []
    steps = walk(
        saved.predictor,
        prompt,
        count,
        top=top,
        also=also,
        begin=begin,
        stop=saved.stop,
        temperature=temperature,
        seed=seed,
    )
    for arrived, contributions in steps:
        came.append(arrived)
        found.append(contributions)
        if on_progress is not None:
            on_progress(len(came) / (len(prompt) - begin + count))
    tokens = torch.cat([prompt[:begin], torch.tensor(came, dtype=prompt.dtype)])
    origins = saved.origins(tokens)
    explained = []
    for arrived, contributions in zip(came, found, strict=True):
        target = arrived if token is None else token
        attribution = contributions.attribution(target, None if against == target else against)
        origin = None if origins is None else origins[contributions.position]
        explained.append(ExplainedToken(arrived, contributions, attribution, origin))
    return Explanation(saved, tokens, len(prompt), explained)
