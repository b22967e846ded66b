"""``openbook serve``: the server."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from openbook.cli import app
from openbook.cli._options import ModelOptions, with_options
from openbook.errors import OpenbookError

_REACHED: dict[str, Any] = {"rich_help_panel": "Letting others in"}
_LIMITS: dict[str, Any] = {"rich_help_panel": "Limits"}


@app.command()
@with_options(model=ModelOptions)
def serve(
    ledger: Annotated[
        str,
        typer.Option(
            help="Keep records and the queue in this database, which is made if it does not exist: sqlite:///FILE or postgresql://…"
        ),
    ] = "sqlite:///ledger.db",
    host: Annotated[
        str, typer.Option(help="Listen on this address. Any other than loopback needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Listen on this port; 0 takes a free one.")] = 8765,
    open_: Annotated[bool, typer.Option("--open", help="Open the first page in the browser.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="When ready, print one JSON object with the address on standard output.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Read this many papers at the same time.")] = 2,
    spool: Annotated[
        Path | None, typer.Option(help="Keep uploads in this folder [default: beside the ledger, LEDGER.spool].")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every request on standard error.")] = False,
    token: Annotated[
        str | None,
        typer.Option(
            help="Only those who have this token may write. OPENBOOK_TOKEN is safer: others can see a command line.",
            **_REACHED,
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            help="Answer to this name too, such as the name of a proxy. May be given several times.", **_REACHED
        ),
    ] = None,
    behind_proxy: Annotated[
        bool,
        typer.Option(
            "--behind-proxy", help="Trust X-Forwarded-For and X-Forwarded-Proto from this machine.", **_REACHED
        ),
    ] = False,
    private: Annotated[bool, typer.Option("--private", help="Ask for the token for reading too.", **_REACHED)] = False,
    upload_megabytes: Annotated[
        float, typer.Option(min=0.001, help="Refuse uploads of more megabytes than this.", **_LIMITS)
    ] = 50.0,
    upload_seconds: Annotated[
        float, typer.Option(min=0.1, help="Refuse uploads that take longer than this many seconds.", **_LIMITS)
    ] = 120.0,
    queue: Annotated[int, typer.Option(min=1, help="Refuse uploads while this many papers wait.", **_LIMITS)] = 500,
    rate: Annotated[
        int,
        typer.Option(
            min=0,
            help="Allow this many uploads and other changes per minute from one address; 0 sets no limit.",
            **_LIMITS,
        ),
    ] = 120,
    keep_minutes: Annotated[
        float,
        typer.Option(
            min=0,
            help="Delete an upload this many minutes after it was read. Until then another assessor can read it.",
            **_LIMITS,
        ),
    ] = 60.0,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="Give up reading a paper after this many seconds.", **_LIMITS)
    ] = 60.0,
    megabytes: Annotated[
        int, typer.Option(min=256, help="Give up reading a paper that needs more memory than this.", **_LIMITS)
    ] = 1536,
    model: ModelOptions = ModelOptions(),
) -> None:
    """Serve a page on which papers are dropped and read, and an HTTP API. By default only this machine can reach it.

    Uploads are kept in their own folder, read in processes with limits, and then deleted. An accepted upload survives a
    crash, because the queue is in the ledger. Stop with Ctrl-C; what is waiting is read after the next start.

        openbook serve --open
        OPENBOOK_TOKEN=$(openssl rand -hex 32) openbook serve --host 0.0.0.0 --name openbook.example.org
    """
    try:
        from openbook.web.server.run import run
        from openbook.web.server.settings import ServerSettings
    except ModuleNotFoundError as error:
        raise OpenbookError(f"openbook serve needs {error.name}: pip install 'openbook[server]'") from error
    settings = ServerSettings(
        ledger=ledger,
        spool=spool,
        host=host,
        port=port,
        token=token or os.environ.get("OPENBOOK_TOKEN") or None,
        names=tuple(name or ()),
        proxied=behind_proxy,
        private=private,
        jobs=jobs,
        queue=queue,
        upload_megabytes=upload_megabytes,
        upload_seconds=upload_seconds,
        seconds=seconds,
        megabytes=megabytes,
        keep_minutes=keep_minutes,
        rate=rate,
        llm=model.settings(),
    )

    def ready(address: str) -> None:
        if as_json:
            said = {"url": address, "api": f"{address}/api/v1", "ledger": ledger.rpartition("@")[2], "pid": os.getpid()}
            print(json.dumps(said), flush=True)
        else:
            print(f"openbook: serving at {address} (Ctrl-C stops)", file=sys.stderr, flush=True)
        if open_:
            import webbrowser

            webbrowser.open(address)

    try:
        run(settings, ready, log_level="info" if verbose else "warning")
    except ModuleNotFoundError as error:
        raise OpenbookError(f"openbook serve needs {error.name}: pip install 'openbook[server]'") from error
