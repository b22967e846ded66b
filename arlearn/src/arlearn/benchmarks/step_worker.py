"""One contestant of ``arlearn bench step`` in a process of its own, so that its peak memory is its own.

It is told on standard input, a JSON line at a time, and answers each line with one: ``step`` with the optimiser to
use, ``gemm``, ``gradient_error``, ``peak``.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import torch
from torch import Tensor, nn

from arlearn.benchmarks.dense import DensePredictor
from arlearn.benchmarks.machine import Size, gemm_rate, peak_bytes
from arlearn.kernels.cross_entropy import Filtered, linear_cross_entropy
from arlearn.kernels.memory import keep_freed_memory
from arlearn.predictors.linear import LinearPredictor

RATE, DECAY = 5e-4, 0.1  # the paper's learning rate and weight decay


class Contestant:
    """A predictor, its optimiser, and its tokens: random ones, or rows of a text read from a file of integers."""

    def __init__(self, kind: str, size: Size, threads: int, text: str | None = None) -> None:
        torch.set_num_threads(threads)
        self.size, self.kind, self.negligible, self.filtered = size, kind, 0.0, Filtered()
        torch.manual_seed(0)
        self.model: nn.Module
        if kind == "baseline":
            self.model = DensePredictor(size.vocabulary, size.context, size.width)
        else:
            keep_freed_memory()  # as training does
            self.model = LinearPredictor.build(size.vocabulary, size.context, size.width)
        options: dict[str, Any] = {"lr": RATE, "weight_decay": DECAY}
        self.optimisers = {"fused": torch.optim.AdamW(self.model.parameters(), fused=True, **options)}
        if kind == "baseline":
            self.optimisers["default"] = torch.optim.AdamW(self.model.parameters(), **options)
            # one set of moments for both ways of applying them, so that they can take turns
            self.optimisers["default"].state = self.optimisers["fused"].state
        self.rows = None if text is None else torch.load(text, weights_only=True)
        self.taken = 0
        if self.rows is not None and isinstance(self.model, LinearPredictor):
            _start_from_frequencies(self.model, self.rows)

    def tokens(self, batch: int) -> Tensor:
        self.taken += 1
        if self.rows is None:
            generator = torch.Generator().manual_seed(self.taken)
            return torch.randint(self.size.vocabulary, (batch, self.size.context + 1), generator=generator)
        chosen = torch.randint(len(self.rows), (batch,), generator=torch.Generator().manual_seed(self.taken))
        rows: Tensor = self.rows[chosen]
        return rows.long()

    def loss(self, tokens: Tensor) -> Tensor:
        if isinstance(self.model, DensePredictor):
            return self.model.loss(tokens)
        assert isinstance(self.model, LinearPredictor)
        if self.negligible == 0:
            return self.model.loss(tokens)
        hidden = self.model.hidden(tokens[:, :-1]).flatten(0, 1)
        return linear_cross_entropy(
            hidden,
            self.model.head,
            tokens[:, 1:].flatten(),
            negligible=self.negligible,
            filtered=self.filtered,
        )

    def step(self, optimiser: str = "fused", batch: int | None = None, negligible: float = 0.0) -> dict[str, float]:
        """One training step: what it took, in seconds, and its loss."""
        tokens = self.tokens(batch or self.size.batch)
        self.negligible, self.filtered = negligible, Filtered()
        began = time.perf_counter()
        loss = self.loss(tokens)
        middle = time.perf_counter()
        loss.backward()  # type: ignore[no-untyped-call]
        backward = time.perf_counter()
        self.optimisers[optimiser].step()
        self.optimisers[optimiser].zero_grad(set_to_none=True)
        ended = time.perf_counter()
        return {
            "forward": middle - began,
            "backward": backward - middle,
            "optimiser": ended - backward,
            "seconds": ended - began,
            "loss": loss.item(),
            "skipped": self.filtered.skipped / max(1, self.filtered.tiles),
        }

    def gradient_error(self, negligible: float, batch: int) -> dict[str, float]:
        """How far the filtered gradient is from the exact one, for the same tokens: relative norm and cosine."""
        tokens, found = self.tokens(batch), []
        for share in (0.0, negligible):
            self.negligible, self.filtered = share, Filtered()
            self.loss(tokens).backward()  # type: ignore[no-untyped-call]
            found.append([p.grad.detach().clone() for p in self.model.parameters() if p.grad is not None])
            self.model.zero_grad(set_to_none=True)
        exact, filtered = found
        difference = sum(float((a - b).square().sum()) for a, b in zip(exact, filtered, strict=True))
        norm = sum(float(a.square().sum()) for a in exact)
        inner = sum(float((a * b).sum()) for a, b in zip(exact, filtered, strict=True))
        other = sum(float(b.square().sum()) for b in filtered)
        return {"relative_error": (difference / norm) ** 0.5, "cosine": inner / (norm * other) ** 0.5}


@torch.no_grad()
def _start_from_frequencies(model: LinearPredictor, rows: Tensor) -> None:
    """Let the model begin by knowing how often each token occurs, as one that has been trained for a while does.

    One coordinate is the constant 1 all the way, and the head weighs it with the logarithm of the token's frequency.
    """
    counts = torch.bincount(rows.flatten().long(), minlength=model.vocabulary).float() + 0.1
    model.embedding[:, 0] = 1.0
    model.head[:, 0] = (counts / counts.sum()).log()
    for t in range(model.map.context or 0):
        for s in range(t + 1):
            block = model.map.block(t, s)
            assert block is not None
            block[0] = 0.0
            block[0, 0] = float(s == t)


def main() -> None:
    given = json.loads(sys.argv[1])
    contestant = Contestant(given["kind"], Size(**given["size"]), given["threads"], given["text"])
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        name = order.pop("do")
        answer: Any
        if name == "gemm":
            answer = gemm_rate(**order)
        elif name == "peak":
            answer = peak_bytes()
        elif name == "gradient_error":
            answer = contestant.gradient_error(**order)
        else:
            answer = contestant.step(**order)
        print(json.dumps({"answer": answer}), flush=True)


if __name__ == "__main__":
    main()
