"""An explanation in the terminal, one line with a signed bar for each context token, and as one HTML page.

No request leaves the page, and it works from a file. It (``page/attribution.html``, ``.css``, ``.js``) is filled with the
explanation as JSON and draws itself from that.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

import arlearn
from arlearn.evaluation.attribution import TOLERANCE, ExplainedToken, Explanation, check_linear
from arlearn.files import write_atomically
from arlearn.text import percent, render_page, visible

if TYPE_CHECKING:
    from arlearn.programs.text import Origin


BAR = 12  # characters on each side of zero
ROWS = 40  # a longer attribution shows its largest entries only
EIGHTHS = " ▏▎▍▌▋▊▉█"
FOR, AGAINST = "green", "red"


def print_explanation(explanation: Explanation, console: Console, rows: int = ROWS) -> None:
    """Every explained token: its attribution as a table, then the alternatives, the step of a program, and how exactly it adds up."""
    for number, explained in enumerate(explanation.explained):
        if number:
            console.print()
        print_explained_token(explanation, explained, console, rows)


def print_explained_token(
    explanation: Explanation, explained: ExplainedToken, console: Console, rows: int = ROWS
) -> None:
    """One prediction."""
    word, found, attribution = explanation.model.word, explained.contributions, explained.attribution
    against = attribution.against
    what = f"logit of {visible(word(attribution.token))}"
    if against is not None:
        what += " against the mean of all tokens" if against == "mean" else f" against {visible(word(int(against)))}"
    share = float(found.probabilities[found.candidates.index(attribution.token)])
    said = f"argmax decides, margin {found.margin:g}" if explanation.model.exact else f"probability {percent(share, 2)}"
    console.print(Text.assemble(f"position {found.position}: ", (what, "bold"), f" = {attribution.logit:+.4f}, {said}"))
    if explained.origin is not None:
        console.print(Text(_step(explained.origin), style="cyan"))
    console.print(_table(explanation, explained, rows))
    console.print(_verdict(explained))
    others = ", ".join(
        f"{visible(word(token))} {float(logit):+.3f}"
        + ("" if explanation.model.exact else f" ({percent(float(p), 1)})")
        for token, logit, p in zip(found.candidates, found.logits, found.probabilities, strict=True)
    )
    console.print(Text(f"most likely: {others}", style="dim"))


def _step(origin: Origin) -> str:
    if origin.rule is None:
        return f"step: none, this is {origin.name} of the prompt"
    read = ", ".join(f"{name} = {word} at {position}" for position, name, word in origin.sources)
    return f"step: {origin.name} = {origin.rule}" + (f", from {read}" if read else "")


def _table(explanation: Explanation, explained: ExplainedToken, rows: int) -> Table:
    word, found, attribution = explanation.model.word, explained.contributions, explained.attribution
    largest = max((abs(value) for value in (*attribution.values, attribution.bias)), default=0.0)
    kept = set(sorted(range(len(attribution.values)), key=lambda i: -abs(attribution.values[i]))[:rows])
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("position", justify="right")
    table.add_column("token")
    table.add_column("value", justify="right")
    table.add_column("-" + " " * (2 * BAR - 1) + "+", no_wrap=True)
    for place, (position, token, value) in enumerate(zip(found.places, found.tokens, attribution.values, strict=True)):
        if place in kept:
            table.add_row(str(position), visible(word(token)), f"{value:+.4f}", bar(value, largest))
    if len(kept) < len(attribution.values):
        rest = sum(value for place, value in enumerate(attribution.values) if place not in kept)
        table.add_row("", f"{len(attribution.values) - len(kept)} smaller", f"{rest:+.4f}", bar(rest, largest))
    table.add_row("", "bias", f"{attribution.bias:+.4f}", bar(attribution.bias, largest))
    table.add_section()
    table.add_row("", Text("sum", style="bold"), Text(f"{attribution.total:+.4f}", style="bold"), "")
    return table


def _verdict(explained: ExplainedToken) -> Text:
    attribution = explained.attribution
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


DIGITS = 7  # of a number in the page: what is drawn needs no more


def write_page(explanation: Explanation, path: Path) -> None:
    """Write the page, whole or not at all. Raises ArlearnError if that fails."""
    write_atomically(path, page(explanation))


def page(explanation: Explanation) -> str:
    """The page's HTML."""
    saved, first = explanation.model, explanation.explained[0]
    predictor = check_linear(saved.predictor)
    word = saved.word(first.attribution.token)
    content = {
        "model": saved.folder.resolve().name,
        "weights": predictor.parameter_count(),
        "map": predictor.map,
        "vocabulary": predictor.vocabulary,
        "answer": saved.answer(explanation.tokens),
        "target": word.strip() or repr(word),
        "count": len(explanation.explained),
        "exact": saved.exact,
        "residual": explanation.worst.residual,
        "version": arlearn.__version__,
        "plain": _plain(explanation),
        "data": page_data(explanation),
    }
    return render_page("arlearn.evaluation", "attribution.html", content)


def page_data(explanation: Explanation) -> dict[str, Any]:
    """The data that the page draws."""
    saved, tokens = explanation.model, explanation.tokens.tolist()
    used = {*tokens, *(token for explained in explanation.explained for token in explained.contributions.candidates)}
    vocabulary, first = saved.vocabulary, explanation.explained[0].attribution
    named = all(explained.attribution.token == first.token for explained in explanation.explained)
    return {
        "task": saved.task is not None,
        "exact": saved.exact,
        "given": explanation.given,
        "tokens": tokens,
        "words": {token: saved.word(token) for token in sorted(used)},
        "special": [] if vocabulary is None else [vocabulary.end_of_text, vocabulary.pad],
        "tolerance": TOLERANCE,
        "token": first.token if named else None,
        "against": first.against,
        "moments": [_described(explained) for explained in explanation.explained],
    }


def _described(explained: ExplainedToken) -> dict[str, Any]:
    found = explained.contributions
    return {
        "position": found.position,
        "came": explained.came,
        "margin": found.margin,
        "places": found.places,
        "tokens": found.tokens,
        "candidates": found.candidates,
        "logits": _short(found.logits.tolist()),
        "probabilities": _short(found.probabilities.tolist()),
        "bias": _short(found.bias.tolist()),
        "values": [_short(row) for row in found.values.tolist()],
        "mean": {
            "logit": found.mean_logit,
            "bias": found.mean_bias,
            "values": _short(found.mean_values.tolist()),
        },
        # measured here, on numbers that are not shortened
        "residuals": {
            "plain": [found.attribution(token).residual for token in found.candidates],
            "mean": [found.attribution(token, "mean").residual for token in found.candidates],
        },
        "step": None if explained.origin is None or explained.origin.rule is None else explained.origin.as_json(),
    }


def _short(values: list[float]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]


def _plain(explanation: Explanation) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False, soft_wrap=True)
    print_explained_token(explanation, explanation.explained[0], console, rows=200)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
