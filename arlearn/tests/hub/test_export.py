"""Exported folders load and generate without arlearn, with the predictor's own logits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from arlearn.cli import app
from arlearn.decoding.generate import generate
from arlearn.errors import ArlearnError
from arlearn.evaluation.saved_model import SavedModel
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.mlp import MLPPredictor
from arlearn.predictors.saving import save_predictor
from arlearn.tokens import BytePair

pytest.importorskip("transformers", reason="transformers is not installed: pip install 'arlearn[hub]'")

runner = CliRunner()
PROMPT = "the cat sat on <|endoftext|> mats"

# Run in a process in which arlearn cannot be imported: the folder must stand by itself.
ALONE = """
import json, sys
sys.modules["arlearn"] = None
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
out = []
for folder, prompt, ids in json.load(sys.stdin):
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
    given = tokenizer(prompt, return_tensors="pt")
    rows = torch.tensor(ids)
    keep = dict(do_sample=False, max_new_tokens=model.generation_config.max_new_tokens, eos_token_id=None)
    made = model.generate(**given, **keep)
    cached = model.generate(**given, **keep, use_cache=True)
    beams = model.generate(**given, max_new_tokens=5, num_beams=3, do_sample=False)
    first, second = given["input_ids"][0], given["input_ids"][0][:2]
    padded = torch.stack([first, torch.cat([torch.zeros(len(first) - 2, dtype=torch.long), second])])
    mask = torch.ones_like(padded)
    mask[1, : len(first) - 2] = 0
    together = model.generate(input_ids=padded, attention_mask=mask, do_sample=False, max_new_tokens=12, eos_token_id=None, pad_token_id=0)
    alone = model.generate(input_ids=second[None], attention_mask=torch.ones_like(second[None]), do_sample=False, max_new_tokens=12, eos_token_id=None, pad_token_id=0)
    shorter = rows[:, : rows.shape[1] // 2]
    filled = torch.nn.functional.pad(shorter, (0, rows.shape[1] - shorter.shape[1]))
    right = model(filled, attention_mask=(torch.arange(filled.shape[1]) < shorter.shape[1]).long().expand_as(filled)).logits
    out.append(dict(
        prompt=first.tolist(), made=made[0].tolist(), cached=cached[0].tolist(), beams=beams.shape[1],
        padded=together[1, len(first):].tolist(), alone=alone[0, 2:].tolist(),
        right=float((right[:, : shorter.shape[1]] - model(shorter).logits).abs().max()),
        logits=model(rows).logits.tolist(), last=model(rows, logits_to_keep=1).logits.tolist(),
        loss=model(rows, labels=rows).loss.item(), text=tokenizer.decode(made[0], skip_special_tokens=True),
        pad=tokenizer.pad_token, kind=AutoConfig.from_pretrained(folder, trust_remote_code=True).model_type))
print(json.dumps(out))
"""


def save_text(place: Path, predictor, vocabulary: BytePair) -> None:
    vocabulary.save(place / "tokenizer.json")
    save_predictor(
        predictor,
        place,
        {
            "task": {"kind": "text", "configuration": {}},
            "tokenizer": {"file": "tokenizer.json", "sha256": vocabulary.sha256},
        },
    )


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    vocabulary = BytePair.train(["the cat sat on the mat — déjà vu. "] * 20, 300)
    size = vocabulary.size
    built = {
        "packed": LinearPredictor.build(size, 11, 6, map="packed", bias=True),
        "shift": LinearPredictor.build(size, 11, 6, map="shift", seed=1),
        "mlp": MLPPredictor.build(size, 11, 6, map="packed", seed=2, bias=True),
    }
    for name, predictor in built.items():
        save_text(root / name, predictor, vocabulary)
    assert runner.invoke(app, ["compile", "multiplication", "--digits", "2", "--out", str(root / "m2")]).exit_code == 0
    return {name: root / name for name in (*built, "m2")}


@pytest.fixture(scope="module")
def exported(models, tmp_path_factory):
    """Each model's folder, and what a process without arlearn made of it."""
    root = tmp_path_factory.mktemp("folders")
    asked, subjects = [], {}
    for name, model in models.items():
        done = runner.invoke(app, ["export", str(model), "--hf", str(root / name)])
        assert done.exit_code == 0, done.output
        saved = subjects[name] = SavedModel(model)
        rows = torch.randint(saved.predictor.vocabulary, (3, saved.predictor.map.window))
        asked.append((str(root / name), "1 2 x 3 4 =" if name == "m2" else PROMPT, rows.tolist()))
    environment = os.environ | {"HF_HOME": str(root / "home"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    return {
        name: (saved, root / name, torch.tensor(rows), answer)
        for (name, saved), (_, _, rows), answer in zip(subjects.items(), asked, answers, strict=True)
    }


@pytest.mark.parametrize("name", ["packed", "shift", "mlp", "m2"])
class TestFolders:
    def test_logits_and_loss(self, exported, name):
        saved, _, rows, found = exported[name]
        with torch.no_grad():
            expected = saved.predictor(rows)
            loss = float(saved.predictor.loss(rows))
        torch.testing.assert_close(torch.tensor(found["logits"]), expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(torch.tensor(found["last"]), expected[:, -1:], atol=1e-5, rtol=1e-5)
        assert found["loss"] == pytest.approx(loss, rel=1e-5)
        assert found["right"] <= 1e-6
        assert found["kind"] == "arlearn"

    def test_generation(self, exported, name):
        saved, _, _, found = exported[name]
        given = saved.prompt("12 x 34" if name == "m2" else PROMPT)
        assert found["prompt"] == given.tolist()
        count = len(found["made"]) - len(given)
        assert found["made"][len(given) :] == generate(saved.predictor, given[None], count)[0].tolist()
        assert found["cached"] == found["made"]
        assert found["beams"] == len(given) + 5
        assert found["padded"] == found["alone"]

    def test_files(self, exported, name):
        saved, folder, _, found = exported[name]
        assert {path.name for path in folder.iterdir()} == {
            "README.md",
            "arlearn.json",
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "modeling_arlearn.py",
            "tokenizer.json",
            "tokenizer_config.json",
        }
        weights = load_file(folder / "model.safetensors")
        assert sum(tensor.numel() for tensor in weights.values()) == saved.predictor.parameter_count()
        assert torch.equal(weights["embedding.weight"], saved.predictor.embedding)
        readme = (folder / "README.md").read_text()
        assert f"{saved.predictor.parameter_count():,}" in readme
        assert "trust_remote_code=True" in readme
        if name == "m2":
            assert found["text"].endswith("0 4 0 8")
        else:
            assert found["pad"] == "<|pad|>"
            assert found["text"].startswith(PROMPT)


def test_what_is_there_is_not_replaced(models, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    command = ["export", str(models["shift"]), "--hf", str(tmp_path / "full")]
    done = runner.invoke(app, command)
    assert isinstance(done.exception, ArlearnError)
    assert "not empty" in str(done.exception)
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "notes.txt"]
    assert runner.invoke(app, [*command, "--overwrite"]).exit_code == 0
    assert (tmp_path / "full" / "notes.txt").read_text() == "mine"
    assert (tmp_path / "full" / "config.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_an_export_whose_logits_differ_is_not_left(models, tmp_path, monkeypatch):
    monkeypatch.setattr("arlearn.hub.exporting.compare", lambda *_: (0.5, 1))
    done = runner.invoke(app, ["export", str(models["shift"]), "--hf", str(tmp_path / "a")])
    assert "differ" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_without_transformers_it_says_what_to_install(models, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    done = runner.invoke(app, ["export", str(models["shift"]), "--hf", str(tmp_path / "a")])
    assert "pip install 'arlearn[hub]'" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_something_must_be_asked_for(models):
    assert runner.invoke(app, ["export", str(models["shift"])]).exit_code == 2


def test_a_program_with_a_loop_keeps_its_place(tmp_path):
    """A periodic map must see the whole sequence, or it would lose count of its phase."""
    from arlearn.hub.modeling_arlearn import ArlearnForCausalLM

    assert runner.invoke(app, ["compile", "program", "countdown", "--out", str(tmp_path / "m")]).exit_code == 0
    done = runner.invoke(app, ["export", str(tmp_path / "m"), "--hf", str(tmp_path / "hf")])
    assert done.exit_code == 0, done.output
    model = ArlearnForCausalLM.from_pretrained(tmp_path / "hf")
    saved = SavedModel(tmp_path / "m")
    given = saved.prompt("7")
    made = model.generate(input_ids=given[None], attention_mask=torch.ones_like(given[None]))
    assert saved.word(int(made[0, -1])) == "stop"
    assert saved.answer(made[0]) == "0"
    assert made[0, 1:].tolist() == generate(saved.predictor, given[None], 100, stop=saved.stop)[0].tolist()
