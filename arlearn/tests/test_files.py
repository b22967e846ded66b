"""Files are written whole or not at all, with the rights that the umask allows, wherever the package writes one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import matplotlib.figure
import pytest
import torch

from arlearn.errors import ArlearnError
from arlearn.evaluation.length_complexity import Cell, draw
from arlearn.files import replacing, replacing_folder, write_atomically
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.reference import write_reference
from arlearn.predictors.saving import save_predictor
from arlearn.tokens import BytePair
from arlearn.training.progress import Measurements, MetricsFile, Update, draw_loss

UPDATES = [Update(step, 1.0, 0.1, 0.0, 0.1 * step, 8 * step, 0.1) for step in (1, 2, 3)]
CELL = Cell("linear", "one-hot", 0, 9, 10, 90, True, 100, 1.0, 1.0)


@pytest.fixture(params=[0o022, 0o027, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_every_file_has_the_rights_that_the_umask_allows(umask: int, tmp_path: Path) -> None:
    predictor = LinearPredictor.build(9, 4, 3)
    save_predictor(predictor, tmp_path, {})
    write_reference(predictor, tmp_path / "reference.pt")
    BytePair.train(["a b c"], 300).save(tmp_path / "tokenizer.json")
    metrics = MetricsFile(tmp_path / "metrics.csv", 0)
    metrics.close()
    Measurements(tmp_path / "evaluations.csv", 0).add(1, {"loss": 1.0})
    draw_loss(UPDATES, tmp_path / "loss.png", "a run")
    draw([CELL], tmp_path / "figure.svg", "a figure")
    found = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert len(found) == 8
    assert set(found.values()) == {0o666 & ~umask}


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, "old")

    def interrupted() -> None:
        with replacing(path) as beside:
            beside.write_text("half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(ArlearnError, match=r"cannot write .*a\.txt: No space left on device"), replacing(path):
        raise OSError(28, "No space left on device")
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_is_replaced_whole_and_keeps_its_other_files(umask: int, tmp_path: Path) -> None:
    def interrupted() -> None:
        with replacing_folder(tmp_path / "new") as beside:
            (beside / "a.txt").write_text("half of the n")
            raise KeyboardInterrupt

    for text in ("old", "new"):
        with replacing_folder(tmp_path / "new") as beside:
            (beside / "a.txt").touch(0o600)
            (beside / "a.txt").write_text(text)
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert (tmp_path / "new" / "a.txt").read_text() == text
        (tmp_path / "new" / "own.txt").write_text("the user's")
    assert (tmp_path / "new" / "a.txt").stat().st_mode & 0o777 == 0o666 & ~umask
    assert (tmp_path / "new" / "own.txt").read_text() == "the user's"
    assert [found.name for found in tmp_path.iterdir()] == ["new"]


WRITERS = {
    "loss": lambda place: draw_loss(UPDATES, place / "loss.png", "a run"),
    "figure": lambda place: draw([CELL], place / "figure.svg", "a figure"),
    "weights": lambda place: write_reference(LinearPredictor.build(9, 4, 3), place / "reference.pt"),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_leaves_no_temporary_file(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, path: Path, *_: object, **__: object) -> None:
        Path(path).write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", full)
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(ArlearnError, match="cannot write"):
        WRITERS[kind](tmp_path)
    assert list(tmp_path.iterdir()) == []
