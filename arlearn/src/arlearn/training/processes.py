"""A run's processes: one or several that train together, the signals that stop them, and the memory they keep.

``torchrun`` or ``accelerate launch`` start several processes; most often there is one. They share the run's directory.
Only the first one writes there, and it reports what went wrong.
"""

from __future__ import annotations

import contextlib
import ctypes
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import FrameType
from typing import Any, NoReturn, TypeVar

import psutil
import torch

from arlearn.errors import ArlearnError, Terminated
from arlearn.training.settings import TrainingSettings

T = TypeVar("T")
# The others wait while the first learns a vocabulary or measures; one that died is noticed by the launcher, not by this.
PATIENCE = timedelta(hours=6)


def on_cpu(settings: TrainingSettings) -> bool:
    return settings.device == "cpu" or not torch.cuda.is_available()


class Processes:
    """Where this process stands among those that train together.

    Attributes:
        count: how many they are.
        index: this one's number, from 0.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        from accelerate import PartialState

        self._state: Any = PartialState(cpu=on_cpu(settings), timeout=PATIENCE)
        self.count, self.index = int(self._state.num_processes), int(self._state.process_index)

    @property
    def first(self) -> bool:
        return self.index == 0

    def first_alone(self, work: Callable[[], object]) -> None:
        """Work that the first process does while the others wait; an ArlearnError there ends all."""
        self._first_try(work)

    def in_turn(self, work: Callable[[], T]) -> T:
        """Work that every process does, the first before the others; an ArlearnError there ends all."""
        result = self._first_try(work)
        return work() if result is None else result[0]

    def _first_try(self, work: Callable[[], T]) -> list[T] | None:
        result, error = None, None
        if self.first:
            try:
                result = [work()]
            except ArlearnError as caught:
                error = caught
        if self.broadcast(0.0 if error is None else 1.0):
            if error is not None:
                raise error
            raise SystemExit(1)
        return result

    def broadcast(self, value: float) -> float:
        """The first process's value, in all of them."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast as accelerate_broadcast

        return float(accelerate_broadcast(torch.tensor(value, dtype=torch.float64, device=self._state.device)))

    def check_equal(self, value: int, what: str) -> None:
        """Raise ArlearnError unless ``value`` (below 2^63) is the same in every process."""
        if self.count == 1:
            return
        from accelerate.utils import gather

        values = gather(torch.tensor([value], dtype=torch.int64, device=self._state.device)).tolist()
        if len(set(values)) > 1:
            self.fail(f"the {self.count} processes do not have {what}")

    def fail(self, message: str) -> NoReturn:
        """End all processes, which all call this; the first tells why."""
        if self.first:
            raise ArlearnError(message)
        raise SystemExit(1)

    def end(self) -> None:
        """Wait for all processes, then leave the group."""
        if self.count > 1:
            self._state.wait_for_everyone()
            self._state.destroy_process_group()
            type(self._state)._reset_state()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Turns the loss of another process into one line; what happened there, that process or its launcher tells."""
        try:
            yield
        except RuntimeError as error:
            lost = isinstance(error, torch.distributed.DistError) or any(
                word in str(error) for word in ("gloo", "NCCL", "onnection closed")
            )
            if self.count == 1 or not lost:
                raise
            raise ArlearnError(
                f"process {self.index} lost its connection to the others; continue with --resume"
            ) from error


def build_accelerator(settings: TrainingSettings) -> Any:
    """accelerate's engine for this device and precision. Raises ArlearnError if this machine does not have them."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import DistributedDataParallelKwargs

    mixed = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}[settings.precision]
    if settings.precision == "float16" and not torch.cuda.is_available():
        raise ArlearnError("float16 needs a GPU (its gradients are scaled there); use bfloat16 or float32")
    # accelerate remembers the precision of the process's first run; a second one may have another
    AcceleratorState._reset_state()
    # the exchanged gradients are the gradients, not a second copy of them
    exchange = DistributedDataParallelKwargs(gradient_as_bucket_view=True)
    return Accelerator(cpu=on_cpu(settings), mixed_precision=mixed, kwargs_handlers=[exchange])


SAME_SIGNAL = 0.5


class StopRequest:
    """Whether a signal has asked a run to stop, and which."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def asked(self) -> bool:
        return self.signal is not None

    def exception(self) -> BaseException:
        """What ends the run: SIGTERM and Ctrl-C have different exit codes."""
        return Terminated() if self.signal == signal.SIGTERM else KeyboardInterrupt()


@contextlib.contextmanager
def interruptible() -> Iterator[StopRequest]:
    """Ctrl-C and SIGTERM are noted, so that a run stops between two updates; a second one stops it at once.

    A launcher of several processes hands the signal on that they have had from the terminal, so one that follows
    within ``SAME_SIGNAL`` seconds is no second.
    """
    request = StopRequest()
    heard = 0.0
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        if request.asked():
            if time.monotonic() - heard > SAME_SIGNAL:
                raise request.exception()
            return
        heard, request.signal = time.monotonic(), number

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM raises ``Terminated`` inside the block, as Ctrl-C raises KeyboardInterrupt."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # glibc's malloc.h


def keep_freed_memory() -> bool:
    """Tell the C library to reuse large blocks instead of handing them back to the system; whether it did.

    A training step allocates the same large tensors again and again. By default glibc maps each of them afresh, and
    the page faults can cost more than the arithmetic: 4 times slower in a sandboxed container. Linux with glibc only;
    elsewhere nothing happens. The process's peak memory does not change, but it keeps it until it ends.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return all([mallopt(_M_MMAP_MAX, 0), mallopt(_M_TRIM_THRESHOLD, 2**31 - 1), mallopt(_M_TOP_PAD, 64 * 2**20)])


def machine() -> dict[str, Any]:
    """Where a figure was measured."""
    return {
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "memory_bytes": int(psutil.virtual_memory().total),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
