"""The README of an exported model, from its card: nothing is said that the card does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from arlearn.evaluation.saved_model import SavedModel

USE = """from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({where!r}, trust_remote_code=True)
model = AutoModelForCausalLM.from_pretrained({where!r}, trust_remote_code=True)
inputs = tokenizer({prompt!r}, return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs)[0]))
"""


def model_card(saved: SavedModel, name: str, prompt: str) -> str:
    """Markdown with the front matter of the Hugging Face Hub."""
    card, predictor = saved.card, saved.predictor
    map = card["predictor"]["configuration"].get("map", {})
    what = "text" if saved.task is None else f"the task {saved.task.kind}"
    kind = {"linear": "linear", "mlp": "shallow (two ReLUs)"}[predictor.kind]
    about = (
        f"A {kind} auto-regressive next-token predictor of {what}, with a {map.get('kind', '?')} map over positions, after "
        "Malach, *Auto-Regressive Next-Token Predictors are Universal Learners* (ICML 2024). Made with arlearn."
    )
    lines = [
        "---",
        "library_name: transformers",
        "pipeline_tag: text-generation",
        f"tags: [arlearn, next-token-prediction, {predictor.kind}]",
        "---",
        "",
        f"# {name}",
        "",
        about,
        "",
        "```python",
        USE.format(where=name, prompt=prompt).rstrip(),
        "```",
        "",
        f"`{name}` is the path of this folder. The modelling code, `modeling_arlearn.py`, needs torch and transformers only.",
        "",
        "## What it is",
        "",
        *_table(_facts(saved, card)),
    ]
    metrics = card.get("metrics") or {}
    if metrics:
        lines += ["", "## Measured when it was made", "", *_table(metrics)]
    lines += ["", "## Limits", "", *[f"- {limit}" for limit in _limits(saved)]]
    if card.get("recipe"):
        recipe = json.dumps(card["recipe"], indent=1, ensure_ascii=False)
        lines += ["", "## Recipe", "", "```json", recipe, "```"]
    return "\n".join(lines) + "\n"


def _facts(saved: SavedModel, card: Mapping[str, Any]) -> dict[str, Any]:
    predictor = saved.predictor
    data = card.get("data")
    described: dict[str, Any] = {
        "weights": f"{predictor.parameter_count():,}",
        "vocabulary": f"{predictor.vocabulary:,} tokens",
        "context": "any" if predictor.context is None else f"{predictor.context:,} tokens",
        "given, not learned": ", ".join(predictor.frozen()) or "nothing",
        "seconds to make": card.get("seconds"),
    }
    if isinstance(data, Mapping):
        described |= {f"data: {key}": value for key, value in data.items() if not isinstance(value, dict | list)}
    if saved.task is not None:
        described["task"] = json.dumps(saved.task.description(), ensure_ascii=False)[:500]
    versions = card.get("versions") or {}
    described["made with"] = ", ".join(f"{what} {version}" for what, version in versions.items())
    return described


def _limits(saved: SavedModel) -> list[str]:
    if saved.task is None:
        return [
            "It is a small model for research, trained on one text; it knows nothing else and follows no instructions.",
            "What a prediction sees is the last tokens of the context only.",
        ]
    limits = [
        "It answers the prompts of its task and nothing else; tokens are words with space between them.",
        "Its chain of thought ends with a halting token, however long that takes."
        if saved.stop
        else f"Its chain of thought has {saved.task.generated:,} tokens, after which it stands still.",
    ]
    if saved.task.kind == "program":
        limits.append("Its weights are exact whole numbers: use float32, lower precision may change answers.")
    return limits


def _table(rows: Mapping[str, Any]) -> list[str]:
    shown = [(key, value) for key, value in rows.items() if value not in (None, "")]
    return ["| | |", "|---|---|", *(f"| {_cell(key)} | {_cell(value)} |" for key, value in shown)]


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
