"""An attribution in the terminal: one line for each context token, with a signed bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from arlearn.evaluation.attribution import ExplainedToken, Explanation

if TYPE_CHECKING:
    from arlearn.programs.tracing import Origin

BAR = 12  # characters on each side of zero
ROWS = 40  # a longer attribution shows its largest entries only
EIGHTHS = " ▏▎▍▌▋▊▉█"
FOR, AGAINST = "green", "red"


def print_explanation(explanation: Explanation, console: Console, rows: int = ROWS) -> None:
    """Every moment: its attribution as a table, then the alternatives, the step of a program, and how exactly it adds up."""
    for number, moment in enumerate(explanation.moments):
        if number:
            console.print()
        print_moment(explanation, moment, console, rows)


def print_moment(explanation: Explanation, moment: ExplainedToken, console: Console, rows: int = ROWS) -> None:
    """One prediction."""
    word, found, attribution = explanation.model.word, moment.contributions, moment.attribution
    against = attribution.against
    what = f"logit of {show(word(attribution.token))}"
    if against is not None:
        what += " against the mean of all tokens" if against == "mean" else f" against {show(word(int(against)))}"
    share = float(found.probabilities[found.candidates.index(attribution.token)])
    said = f"argmax decides, margin {found.margin:g}" if explanation.model.exact else f"probability {share:.2%}"
    console.print(Text.assemble(f"position {found.position}: ", (what, "bold"), f" = {attribution.logit:+.4f}, {said}"))
    if moment.origin is not None:
        console.print(Text(_step(moment.origin), style="cyan"))
    console.print(_table(explanation, moment, rows))
    console.print(_verdict(moment))
    others = ", ".join(
        f"{show(word(token))} {float(logit):+.3f}" + ("" if explanation.model.exact else f" ({float(p):.1%})")
        for token, logit, p in zip(found.candidates, found.logits, found.probabilities, strict=True)
    )
    console.print(Text(f"likeliest: {others}", style="dim"))


def _step(origin: Origin) -> str:
    if origin.rule is None:
        return f"step: none, this is {origin.name} of the prompt"
    read = ", ".join(f"{name} = {word} at {position}" for position, name, word in origin.sources)
    return f"step: {origin.name} = {origin.rule}" + (f", from {read}" if read else "")


def _table(explanation: Explanation, moment: ExplainedToken, rows: int) -> Table:
    word, found, attribution = explanation.model.word, moment.contributions, moment.attribution
    largest = max((abs(value) for value in (*attribution.values, attribution.bias)), default=0.0)
    kept = set(sorted(range(len(attribution.values)), key=lambda i: -abs(attribution.values[i]))[:rows])
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("position", justify="right")
    table.add_column("token")
    table.add_column("value", justify="right")
    table.add_column("-" + " " * (2 * BAR - 1) + "+", no_wrap=True)
    for place, (position, token, value) in enumerate(zip(found.places, found.tokens, attribution.values, strict=True)):
        if place in kept:
            table.add_row(str(position), show(word(token)), f"{value:+.4f}", bar(value, largest))
    if len(kept) < len(attribution.values):
        rest = sum(value for place, value in enumerate(attribution.values) if place not in kept)
        table.add_row("", f"{len(attribution.values) - len(kept)} smaller", f"{rest:+.4f}", bar(rest, largest))
    table.add_row("", "bias", f"{attribution.bias:+.4f}", bar(attribution.bias, largest))
    table.add_section()
    table.add_row("", Text("sum", style="bold"), Text(f"{attribution.total:+.4f}", style="bold"), "")
    return table


def _verdict(moment: ExplainedToken) -> Text:
    attribution = moment.attribution
    if attribution.exact:
        return Text(f"adds up: {attribution.residual:.1e} of the logit is left over", style="dim")
    return Text(f"DOES NOT ADD UP: {attribution.residual:.1e} of the logit is left over", style="bold red")


def bar(value: float, largest: float) -> Text:
    """A bar to the right of the middle for a positive value, to the left for a negative one."""
    if largest <= 0:
        return Text(" " * BAR + "│")
    if value >= 0:
        whole, rest = divmod(round(value / largest * BAR * 8), 8)
        return Text.assemble(" " * BAR, "│", ("█" * whole + EIGHTHS[rest].strip(), FOR))
    whole, rest = divmod(round(-value / largest * BAR * 2), 2)  # there are no right-aligned eighths, only halves
    return Text.assemble(" " * (BAR - whole - rest), ("▐" * rest + "█" * whole, AGAINST), "│")


def show(word: str) -> str:
    """A token between quotes if its ends would not be seen."""
    return repr(word) if word != word.strip() or not word.isprintable() or not word else word
