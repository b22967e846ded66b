"""``openbook checklist``: a venue's checklist, drafted from the paper, or the paper's own held against its text."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openbook.cli import app

if TYPE_CHECKING:
    from openbook.advice.checklist import ChecklistDoubt, DraftItem
    from openbook.variables.definitions import Checklist


class Venue(StrEnum):
    """The checklists that are known."""

    neurips = "neurips"
    neurips_2021 = "neurips-2021"
    icml = "icml"
    aaai = "aaai"
    acl = "acl"
    generic = "generic"


class ChecklistFormat(StrEnum):
    """How a draft is written."""

    markdown = "markdown"
    latex = "latex"
    json = "json"


@app.command("checklist")
def checklist_command(
    source: Annotated[
        str, typer.Argument(metavar="PAPER|RECORD", help="A paper (it is assessed first), or a record of one.")
    ],
    venue: Annotated[
        Venue | None, typer.Option(help="The venue of the checklist; with --verify, the form that the paper prints.")
    ] = None,
    form: Annotated[
        ChecklistFormat, typer.Option("--format", help="How the draft is written.")
    ] = ChecklistFormat.markdown,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare the checklist that the paper prints with the paper's text.")
    ] = False,
    paper: Annotated[
        Path | None, typer.Option(help="The paper of a record; by default the source that the record names.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Draft a venue's checklist from a paper: yes with the sentence that proves it, no with what to add.

    The draft rests on located sentences alone. It never invents a justification, and leaves to the author what text cannot
    answer. With --verify, list the answers of the paper's own checklist that its text does not support or contradicts; exit
    code 4 when there are any.

        openbook checklist draft.pdf --venue neurips
        openbook checklist camera-ready.pdf --verify
    """
    from openbook.advice.checklist import draft, form_of, printed_checklist
    from openbook.advice.checklist import verify as hold_against_text
    from openbook.cli.advise import record_and_paper
    from openbook.files import write_atomically
    from openbook.variables.definitions import checklist

    record, read = record_and_paper(source, paper)
    if read.problem is not None:
        print(f"openbook: {source} could not be read: {read.problem}", file=sys.stderr)
        raise typer.Exit(3)
    as_json = as_json or form is ChecklistFormat.json
    title = read.title or record.paper.id
    doubts: list[ChecklistDoubt] = []
    if verify:
        chosen = checklist(venue.value if venue else form_of(printed_checklist(read)))
        doubts = hold_against_text(read, record, chosen.venue)
        found = {
            "paper": title,
            "venue": chosen.venue,
            "answers": len(printed_checklist(read)),
            "doubts": list(map(asdict, doubts)),
        }
        text = json.dumps(found, ensure_ascii=False, indent=2) + "\n" if as_json else _doubts(title, chosen, doubts)
    else:
        chosen = checklist((venue or Venue.generic).value)
        items = draft(read, record, chosen.venue)
        if as_json:
            about = {"paper": title, "venue": chosen.venue, "draft": True, "notice": record.notice}
            text = json.dumps(about | {"items": list(map(asdict, items))}, ensure_ascii=False, indent=2) + "\n"
        else:
            text = _latex(title, chosen, items) if form is ChecklistFormat.latex else _markdown(title, chosen, items)
    if out is not None:
        write_atomically(out, text)
        print(f"{out} written", file=sys.stderr)
    else:
        print(text, end="")
    if doubts:
        raise typer.Exit(4)


_DRAFT = (
    "DRAFT, written by a program from the text of the paper. Check every answer and write the justifications yourself."
)


def _where(section: str, page: int | None) -> str:
    return ", ".join([*([f"“{section}”"] if section else []), *([f"page {page}"] if page is not None else [])])


def _markdown(title: str, chosen: Checklist, items: list[DraftItem]) -> str:
    lines = [f"# {chosen.title}: {title}", "", f"**{_DRAFT}**", ""]
    for item in items:
        lines += [f"**{item.number}. {item.asks}**", "", f"- Answer: **{item.reply}**"]
        for passage in item.passages:
            where = _where(passage.section, passage.page)
            lines.append(f"- “{passage.quote}”" + (f" ({where})" if where else ""))
        if item.advice:
            lines.append(f"- To add: {item.advice}")
        if item.reply == "for the author":
            lines.append("- Text alone cannot answer this item.")
        lines.append("")
    return "\n".join(lines)


_MACROS = {
    "yes": "\\answerYes{}",
    "no": "\\answerNo{}",
    "not applicable": "\\answerNA{}",
    "for the author": "\\answerTODO{}",
}
_SPECIAL = {c: f"\\{c}" for c in "#$%&_{}"} | {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
}


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def _latex(title: str, chosen: Checklist, items: list[DraftItem]) -> str:
    lines = [f"% {_DRAFT}", f"% {chosen.title}: {_escaped(title)}", "\\begin{enumerate}"]
    for item in items:
        lines += [f"\\item[{item.number}.] {_escaped(item.asks)}", f"  Answer: {_MACROS[item.reply]}"]
        said = [f"``{_escaped(p.quote)}'' ({_escaped(_where(p.section, p.page))})" for p in item.passages]
        justification = " ".join(said) if said and item.reply != "no" else _MACROS["for the author"]
        lines.append(f"  Justification: {justification}")
        if item.advice:
            lines.append(f"  % To add: {_escaped(item.advice)}")
    return "\n".join([*lines, "\\end{enumerate}", ""])


def _doubts(title: str, chosen: Checklist, doubts: list[ChecklistDoubt]) -> str:
    lines = [title, f"{chosen.title}: {len(doubts) or 'no'} answer{'' if len(doubts) == 1 else 's'} to look at"]
    for doubt in doubts:
        page = f", page {doubt.page}" if doubt.page is not None else ""
        lines += [
            "",
            f"{doubt.number}. {doubt.asks}",
            f"   {doubt.kind}{page}",
            *([f"   Says {doubt.said}"] if doubt.said else []),
            f"   {doubt.why}",
        ]
    return "\n".join([*lines, ""])
