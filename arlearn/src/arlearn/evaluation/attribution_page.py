"""An explanation as one self-contained HTML page: no request leaves it, and it works from a file.

The page (``page/attribution.html``, ``.css``, ``.js``) is filled with the explanation as JSON and draws itself from that.
"""

from __future__ import annotations

import html
import io
import json
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from rich.console import Console

import arlearn
from arlearn.evaluation.attribution import TOLERANCE, ExplainedToken, Explanation, check_linear
from arlearn.evaluation.attribution_table import print_moment
from arlearn.files import write_atomically

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
