"""A certificate is verified by a program that shares nothing with this package, and every single change is caught."""

import copy
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from arlearn.cli import app
from arlearn.errors import ArlearnError
from arlearn.predictors.saving import save_predictor
from arlearn.programs.certificate import certificate, seal
from arlearn.programs.compiling import compile_program
from arlearn.programs.steps import Program
from arlearn.tasks.program import ProgramTask

sys.path.insert(0, str(Path(__file__).parent))
from program_strategies import looped_programs, programs

CHECKER = Path(__file__).parents[3] / "tools" / "check_certificate.py"


def verified(file: Path, model: Path) -> tuple[bool, str]:
    if not CHECKER.exists():
        pytest.skip("the checker is not beside the package")
    command = [sys.executable, "-I", str(CHECKER), str(file), str(model)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.startswith("VERIFIED" if done.returncode == 0 else "NOT VERIFIED"), done.stdout
    return done.returncode == 0, done.stdout


def compiled(folder: Path, *arguments: str) -> tuple[Path, Path]:
    certificate, model = folder / "certificate.json", folder / "model"
    call = ["compile", *arguments, "--out", str(model), "--certificate", str(certificate), "--json"]
    result = CliRunner().invoke(app, call, catch_exceptions=False)
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["proved"] is True
    assert report["certificate"] == str(certificate)
    return certificate, model


@pytest.fixture(scope="module")
def countdown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return compiled(tmp_path_factory.mktemp("countdown"), "program", "countdown")


@pytest.mark.parametrize(
    "arguments",
    [
        ("multiplication", "--digits", "2"),
        ("addition", "--digits", "3", "--centred"),
        ("circuit", "thresholds"),
        ("turing", "busy-beaver-4"),
        ("turing", "1RB1LB_1LA1RH", "--unrolled"),
        ("program", "difference"),
        ("universal", "--states", "2", "--symbols", "3", "--cells", "5"),
        ("python", "sort4.py:sort4", "--inputs", "a:0..1,b:0..1,c:0..1,d:0..1"),
        ("python", "search.py:search", "--inputs", "x:0..60"),
        ("python", "days.py:days", "--inputs", "year:1890..2010,month:1..12"),
    ],
)
def test_every_kind_of_program_has_one(arguments: tuple[str, ...], tmp_path: Path) -> None:
    accepted, said = verified(*compiled(tmp_path, *arguments))
    assert accepted, said
    assert ("any number of passes" in said) == (
        arguments[0] in ("universal", "python") or arguments[1] == "busy-beaver-4"
    )


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(program=looped_programs() | programs())
def test_random_programs_have_one(program: Program) -> None:
    predictor = compile_program(program)
    task = ProgramTask(program)
    with tempfile.TemporaryDirectory() as name:
        model = Path(name)
        save_predictor(predictor, model, {"task": {"kind": task.kind, "configuration": task.configuration()}})
        path = model / "certificate.json"
        path.write_text(seal(certificate(program, predictor, ["float32"]), model), encoding="utf-8")
        assert _accepts(path, model)


def test_a_certificate_that_cannot_be_written_leaves_no_model(tmp_path: Path) -> None:
    call = ["compile", "program", "countdown", "--out", str(tmp_path / "m"), "--certificate", str(tmp_path)]
    with pytest.raises(ArlearnError, match="is a directory; give --certificate the name of a file"):
        CliRunner().invoke(app, call, catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []


def test_it_is_small_and_depends_on_three_libraries_only() -> None:
    if not CHECKER.exists():
        pytest.skip("the checker is not beside the package")
    lines = CHECKER.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 300
    imported = {line.split()[1].split(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert imported == {"hashlib", "json", "sys", "pathlib", "numpy", "safetensors"}


def changed(certificate: Path, tmp_path: Path, change: Any) -> Path:
    found = json.loads(certificate.read_text(encoding="utf-8"))
    change(found)
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    return path


def test_every_flipped_weight_is_caught(countdown: tuple[Path, Path], tmp_path: Path) -> None:
    """The hash catches all; with the hash forged, the computation catches those that change what is written."""
    certificate, model = countdown
    (tmp_path / "card.json").write_bytes((model / "card.json").read_bytes())
    weights = load_file(model / "model.safetensors")
    random = np.random.default_rng(0)
    by_computation = 0
    for _ in range(8):
        tensors = {name: tensor.copy() for name, tensor in weights.items()}
        name = str(random.choice(list(tensors)))
        flat = tensors[name].reshape(-1)
        flat[random.choice(np.flatnonzero(flat))] *= -1
        save_file(tensors, tmp_path / "model.safetensors")
        accepted, said = verified(certificate, tmp_path)
        assert not accepted
        assert "hash" in said
        forged = changed(certificate, tmp_path, lambda found: found.update(weights_sha256=_digest(tmp_path)))
        accepted, said = verified(forged, tmp_path)
        by_computation += not accepted
        assert accepted or "phase" in said
    assert by_computation >= 5


def test_every_flipped_entry_is_caught(countdown: tuple[Path, Path], tmp_path: Path) -> None:
    certificate, model = countdown
    found = json.loads(certificate.read_text(encoding="utf-8"))
    changes: list[tuple[str, dict[str, Any]]] = []

    def add(what: str, edit: Any) -> None:
        other = copy.deepcopy(found)
        edit(other)
        changes.append((what, other))

    for key in ("weights_sha256", "program_sha256"):
        digit = "0" if found[key][0] != "0" else "1"
        add(f"hash {key}", lambda o, key=key, digit=digit: o.update({key: digit + o[key][1:]}))
    for number, tokens in enumerate(found["sets"]):
        for place in range(len(tokens)):
            add(f"token {place} of set {number} left out", lambda o, n=number, p=place: o["sets"][n].pop(p))
        stranger = next(token for token in range(len(found["vocabulary"])) if token not in tokens)
        add(f"a token added to set {number}", lambda o, n=number, t=stranger: o["sets"][n].append(t))
    for number, table in enumerate(found["tables"]):
        for place in range(len(table)):
            add(f"entry {place} of table {number}", lambda o, n=number, p=place: _raise(o["tables"][n][p]))
    for number, rule in enumerate(found["rules"]):
        for place in range(len(rule["demands"])):
            add(f"demand {place} of rule {number}", lambda o, n=number, p=place: _raise(o["rules"][n]["demands"][p]))
        add(
            f"constant of rule {number}",
            lambda o, n=number: o["rules"][n].update(constant=o["rules"][n]["constant"] + 1),
        )
    for number, phase in enumerate(found["phases"]):
        if phase.get("margin") is not None:
            add(f"margin of phase {number}", lambda o, n=number: o["phases"][n].update(margin=2.5))
            add(f"a read of phase {number}", lambda o, n=number: o["phases"][n]["reads"].pop())
    add("the halting tokens", lambda o: o["halt"].pop())
    add("the least margin", lambda o: o.update(minimum_margin=2))
    add("the period", lambda o: o.update(period=o["period"] + 1))
    add("the layout of the blocks", lambda o: o["map"]["configuration"]["reads"].pop())
    path = tmp_path / "changed.json"
    missed = []
    for what, other in changes:
        path.write_text(json.dumps(other), encoding="utf-8")
        if _accepts(path, model):
            missed.append(what)
    assert len(changes) > 60
    assert missed == []


def test_a_stray_block_is_caught(countdown: tuple[Path, Path], tmp_path: Path) -> None:
    """A block that card and certificate agree on, but no phase says that it reads."""
    certificate, model = countdown
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    found = json.loads(certificate.read_text(encoding="utf-8"))
    for each in (card["predictor"]["configuration"]["map"], found["map"]):
        each["configuration"]["reads"].append([3, 2, 0])
    (tmp_path / "card.json").write_text(json.dumps(card), encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes((model / "model.safetensors").read_bytes())
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    accepted, said = verified(path, tmp_path)
    assert not accepted
    assert "phase end: the weights read [3] tokens back" in said


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "arlearn certificate 1"}', "\x00"])
def test_what_is_no_certificate_is_refused(text: str, countdown: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "no.json"
    path.write_text(text, encoding="utf-8")
    accepted, _ = verified(path, countdown[1])
    assert not accepted


def _accepts(certificate: Path, model: Path) -> bool:
    """The checker's verdict in this process: hundreds of new ones would take minutes."""
    if not CHECKER.exists():
        pytest.skip("the checker is not beside the package")
    sys.path.insert(0, str(CHECKER.parent))
    import check_certificate as checker

    arguments, sys.argv = sys.argv, ["check_certificate.py", str(certificate), str(model)]
    try:
        return bool(checker.main() == 0)
    finally:
        sys.argv = arguments


def _raise(pair: list[int]) -> None:
    pair[1] += 1


def _digest(model: Path) -> str:
    from arlearn.files import file_sha256

    return file_sha256(model / "model.safetensors")
