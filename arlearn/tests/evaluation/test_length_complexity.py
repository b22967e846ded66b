from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from arlearn.errors import ArlearnError
from arlearn.evaluation.length_complexity import Cell, Learner, draw, measure, measure_all, paragraph, table
from arlearn.tasks.parity import ParityTask

LEARNER = Learner(head="one-hot", seconds=20.0, target=0.95, questions=200, batch=64)


def test_a_chain_is_learned_and_none_is_given_up() -> None:
    with_chain = measure(ParityTask(8, 4, 1), "step 1", LEARNER)
    assert with_chain.reached
    assert with_chain.exact_match >= 0.95
    assert with_chain.examples % 64 == 0
    without = measure(ParityTask(8, 4, 0), "step 0", replace(LEARNER, seconds=0.5))
    assert not without.reached
    assert without.seconds >= 0.5


def test_finished_cells_are_kept_and_changed_ones_are_not(tmp_path: Path) -> None:
    tasks = [("step 1", ParityTask(6, 3, 1)), ("step 3", ParityTask(6, 3, 3))]
    heard: list[str] = []
    first = measure_all(tasks, [LEARNER], [0], tmp_path, heard.append)
    kept = next((tmp_path / "cells").glob("step 1*.json"))
    content = json.loads(kept.read_text())
    content["cell"]["seconds"] = 123.0
    kept.write_text(json.dumps(content))
    heard.clear()
    second = measure_all(tasks, [LEARNER], [0], tmp_path, heard.append)
    assert second[0].seconds == 123.0  # it was read, not measured again
    assert second[1] == first[1]
    assert all("kept" in line for line in heard)
    third = measure_all(tasks[:1], [replace(LEARNER, batch=32)], [0], tmp_path, heard.append)
    assert third[0].seconds != 123.0
    kept.write_text("{")
    with pytest.raises(ArlearnError, match="not a measurement"):
        measure_all(tasks[:1], [LEARNER], [0], tmp_path, heard.append)


def test_runs_that_were_given_up_are_shown_as_such(tmp_path: Path) -> None:
    reached = Cell("long", "one-hot", 0, 13, 6, 100, True, 640, 0.25, 1.0)
    given_up = Cell("short", "one-hot", 0, 1, 2, 10, False, 12800, 5.0, 0.5)
    lines = table([given_up, reached]).splitlines()
    assert "| > 12,800 | > 5.0 | 50.00 |" in lines[2]
    assert "| 640 | 0.2 | 100.00 |" in lines[3]
    words = paragraph([given_up, reached], 0.999)
    assert "given up: short (best 50.0 %)" in words
    assert "640 examples" in words
    assert "no format reached" in paragraph([given_up], 0.999)
    draw([given_up, reached], tmp_path / "figure.svg", "a title")
    assert (tmp_path / "figure.svg").read_text().count("<path") > 10
    (tmp_path / "file").write_text("")
    with pytest.raises(ArlearnError, match="cannot write"):
        draw([given_up, reached], tmp_path / "file" / "figure.svg", "a title")
