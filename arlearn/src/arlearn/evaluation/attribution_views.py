"""An explanation in the terminal, one line with a signed bar for each context token, and as one HTML page.

No request leaves the page, and it works from a file. It (``page/attribution.html``, ``.css``, ``.js``) is filled with the
explanation as JSON and draws itself from that.
"""

from __future__ import annotations

import html
import io
import json
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

import arlearn
from arlearn.evaluation.attribution import TOLERANCE, ExplainedToken, Explanation, check_linear
from arlearn.files import write_atomically

if TYPE_CHECKING:
    from arlearn.programs.text import Origin


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


DIGITS = 7  # of a number in the page: what is drawn needs no more


def write_page(explanation: Explanation, path: Path) -> None:
    """Write the page, whole or not at all. Raises ArlearnError if that fails."""
    write_atomically(path, page(explanation))


def page(explanation: Explanation) -> str:
    """The page's HTML."""
    parts = files("arlearn.evaluation").joinpath("page")
    template = Template(parts.joinpath("attribution.html").read_text("utf-8"))
    saved = explanation.model
    predictor = check_linear(saved.predictor)
    first = explanation.moments[0]
    target = saved.word(first.attribution.token).strip() or repr(saved.word(first.attribution.token))
    several = len(explanation.moments) > 1
    heading = f"Where {len(explanation.moments)} tokens come from" if several else f"Where “{target}” comes from"
    name = saved.folder.resolve().name
    facts = (
        f"Model <code>{html.escape(name)}</code>: {predictor.parameter_count():,} weights, a {predictor.map.kind} map over "
        f"{predictor.map.window:,} positions, {predictor.vocabulary:,} tokens"
    )
    answer = saved.answer(explanation.tokens)
    if answer is not None:
        facts += f". Its answer: <strong>{html.escape(answer)}</strong>"
    worst = explanation.worst
    scale = "The largest logit decides." if saved.exact else "Probabilities are those at temperature 1."
    footer = (
        f"Every contribution is computed in float64 from the weights; the logit is the one that the predictor computes when "
        f"it generates. The largest difference between the two in the attributions of this page is {worst.residual:.1e} of the "
        f"logit. {scale} Made by <code>arlearn explain</code> {arlearn.__version__}."
    )
    return template.substitute(
        title=html.escape(f"{heading} · {name}"),
        heading=html.escape(heading),
        facts=facts,
        footer=footer,
        plain=html.escape(_plain(explanation)),
        style=parts.joinpath("attribution.css").read_text("utf-8"),
        script=parts.joinpath("attribution.js").read_text("utf-8"),
        data=_embedded(page_data(explanation)),
    )


def page_data(explanation: Explanation) -> dict[str, Any]:
    """What the page draws from."""
    saved, tokens = explanation.model, explanation.tokens.tolist()
    used = {*tokens, *(token for moment in explanation.moments for token in moment.contributions.candidates)}
    vocabulary, first = saved.vocabulary, explanation.moments[0].attribution
    named = all(moment.attribution.token == first.token for moment in explanation.moments)
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
        "moments": [_moment(moment) for moment in explanation.moments],
    }


def _moment(moment: ExplainedToken) -> dict[str, Any]:
    found = moment.contributions
    return {
        "position": found.position,
        "came": moment.came,
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
        "step": None if moment.origin is None or moment.origin.rule is None else moment.origin.as_json(),
    }


def _short(values: list[float]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]


def _embedded(data: dict[str, Any]) -> str:
    """JSON that no text in it can end early, as ``</script>`` would."""
    return (
        json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c").replace("\u2028", "\\u2028")
    )


def _plain(explanation: Explanation) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False, soft_wrap=True)
    print_moment(explanation, explanation.moments[0], console, rows=200)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
