"""``openbook compare``: what changed between two versions of a paper, or between two assessors."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openbook.cli import app

if TYPE_CHECKING:
    from openbook.corpus.comparing import Comparison


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(help="A record, or a folder of records.")],
    after: Annotated[Path, typer.Argument(help="The other record, or the other folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Show what changed between two records of a paper: answers, scores, and the quotes that were removed and added.

    Two records of two versions show what a revision brought. Two records of one version, by two assessors, show where they
    disagree. Two folders are compared paper by paper, by id.

        openbook compare draft.json camera-ready.json
        openbook compare records-linear/ records-llm/
    """
    from openbook.corpus.comparing import compare as compare_paths

    compared, gone, new = compare_paths(before, after)
    if as_json:
        found = {"papers": list(map(asdict, compared)), "only_before": gone, "only_after": new}
        print(json.dumps(found, ensure_ascii=False))
        return
    _show(compared, gone, new)


def _show(compared: list[Comparison], gone: list[str], new: list[str]) -> None:
    from rich.console import Console
    from rich.text import Text

    from openbook.text import percent
    from openbook.variables.definitions import definition

    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    for one in compared:
        if len(compared) > 1 and not one.changes and not one.quotes_only:
            continue
        console.print(Text(one.title, style="bold"))
        was, now = one.documentation
        console.print(f"Documented: {_number(was)} of 7, now {_number(now)} of 7")
        for change in one.changes:
            sure = [
                percent(c, sign=" %") if c is not None else ""
                for c in (change.confidence_before, change.confidence_after)
            ]
            line = f"{definition(change.variable).title}: {change.before} {sure[0]} → {change.after} {sure[1]}".replace(
                "  ", " "
            )
            console.print(Text(line, style="yellow"))
            _quotes(console, change.lost, change.gained)
        for change in one.quotes_only:
            console.print(
                Text(f"{definition(change.variable).title}: {change.after} as before, by other quotes", style="dim")
            )
            _quotes(console, change.lost, change.gained)
        if not one.changes and not one.quotes_only:
            console.print("Nothing changed.")
        console.print()
    if len(compared) > 1:
        changed = sum(bool(one.changes) for one in compared)
        console.print(f"{changed} of {len(compared)} papers have an answer that changed.")
    for heading, ids in (("Only in the first folder", gone), ("Only in the second folder", new)):
        if ids:
            console.print(f"{heading}: {', '.join(ids[:10])}" + (f" and {len(ids) - 10} more" if len(ids) > 10 else ""))


def _number(score: int | None) -> str:
    return "?" if score is None else str(score)


def _quotes(console: object, lost: tuple[str, ...], gained: tuple[str, ...]) -> None:
    from rich.text import Text

    for sign, style, quotes in (("-", "red", lost), ("+", "green", gained)):
        for quote in quotes:
            console.print(Text(f"  {sign} “{quote[:200]}”", style=style))  # type: ignore[attr-defined]
