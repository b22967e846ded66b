"""The lm-evaluation-harness runs tasks of all three kinds on a model of ours, with made-up data and no network."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arlearn.cli import app
from arlearn.errors import ArlearnError
from arlearn.evaluation.perplexity import likelihoods, log_probability
from arlearn.evaluation.saved_model import SavedModel
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.saving import save_predictor
from arlearn.tokens import BytePair

QUESTIONS = [
    {"question": f"the {animal} sat on the", "choices": ["mat", "moon and stars", "cat"], "label": place % 3}
    for place, animal in enumerate(("cat", "dog", "hen", "cow", "pig"))
]
TASKS = {
    "made_up_choices": """output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_target: "{{label}}"
doc_to_choice: choices
metric_list:
  - metric: acc
""",
    "made_up_text": """output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{question}}"
metric_list:
  - metric: bits_per_byte
  - metric: word_perplexity
""",
    "made_up_writing": """output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: " mat"
generation_kwargs:
  until: ["."]
  max_gen_toks: 5
metric_list:
  - metric: exact_match
""",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("text")
    vocabulary = BytePair.train(["the cat sat on the mat. the moon and stars "] * 20, 300)
    vocabulary.save(place / "tokenizer.json")
    card = {
        "task": {"kind": "text", "configuration": {}},
        "tokenizer": {"file": "tokenizer.json", "sha256": vocabulary.sha256},
    }
    save_predictor(LinearPredictor.build(vocabulary.size, 7, 8, seed=3), place, card)
    return place


@pytest.fixture(scope="module")
def measured(model, tmp_path_factory):
    """What ``arlearn evaluate --harness`` prints for the three tasks, in a process of its own."""
    pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install 'arlearn[eval]'")
    root = tmp_path_factory.mktemp("tasks")
    data = root / "data.jsonl"
    data.write_text("".join(json.dumps(question) + "\n" for question in QUESTIONS))
    for name, text in TASKS.items():
        where = (
            f"task: {name}\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\ntest_split: test\n"
        )
        (root / f"{name}.yaml").write_text(where + text + "metadata:\n  version: 1.0\n")
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HOME": str(root / "home"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "arlearn.cli", "evaluate", str(model), "--json"]
    done = subprocess.run(
        [*command, "--harness", ",".join(TASKS), "--harness-tasks", str(root)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_choices_are_those_that_the_predictor_finds_likeliest(measured, model):
    saved = SavedModel(model)
    assert saved.vocabulary is not None
    right = 0
    for question in QUESTIONS:
        context = saved.vocabulary.prompt(question["question"])
        whole = [saved.vocabulary.prompt(f"{question['question']} {choice}") for choice in question["choices"]]
        found = [
            each.log_probability for each in likelihoods(saved.predictor, context, [w[len(context) :] for w in whole])
        ]
        right += found.index(max(found)) == question["label"]
    assert measured["results"]["made_up_choices"]["acc,none"] == pytest.approx(right / len(QUESTIONS))
    assert measured["n-samples"]["made_up_choices"]["effective"] == len(QUESTIONS)


def test_bits_per_byte_are_ours(measured, model):
    saved = SavedModel(model)
    assert saved.vocabulary is not None
    texts = [question["question"] for question in QUESTIONS]
    nats = -sum(log_probability(saved.predictor, saved.vocabulary.prompt(text)) for text in texts)
    expected = nats / math.log(2) / sum(len(text.encode()) for text in texts)
    assert measured["results"]["made_up_text"]["bits_per_byte,none"] == pytest.approx(expected, rel=1e-5)


def test_writing_is_scored(measured):
    assert 0 <= measured["results"]["made_up_writing"]["exact_match,none"] <= 1
    assert set(measured["results"]) == set(TASKS)
    assert measured["harness"]


class NoTasks:
    """The harness's task manager as it is where nothing matches; the real one reads thousands of files."""

    all_tasks: tuple[str, ...] = ()

    def __init__(self, **_: object) -> None: ...

    def match_tasks(self, _: list[str]) -> list[str]:
        return []


def test_what_cannot_be_run(model, tmp_path, monkeypatch):
    pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install 'arlearn[eval]'")
    with pytest.raises(ArlearnError, match="no folder of tasks"):
        run(model, "--harness", "x", "--harness-tasks", str(tmp_path / "none"))
    monkeypatch.setattr("lm_eval.tasks.TaskManager", NoTasks)
    with pytest.raises(ArlearnError, match="knows no task no_such_task"):
        run(model, "--harness", "no_such_task")
    made = CliRunner().invoke(app, ["compile", "multiplication", "--digits", "2", "--out", str(tmp_path / "m")])
    assert made.exit_code == 0
    with pytest.raises(ArlearnError, match="for models of text"):
        run(tmp_path / "m", "--harness", "x")


def test_without_the_harness_it_says_what_to_install(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    monkeypatch.setitem(sys.modules, "lm_eval.api.model", None)
    monkeypatch.delitem(sys.modules, "arlearn.hub.harness", raising=False)
    with pytest.raises(ArlearnError, match=r"pip install 'arlearn\[eval\]'"):
        run(model, "--harness", "x")
    with pytest.raises(ArlearnError, match="no model in"):
        run(model / "none", "--harness", "x")


def run(model: Path, *arguments: str) -> None:
    result = CliRunner().invoke(app, ["evaluate", str(model), *arguments])
    if isinstance(result.exception, ArlearnError):
        raise result.exception
    assert result.exit_code == 0
