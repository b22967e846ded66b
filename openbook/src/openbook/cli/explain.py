"""``openbook explain``: what each answer rests on, proved by assessing the paper without it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openbook.cli import app

if TYPE_CHECKING:
    from openbook.advice.counterfactuals import Counterfactual
    from openbook.record.model import Record


@app.command()
def explain(
    source: Annotated[
        str, typer.Argument(metavar="PAPER|RECORD", help="A paper (it is assessed first), or a record of one.")
    ],
    paper: Annotated[
        Path | None, typer.Option(help="The paper of a record; by default the source that the record names.")
    ] = None,
    variable: Annotated[
        list[str] | None, typer.Option(help="Explain this answer only, such as open_source_code; may be repeated.")
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Note in the record on how many sentences each yes rests, for its page.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Say what each answer rests on. The proof: the paper is assessed again without those sentences, or with one more.

    For each yes: the smallest set of sentences whose removal turns it to no. For each no: a sentence that turns it to yes, and
    where. Exit code 0 when the answers were explained, 3 when the paper could not be read.

        openbook explain draft.pdf
        openbook explain records/paper.json --variable open_source_code
    """
    from openbook.advice.counterfactuals import find_counterfactuals
    from openbook.assessors.linear.assessor import LinearAssessor
    from openbook.cli.advise import record_and_paper
    from openbook.errors import OpenbookError
    from openbook.record.files import write_record
    from openbook.variables import SCORED

    unknown = [name for name in variable or () if name not in SCORED]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(SCORED)}", param_hint="--variable")
    if save and not source.lower().endswith(".json"):
        raise OpenbookError("--save notes the number in a record; give the record instead of the paper")
    record, read = record_and_paper(source, paper)
    if read.problem is not None:
        print(f"openbook: {source} could not be read: {read.problem}", file=sys.stderr)
        raise typer.Exit(3)
    found = find_counterfactuals(record, read, LinearAssessor(), variable or SCORED)
    if save:
        for item in found:
            if item.rests_on:
                record.answers[item.variable].rests_on = len(item.rests_on)
        write_record(record, Path(source))
    if as_json:
        report = {
            "paper": record.paper.model_dump(mode="json"),
            "certificates": [asdict(item) for item in found],
            "notice": record.notice,
        }
        print(json.dumps(report, ensure_ascii=False))
    else:
        _show(record, found)


def _show(record: Record, found: list[Counterfactual]) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    from openbook.text import percent
    from openbook.variables.definitions import definition

    console = Console(width=None if sys.stdout.isatty() else 110, highlight=False)
    console.print(Text(record.paper.title or record.paper.id, style="bold"))
    for item in found:
        console.print()
        sure = f", {percent(item.confidence, sign=' %')} sure" if item.confidence is not None else ""
        console.print(Text(f"{definition(item.variable).title}: {item.result}{sure}", style="bold"))
        for line in _lines(item):
            console.print(Padding(Text(line), (0, 0, 0, 3)))
    console.print()
    console.print(Text(record.notice, style="italic"))


def _lines(item: Counterfactual) -> list[str]:
    """A counterfactual in words."""
    from openbook.text import percent, shortened

    if item.result != "yes":
        if item.draft is None:
            return ["None of the sentences that openbook drafts turns this answer to yes."]
        place = (
            f" in “{item.section}”, after “{shortened(item.after or '', 200, tail=80)}”"
            if item.section
            else " at the end of the text"
        )
        return [
            f"Yes, with a probability of {percent(item.chance_with)}, once this is added{place}:",
            f"“{item.filled}”",
        ]
    if not item.rests_on:
        from openbook.advice.counterfactuals import MOST

        return [f"It still stands without {MOST} of its sentences."]
    count = len(item.rests_on)
    some = "one sentence" if count == 1 else f"{count} sentences"
    least = "" if item.smallest else " (there may be a smaller set, but each of these is needed in this one)"
    lines = [
        f"It rests on {some}{least}. Without {'it' if count == 1 else 'them'}, the probability of yes is {percent(item.chance_without)}."
    ]
    for ground in item.rests_on:
        page = f" (page {ground.page})" if ground.page is not None else ""
        lines.append(f"– “{shortened(ground.text, 200, tail=80)}”{page}")
    return lines
