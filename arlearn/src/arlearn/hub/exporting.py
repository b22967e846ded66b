"""A model as a Hugging Face folder: weights, configuration, modelling code, tokenizer, and a README.

``AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)`` loads it where arlearn is not installed. The
folder is written beside its place, loaded, its logits compared with the predictor's own, and only then renamed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors.torch
import torch
from torch import Tensor

from arlearn.errors import ArlearnError
from arlearn.evaluation.saved_model import SavedModel
from arlearn.files import replacing_folder
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.mlp import MLPPredictor

if TYPE_CHECKING:
    from arlearn.predictors.base import Predictor


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


CODE = "modeling_arlearn.py"
TOLERANCE = 1e-5  # of a logit, relative to the largest if that is above 1
LOOPED_TOKENS = 1_000  # of a program with a loop, which may go on for ever
NEW_TOKENS, TEMPERATURE = 120, 0.5  # what generation does with text unless told otherwise; the paper's temperature


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        folder: where.
        bytes: of all files.
        difference: largest between a logit of the folder's model and the predictor's, relative to the largest logit
            if that is above 1.
        compared: logits.
    """

    folder: Path
    bytes: int
    difference: float
    compared: int


def export_folder(saved: SavedModel, folder: Path, overwrite: bool = False) -> Exported:
    """Write the folder. Raises ArlearnError, and leaves nothing, if the model has no such form, ``folder`` holds
    something and is not to be replaced, transformers is absent, or the logits differ."""
    _check_transformers()
    predictor = saved.predictor
    if not isinstance(predictor, LinearPredictor | MLPPredictor):
        raise ArlearnError(
            f"a predictor of kind {predictor.kind!r} cannot be exported to Hugging Face; linear and mlp predictors can"
        )
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not overwrite)):
        raise ArlearnError(f"{folder} is not empty; give another folder, or --overwrite")
    try:
        with replacing_folder(folder) as beside:
            for name, text in _texts(saved, predictor, folder.name).items():
                (beside / name).write_text(text, encoding="utf-8")
            safetensors.torch.save_file(_weights(predictor), beside / "model.safetensors", {"format": "pt"})
            difference, compared = compare(saved, beside)
            if difference > TOLERANCE:
                raise ArlearnError(
                    f"the exported model's logits differ by {difference:.1e}, more than {TOLERANCE}; nothing was written"
                )
            size = sum(path.stat().st_size for path in beside.iterdir())
    except (OSError, safetensors.SafetensorError) as error:
        raise ArlearnError(f"cannot write {folder}: {getattr(error, 'strerror', None) or error}") from error
    return Exported(folder, size, difference, compared)


@torch.no_grad()
def compare(saved: SavedModel, folder: Path) -> tuple[float, int]:
    """The largest difference between the folder's logits and the predictor's on random sequences, see ``Exported``."""
    from arlearn.hub.modeling_arlearn import ArlearnForCausalLM

    predictor = saved.predictor
    with _no_progress():
        model = ArlearnForCausalLM.from_pretrained(folder).eval()
    assert isinstance(predictor, LinearPredictor | MLPPredictor)
    length = min(predictor.map.window + getattr(predictor.map, "period", 1) * (predictor.context is None), 600)
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(predictor.vocabulary, (2, length), generator=generator)
    ours = predictor(tokens)
    theirs = model(input_ids=tokens).logits
    largest = max(1.0, float(ours.abs().max()))
    return float((ours - theirs).abs().max()) / largest, ours.numel()


@contextmanager
def _no_progress() -> Iterator[None]:
    """Without transformers' bars for what takes no time."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _check_transformers() -> None:
    try:
        import transformers  # noqa: F401
    except ImportError as error:
        raise ArlearnError(
            "exporting to Hugging Face needs transformers, which is not installed: pip install 'arlearn[hub]'"
        ) from error


def _texts(saved: SavedModel, predictor: LinearPredictor | MLPPredictor, name: str) -> dict[str, str]:
    prompt = "Once upon a time"
    if saved.task is not None:
        prompt = " ".join(saved.task.render(saved.task.encode_prompts(saved.task.draw(1, 0))[0]))
    return {
        "config.json": _json(_configuration(predictor)),
        "generation_config.json": _json(_generation(saved)),
        CODE: files("arlearn.hub").joinpath(CODE).read_text("utf-8"),
        "README.md": model_card(saved, name, prompt),
        "arlearn.json": _json(saved.card),
        **tokenizer_files(saved),
    }


def _configuration(predictor: LinearPredictor | MLPPredictor) -> dict[str, Any]:
    map = predictor.map
    layout = {key: value for key, value in map.configuration().items() if key in ("start", "period", "reads")}
    return {
        "architectures": ["ArlearnForCausalLM"],
        "auto_map": {
            "AutoConfig": "modeling_arlearn.ArlearnConfig",
            "AutoModelForCausalLM": "modeling_arlearn.ArlearnForCausalLM",
        },
        "model_type": "arlearn",
        "kind": predictor.kind,
        "map": map.kind,
        "vocab_size": predictor.vocabulary,
        "context": map.window,
        "inputs": map.inputs,
        "outputs": map.outputs,
        "head_bias": predictor.head_bias is not None,
        "blocks": map.configuration().get("blocks"),
        **layout,
        "tie_word_embeddings": False,
        "use_cache": False,
    }


def _generation(saved: SavedModel) -> dict[str, Any]:
    if saved.vocabulary is None:
        assert saved.task is not None
        stop = {"eos_token_id": list(saved.task.stop)} if saved.task.stop else {}
        most = min(saved.task.generated, LOOPED_TOKENS) if stop else saved.task.generated
        return {"do_sample": False, "max_new_tokens": most, "use_cache": False, **stop}
    return {
        "do_sample": True,
        "temperature": TEMPERATURE,
        "max_new_tokens": NEW_TOKENS,
        "bos_token_id": saved.vocabulary.end_of_text,
        "eos_token_id": saved.vocabulary.end_of_text,
        "pad_token_id": saved.vocabulary.pad,
        "use_cache": False,
    }


def _weights(predictor: Predictor) -> dict[str, Tensor]:
    """The same bits under the names of the modelling code's modules."""
    names = {"embedding": "embedding.weight", "head": "head.weight", "head_bias": "head.bias"}
    return {names.get(name, name): tensor.contiguous() for name, tensor in predictor.state_dict().items()}


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def tokenizer_files(saved: SavedModel) -> dict[str, str]:
    """``tokenizer.json`` and ``tokenizer_config.json``, as text.

    A text's vocabulary puts end-of-text before every text, as in training, and takes text that spells a special token
    for text. A task's is its words, with space between them. Raises ArlearnError if the words cannot be told apart.
    """
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",  # the name that every version of transformers knows
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
    }
    if saved.vocabulary is not None:
        from tokenizers import Tokenizer, processors

        vocabulary = saved.vocabulary
        tokenizer = Tokenizer.from_str(vocabulary.to_bytes().decode("utf-8"))
        end, pad = vocabulary.word(vocabulary.end_of_text), vocabulary.word(vocabulary.pad)
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{end} $A", pair=f"{end} $A $B", special_tokens=[(end, vocabulary.end_of_text)]
        )
        config |= {"bos_token": end, "eos_token": end, "pad_token": pad, "split_special_tokens": True}
    else:
        tokenizer = _of_words(saved)
    return {
        "tokenizer.json": str(tokenizer.to_str(pretty=True)),
        "tokenizer_config.json": json.dumps(config, indent=2) + "\n",
    }


def _of_words(saved: SavedModel) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers

    assert saved.task is not None
    words = saved.task.words
    odd = sorted({word for word in words if word.split() != [word]} | {word for word in words if words.count(word) > 1})
    if odd:
        raise ArlearnError(
            f"some of the task's words cannot be distinguished in a line of text: {', '.join(map(repr, odd[:5]))}"
        )
    tokenizer = Tokenizer(models.WordLevel({word: token for token, word in enumerate(words)}))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer
