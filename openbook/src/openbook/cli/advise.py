"""``openbook advise``: what an author should add, and where."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openbook.cli import app
from openbook.text import shortened

if TYPE_CHECKING:
    from openbook.advice.advising import Advice
    from openbook.papers.paper import Paper
    from openbook.record.model import Record


class AdviceFormat(StrEnum):
    """How advice is written: for people, or as GitHub's annotations, JUnit's XML, Markdown."""

    text = "text"
    github = "github"
    junit = "junit"
    markdown = "markdown"


@app.command()
def advise(
    source: Annotated[
        str, typer.Argument(metavar="PAPER|RECORD", help="A paper (it is assessed first), or a record of one.")
    ],
    paper: Annotated[
        Path | None, typer.Option(help="The paper of a record; by default the source that the record names.")
    ] = None,
    form: Annotated[AdviceFormat, typer.Option("--format", help="How the advice is written.")] = AdviceFormat.text,
    require: Annotated[
        str | None, typer.Option(help="Exit with code 4 when one of these is missing, such as code,data,hardware.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 4 when anything is missing.")] = False,
) -> None:
    """Say what a paper does not document, what to add, and after which sentence of which section.

    Exit code 0 when advice was given or none is needed, 3 when the paper could not be read, 4 with --strict or --require
    when something is missing or unverified. For LaTeX the other formats name the file and the line.

        openbook advise draft.pdf
        openbook advise paper.tex --format github --require code,data
    """
    from dataclasses import asdict

    from openbook.advice.counterfactuals import tested_advice
    from openbook.advice.formats import required, to_github, to_junit, to_markdown

    needed = required(require) if require is not None else []
    record, read = record_and_paper(source, paper)
    if read.problem is not None:
        print(f"openbook: {source} could not be read: {read.problem}", file=sys.stderr)
        raise typer.Exit(3)
    advice = tested_advice(record, read)
    if as_json:
        report = {
            "paper": record.paper.model_dump(mode="json"),
            "documentation": record.scores.documentation,
            "advice": [asdict(item) for item in advice],
            "notice": record.notice,
        }
        print(json.dumps(report, ensure_ascii=False))
    elif form is AdviceFormat.github:
        print(to_github(advice, Path(source), needed), end="")
    elif form is AdviceFormat.junit:
        print(to_junit(record, advice, Path(source)), end="")
    elif form is AdviceFormat.markdown:
        print(to_markdown(record, advice, Path(source)), end="")
    else:
        _show(record, advice)
    if (strict and advice) or any(item.variable in needed for item in advice):
        raise typer.Exit(4)


def record_and_paper(source: str, given: Path | None) -> tuple[Record, Paper]:
    """A record and its paper: both made from a paper, or the paper found that a record names. Raises OpenbookError."""
    from openbook.errors import OpenbookError

    if source.lower().endswith(".json"):
        from openbook.papers.paper import Paper
        from openbook.record.files import read_record
        from openbook.web.record.page import paper_of

        record = read_record(Path(source))
        if record.paper.problem is not None:
            return record, Paper("", source, "", record.paper.sha256 or "", problem=record.paper.problem)
        found, reason = paper_of(record, given, Path(source).parent)
        if found is None:
            raise OpenbookError(f"{source}: the paper itself is needed, and {reason}")
        return record, found
    if given is not None:
        raise typer.BadParameter("--paper goes with a record only; leave it out, because a paper was given already")
    import openbook

    read = openbook.read(source)
    return openbook.assess(read), read


def _show(record: Record, advice: list[Advice]) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    from openbook.advice.advising import by_place

    console = Console(width=None if sys.stdout.isatty() else 110, highlight=False)
    console.print(Text(record.paper.title or record.paper.id, style="bold"))
    stated = record.scores.documentation or 0
    console.print(Text(f"{stated} of 7 are stated. " + ("Nothing to add." if not advice else "To add:")))
    kind = record.answers.get("research_type")
    if advice and kind is not None and kind.result == "theoretical":
        console.print(Text("The paper is theoretical: add only what applies.", style="italic"))
    number = 0
    for place, items in by_place(advice):
        console.print()
        if place is not None:
            page = f" (page {place.page})" if place.page is not None else ""
            after = f", after “{shortened(place.after, 160, tail=70)}”" if place.after else ""
            console.print(Text(f"In “{place.section}”{page}{after}", style="underline"))
        elif len(items) < len(advice):
            console.print(Text("Where it fits best", style="underline"))
        for item in items:
            number += 1
            note = " (an answer was given, but its quote is not in the paper)" if item.reason == "unverified" else ""
            console.print(Text(f"{number}. {item.title}{note}", style="bold"))
            lines = [("", item.what)]
            if item.shortfall is not None:
                quoted, at = shortened(str(item.shortfall["sentence"]), 160, tail=70), item.shortfall["page"]
                end = f", page {at}." if at is not None else "" if quoted.endswith((".", "!", "?")) else "."
                said = f"“{quoted}”{end} {item.shortfall['lacks']}"
                lines.append(("So far: ", said))
            lines.append(("A good sentence states: ", item.states))
            if item.draft:
                lines.append(("Draft: ", item.draft))
            for label, text in lines:
                console.print(Padding(Text.assemble((label, "dim"), text), (0, 0, 0, 3)))
    console.print()
    console.print(Text(record.notice, style="italic"))
