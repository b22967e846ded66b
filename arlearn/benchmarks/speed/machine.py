"""The size of a measurement, and what the machine can do, measured in the same run as what is compared with it."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import psutil
import torch


@dataclass(frozen=True)
class Size:
    """The size of a predictor and its batch."""

    context: int = 64
    width: int = 256
    vocabulary: int = 50_258
    batch: int = 128

    @property
    def map_weights(self) -> int:
        return self.context * (self.context + 1) // 2 * self.width**2

    @property
    def step_operations(self) -> int:
        """Floating-point operations of one training step without the zero blocks: three products of each layer."""
        softmax = self.batch * self.context * self.vocabulary * self.width
        return 3 * 2 * (softmax + self.batch * self.map_weights)

    @property
    def baseline_bytes(self) -> int:
        """About what the baseline needs at its peak."""
        dense = 4 * (self.context * self.width) ** 2
        return 6 * dense + 3 * 4 * self.batch * self.context * self.vocabulary + 16 * self.vocabulary * self.width

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


QUICK = Size(context=8, width=32, vocabulary=2_000, batch=8)
TOO_SMALL = "this size is too small to compare speeds; the run only shows that the measurement works"


def comparable(result: dict[str, Any]) -> bool:
    """Whether a measurement has a size at which its ratios say something: a larger one than ``--quick``."""
    return bool(result["size"]["width"] > QUICK.width)


def gemm_rate(side: int = 2048, repeat: int = 4) -> float:
    """Floating-point operations a second of a square float32 matrix product."""
    a, b, out = torch.randn(side, side), torch.randn(side, side), torch.empty(side, side)
    torch.mm(a, b, out=out)
    began = time.perf_counter()
    for _ in range(repeat):
        torch.mm(a, b, out=out)
    return repeat * 2 * side**3 / (time.perf_counter() - began)


def read_rate(size: int = 2**28, repeat: int = 3) -> float:
    """Bytes a second at which all threads read memory: the best of some sums over a tensor larger than the caches."""
    numbers = torch.ones(size // 4)
    seconds = []
    for _ in range(repeat):
        began = time.perf_counter()
        numbers.sum()
        seconds.append(time.perf_counter() - began)
    return size / min(seconds)


def peak_bytes() -> int:
    """The largest resident size this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def available_bytes() -> int:
    return int(psutil.virtual_memory().available)
