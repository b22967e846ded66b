"""Contestants in processes of their own, who take turns."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

from arlearn.benchmarks.machine import Size
from arlearn.errors import ArlearnError


class Process:
    """A contestant in a process; asks are answered in order, and only one contestant runs at a time."""

    def __init__(self, kind: str, size: Size, threads: int, text: str | None = None) -> None:
        self.kind = kind
        given = {"kind": kind, "size": size.as_dict(), "threads": threads, "text": text}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "arlearn.benchmarks.step_worker", json.dumps(given)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
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
