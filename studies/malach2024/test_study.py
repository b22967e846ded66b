"""The study of Malach 2024: its file is whole, its cheapest command gives what it claims, and its report, read by the
assessor like any paper, documents all seven variables; without the section on one of them, that one alone is missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openbook.assess.pipeline import assess_paper
from openbook.assessors.linear.assessor import LinearAssessor
from openbook.assessors.linear.weight_files import SHIPPED
from openbook.papers.reading import read_paper
from openbook.record.model import Record
from openbook.studies import Study, load_study
from openbook.studies.report.composing import compose
from openbook.studies.results import ClaimResult, StudyRun, Verdicts, judge, read_number, write_run, write_verdicts
from openbook.variables import SCORED

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

# What the commands print has this form; the numbers are made up, so that no result is written into a test.
LOSS = {"x": "update", "y": "loss, nats a token", "series": [{"label": "a", "points": [[1, 5.0], [9, 2.0]]}]}
TRAINING = {"steps": 17, "batch": 512, "optimiser": "adam", "learning_rate": 0.3, "schedule": "cosine", "clip": 0.0}
FOUND: dict[str, dict[str, Any]] = {
    "sizes": {"linear": {"millions": 162.05}, "mlp": {"millions": 774.65}},
    "text": {
        "against_bigram": 0.95,
        "training_hours": 0.1,
        "seeds": [0],
        "setup": {"text, small": {"predictor": {"kind": "linear", "width": 128}, "training": TRAINING}},
        "data": [{"name": "TinyStories", "training_sha256": "ab" * 32, "held_out_sha256": "cd" * 32}],
        "samples": [
            {"title": "The linear network of text", "prompt": "Once", "text": "Once there was a cat. <b>Meow</b>"}
        ],
        "figures": [LOSS | {"id": "loss-text", "caption": "Loss of text, small, by update (means of 2)."}],
    },
    "programs": {
        "circuit": {"right": 1.0},
        "turing": {"right": 1.0},
        "tables": [{"caption": "Programs compiled.", "columns": ["program", "tokens"], "rows": [["adder4", "12"]]}],
    },
    "parity": {
        "chain": {"exact_match": 1.0},
        "direct": {"exact_match": 0.51},
        "examples_ratio": 7.5,
        "setup": {"length complexity of parity": {"learning rate": 0.1, "batch": 128}},
        "figures": [LOSS | {"id": "lengths", "caption": "Examples needed.", "log_y": True}],
    },
    "compiled": {"exact_match": 1.0, "interval": [0.9999, 1.0], "proved": 1.0},
    "learned": {
        "exact_match": 0.99,
        "interval": [0.98, 0.995],
        "setup": {"multiplication-linear": {"task": {"digits": 4}, "training": TRAINING}},
        "failures": ["1234 x 5678 -> 1, right is 7006652"],
    },
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study beside results of the form that its commands print."""
    folder = tmp_path_factory.mktemp("root") / "studies" / "malach2024"
    folder.mkdir(parents=True)
    shutil.copy(HERE / "study.toml", folder)
    claims: dict[str, ClaimResult] = {}
    for name, claim in load_study(folder).claims.items():
        size = claim.size("quick") or claim.size("smaller") or claim
        if name in ("linear-cost", "mlp-multiplication"):
            claims[name] = ClaimResult(verdict="not run", reason="needs a GPU: none at hand", published=claim.published)
            continue
        run = StudyRun(
            key=size.command[2],
            command=list(size.command),
            inputs={},
            started="2026-11-24T12:00:00+00:00",
            seconds=12.5,
            commit="0123456789abcdef0123456789abcdef01234567",
            dirty=False,
            versions={"python": "3.11.7", "arlearn": "0.1.0", "torch": "2.13.0+cpu", "numpy": "2.4.6"},
            hardware={"processor": "AMD EPYC", "cores": 2, "memory_bytes": 24 * 2**30, "system": "Linux 6.1"},
            seeds=[0],
            found=FOUND[size.command[2]],
        )
        write_run(folder, run)
        claims[name] = judge(size, "quick", run)
    write_verdicts(folder, Verdicts(study="malach2024", written="2026-11-24T12:00:00+00:00", claims=claims))
    return load_study(folder)


@pytest.fixture(scope="module", params=["made up", "of a quick run"])
def reported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study with made-up results, and with all that one quick run found."""
    if request.param == "made up":
        made_up: Study = request.getfixturevalue("study")
        return made_up
    folder = tmp_path_factory.mktemp("root") / "studies" / "malach2024"
    folder.mkdir(parents=True)
    shutil.copy(HERE / "study.toml", folder)
    kept = json.loads((HERE / "test_quick_run.json").read_text(encoding="utf-8"))
    for run in kept["runs"]:
        write_run(folder, StudyRun.model_validate(run))
    write_verdicts(folder, Verdicts.model_validate(kept["verdicts"]))
    return load_study(folder)


def test_every_claim_is_whole() -> None:
    study = load_study(HERE)
    assert study.index_id == "autoregressive_nexttoken_predictors_are_universal_learners__95ff3e16"
    for claim in study.file.claims:
        assert claim.paraphrased != claim.ours, "no sentence is the paper's own"
        assert claim.scale, claim.id
        assert claim.cost, claim.id
    assert {claim.id for claim in study.file.claims if "gpu" in claim.needs} >= {"linear-text", "mlp-multiplication"}
    for name in study.file.inputs:
        assert (ROOT / name).exists()


def test_the_commands_are_known_and_name_recipes_that_ship() -> None:
    pytest.importorskip("arlearn.training.recipe")
    from arlearn.training.recipe import load_recipe

    for claim in load_study(HERE).file.claims:
        for size in filter(None, (claim.size("full"), claim.size("smaller"), claim.size("quick"))):
            kind, *rest = size.command[2:]
            assert kind in FOUND
            if kind == "learned":
                load_recipe(rest[1]).with_changes(rest[2:])


def test_sizes_are_the_papers() -> None:
    """The cheapest command for real: both predictors have as many weights as the paper says."""
    command = [sys.executable, str(HERE / "measure.py"), "sizes"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ})
    found = json.loads(done.stdout)
    study = load_study(HERE)
    for name in ("linear-size", "mlp-size"):
        claim = study.claims[name]
        value = read_number(found, claim.read)
        assert value is not None
        assert claim.published is not None
        assert abs(value - claim.published) <= claim.tolerance
        assert read_number(FOUND["sizes"], claim.read) is not None


def assessed(study: Study, out: Path, without: list[str]) -> Record:
    typesetting = pytest.importorskip("openbook.studies.report.composing")
    out.write_bytes(typesetting.to_pdf(compose(study, without)))
    return assess_paper(read_paper(out), LinearAssessor())


@pytest.mark.skipif(not SHIPPED.exists(), reason="the weights of the linear assessor are not built")
@pytest.mark.parametrize("left_out", [None, *SCORED])
def test_the_report_documents_what_its_sections_say(reported: Study, left_out: str | None, tmp_path: Path) -> None:
    pytest.importorskip("typst", reason="reports are typeset by typst")
    pytest.importorskip("matplotlib", reason="reports are drawn by matplotlib")
    record = assessed(reported, tmp_path / "report.pdf", [left_out] if left_out else [])
    said = {variable: record.answers[variable].result for variable in SCORED}
    assert said == {variable: "no" if variable == left_out else "yes" for variable in SCORED}
    for variable in SCORED:
        for quote in record.answers[variable].evidence:
            assert quote.match in ("exact", "normalised")
            assert quote.page is not None
