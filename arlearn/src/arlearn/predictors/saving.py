"""A predictor on disk: ``model.safetensors`` (the weights) and ``card.json`` (what they are, where they are from)."""

from __future__ import annotations

import hashlib
import importlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

import arlearn
from arlearn.errors import ArlearnError
from arlearn.files import replacing, write_atomically
from arlearn.predictors.base import Predictor

FORMAT = 1
WEIGHTS, CARD = "model.safetensors", "card.json"

# kind -> module and class, imported when a model of that kind is loaded
KINDS = {
    "linear": ("arlearn.predictors.linear", "LinearPredictor"),
    "mlp": ("arlearn.predictors.mlp", "MLPPredictor"),
    "transformer": ("arlearn.predictors.transformer", "TransformerPredictor"),
    "ngram": ("arlearn.predictors.ngram", "NGramPredictor"),
}


def save_predictor(predictor: Predictor, directory: str | Path, card: Mapping[str, Any]) -> None:
    """Write the predictor's weights and card to ``directory``, each of them whole or not at all.

    ``card`` gives what only the caller knows (recipe, task, data, tokenizer, metrics, seconds); format, predictor,
    parameters, frozen and versions are filled in here. Raises ArlearnError if the directory cannot be written.
    """
    directory = Path(directory)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in predictor.state_dict().items()}
    full: dict[str, Any] = {
        "format": FORMAT,
        "predictor": {"kind": predictor.kind, "configuration": predictor.configuration()},
        "parameters": predictor.parameter_count(),
        "frozen": predictor.frozen(),
        "seconds": None,
        "recipe": None,
        "task": None,
        "data": None,
        "tokenizer": None,
        "metrics": {},
        **card,
        "versions": {"arlearn": arlearn.__version__, "torch": torch.__version__, "python": platform.python_version()},
    }
    metadata = {"format": "pt", "arlearn": str(FORMAT), "kind": predictor.kind, "sha256": digest(tensors)}
    try:
        with replacing(directory / WEIGHTS) as beside:
            safetensors.torch.save_file(tensors, beside, metadata)
    except safetensors.SafetensorError as error:
        raise ArlearnError(f"cannot write the model to {directory}: {error}") from error
    write_atomically(directory / CARD, json.dumps(full, indent=2, ensure_ascii=False) + "\n")


def load_predictor(directory: str | Path) -> tuple[Predictor, dict[str, Any]]:
    """The predictor saved in ``directory``, on the CPU, and its card.

    Raises ArlearnError if a file is missing, damaged, of another format, or the two do not belong together.
    """
    directory = Path(directory)
    card = load_card(directory)
    kind = card["predictor"]["kind"]
    if kind not in KINDS:
        raise ArlearnError(f"{directory / CARD} names a predictor {kind!r}; the kinds are {', '.join(sorted(KINDS))}")
    module, name = KINDS[kind]
    cls: type[Predictor] = getattr(importlib.import_module(module), name)
    predictor = cls.from_configuration(card["predictor"]["configuration"])
    load_weights(predictor, directory / WEIGHTS)
    return predictor, card


def load_card(directory: str | Path) -> dict[str, Any]:
    """The card of the model in ``directory``. Raises ArlearnError if there is none that can be used."""
    path = Path(directory) / CARD
    if path.parent.is_file():
        raise ArlearnError(f"{directory} is a file; give the folder of a model, which train or compile wrote")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArlearnError(f"there is no model in {directory}: it has no {CARD}") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ArlearnError(f"{path} cannot be read as a model card: {error}") from error
    if not isinstance(card, dict) or not isinstance(card.get("predictor"), dict):
        raise ArlearnError(f"{path} is not a card of an arlearn model: it names no predictor")
    if card.get("format") != FORMAT:
        raise ArlearnError(f"{path} has format {card.get('format')!r}; this version reads format {FORMAT}")
    if not isinstance(card["predictor"].get("configuration"), dict):
        raise ArlearnError(f"{path} gives no configuration of its predictor")
    return card


def load_weights(predictor: Predictor, path: Path) -> None:
    """Fill the predictor's weights from a safetensors file, checking names, shapes and the recorded hash."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        tensors = safetensors.torch.load_file(path)
    except FileNotFoundError as error:
        raise ArlearnError(f"there is no model in {path.parent}: it has no {path.name}") from error
    except (OSError, safetensors.SafetensorError) as error:
        raise ArlearnError(f"{path} is damaged or not a safetensors file: {error}") from error
    expected = {name: tuple(tensor.shape) for name, tensor in predictor.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if expected != found:
        different = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        listed = ", ".join(f"{name}: card {expected.get(name)}, file {found.get(name)}" for name in different[:4])
        raise ArlearnError(f"{path} does not hold the weights its card describes ({listed})")
    if "sha256" in metadata and metadata["sha256"] != digest(tensors):
        raise ArlearnError(f"{path} is damaged: its weights do not match the hash recorded in it")
    predictor.load_state_dict(tensors, assign=False)


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the tensors' names, types, shapes and bytes."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().contiguous().cpu()
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()
