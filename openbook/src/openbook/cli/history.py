"""``openbook history``: all that happened to a paper."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openbook.cli import app

if TYPE_CHECKING:
    from openbook.ledger import Ledger


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
    from openbook.ledger.database import existing_ledger

    with Ledger.open(existing_ledger(ledger)) as kept:
        key = _key(kept, paper)
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


def _key(ledger: Ledger, paper: str) -> str:
    """The key of a paper; a file stands for its content. Raises LedgerError if the ledger does not have it."""
    from openbook.files import NAMED, file_sha256, kind_of
    from openbook.ledger import LedgerError

    path = Path(paper)
    if not path.is_file():
        return ledger.find(paper)
    try:
        return ledger.find(file_sha256(path))
    except LedgerError as error:
        raise LedgerError(
            f"no paper with the content of {paper} ({NAMED[kind_of(path)]}) in this ledger; give the paper's own file, its "
            "id, or 8 or more digits of its SHA-256"
        ) from error
