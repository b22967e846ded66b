"""The campaign of faults, small: ``make campaign`` runs it at scale."""

from __future__ import annotations

from pathlib import Path

import fuzz
import kills
import pytest


@pytest.mark.parametrize(("what", "count"), [("batch", 3), ("serve", 3), ("train", 2)])
def test_killed_at_random_moments(what: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    figures = kills.CAMPAIGNS[what](count, 1, tmp_path)
    assert figures["kills"] + figures["terminated"] == count
    assert figures["rounds"] >= 1


def test_mutations_can_be_repeated_and_are_counted_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--mutations", "320", "--seed", "5", "--out", str(tmp_path)]
    assert fuzz.main(arguments) == 0
    table = capsys.readouterr().out
    assert "| all | 320 |" in table
    assert fuzz.main(arguments) == 0  # nothing is left to do
    assert capsys.readouterr().out == table
    assert fuzz.mutation("PDF", 5, 17) == fuzz.mutation("PDF", 5, 17) != fuzz.mutation("PDF", 6, 17)


def test_a_mutation_that_hangs_or_crashes_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def read_one(kind: str, data: bytes) -> str | None:
        if len(seen := data[-3:]) and seen == b"bad":
            os._exit(9)
        if seen == b"end":
            while True:
                pass
        if seen == b"err":
            raise ValueError("a bug")
        return None

    endings = {3: b"bad", 4: b"end", 5: b"err"}
    monkeypatch.setattr(fuzz, "read_one", read_one)
    monkeypatch.setattr(fuzz, "mutation", lambda kind, seed, number: endings.get(number, b"good"))
    monkeypatch.setattr(fuzz, "SECONDS", 1)
    answer = fuzz.run_chunk("text", 0, 0, 8)
    assert answer["counts"] == {"read": 5, "raised": 1, "crash": 1, "hang": 1}
    assert sorted((found["number"], found["kind"]) for found in answer["findings"]) == [
        (3, "crash"),
        (4, "hang"),
        (5, "raised"),
    ]
