"""Batches as people run them: processes that are killed, interrupted or share a ledger, and wrong usage."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest
from batch_bench import Bench, command, run

pytest.importorskip("any_llm", reason="the extra openbook[llm] is not installed")


@pytest.mark.parametrize("moment", ["created", "uploaded"])
def test_killed_in_the_middle_of_a_submission(bench: Bench, moment: str) -> None:
    """Killed when the provider has the batch but nobody noted its name, and when it has no more than the file."""
    holder: list[subprocess.Popen[str]] = []
    ready: list[bool] = []

    def kill() -> None:
        if not ready:
            ready.append(True)
            os.kill(holder[0].pid, signal.SIGKILL)

    setattr(bench.server, moment, kill)
    holder.append(
        subprocess.Popen(command(bench, "a"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    )
    assert holder[0].wait(240) == -signal.SIGKILL
    assert bench.sql("SELECT state, provider_id FROM batches") == [("submitting", None)]
    outcome, account = bench.batched("a")
    assert (outcome.assessed, account.collected, account.submitted) == (4, 4, int(moment == "uploaded"))
    assert len(bench.server.batches) == 1
    assert len(bench.server.asked) == 4, "no question was submitted twice"
    bench.same_as_direct("a")


def test_interrupted_while_it_waits_and_run_again(bench: Bench) -> None:
    bench.server.looks = 10**9
    # Whoever started the tests may have told them to ignore Ctrl-C, as shells do with what runs in the background.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command(bench, "a", "--poll", 0.05), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stderr is not None
    said = ""
    while "finalizing" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=240)
    assert process.returncode == 130
    assert "the same command continues" in rest
    assert "Traceback" not in rest
    bench.server.looks = 0
    report, told = run(bench)
    assert (report["assessed"], report["waiting"], report["batch"]["submitted"]) == (4, 0, 0)
    assert report["batch"]["cost"] == 0.0, "a server on this machine costs nothing"
    assert "4 answers collected" in told
    assert len(bench.server.batches) == 1


def test_two_processes_on_one_ledger_submit_each_question_once(bench: Bench) -> None:
    bench.server.looks = 6
    both = [
        subprocess.Popen(command(bench, out, "--poll", 0.2), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for out in ("a", "b")
    ]
    for process in both:
        out, told = process.communicate(timeout=240)
        assert process.returncode == 0, told
        assert json.loads(out)["assessed"] == 4
    assert len(bench.server.asked) == len(set(bench.server.asked)) == 4
    assert [record.answers for record in bench.records("a")] == [record.answers for record in bench.records("b")]


def test_no_wait_and_dry_run_say_what_comes_next(bench: Bench) -> None:
    report, told = run(bench, "--no-wait")
    assert "run the same command again to collect them" in told
    assert (report["waiting"], report["failed"], report["batch"]["under_way"]) == (4, 0, ["batch_0"])
    dry, _ = run(bench, "--dry-run", "--input-price", 1, "--output-price", 2)
    assert dry["cost"] == pytest.approx((dry["input_tokens"] + 2 * dry["output_tokens"]) / 2e6)
    assert dry["price"] == "half of the prices given"
    assert len(bench.server.batches) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--batch",), "--assessor llm"),
        (("--batch", "--dry-run"), "--batch and --dry-run go with --assessor llm"),
        (
            ("--votes", "5", "--timeout", "9", "--per", "variable"),
            "--per, --votes and --timeout go with --assessor llm",
        ),
        (("--assessor", "llm", "--model", "openai/x", "--batch"), "name one with --ledger"),
        (("--assessor", "llm", "--model", "openai/x", "--no-wait"), "go with --batch"),
        (("--assessor", "llm", "--model", "openai/x", "--batch", "--engine", "ray"), "--engine local"),
        (("--assessor", "llm", "--model", "openai/x", "--batch", "--ledger", "l.db", "--poll", "0"), "more than 0"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str) -> None:
    from typer.testing import CliRunner

    from openbook.cli import app

    done = CliRunner().invoke(app, ["assess", "p.txt", *arguments], env={"COLUMNS": "300"})
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", " ").split())
