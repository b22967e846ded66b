"""A record on the terminal: the table as published pages have it, scores, notice, run."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from openbook.record.model import CLEAR_FROM, CodeReport, Record, count_unclear
from openbook.text import percent
from openbook.web.record.view import SEVERITIES, AnswerView, answers_of, code_view, interval_text, place_of, plain_title

_STYLES: Final = {
    "yes": "bold green",
    "no": "bold red",
    "unclear": "bold yellow",
    "unverified": "bold yellow",
    "unread": "dim",
}


def show_record(record: Record, console: Console) -> None:
    """Print a record. Text that comes from papers is printed as it is, never as markup."""
    paper = record.paper
    console.print(Text(plain_title(paper.title) or paper.id, style="bold"))
    if paper.authors:
        console.print(Text(", ".join(paper.authors)))
    facts = [str(fact) for fact in (paper.venue, paper.year) if fact is not None]
    facts += [f"{paper.pages} pages"] if paper.pages else []
    facts += [fact for fact in (paper.url, paper.source) if fact]
    if facts:
        console.print(Text(" · ".join(facts), style="dim"))
    if paper.problem:
        console.print(Text(f"Not read: {paper.problem}", style="bold red"))
    console.print()
    console.print(_scores(record))
    console.print()
    table = Table(show_lines=True, expand=True)
    table.add_column("Variable", ratio=2)
    table.add_column("Result", no_wrap=True)
    table.add_column("Response", ratio=7)
    for view in answers_of(record):
        style = _STYLES.get(view.kind, "bold")
        result = Text(view.result, style=style)
        if view.confidence:
            result.append(f"\n{view.confidence}", style="dim")
        if view.rests_on:
            result.append(f"\n{view.rests_on}".replace("rests on ", "rests on\n"), style="dim")
        table.add_row(Text(view.title), result, _response(view))
    console.print(table)
    if record.code is not None:
        console.print(Text("\nThe paper's code", style="bold"))
        show_code(record.code, console)
        console.print()
    console.print(Text(record.notice, style="italic"))
    console.print(Text(_run(record), style="dim"))


def show_code(report: CodeReport, console: Console) -> None:
    """Print a report: what the repository is, what its README covers, and the findings, the most severe first."""
    view = code_view(report)
    console.print(Text(view.source, style="bold"))
    if view.problem:
        console.print(Text(f"Not inspected: {view.problem}", style="bold red"))
        return
    console.print(Text(" · ".join(view.about)))
    lacking = f"; not: {', '.join(view.lacking)}" if view.lacking else ""
    console.print(Text(f"README covers: {', '.join(view.covered) or 'nothing'}{lacking}"))
    styles = dict(zip(SEVERITIES.values(), ("bold red", "yellow", "dim"), strict=True))
    groups = [*view.groups, *([("The paper and the repository", view.stated)] if view.stated else [])]
    for heading, findings in groups:
        console.print(Text(f"\n{heading}", style=styles.get(heading, "bold")))
        for finding in findings:
            where = place_of(finding)
            where = f"  [{where}]" if where else ""
            console.print(Text.assemble(f"  {finding.message}", (where, "dim"), (f"  {finding.kind}", "dim")))
    if view.more:
        console.print(f"\n{view.more} more findings are in the record.")
    if not groups:
        console.print("\nNo problems were found.")
    console.print(Text("\nThis report is based on the files alone. Nothing was run.", style="italic"))


def _scores(record: Record) -> Text:
    scores = record.scores
    if scores.documentation is None or scores.reproducibility is None:
        return Text("No scores: nothing could be read.")
    text = Text.assemble(
        ("Documentation Score ", ""),
        (f"{scores.documentation} of 7", "bold"),
        ("    Reproducibility Score ", ""),
        (f"{scores.reproducibility:.2f}", "bold"),
    )
    interval = interval_text(scores.reproducibility_interval)
    if interval and scores.reproducibility:
        text.append(f" (95 % interval {interval})")
    if scores.unverified:
        text.append(f"    {scores.unverified} unverified, not counted", style="yellow")
    unclear = count_unclear(record.answers)
    if unclear:
        text.append(
            f"    {unclear} of the seven unclear (less than {percent(CLEAR_FROM, sign=' %')} sure)", style="yellow"
        )
    kind = record.answers.get("research_type")
    if kind is not None and kind.result == "theoretical":
        text.append("    theoretical: left out of means", style="dim")
    return text


def _response(view: AnswerView) -> Text:
    text = Text(view.said)
    if view.answer.correction is not None:
        change = view.answer.correction
        text.append(f"\nCorrected from {change.replaced} by {change.who}, {change.when}: {change.why}", style="yellow")
    for quote in view.quotes:
        text.append("\n" if text else "")
        text.append(f"“{' '.join(quote.item.quote.split())}”", style="italic")
        text.append(f" [{quote.where}]", style="dim")
    for link in view.links:
        text.append("\n" if text else "")
        text.append(link, style="dim")
    return text


def _run(record: Record) -> str:
    run = record.run
    facts = [f"{run.assessor} {run.model or ''}".strip(), f"version {run.version}"]
    facts += [f"prompt {run.prompt_hash[:12]}"] if run.prompt_hash else []
    if run.input_tokens or run.output_tokens:
        facts.append(f"{run.input_tokens:,} + {run.output_tokens:,} tokens")
    facts += [f"${run.cost:.4f}"] if run.cost else []
    facts += [f"{run.seconds:.2f} s", run.created or ""]
    return "Run: " + ", ".join(fact for fact in facts if fact)
