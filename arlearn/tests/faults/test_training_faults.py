"""Training, broken on purpose: killed, its files damaged, its disk full."""

from __future__ import annotations

import csv
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch

from arlearn.errors import ArlearnError
from arlearn.training.directory import Checkpoint, newest_checkpoint, read_checkpoint, write_checkpoint
from arlearn.training.progress import read_metrics

ARLEARN = [sys.executable, "-m", "arlearn.cli"]


def losses(out: Path) -> list[str]:
    with (out / "metrics.csv").open() as opened:
        return [row["loss"] for row in csv.DictReader(opened)]


def test_killed_at_any_moment_and_resumed(tiny_recipe: Path, story_file: Path, tmp_path: Path) -> None:
    command = [*ARLEARN, "train", str(tiny_recipe), "--data", str(story_file), "--set", "steps=300"]
    command += ["--set", "checkpoint_steps=20"]
    subprocess.run([*command, "--out", str(tmp_path / "whole")], check=True, capture_output=True)
    broken = tmp_path / "broken"
    draw = random.Random(os.getpid())
    kills = 0
    for _ in range(2):
        process = subprocess.Popen([*command, "--out", str(broken), "--resume"], stderr=subprocess.DEVNULL)
        begin, more = len(read_metrics(broken / "metrics.csv")), draw.randrange(1, 130)
        while process.poll() is None and len(read_metrics(broken / "metrics.csv")) < begin + more:
            time.sleep(0.01 + draw.random() * 0.05)
        kills += process.poll() is None
        process.kill()
        process.wait()
    assert kills
    assert not (broken / "model.safetensors").exists()
    (broken / ".killed.part").write_text("half")
    subprocess.run([*command, "--out", str(broken), "--resume"], check=True, capture_output=True)
    assert losses(broken) == losses(tmp_path / "whole")
    one, other = (safetensors.torch.load_file(place / "model.safetensors") for place in (tmp_path / "whole", broken))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not [path for path in (broken / "checkpoints").iterdir() if path.name.startswith(".")]
    assert not list(broken.glob(".*.part"))


def some(step: int, run: str = "this") -> Checkpoint:
    return Checkpoint(step, run, {"weights.a": torch.full((1000,), float(step))}, {"tokens": step})


def test_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (5, 10, 15):
        write_checkpoint(tmp_path, some(step), keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000010", "00000015"]
    found, wrong = newest_checkpoint(tmp_path, "this")
    assert found is not None
    assert (found.step, found.about["tokens"], wrong) == (15, 15, [])
    assert torch.equal(found.tensors["weights.a"], torch.full((1000,), 15.0))


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "no state", "no about", "about no json", "about lies"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, damage: str) -> None:
    for step in (5, 10):
        write_checkpoint(tmp_path, some(step), keep=2)
    state, about = tmp_path / "00000010" / "state.safetensors", tmp_path / "00000010" / "about.json"
    content = bytearray(state.read_bytes())
    if damage == "flip":
        content[-1] ^= 1
        state.write_bytes(content)
    elif damage in ("cut", "empty"):
        state.write_bytes(content[:-10] if damage == "cut" else b"")
    elif damage == "no state":
        state.unlink()
    elif damage == "no about":
        about.unlink()
    else:
        about.write_text("{" if damage == "about no json" else '{"step": "x"}')
    found, wrong = newest_checkpoint(tmp_path, "this")
    assert found is not None
    assert found.step == 5
    assert len(wrong) == 1
    assert "00000010 is damaged" in wrong[0]


def test_another_runs_checkpoint_is_not_taken(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, some(5, "other"), keep=2)
    found, wrong = newest_checkpoint(tmp_path, "this")
    assert found is None
    assert "another run" in wrong[0]


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, some(5), keep=2)
    (tmp_path / ".00000010-123").mkdir()
    found, _ = newest_checkpoint(tmp_path, "this")
    assert found is not None
    assert [path.name for path in tmp_path.iterdir()] == ["00000005"]


def test_a_full_disk_leaves_the_last_checkpoint_intact(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, some(5), keep=1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(ArlearnError, match=r"disk is full; the last good checkpoint is that of update 5") as caught:
            write_checkpoint(tmp_path, some(10), keep=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "--resume" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["00000005"]
    assert read_checkpoint(tmp_path / "00000005", "this").step == 5


BAD_COMMANDS = [
    (["train", "tinystories-cpu", "--data", "missing.txt"], 1, "no file missing.txt"),
    (["train", "tinystories-cpu", "--data", "binary.txt"], 1, "is not text"),
    (["train", "tinystories-cpu", "--data", "empty.txt"], 1, "is empty"),
    (["train", "tinystories-cpu", "--data", "short.txt"], 1, "too short for a context"),
    (["train", "nothing-such"], 1, "there is no recipe"),
    (["train", "tinystories-cpu", "--set", "x=1", "--set", "y"], 1, "no section of the recipe has this setting"),
    (["train", "tinystories-cpu", "--data", "short.txt", "--tokenizer", "missing.json"], 1, "no tokenizer file"),
    (["train", "tinystories-cpu", "--surprise"], 2, "No such option"),
    (["evaluate", "missing", "--data", "short.txt"], 1, "missing"),
    (["recipes", "nothing-such"], 1, "there is no recipe"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), BAD_COMMANDS)
def test_bad_input_is_one_line(
    arguments: list[str], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    import arlearn.cli

    monkeypatch.chdir(tmp_path)
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)))
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "short.txt").write_text("Once upon a time.")
    monkeypatch.setattr(sys, "argv", ["arlearn", *arguments])
    with pytest.raises(SystemExit) as ended:
        arlearn.cli.main()
    told = capfd.readouterr()
    assert ended.value.code == code
    assert message in told.err
    assert "Traceback" not in told.err
    assert told.out == ""
    if code == 1:
        assert told.err.strip().splitlines()[-1].startswith("arlearn: ")
    assert not list(tmp_path.glob("runs/*/model.safetensors"))


def test_killed_while_it_deletes_an_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(tmp_path, some(5), keep=1)

    def killed(path: Path, ignore_errors: bool = False) -> None:
        if path.exists():
            (path / "about.json").unlink()
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            write_checkpoint(tmp_path, some(10), keep=1)
    assert sorted(path.name for path in tmp_path.glob("[0-9]*")) == ["00000010"]
    found, wrong = newest_checkpoint(tmp_path, "this")
    assert found is not None
    assert (found.step, wrong) == (10, [])
    assert [path.name for path in tmp_path.iterdir()] == ["00000010"]
