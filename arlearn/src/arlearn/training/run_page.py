"""``arlearn report``: what one run is and how good it is, on one self-contained HTML page.

The page (``page/report.html``, a Jinja template) loads nothing from anywhere. It holds the loss curve, the figure beside
what it compares to, samples, the attribution of one prediction, the settings, versions and times.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import tomli_w
import torch
from jaxtyping import Int
from torch import Tensor

import arlearn
from arlearn.decoding.generate import generate
from arlearn.errors import ArlearnError
from arlearn.evaluation.attribution import Explanation, explain
from arlearn.evaluation.comparison import Compared, compare
from arlearn.evaluation.exact_match import measure_task
from arlearn.evaluation.perplexity import measure_text
from arlearn.evaluation.saved_model import SavedModel
from arlearn.files import write_atomically
from arlearn.predictors.linear import LinearPredictor
from arlearn.tasks.text_files import TextFile, find_text
from arlearn.text import percent, render_page, visible
from arlearn.training.processes import machine
from arlearn.training.progress import Measurements, Reporter, loss_figure, read_metrics

SAMPLES, TOKENS, TEMPERATURE = 3, 80, 0.5
QUESTIONS = 2_000  # asked of a model of a task
ROWS = 24  # contributions shown, the largest


def write_report(
    folder: Path, out: Path, reporter: Reporter, data: Path | None = None, prompt: str | None = None
) -> dict[str, Any]:
    """Measure the run in ``folder``, write the page to ``out``, and return the figures on it.

    ``data``: held-out text; by default the recipe's ``evaluate_data``, or what lies beside the training text.
    ``prompt``: what samples and attribution go on from; by default the beginning of that text, or a question.
    Raises ArlearnError if there is no usable model, text or prompt.
    """
    saved = SavedModel(folder)
    figures: list[Compared] = []
    missing: list[str] = []
    answers: dict[str, Any] | None = None
    if saved.task is None:
        held_out = data or _held_out(saved.card)
        if held_out is None:
            missing.append("no held-out text is at hand; give one with --data FILE")
        else:
            figures, missing = _figures(saved, held_out, reporter)
            prompt = prompt or " ".join(next(TextFile.at(held_out).stories()).split()[:4])
        prompt = prompt or "Once upon a time"
    elif data is not None:
        raise ArlearnError(f"{folder} answers questions; --data is for models of text")
    elif saved.stop:
        missing.append("a program with a loop answers each question when it halts, which may be never")
    else:
        with reporter.work("asking questions"):
            _, answers = measure_task(folder, saved.predictor, saved.card, count=QUESTIONS)
    if prompt is None and saved.task is not None and saved.task.default_prompt is None:
        given = saved.task.encode_prompts(saved.task.draw(1, 0))[0]
        prompt = " ".join(saved.task.render(given))
    else:
        given = saved.prompt(prompt)
    content = {
        "name": folder.resolve().name,
        "kind": saved.predictor.kind,
        "weights": saved.predictor.parameter_count(),
        "frozen": saved.predictor.frozen(),
        "task": "text" if saved.task is None else saved.task.kind,
        "figures": figures,
        "missing": missing,
        "answers": answers,
        "curve": _curve(folder),
        "measured": Measurements(folder / "evaluations.csv", 10**12).rows[-12:],
        "prompt": prompt,
        "samples": _samples(saved, given),
        "explained": _explained(saved, given),
        "settings": _settings(saved.card),
        "facts": _facts(saved, folder),
        "version": arlearn.__version__,
    }
    write_atomically(out, render_page("arlearn.training", "report.html", content))
    own = next((each.bits_per_byte for each in figures if each.name == "this model"), None)
    return {
        "report": str(out),
        "bits_per_byte": own,
        "compared": {
            f"{each.name} ({each.about})": each.bits_per_byte for each in figures if each.name != "this model"
        },
        "exact_match": None if answers is None else answers["exact_match"],
    }


def _held_out(card: Mapping[str, Any]) -> Path | None:
    recipe = card.get("recipe") or {}
    if named := recipe.get("training", {}).get("evaluate_data"):
        return Path(named) if Path(named).is_file() else None
    given = recipe.get("task", {}).get("data")
    beside = None if given and not Path(given).is_file() else find_text(given or None, small=True).held_out
    return None if beside is None else beside.path


def _figures(saved: SavedModel, held_out: Path, reporter: Reporter) -> tuple[list[Compared], list[str]]:
    with reporter.work("measuring") as work:
        measured = measure_text(saved.folder, saved.predictor, saved.card, held_out, stride=None)
        work.show(1.0)
    about = f"{measured['bytes']:,} bytes of {measured['data']}, at context {measured['context']}"
    own = Compared("this model", measured["bits_per_byte"], about)
    others, missing = compare(saved.folder, saved.card, held_out, reporter.work)
    return sorted([own, *others], key=lambda each: each.bits_per_byte), missing


def _curve(folder: Path) -> str | None:
    """The loss curve as SVG; None if nothing was learned step by step."""
    updates = read_metrics(folder / "metrics.csv")
    if not updates:
        return None
    drawn = io.StringIO()
    loss_figure(updates, "").savefig(drawn, format="svg", metadata={"Date": None})
    text = drawn.getvalue()
    return text[text.index("<svg") :]


def _samples(saved: SavedModel, given: Int[Tensor, " prompt"]) -> list[str]:
    """What the model writes after the prompt: several drawn texts, or one chain of thought with its answer."""
    if saved.vocabulary is None:
        assert saved.longest is not None
        made = generate(saved.predictor, given[None], min(saved.longest, 10_000), stop=saved.stop)[0]
        made = made[made >= 0]
        chain, answer = saved.written(made, given), saved.answer(torch.cat([given, made]))
        return [f"{chain}\n{'' if answer is None else answer}".rstrip()]
    made = generate(
        saved.predictor, given.expand(SAMPLES, -1), TOKENS, temperature=TEMPERATURE, stop=saved.stop, seed=0
    )
    rows = [[token for token in row if token >= 0 and token not in saved.stop] for row in made.tolist()]
    return [saved.vocabulary.added(given.tolist(), row) for row in rows]


def _explained(saved: SavedModel, given: Int[Tensor, " prompt"]) -> dict[str, Any] | None:
    """The explanation of the first prediction; None if the predictor is not a sum over positions."""
    if not isinstance(saved.predictor, LinearPredictor):
        return None
    explanation: Explanation = explain(saved, given)
    explained = explanation.explained[0]
    attribution, places = explained.attribution, explained.contributions
    largest = max((abs(value) for value in (*attribution.values, attribution.bias)), default=1.0) or 1.0
    lines = list(zip(places.places, places.tokens, attribution.values, strict=True))
    kept = sorted(sorted(lines, key=lambda line: -abs(line[2]))[:ROWS])
    rows = [(str(place), visible(saved.word(token)), value, 50 * abs(value) / largest) for place, token, value in kept]
    rows.append(("", "bias", attribution.bias, 50 * abs(attribution.bias) / largest))
    share = float(places.probabilities[places.candidates.index(attribution.token)])
    return {
        "token": visible(saved.word(attribution.token)),
        "logit": attribution.logit,
        "said": f"argmax decides, margin {places.margin:g}" if saved.exact else f"probability {percent(share, 1)}",
        "rows": rows,
        "left_out": len(lines) - len(kept),
        "residual": attribution.residual,
    }


def _settings(card: Mapping[str, Any]) -> str:
    """The recipe as TOML, where files have their names only: the page may be published."""
    recipe = {key: value for key, value in (card.get("recipe") or {}).items() if key != "name"}
    for section, key in (("task", "data"), ("task", "tokenizer"), ("training", "evaluate_data")):
        value = recipe.get(section, {}).get(key)
        if value and (key != "tokenizer" or Path(value).exists() or Path(value).is_absolute()):  # no id on the Hub
            recipe[section] = recipe[section] | {key: Path(value).name}
    return tomli_w.dumps(recipe) if recipe else "This model was not trained by a recipe."


def _facts(saved: SavedModel, folder: Path) -> list[tuple[str, str]]:
    """Names and values of what the card and this machine say."""
    card, here = saved.card, machine()
    versions = card.get("versions") or {}
    metrics, data, tokenizer = (card.get(key) or {} for key in ("metrics", "data", "tokenizer"))
    seconds = card.get("seconds")
    facts = [
        ("made", datetime.fromtimestamp((folder / "card.json").stat().st_mtime).strftime("%Y-%m-%d %H:%M")),
        ("time to make", "" if seconds is None else f"{seconds:,.1f} s in {card.get('processes', 1)} process(es)"),
        ("updates", f"{metrics['steps']:,}" if "steps" in metrics else ""),
        ("tokens learned from", f"{metrics['tokens']:,}" if "tokens" in metrics else ""),
        ("training text", f"{data.get('file')}, sha256 {data.get('sha256')}" if data else ""),
        ("vocabulary", f"sha256 {tokenizer.get('sha256')}" if tokenizer else ""),
        ("made with", ", ".join(f"{name} {version}" for name, version in versions.items())),
        (
            "measured on",
            f"{here['processor']}, {here['threads']} thread(s), torch {here['torch']}, Python {here['python']}",
        ),
    ]
    return [(name, value) for name, value in facts if value]
