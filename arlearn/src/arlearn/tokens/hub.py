"""One file from the Hugging Face Hub: from its local cache, else over the network, failing quickly where there is none."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import getproxies

from arlearn.errors import ArlearnError


def fetch(
    repository: str, name: str, kind: Literal["model", "dataset"] = "model", timeout: float = 5.0, quiet: bool = True
) -> Path:
    """The path of ``name`` in the Hub's ``repository``, downloaded if it is not in the cache yet.

    ``timeout`` in seconds bounds the look at whether the Hub can be reached at all, before the library's own patient
    retries begin. Raises ArlearnError with the reason if the file cannot be had.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.constants import ENDPOINT, HF_HUB_OFFLINE
    from huggingface_hub.utils import LocalEntryNotFoundError, disable_progress_bars

    try:
        return Path(hf_hub_download(repository, name, repo_type=kind, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    except ValueError as error:  # not a repository's name
        raise ArlearnError(f"{repository} is no Hugging Face Hub id: {_first_line(error)}") from error
    if HF_HUB_OFFLINE:
        raise ArlearnError(f"{repository} is not in the local Hugging Face cache, and HF_HUB_OFFLINE is set")
    if not reachable(ENDPOINT, timeout):
        raise ArlearnError(f"{ENDPOINT} cannot be reached, and {repository} is not in the local Hugging Face cache")
    if quiet:
        disable_progress_bars()
    try:
        return Path(hf_hub_download(repository, name, repo_type=kind, etag_timeout=timeout))
    except Exception as error:  # network, authorisation, no such file: the library has a dozen classes for it
        raise ArlearnError(f"{repository} has no {name} for us: {_first_line(error)}") from error


def reachable(endpoint: str, timeout: float) -> bool:
    """Whether a connection to this URL's host opens within ``timeout`` seconds; a proxy is taken at its word."""
    parts = urlsplit(endpoint)
    proxies = getproxies()
    if proxies.get(parts.scheme) or proxies.get("all"):
        return True
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 443), timeout=timeout):
            return True
    except OSError:
        return False


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
