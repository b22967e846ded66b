"""How a server runs: where it listens, who may write, and its limits. Unsafe combinations are refused here."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from openbook.assessors.llm.settings import LlmSettings
from openbook.errors import OpenbookError
from openbook.papers.sandbox import MEGABYTES, SECONDS

SHORTEST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How a server runs.

    Attributes:
        ledger: the database that holds records, corrections and the queue.
        spool: the folder of the uploads; None for one beside the ledger.
        host, port: where it listens; port 0 takes a free one.
        token: the secret that writing needs; must be given where others than this machine can reach the server.
        names: further names that the server may be called by (its name behind a proxy).
        proxied: believe a proxy on this machine when it says whom it speaks for.
        private: reading needs the token too.
        jobs: papers read at the same time.
        queue: papers that may wait; more are refused until there is room.
        upload_megabytes, upload_seconds: limits of one upload.
        seconds, megabytes: limits of reading one paper.
        keep_minutes: how long an upload stays after it was read, so that another assessor can read it.
        rate: uploads and other changes per minute from one address; 0 for no limit.
        llm: how a language model is asked; None if none is.
    """

    ledger: str = "sqlite:///ledger.db"
    spool: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = None
    names: tuple[str, ...] = ()
    proxied: bool = False
    private: bool = False
    jobs: int = 2
    queue: int = 500
    upload_megabytes: float = 50.0
    upload_seconds: float = 120.0
    seconds: float = SECONDS
    megabytes: int = MEGABYTES
    keep_minutes: float = 60.0
    rate: int = 120
    llm: LlmSettings | None = None

    def __post_init__(self) -> None:
        if self.token is None and not is_loopback(self.host):
            raise OpenbookError(
                f"--host {self.host} lets other machines in: give a token for writing, in OPENBOOK_TOKEN or with --token "
                "(openssl rand -hex 32 makes one), or stay on 127.0.0.1"
            )
        if self.token is None and (self.names or self.proxied or self.private):
            raise OpenbookError(
                "--name, --behind-proxy and --private are for servers that others reach: give a token, in "
                "OPENBOOK_TOKEN or with --token"
            )
        if self.token is not None and not re.fullmatch(rf"[!-~]{{{SHORTEST_TOKEN},}}", self.token):
            raise OpenbookError(
                f"the token must be {SHORTEST_TOKEN} or more printable characters without spaces; "
                "openssl rand -hex 32 makes one"
            )
        for name in self.names:
            if not re.fullmatch(r"[A-Za-z0-9.-]+(?::\d+)?", name):
                raise OpenbookError(f"--name {name!r} is not the name of a server; write openbook.example.org")

    @property
    def upload_bytes(self) -> int:
        """The largest upload, in bytes."""
        return int(self.upload_megabytes * 1_000_000)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens here."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_address(host: str) -> bool:
    """Whether a host is an IP address, rather than a name that somebody could point here."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
