"""Fetches a repository for inspection: shallow, within limits of size and time, with hooks, filters and submodules off."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from openbook.errors import OpenbookError

SECONDS: Final = 120.0
MEGABYTES: Final = 500.0
#: Nothing of the user's own git is used: no credential is sent, no filter, hook or template runs.
_SAFE: Final = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.symlinks=false", "-c", "core.fsmonitor=false"),
    *("-c", "filter.lfs.smudge=", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false"),
    *("-c", "credential.helper=", "-c", "http.followRedirects=initial", "-c", "submodule.recurse=false"),
    *("-c", "protocol.allow=never", "-c", "protocol.https.allow=always", "-c", "core.protectNTFS=true"),
)


def is_address(source: str) -> bool:
    """Whether a source is the address of a repository, not a folder."""
    return bool(re.match(r"[a-z][a-z+.-]*://|git@", source, re.IGNORECASE))


def refuse_private(url: str, schemes: Sequence[str] = ("https",)) -> None:
    """Raise OpenbookError for an address of another scheme, or that leads into this machine or a private network."""
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.hostname:
        raise OpenbookError(f"{url} is not an https address; give one like https://github.com/NAME/REPOSITORY")
    try:
        found = {item[4][0] for item in socket.getaddrinfo(parts.hostname, 443, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise OpenbookError(f"{url}: the host {parts.hostname} cannot be found ({error.strerror or error})") from error
    if any(not ipaddress.ip_address(str(address).split("%")[0]).is_global for address in found):
        raise OpenbookError(f"{url} leads to this machine or a private network, which is never asked")


@contextmanager
def cloned(
    url: str, *, seconds: float = SECONDS, megabytes: float = MEGABYTES, protocol: str = "https"
) -> Iterator[Path]:
    """A shallow clone of a repository, in a folder that is removed at the end of the block.

    Args:
        url: an https address.
        seconds: the longest that fetching may take.
        megabytes: the largest that the folder may become.
        protocol: the only git protocol that is allowed; the tests use ``file``.

    Raises:
        OpenbookError: for an address that is not allowed, an absent, private or empty repository, no network, or a
            limit that was reached.
    """
    if protocol == "https":
        refuse_private(url)
    if shutil.which("git") is None:
        raise OpenbookError("git is not installed; it is needed to fetch a repository (or give a folder)")
    with tempfile.TemporaryDirectory(prefix="openbook-code-") as folder:
        place = Path(folder) / "repository"
        _fetch(url, place, seconds, megabytes, protocol)
        yield place


def _fetch(url: str, place: Path, seconds: float, megabytes: float, protocol: str) -> None:
    options = ("--depth", "1", "--no-recurse-submodules", "--single-branch", "--quiet", "--template=")
    command = ["git", *_SAFE, "-c", f"protocol.{protocol}.allow=always", "clone", *options, "--", url, str(place)]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=_environment(), start_new_session=True
        )
        end = time.monotonic() + seconds
        problem = None
        try:
            while process.poll() is None and problem is None:
                if time.monotonic() > end:
                    problem = f"fetching took longer than {seconds:.0f} seconds"
                elif _megabytes(place) > megabytes:
                    problem = f"it is larger than {megabytes:.0f} MB"
                else:
                    time.sleep(0.05)
        finally:  # also where a person interrupts: git is in a session of its own and does not hear it
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        said.seek(0)
        last = said.read(100_000).decode("utf-8", "replace").strip().splitlines()[-1:]
    if problem is None and _megabytes(place) > megabytes:
        problem = f"it is larger than {megabytes:.0f} MB"
    if problem is not None:
        raise OpenbookError(f"{url} was not looked at: {problem}")
    if process.returncode != 0:
        reason = (last[0] if last else "git failed").removeprefix("fatal: ")
        if re.search(r"could not read Username|Authentication failed|not found", reason):
            reason = "there is no public repository at this address"
        raise OpenbookError(f"{url} cannot be fetched: {reason}")
    if not (place / ".git").is_dir() or not git_output(place, "rev-parse", "HEAD"):
        raise OpenbookError(f"{url} is an empty repository")


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "HTTPS_PROXY", "https_proxy")}
    return kept | {
        **{"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"},
        **{
            "GIT_ASKPASS": "true",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "HOME": os.devnull,
            "LC_ALL": "C",
        },
    }


def _megabytes(folder: Path) -> float:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(root, name)).st_size
    return total / 1e6


def git_output(folder: Path, *arguments: str) -> str:
    """What a git command that only reads prints; empty if the folder has no history of its own or git is missing."""
    if not (folder / ".git").exists() or shutil.which("git") is None:
        return ""
    command = [
        "git",
        *_SAFE,
        "-c",
        "log.showSignature=false",
        "-c",
        f"safe.directory={folder.resolve()}",
        "-C",
        str(folder),
    ]
    try:
        done = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, errors="replace", timeout=20, env=_environment()
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
