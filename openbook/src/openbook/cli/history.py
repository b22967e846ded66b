"""``openbook history``: all that happened to a paper."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from openbook.cli import app


@app.command()
def history(
    paper: Annotated[str, typer.Argument(help="The paper: its id, 8 or more digits of its SHA-256, or its file.")],
    ledger: Annotated[str, typer.Option(help="The database: sqlite:///FILE or postgresql://…")] = "sqlite:///ledger.db",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Show when and how a paper was assessed, what changed between runs, and what people corrected, oldest first.

    openbook history a_paper --ledger sqlite:///ledger.db
    """
    from dataclasses import asdict

    from openbook.ledger import Ledger

    with Ledger.open(_existing(ledger)) as kept:
        key = kept.find(_named(paper))
        events = kept.history(key)
    if as_json:
        print(json.dumps({"paper": key, "events": [asdict(event) for event in events]}, ensure_ascii=False))
        return
    before: dict[str, str] = {}
    print(f"paper {key}")
    for event in events:
        what = event.what
        if event.kind == "corrected":
            print(f"{event.when}  corrected  {what['variable']} -> {what['result']}, by {what['who']}: {what['why']}")
            continue
        name = " ".join(str(part) for part in (what["assessor"], what["model"], what["version"]) if part)
        cost = f", ${what['cost']:.4f}" if what["cost"] else ""
        print(
            f"{event.when}  assessed   {name}: Documentation Score {what['documentation']}{cost}{_changes(before, what)}"
        )
        before = what["results"]


def _changes(before: dict[str, str], what: dict[str, Any]) -> str:
    """What differs from the assessment before."""
    if not before:
        return ""
    changed = [
        f"{name} {before[name]} -> {result}"
        for name, result in what["results"].items()
        if before.get(name, result) != result
    ]
    return f"; changed: {', '.join(changed)}" if changed else "; nothing changed"


def _named(paper: str) -> str:
    """A file stands for its content hash."""
    from hashlib import sha256
    from pathlib import Path

    path = Path(paper)
    return sha256(path.read_bytes()).hexdigest() if path.is_file() else paper


def _existing(ledger: str) -> str:
    """The ledger, which must be there: looking must not make one."""
    from pathlib import Path

    from openbook.ledger.database import LedgerError, parse_url

    url = parse_url(ledger)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise LedgerError(f"there is no ledger {url.database}; make one with openbook assess … --ledger {ledger}")
    return ledger
