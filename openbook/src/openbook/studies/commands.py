"""Runs one command: its standard error is passed on and logged as it comes, its standard output is one JSON object."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from openbook.files import write_atomically

_GRACE = 10.0
_TOLD = 300


class CommandFailed(Exception):
    """Why a command gave no result, in words."""


def run_command(
    command: Sequence[str],
    root: Path,
    log: Path,
    running: Path,
    minutes: float,
    environment: dict[str, str],
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """The JSON object that ``command``, run in ``root``, prints. Raises CommandFailed where it gives none.

    ``log`` gets its standard error, ``tell`` each line of it at once. ``running`` names its process group while it runs,
    so that what a killed run left behind can be ended by the next one (``end_left_behind``). After ``minutes`` the whole
    group is ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        process = subprocess.Popen(
            command,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | environment,
            start_new_session=True,
        )
    except OSError as error:
        raise CommandFailed(f"{command[0]} cannot be started: {error.strerror or error}") from error
    created = psutil.Process(process.pid).create_time()
    write_atomically(running, json.dumps({"group": process.pid, "created": created}))
    last: list[str] = []
    printed: list[bytes] = []
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = process.stdout, process.stderr

    def listen() -> None:
        with log.open("wb") as kept:
            for raw in err:
                kept.write(raw)
                kept.flush()
                line = raw.decode("utf-8", "replace").rstrip()
                if line:
                    last[:] = [line]
                    tell(line)

    readers = [
        threading.Thread(target=listen, daemon=True),
        threading.Thread(target=lambda: printed.append(out.read()), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        code = process.wait(timeout=60 * minutes)
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"took longer than {minutes:g} minutes and was ended") from error
    finally:
        _end(process.pid)
        process.wait()
        for reader in readers:
            reader.join(timeout=_GRACE)
        running.unlink(missing_ok=True)
    if code != 0:
        why = last[0][:_TOLD] if last else "it said nothing"
        raise CommandFailed(f"its command ended with exit code {code}: {why}")
    return _parsed(b"".join(printed))


def _parsed(printed: bytes) -> dict[str, Any]:
    try:
        found = json.loads(printed)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CommandFailed(f"its command printed no JSON: {error}") from error
    if not isinstance(found, dict):
        raise CommandFailed("its command printed JSON that is no object")
    return found


def end_left_behind(running: Path) -> None:
    """End the processes of a command whose run was killed, if they are still there."""
    try:
        noted = json.loads(running.read_text(encoding="utf-8"))
        group, created = int(noted["group"]), float(noted["created"])
        if abs(psutil.Process(group).create_time() - created) < 1:
            _end(group)
    except (OSError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        pass
    running.unlink(missing_ok=True)


def _end(group: int) -> None:
    """End what is left of a process group: asked first, then made to."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline:
            with suppress(ChildProcessError):
                os.waitpid(group, os.WNOHANG)
            os.killpg(group, 0)
            time.sleep(0.05)
        os.killpg(group, signal.SIGKILL)
