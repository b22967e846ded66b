"""A small decoder-only transformer, the baseline that has attention.

The usual pre-norm blocks (Vaswani et al. 2017; Touvron et al. 2023), made of PyTorch's own parts: RMSNorm, rotary
positions (Su et al. 2021), ``scaled_dot_product_attention``, and a two-layer GELU network four times as wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from arlearn.errors import ArlearnError
from arlearn.predictors.base import State, Window, check_tokens
from arlearn.predictors.linear import freeze
from arlearn.predictors.output_head import HeadedPredictor

ROTARY_BASE = 10_000.0
Cache = tuple[Float[Tensor, "batch heads seen size"], Float[Tensor, "batch heads seen size"]]


class TransformerPredictor(HeadedPredictor):
    """Embedding -> ``layers`` blocks of attention and a feed-forward network -> norm -> output embedding.

    A token costs 12·layers·d² + 2·layers·t·d + d·V multiply-adds, t <= T being the tokens before it. Once the window
    slides every token costs the blocks of a whole window (T times the first two terms): what a position holds depends
    on the token that fell out, so nothing of it can be kept.

    Parameters: ``embedding`` (V, d), ``blocks``, ``norm`` (d), ``head`` (V, d) and, if there is one, ``head_bias`` (V).
    """

    kind = "transformer"
    context: int

    def __init__(
        self, vocabulary: int, context: int, width: int, layers: int = 4, heads: int = 4, bias: bool = False
    ) -> None:
        super().__init__()
        if min(vocabulary, context, width, layers, heads) < 1:
            raise ArlearnError("a transformer's vocabulary, context, width, layers and heads must all be 1 or more")
        if width % (2 * heads):
            raise ArlearnError(f"a transformer's width must be an even number for each of {heads} heads, not {width}")
        self.vocabulary, self.context, self.width, self.heads = vocabulary, context, width, heads
        self.embedding = nn.Parameter(torch.zeros(vocabulary, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.head = nn.Parameter(torch.zeros(vocabulary, width))
        self.head_bias = nn.Parameter(torch.zeros(vocabulary)) if bias else None

    @classmethod
    def build(
        cls,
        vocabulary: int,
        context: int,
        width: int,
        layers: int = 4,
        heads: int = 4,
        seed: int = 0,
        bias: bool = False,
    ) -> TransformerPredictor:
        """A predictor to be trained from scratch, with GPT-2's initial distributions.

        All matrices are N(0, 0.02²), those that end a branch divided by sqrt(2·layers). Raises ArlearnError if the
        sizes are invalid.
        """
        generator = torch.Generator().manual_seed(seed)
        predictor = cls(vocabulary, context, width, layers, heads, bias)
        with torch.no_grad():
            for name, parameter in predictor.named_parameters():
                if parameter.dim() == 2:
                    ends = name.endswith(("out.weight", "down.weight"))
                    parameter.normal_(std=0.02 / (2 * layers) ** 0.5 if ends else 0.02, generator=generator)
        return predictor

    def hidden(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length width"]:
        """What the head sees at every position."""
        check_tokens(self, tokens)
        return self._blocks(tokens, 0)[0]

    def _blocks(
        self, tokens: Int[Tensor, "batch new"], begin: int, caches: Sequence[Cache | None] | None = None
    ) -> tuple[Float[Tensor, "batch new width"], list[Cache]]:
        """The head's input at new positions ``begin`` and later, and the keys and values up to them."""
        turn = _rotation(begin, tokens.shape[1], self.width // self.heads, self.embedding)
        x = F.embedding(tokens, self.embedding)
        grown: list[Cache] = []
        for number, block in enumerate(self.blocks):
            x, cache = block(x, turn, None if caches is None else caches[number])
            grown.append(cache)
        out: Tensor = self.norm(x)
        return out, grown

    def start(self, batch: int) -> Attended:
        return Attended(Window(batch, self.context, self.device))

    @torch.no_grad()
    def prefill(
        self, state: State, tokens: Int[Tensor, "batch new"]
    ) -> tuple[Float[Tensor, "batch vocabulary"], State]:
        assert isinstance(state, Attended)
        before = state.length
        state.window.append(tokens)
        if state.length <= self.context:
            hidden, state.caches = self._blocks(tokens, before, state.caches)
        else:
            state.caches = None
            hidden, _ = self._blocks(state.window.tokens, 0)
        return self.next_logits(hidden[:, -1]), state

    def configuration(self) -> dict[str, Any]:
        return {
            "vocabulary": self.vocabulary,
            "context": self.context,
            "width": self.width,
            "layers": len(self.blocks),
            "heads": self.heads,
            "bias": self.head_bias is not None,
            "frozen": self.frozen(),
        }

    @classmethod
    def from_configuration(cls, configuration: dict[str, Any]) -> TransformerPredictor:
        try:
            predictor = cls(
                int(configuration["vocabulary"]),
                int(configuration["context"]),
                int(configuration["width"]),
                int(configuration["layers"]),
                int(configuration["heads"]),
                bool(configuration.get("bias", False)),
            )
            freeze(predictor, list(configuration.get("frozen", [])))
        except (KeyError, TypeError, ValueError) as error:
            raise ArlearnError(f"the predictor's configuration is invalid: {error!r}") from error
        return predictor


class Attended(State):
    """The tokens in the window and, until it slides, each block's keys and values of them."""

    def __init__(self, window: Window, caches: list[Cache] | None = None) -> None:
        self.window, self.caches = window, caches

    @property
    def length(self) -> int:
        return self.window.length

    def select(self, rows: Int[Tensor, " kept"]) -> Attended:
        caches = None if self.caches is None else [(keys[rows], values[rows]) for keys, values in self.caches]
        return Attended(self.window.select(rows), caches)


class Block(nn.Module):
    """``x + attention(norm x)``, then ``x + feed-forward(norm x)``; no biases."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.RMSNorm(width, eps=1e-5)
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.forward_norm = nn.RMSNorm(width, eps=1e-5)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(
        self, x: Float[Tensor, "batch new width"], turn: tuple[Tensor, Tensor], cache: Cache | None
    ) -> tuple[Float[Tensor, "batch new width"], Cache]:
        """The output at the new positions, and the keys and values with those of the new positions added."""
        batch, new, width = x.shape
        three = self.queries_keys_values(self.attention_norm(x)).view(batch, new, 3, self.heads, -1)
        queries, keys, values = three.permute(2, 0, 3, 1, 4)
        queries, keys = _rotate(queries, turn), _rotate(keys, turn)
        mask = None
        if cache is not None:
            seen = cache[0].shape[2]
            keys, values = torch.cat([cache[0], keys], 2), torch.cat([cache[1], values], 2)
            mask = torch.ones(new, seen + new, dtype=torch.bool, device=x.device).tril(seen)
        mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=mask is None)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, new, width))
        return x + self.down(F.gelu(self.up(self.forward_norm(x)))), (keys, values)


def _rotation(begin: int, count: int, size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines (count, size / 2) of the angles by which positions ``begin`` and later are turned."""
    speed = ROTARY_BASE ** (-torch.arange(0, size, 2, device=like.device) / size)
    angle = torch.arange(begin, begin + count, device=like.device)[:, None] * speed
    return angle.cos().to(like.dtype), angle.sin().to(like.dtype)


def _rotate(x: Float[Tensor, "batch heads new size"], turn: tuple[Tensor, Tensor]) -> Tensor:
    (cos, sin), (first, second) = turn, x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)
