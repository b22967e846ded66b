"""Runs a study's commands as programs, each once, and continues where it was interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from openbook.errors import OpenbookError
from openbook.files import locked, write_atomically
from openbook.studies.environment import DATA, commit, data_folder, hardware, input_hashes, key_of, missing, versions
from openbook.studies.results import (
    ClaimResult,
    Study,
    StudyRun,
    Verdicts,
    judge,
    read_run,
    read_verdicts,
    results_folder,
    write_run,
    write_verdicts,
)
from openbook.studies.schema import Claim, Size, SizeName

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
    on_progress: Callable[[str], None],
) -> dict[str, Any]:
    """The JSON object that ``command``, run in ``root``, prints. Raises CommandFailed if it gives none.

    ``log`` gets its standard error, ``on_progress`` each line of it at once. ``running`` names its process group while it runs,
    so that what a killed run left behind can be ended by the next one (``end_left_behind``). After ``minutes`` the whole
    group is ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    kept = log.open("wb", buffering=0)
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
        kept.close()
        raise CommandFailed(f"{command[0]} cannot be started: {error.strerror or error}") from error
    last: list[str] = []
    faults: list[str] = []
    printed: list[bytes] = []
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = process.stdout, process.stderr

    def listen() -> None:
        for raw in err:  # to its end, whatever happens to the log: the command waits for a reader
            try:
                kept.write(raw)
            except (OSError, ValueError) as error:  # ValueError: closed, since the command has ended long ago
                faults[:] = [f"{log} is not whole: {getattr(error, 'strerror', error)}"]
            line = raw.decode("utf-8", "replace").rstrip()
            if line:
                last[:] = [line]
                on_progress(line)

    readers = [
        threading.Thread(target=listen, daemon=True),
        threading.Thread(target=lambda: printed.append(out.read()), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        created = psutil.Process(process.pid).create_time()
        write_atomically(running, json.dumps({"group": process.pid, "created": created}))
        code = process.wait(timeout=60 * minutes)
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"took longer than {minutes:g} minutes and was ended") from error
    finally:
        _end(process.pid)
        process.wait()
        for reader in readers:
            reader.join(timeout=_GRACE)
        kept.close()
        running.unlink(missing_ok=True)
    for fault in faults:
        on_progress(fault)
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
        raise CommandFailed("its command printed JSON that is not an object")
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
    """End what is left of a process group: first by SIGTERM, then by SIGKILL."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline:
            with suppress(ChildProcessError):
                os.waitpid(group, os.WNOHANG)
            os.killpg(group, 0)
            time.sleep(0.05)
        os.killpg(group, signal.SIGKILL)


NOT_QUICK = "not quick: openbook study run without --quick tries it"


@dataclass(frozen=True)
class Outcome:
    """What a call of ``run_study`` did.

    Attributes:
        claims: the results of the claims that were asked for.
        ran: commands that were run now.
        kept: commands whose earlier result still holds.
        failed: command -> why it gave no result.
        seconds: wall time of the call.
    """

    claims: dict[str, ClaimResult]
    ran: int
    kept: int
    failed: dict[str, str]
    seconds: float


@dataclass(frozen=True)
class _Chosen:
    """How a claim is tested in this call, or why it is not."""

    size: Size | None
    name: SizeName | None
    key: str | None
    reason: str = ""


def run_study(
    study: Study,
    claims: Sequence[str] = (),
    quick: bool = False,
    strict: bool = False,
    force: bool = False,
    on_progress: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Test claims (all unless some are named) and write their verdicts.

    ``quick`` runs only what the study's file calls quick. A result whose command and inputs are as before is kept, and
    one of a larger size stands before a quick one; ``force`` runs again. ``on_progress`` gets progress, line by line. Raises OpenbookError for a claim that is
    not there, if another run of this study is under way, and with ``strict`` if the code has no commit or differs
    from it.
    """
    began = time.monotonic()
    unknown = [name for name in claims if name not in study.claims]
    if unknown:
        there = ", ".join(study.claims)
        raise OpenbookError(f"{study.name} has no claim {', '.join(unknown)}; it has {there}")
    state = commit(study.root)
    if strict and state[1]:
        what = f"files differ from commit {state[0][:12]}" if state[0] else f"{study.root} is not a git repository"
        raise OpenbookError(f"--strict: {what}; commit first, so that the results can be traced to their code")
    hashes = input_hashes(study.folder, study.root, study.file.inputs)
    chosen = {name: _choose(study, study.claims[name], hashes, quick, force) for name in claims or study.claims}
    with _alone(study) as running:
        results: dict[str, ClaimResult] = {}
        for name, choice in chosen.items():
            if choice.size is None:
                published = study.claims[name].published
                results[name] = ClaimResult(verdict="not run", reason=choice.reason, published=published)
        groups: dict[str, list[str]] = {}
        for name, choice in chosen.items():
            if choice.key is not None:
                groups.setdefault(choice.key, []).append(name)
        ran = kept = 0
        failed: dict[str, str] = {}
        for number, (key, names) in enumerate(groups.items(), start=1):
            one = chosen[names[0]]
            assert one.size is not None
            run = None if force else read_run(study.folder, key)
            head = f"[{number}/{len(groups)}] {_listed(names)}"
            if run is not None:
                kept += 1
                on_progress(f"{head}: kept from {run.started[:16].replace('T', ' ')} UTC")
            else:
                on_progress(
                    f"{head}: {' '.join(_shown(one.size.command))}" + (f" ({one.size.cost})" if one.size.cost else "")
                )
                minutes = max(size.minutes for size in (chosen[name].size for name in names) if size is not None)
                try:
                    run = _run(study, one.size.command, key, hashes, state, minutes, running, on_progress)
                    ran += 1
                except CommandFailed as error:
                    failed[" ".join(one.size.command)] = str(error)
                    on_progress(f"    failed: {error}")
            for name in names:
                choice = chosen[name]
                assert choice.size is not None
                assert choice.name is not None
                if run is None:
                    reason = failed[" ".join(choice.size.command)]
                    published = study.claims[name].published
                    result = ClaimResult(verdict="not run", reason=reason, published=published, scale=choice.size.scale)
                else:
                    result = judge(choice.size, choice.name, run)
                results[name] = result
                on_progress(f"    {name}: {in_words(result)}")
            _write(study, results)
        _write(study, results)
    ordered = {name: results[name] for name in chosen}
    return Outcome(ordered, ran, kept, failed, time.monotonic() - began)


def in_words(result: ClaimResult) -> str:
    """A result in one line."""
    if result.measured is None:
        return f"{result.verdict} ({result.reason})" if result.reason else result.verdict
    published = f", published {result.published:g}" if result.published is not None else ""
    reason = f" ({result.reason})" if result.reason else ""
    return f"{result.verdict}: {result.measured:.6g}{published}{reason}"


def _choose(study: Study, claim: Claim, hashes: dict[str, str], quick: bool, force: bool) -> _Chosen:
    """The largest size that has a result already, or that may be run and can be."""
    if not claim.command:
        return _Chosen(None, None, None, "it has no command yet")
    names: tuple[SizeName, ...] = ("full", "smaller", "quick")
    sizes = {name: size for name in names if (size := claim.size(name)) is not None}
    if claim.quick is True:  # the command itself is quick
        sizes.pop("quick")
    why = None
    for name, size in sizes.items():
        key = key_of(size.command, hashes)
        if not force and read_run(study.folder, key) is not None:
            return _Chosen(size, name, key)
        lacking = missing(size.needs, study.root, study.file.paper.url)
        if lacking is None and (not quick or name == "quick" or claim.quick is True):
            return _Chosen(size, name, key)
        why = why or lacking  # what the paper's own size needs is the reason to give
    return _Chosen(None, None, None, why or NOT_QUICK)


def _run(
    study: Study,
    command: Sequence[str],
    key: str,
    hashes: dict[str, str],
    state: tuple[str | None, bool],
    minutes: float,
    running: Path,
    on_progress: Callable[[str], None],
) -> StudyRun:
    results = results_folder(study.folder)
    work = results / "work" / key
    work.mkdir(parents=True, exist_ok=True)
    places = {"{python}": sys.executable, "{study}": str(study.folder.resolve()), "{out}": str(work.resolve())}
    data = data_folder(study.root)
    environment = {DATA: str(data)} if data.is_dir() else {}
    started, began = datetime.now(UTC), time.monotonic()
    found = run_command(
        [_filled(part, places) for part in command],
        study.root,
        results / "logs" / f"{key}.log",
        running,
        minutes,
        environment | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])},
        lambda line: on_progress(f"    | {line}"),
    )
    run = StudyRun(
        key=key,
        command=list(command),
        inputs=hashes,
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - began, 3),
        commit=state[0],
        dirty=state[1],
        versions=versions(study.file.packages),
        hardware=hardware(),
        seeds=_seeds(found),
        found=found,
    )
    write_run(study.folder, run)
    return run


def _filled(part: str, places: dict[str, str]) -> str:
    for name, place in places.items():
        part = part.replace(name, place)
    return part


def _seeds(found: dict[str, Any]) -> list[int]:
    given = found.get("seeds", found.get("seed", []))
    listed = given if isinstance(given, list) else [given]
    return [seed for seed in listed if isinstance(seed, int) and not isinstance(seed, bool)]


def _shown(command: Sequence[str]) -> list[str]:
    return [_filled(part, {"{python}": "python", "{study}/": "", "{out}": "OUT"}) for part in command]


def _listed(names: Sequence[str], most: int = 3) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _write(study: Study, results: dict[str, ClaimResult]) -> None:
    """The verdicts, updated by those of this call; claims that are no longer in the file are dropped."""
    before = read_verdicts(study.folder)
    merged = (before.claims if before else {}) | results
    claims = {name: merged[name] for name in study.claims if name in merged}
    written = datetime.now(UTC).isoformat(timespec="seconds")
    write_verdicts(study.folder, Verdicts(study=study.name, written=written, claims=claims))


@contextmanager
def _alone(study: Study) -> Iterator[Path]:
    """The file that names the command under way, for the one process that may run this study."""
    results = results_folder(study.folder)
    with locked(results / ".lock", f"{study.name} is being run already; wait for that run, or end it"):
        running = results / ".running.json"
        end_left_behind(running)
        yield running
