"""The contestants of ``arlearn bench step``, each in a process of its own, so that its peak memory is its own.

``Process`` starts this file as a program and asks it, a JSON line at a time: ``step`` with the optimiser to use,
``gemm``, ``peak``. Each line is answered with one. Only one contestant runs at a time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from arlearn.errors import ArlearnError
from arlearn.predictors.linear import LinearPredictor
from arlearn.training.processes import keep_freed_memory
from speed.dense import DensePredictor
from speed.machine import Size, gemm_rate, peak_bytes

RATE, DECAY = 5e-4, 0.1  # the paper's learning rate and weight decay


class Contestant:
    """A predictor, its optimiser, and its tokens: random ones, or rows of a text read from a file of integers."""

    def __init__(self, kind: str, size: Size, threads: int, text: str | None = None) -> None:
        torch.set_num_threads(threads)
        self.size, self.kind = size, kind
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
        return self.model.loss(tokens)

    def step(self, optimiser: str = "fused") -> dict[str, float]:
        """One training step: what it took, in seconds, and its loss."""
        tokens = self.tokens(self.size.batch)
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
        }


class Process:
    """A contestant in a process; asks are answered in order, and only one contestant runs at a time."""

    def __init__(self, kind: str, size: Size, threads: int, text: str | None = None) -> None:
        self.kind = kind
        given = {"kind": kind, "size": size.as_dict(), "threads": threads, "text": text}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "speed.contestant", json.dumps(given)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])},
        )
        self._read()

    def ask(self, do: str, **order: Any) -> Any:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._died() from error
        return self._read().get("answer")

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._died()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _died(self) -> ArlearnError:
        code = self._process.wait()
        reason = "the system ended it, most likely for lack of memory" if code < 0 else f"it ended with code {code}"
        return ArlearnError(f"the {self.kind} process of the measurement is gone: {reason}; try a smaller --batch")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()


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
        else:
            answer = contestant.step(**order)
        print(json.dumps({"answer": answer}), flush=True)


if __name__ == "__main__":
    main()
