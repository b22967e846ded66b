"""A study's run: verdicts, what is kept, what is said when something is missing or wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from openbook.errors import OpenbookError
from openbook.studies import environment as around
from openbook.studies import load_studies, load_study
from openbook.studies.results import read_run
from openbook.studies.running import run_study

Make = Callable[..., Path]
Call = Callable[..., Any]


def calls(studies: Path) -> int:
    path = studies.parent / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(around, "gpu", lambda: None)


def test_verdicts_and_what_the_json_says(make: Make, openbook: Call) -> None:
    studies = make()
    found = openbook("study", "run", "toy", "--studies", studies, "--json").json
    claims = found["claims"]
    assert {name: claim["verdict"] for name, claim in claims.items()} == {
        "right": "reproduced",
        "nearly": "partly",
        "wrong": "not reproduced",
        "large": "partly",
    }
    assert claims["right"]["measured"] == 2.05
    assert claims["right"]["interval"] == [1.9, 2.2]
    assert claims["right"]["published"] == 2.0
    assert claims["right"]["seconds"] > 0
    assert claims["large"]["scale"] == "a tenth of it"
    assert found["ran"] == 2, "claims with the same command share a run"
    assert calls(studies) == 2


def test_what_a_run_records(make: Make) -> None:
    study = load_study(make() / "toy")
    run_study(study)
    study = load_study(study.folder)
    run = study.run_of("right")
    assert run is not None
    assert run.seeds == [5]
    assert run.versions["pydantic"]
    assert run.hardware["memory_bytes"] > 0
    assert run.commit is None
    assert run.dirty
    assert set(run.inputs) == {"{study}", "code"}
    assert study.index_id == "a_toy__0"
    assert study.headline() == "1 of 4 claims reproduced, 2 partly, 1 not reproduced"
    assert (study.folder / "results" / "logs" / f"{run.key}.log").read_text() == "measuring\n"


def test_results_are_kept_until_an_input_changes(make: Make, shared: str) -> None:
    studies = make()
    study = load_study(studies / "toy")
    assert run_study(study).ran == 2
    again = run_study(study)
    assert (again.ran, again.kept) == (0, 2)
    assert run_study(study, ["right"], force=True).ran == 1
    (studies.parent / "code" / "one.txt").write_text("2")
    assert run_study(study, ["right"]).ran == 1
    make(shared.replace("published = 2.0", "published = 5.0", 1))
    changed = run_study(load_study(studies / "toy"), ["right"])
    assert (changed.ran, changed.claims["right"].verdict) == (0, "not reproduced"), "a claim is judged anew"
    assert set(load_study(studies / "toy").verdicts) == {"right", "nearly", "wrong", "large"}


def test_quick_runs_only_what_is_quick_and_a_larger_result_wins(make: Make) -> None:
    study = load_study(make() / "toy")
    found = run_study(study, quick=True).claims
    assert found["wrong"].verdict == "not run"
    assert "not quick" in found["wrong"].reason
    assert found["large"].verdict == "not run", "a small size that falls short says nothing against the claim"
    assert found["large"].measured == 7
    assert found["large"].size == "quick"
    full = run_study(study)
    assert full.ran == 1
    assert full.claims["large"].size == "smaller"
    kept = run_study(study, quick=True)
    assert kept.ran == 0
    assert kept.claims["large"].size == "smaller"
    assert kept.claims["wrong"].verdict == "not reproduced"


ONE = """
[[claims]]
id = "one"
sentence = "It is 1."
where = "here"
metric = "a number"
published = 1
command = {command}
read = "x"
{more}
"""


@pytest.mark.parametrize(
    ("command", "more", "why"),
    [
        (["sh", "-c", "echo a >&2; echo no file here >&2; exit 4"], "", "exit code 4: no file here"),
        (["sh", "-c", "echo hello"], "", "printed no JSON"),
        (["sh", "-c", "echo [1]"], "", "not an object"),
        (["sh", "-c", "sleep 60"], "minutes = 0.005", "longer than 0.005 minutes"),
        (["no-such-program-here"], "", "cannot be started"),
    ],
)
def test_a_command_that_fails_says_why_and_is_tried_again(
    make: Make, command: list[str], more: str, why: str, openbook: Call
) -> None:
    studies = make(ONE.format(command=json.dumps(command), more=more))
    done = openbook("study", "run", "toy", "--studies", studies)
    assert done.returncode == 3
    assert why in done.stderr
    assert "Traceback" not in done.stderr
    study = load_study(studies / "toy")
    assert study.verdicts["one"].verdict == "not run"
    assert why in study.verdicts["one"].reason
    assert not list((studies / "toy" / "results" / "runs").glob("*"))


def test_no_number_where_it_should_be(make: Make) -> None:
    study = load_study(make(ONE.format(command='["echo", "{\\"y\\": 1}"]', more="")) / "toy")
    assert "no number at x" in run_study(study).claims["one"].reason


@pytest.mark.parametrize("need", ["data:nowhere", "gpu", "network"])
def test_what_is_not_at_hand(make: Make, need: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(around, "_reaches", lambda host: False)
    study = load_study(make(ONE.format(command='["false"]', more=f'needs = ["{need}"]')) / "toy")
    found = run_study(study).claims["one"]
    assert found.verdict == "not run"
    assert need.split(":")[0] in found.reason.lower()


def test_strict_wants_a_clean_commit(make: Make, openbook: Call) -> None:
    studies = make()
    done = openbook("study", "run", "toy", "--studies", studies, "--strict")
    assert (done.returncode, "not a git repository" in done.stderr) == (1, True)
    git = ["git", "-C", str(studies.parent), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    (studies.parent / ".gitignore").write_text("results/\ncalls\n")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "all"], check=True)
    assert openbook("study", "run", "toy", "--studies", studies, "--strict", "--json").json["ran"] == 2
    study = load_study(studies / "toy")
    run = study.run_of("right")
    assert run is not None
    assert run.commit is not None
    assert not run.dirty
    (studies.parent / "code" / "one.txt").write_text("3")
    assert "differ from commit" in openbook("study", "run", "toy", "--studies", studies, "--strict").stderr
    assert openbook("study", "run", "toy", "--studies", studies, "--json").json["ran"] == 2


def test_killed_and_run_again(make: Make, openbook: Call, shared: str) -> None:
    claims = ONE.format(
        command='["sh", "-c", "echo begun >&2; test -e done || sleep 300; echo \'{\\"x\\": 1}\'"]', more=""
    )
    studies = make(shared + claims)
    command = [sys.executable, "-m", "openbook.cli", "study", "run", "toy", "--studies", str(studies)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as first:
        assert first.stderr is not None
        for line in first.stderr:
            if "| begun" in line:
                break
        busy = openbook("study", "run", "toy", "--studies", studies)
        assert (busy.returncode, "already" in busy.stderr) == (1, True)
        sleeping = [child.pid for child in psutil.Process(first.pid).children(recursive=True)]
        assert sleeping
        os.kill(first.pid, signal.SIGKILL)
    (studies.parent / "done").touch()
    found = openbook("study", "run", "toy", "--studies", studies, "--json").json
    assert found["claims"]["one"]["verdict"] == "reproduced"
    assert (found["ran"], found["kept"]) == (1, 2), "what was finished before the kill is kept"
    deadline = time.monotonic() + 20
    while any(psutil.pid_exists(pid) for pid in sleeping) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(psutil.pid_exists(pid) for pid in sleeping), "what the killed run left behind is ended"


def test_a_damaged_run_is_run_again_and_damaged_verdicts_are_named(make: Make, openbook: Call) -> None:
    studies = make()
    study = load_study(studies / "toy")
    run_study(study)
    for path in (studies / "toy" / "results" / "runs").iterdir():
        path.write_text(path.read_text()[:-9])
        assert read_run(study.folder, path.stem) is None
    assert run_study(study).ran == 2
    (studies / "toy" / "results" / "verdicts.json").write_text("{")
    done = openbook("study", "list", "--studies", studies)
    assert (done.returncode, "cannot be read; remove it" in done.stderr) == (1, True)


def test_every_fault_of_a_file_is_said(make: Make, openbook: Call, shared: str) -> None:
    bad = shared.replace("published = 3.0\n", "").replace('read = "b"', "").replace('id = "wrong"', 'id = "right"')
    studies = make(bad.replace("quick = true", "quik = true", 1))
    with pytest.raises(OpenbookError) as told:
        load_studies(studies)
    assert "claim nearly: give the published number" in str(told.value)
    assert "claim large: read names the number" in str(told.value)
    assert "claim right.quik" in str(told.value)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "other"], "there is no study 'other'"),
        (["run", "toy", "--claim", "none"], "has no claim none"),
        (["list", "--studies", "nowhere"], "there is no study in nowhere"),
    ],
)
def test_bad_input_is_one_line(make: Make, arguments: list[str], says: str, openbook: Call) -> None:
    if "--studies" not in arguments:
        arguments = [*arguments, "--studies", str(make())]
    done = openbook("study", *arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
