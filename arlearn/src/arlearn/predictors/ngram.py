"""The n-gram predictor, the baseline that looks at a few tokens and has learned nothing but counts."""

from __future__ import annotations

from typing import Any, Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from arlearn.errors import ArlearnError
from arlearn.predictors.base import Predictor, State, Window, check_tokens, counted_targets
from arlearn.predictors.kneser_ney import Level


class NGramPredictor(Predictor):
    """Interpolated modified Kneser-Ney over the last ``order - 1`` tokens; its logits are log-probabilities.

    A token costs at most ``order`` · V multiply-adds, and for each length of context a search in a sorted list.

    For each length n, of buffers: ``keys_n`` (sorted, see ``kneser_ney``), ``mass_n`` (the discounted probability) and,
    but for the longest, ``backoff_n`` (the weight of the shorter context where this n-gram is the context).
    """

    kind = "ngram"

    def __init__(self, vocabulary: int, sizes: list[int]) -> None:
        """``sizes``: how many n-grams there are of each length; of single tokens ``vocabulary``."""
        super().__init__()
        if vocabulary < 1 or not sizes or sizes[0] != vocabulary or min(sizes) < 1:
            raise ArlearnError(f"an n-gram predictor of {vocabulary} tokens cannot have n-grams in numbers of {sizes}")
        self.vocabulary, self.context, self.sizes = vocabulary, None, sizes
        for length, size in enumerate(sizes, 1):
            self.register_buffer(f"keys_{length}", torch.arange(size))
            self.register_buffer(f"mass_{length}", torch.full((size,), 1 / vocabulary if length == 1 else 0.0))
            if length < len(sizes):
                self.register_buffer(f"backoff_{length}", torch.ones(size))

    @classmethod
    def from_levels(cls, levels: list[Level], vocabulary: int) -> Self:
        """The predictor that ``kneser_ney.estimate`` describes."""
        predictor = cls(vocabulary, [len(level.keys) for level in levels])
        for length, level in enumerate(levels, 1):
            predictor._table("keys", length).copy_(torch.from_numpy(level.keys))
            predictor._table("mass", length).copy_(torch.from_numpy(level.mass))
            if length < len(levels):
                predictor._table("backoff", length).copy_(torch.from_numpy(level.backoff))
        return predictor

    @property
    def order(self) -> int:
        """Tokens of the longest n-grams."""
        return len(self.sizes)

    def _table(self, name: str, length: int) -> Tensor:
        return self.get_buffer(f"{name}_{length}")

    def _nodes(self, tokens: Int[Tensor, "batch length"]) -> list[Int[Tensor, "batch length"]]:
        """For each n-gram length, the place of the n-gram that ends at each position; -1 where the text had none."""
        nodes = [tokens]
        for length in range(2, self.order + 1):
            before = nn.functional.pad(nodes[-1][:, :-1], (1, 0), value=-1)
            keys = self._table("keys", length)
            key = before * self.vocabulary + tokens
            place = torch.searchsorted(keys, key).clamp_(max=len(keys) - 1)
            nodes.append(torch.where((before >= 0) & (keys[place] == key), place, -1))
        return nodes

    def _probabilities(self, nodes: list[Int[Tensor, " rows"]]) -> Float[Tensor, "rows vocabulary"]:
        """The distribution after contexts of 1, 2, ... order - 1 tokens that end at the same place."""
        rows = nodes[0].shape[0]
        p = self._table("mass", 1).repeat(rows, 1)
        for length, node in enumerate(nodes, 1):
            known = (node >= 0).nonzero()[:, 0]
            context = node[known]
            p[known] *= self._table("backoff", length)[context, None]
            keys = self._table("keys", length + 1)
            begin = torch.searchsorted(keys, context * self.vocabulary)
            following = torch.searchsorted(keys, (context + 1) * self.vocabulary) - begin
            row = known.repeat_interleave(following)
            # place of each n-gram that follows: its context's first, and how many of the context came before
            done = (following.cumsum(0) - following).repeat_interleave(following)
            place = begin.repeat_interleave(following) + torch.arange(len(row), device=row.device) - done
            p[row, keys[place] % self.vocabulary] += self._table("mass", length + 1)[place]
        return p

    @torch.no_grad()
    def forward(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length vocabulary"]:
        check_tokens(self, tokens)
        nodes = [node.flatten() for node in self._nodes(tokens)[: self.order - 1]]
        p = self._probabilities(nodes) if nodes else self._table("mass", 1).repeat(tokens.numel(), 1)
        return p.log_().view(*tokens.shape, self.vocabulary)

    @torch.no_grad()
    def loss(
        self, tokens: Int[Tensor, "batch length"], counted: Bool[Tensor, "batch length"] | None = None
    ) -> Float[Tensor, ""]:
        """As in the contract, without a gradient: nothing here is learned by descent."""
        check_tokens(self, tokens)
        rows, targets = counted_targets(self, tokens, counted)
        nodes = self._nodes(tokens)
        p = self._table("mass", 1)[targets]
        for length in range(1, self.order):
            context, whole = nodes[length - 1][:, :-1].flatten(), nodes[length][:, 1:].flatten()
            if rows is not None:
                context, whole = context[rows], whole[rows]
            backoff, mass = self._table("backoff", length), self._table("mass", length + 1)
            p = torch.where(context >= 0, backoff[context] * p, p) + torch.where(whole >= 0, mass[whole], 0.0)
        return -p.log().mean()

    def start(self, batch: int) -> Window:
        return Window(batch, max(1, self.order - 1), self.device)

    @torch.no_grad()
    def prefill(
        self, state: State, tokens: Int[Tensor, "batch new"]
    ) -> tuple[Float[Tensor, "batch vocabulary"], State]:
        assert isinstance(state, Window)
        state.append(tokens)
        nodes = [node[:, -1] for node in self._nodes(state.tokens)[: self.order - 1]]
        p = self._probabilities(nodes) if nodes else self._table("mass", 1).repeat(state.batch, 1)
        return p.log_(), state

    def configuration(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary, "sizes": self.sizes}

    @classmethod
    def from_configuration(cls, configuration: dict[str, Any]) -> NGramPredictor:
        try:
            return cls(int(configuration["vocabulary"]), [int(size) for size in configuration["sizes"]])
        except (KeyError, TypeError, ValueError) as error:
            raise ArlearnError(f"the predictor's configuration is invalid: {error!r}") from error

    def parameter_count(self) -> int:
        """Stored probabilities and back-off weights."""
        return sum(buffer.numel() for buffer in self.buffers() if buffer.is_floating_point())

    @property
    def device(self) -> torch.device:
        return self._table("mass", 1).device
