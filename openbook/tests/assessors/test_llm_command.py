"""``openbook assess --assessor llm`` as people run it: ledger, dry run, budget, kill and rerun, two processes, Ray."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from openbook.assessors.llm.cached_client import most_unkept
from openbook.benchmarks.stub_model import PAPER, Stub
from openbook.ledger import Ledger
from openbook.record.model import Record

pytest.importorskip("any_llm", reason="the extra openbook[llm] is not installed")


def papers(folder: Path, count: int) -> list[str]:
    folder.mkdir(exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"paper_{number:03d}.txt"
        path.write_text(PAPER.format(name=f"Number {number}"))
        paths.append(str(path))
    return paths


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "openbook.cli", *map(str, arguments)]


def run(*arguments: object, code: int = 0) -> dict[str, Any]:
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return (
        dict(json.loads(done.stdout))
        if done.stdout.strip().startswith("{")
        else {"stdout": done.stdout, "stderr": done.stderr}
    )


def asking(stub: Stub, out: Path, *more: object) -> Sequence[object]:
    return ("--assessor", "llm", "--model", "stub", "--base-url", stub.url, "--out", out, "--json", *more)


def records(folder: Path) -> list[Record]:
    return [Record.model_validate_json(path.read_text()) for path in sorted(folder.glob("*.json"))]


def test_the_second_time_nothing_is_asked(tmp_path: Path) -> None:
    files = papers(tmp_path / "in", 3)
    ledger = f"sqlite:///{tmp_path / 'l.db'}"
    with Stub() as stub:
        first = run("assess", *files, *asking(stub, tmp_path / "a", "--ledger", ledger))
        assert (first["papers"], first["failed"], stub.seen) == (3, 0, 3)
        run("assess", *files, *asking(stub, tmp_path / "a", "--ledger", ledger))
        run("assess", *files, *asking(stub, tmp_path / "b", "--ledger", ledger))
        assert stub.seen == 3
    one, other = records(tmp_path / "a"), records(tmp_path / "b")
    assert [record.answers for record in one] == [record.answers for record in other]
    assert one[0].run.input_tokens == other[0].run.input_tokens == 1000
    history = run("history", "paper_000", "--ledger", ledger, "--json")
    assert [event["kind"] for event in history["events"]] == ["assessed"]


def test_a_correction_shows_in_the_history_and_in_the_next_record(tmp_path: Path) -> None:
    files = papers(tmp_path / "in", 1)
    ledger = f"sqlite:///{tmp_path / 'l.db'}"
    with Stub() as stub:
        run("assess", *files, *asking(stub, tmp_path / "a", "--ledger", ledger))
        with Ledger.open(ledger) as kept:
            kept.correct("paper_000", "pseudocode", "no", who="Ada", why="there is none")
        run("assess", *files, *asking(stub, tmp_path / "b", "--ledger", ledger))
    assert records(tmp_path / "b")[0].answers["pseudocode"].result == "no"
    said = run("history", "paper_000", "--ledger", ledger)["stdout"]
    assert "pseudocode -> no, by Ada: there is none" in said


def test_a_dry_run_asks_nothing_and_writes_nothing(tmp_path: Path) -> None:
    files = papers(tmp_path / "in", 2)
    with Stub() as stub:
        said = run(
            "assess",
            *files,
            *asking(
                stub,
                tmp_path / "a",
                "--dry-run",
                "--input-price",
                1,
                "--output-price",
                2,
                "--ledger",
                f"sqlite:///{tmp_path / 'l.db'}",
            ),
        )
        assert stub.seen == 0
    assert (said["papers"], said["calls"]) == (2, 2)
    assert said["cost"] > 0
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "l.db").exists()


def test_a_budget_stops_the_batch_and_keeps_what_was_done(tmp_path: Path) -> None:
    files = papers(tmp_path / "in", 8)
    more = ("--budget", 6, "--input-price", 1000, "--output-price", 1000, "--concurrency", 1)
    with Stub() as stub:
        said = run("assess", *files, *asking(stub, tmp_path / "a", *more), code=3)
    assert said["cost"] <= 6
    assert said["assessed"] == stub.seen
    assert 1 <= said["assessed"] < 8
    assert "budget" in said["stopped"]
    assert len(records(tmp_path / "a")) == said["assessed"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--assessor", "llm"), "--model"),
        (("--assessor", "oracle"), "'linear', 'llm'"),
        (("--model", "x/y"), "--assessor llm"),
        (("--engine", "steam"), "'local', 'ray'"),
        (("--assessor", "llm", "--model", "x/y", "--per", "page"), "'paper', 'variable'"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: Sequence[str], said: str) -> None:
    files = papers(tmp_path / "in", 1)
    wrong = run("assess", *files, "--out", tmp_path / "a", *arguments, code=2)
    assert said in " ".join(wrong["stderr"].replace("│", " ").split())


def test_a_model_nobody_serves(tmp_path: Path) -> None:
    files = papers(tmp_path / "in", 1)
    wrong = run("assess", *files, "--out", tmp_path / "a", "--assessor", "llm", "--model", "nobody/x", code=1)
    assert "nobody/x" in wrong["stderr"]


#: Starts commands by forking, so that what they import is imported once: a line of JSON in, a process id out.
FORKS = """
import json, os, sys
import aiolimiter, alembic.command, alembic.runtime.migration, genai_prices, tenacity
import any_llm.providers.openai
import openbook.assess.batch, openbook.assessors.llm.cached_client, openbook.cli.assess, openbook.ledger, openbook.record.files
from openbook.cli import main
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        sys.argv = ["openbook", *json.loads(line)]
        main()
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


class Forks:
    """Commands that start in a moment, to be killed; one at a time."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-c", FORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, *arguments: object) -> int:
        """Start a command; its process id."""
        assert self._parent.stdin is not None
        self._parent.stdin.write(json.dumps([str(argument) for argument in arguments]) + "\n")
        self._parent.stdin.flush()
        return int(self._said())

    def kill(self, process: int) -> None:
        """End it without a word of warning, and wait until it is gone."""
        os.kill(process, signal.SIGKILL)
        assert self._said() == "ended"

    def _said(self) -> str:
        assert self._parent.stdout is not None
        return self._parent.stdout.readline().strip()

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *_: object) -> None:
        self._parent.kill()
        self._parent.communicate()


def kept_keys(ledger: str) -> set[str]:
    """The questions that a ledger holds an answer to."""
    with sqlite3.connect(ledger) as database:
        return {key for (key,) in database.execute("SELECT key FROM calls WHERE state = 'done'")}


def test_killed_at_random_moments_and_run_again(tmp_path: Path) -> None:
    """Nothing that was answered is lost or asked twice, but for what was under way when the process died."""
    count, concurrency, kills = 200, 4, 20
    files = papers(tmp_path / "in", count)
    ledger = tmp_path / "l.db"
    Ledger.open(f"sqlite:///{ledger}").close()
    rng = random.Random(5)
    with Stub(latency=0.1) as stub, Forks() as forks:
        more = ("--ledger", f"sqlite:///{ledger}", "--concurrency", concurrency, "--jobs", 1)
        arguments = ("assess", *files, *asking(stub, tmp_path / "a", *more))
        for number in range(kills):
            before, kept = stub.seen, kept_keys(str(ledger))
            process = forks.start(*arguments)
            if number % 4:  # while questions are asked; else anywhere from the start on
                until = time.monotonic() + 240
                while stub.seen == before and time.monotonic() < until:
                    time.sleep(0.005)
                assert stub.seen > before, "nothing was asked within four minutes"
            time.sleep(rng.uniform(0, 0.3))
            forks.kill(process)
            stub.settle()  # what the dead process sent may still be on its way
            now, asked = kept_keys(str(ledger)), stub.keys[before:]
            assert kept <= now, "an answer that was kept is gone"
            assert not kept & set(asked), "a question that was answered before was asked again"
            assert len(asked) <= len(now) - len(kept) + most_unkept(concurrency), (
                "more answers were lost than were under way"
            )
            for path in (tmp_path / "a").glob("*.json"):
                Record.model_validate_json(path.read_text())
        assert len(kept_keys(str(ledger))) < count, "the work was done before the last kill: nothing was shown"
        said = run(*arguments)
        assert (said["failed"], said["papers"]) == (0, count)
        assert len(set(stub.keys)) == count
        assert stub.seen <= count + kills * most_unkept(concurrency)
    assert len(records(tmp_path / "a")) == count
    with Ledger.open(f"sqlite:///{ledger}") as all_kept:
        assert all_kept.count() == count
        assert len(all_kept.history("paper_007")) == 1


def stopped(stub: Stub, out: Path, *arguments: object, how: signal.Signals, again: bool = False) -> int:
    """Start to ask about papers, end it by a signal with calls under way, by a second one if need be; its exit code."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore Ctrl-C
    try:
        process = subprocess.Popen(
            command("assess", *arguments, *asking(stub, out)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stderr is not None
    while stub.seen < 4:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(how)
    said = b""
    while b"stopping" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    if again:
        process.send_signal(how)
    assert b"Traceback" not in process.communicate(timeout=240)[1]
    return process.returncode


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_calls_under_way_are_finished_and_kept_when_it_is_told_to_end(tmp_path: Path, how: signal.Signals) -> None:
    files, ledger = papers(tmp_path / "in", 24), tmp_path / "l.db"
    arguments = [*files, "--ledger", f"sqlite:///{ledger}", "--concurrency", 4]
    with Stub(latency=1.0) as stub:
        assert stopped(stub, tmp_path / "a", *arguments, how=how) == 128 + how
        assert 4 <= stub.seen < len(files)
        assert kept_keys(str(ledger)) == set(stub.keys)
        stub.latency = 0.0
        said = run("assess", *arguments, *asking(stub, tmp_path / "a"))
        assert (said["failed"], said["papers"]) == (0, len(files))
        assert stub.seen == len(set(stub.keys)) == len(files), "a question was asked twice"


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    files = papers(tmp_path / "in", 8)
    with Stub(behave=lambda number, body: None) as stub:
        arguments = [*files, "--ledger", f"sqlite:///{tmp_path / 'l.db'}", "--concurrency", 4]
        assert stopped(stub, tmp_path / "a", *arguments, how=signal.SIGTERM, again=True) == -signal.SIGTERM


def test_two_processes_on_one_ledger_ask_each_question_once(tmp_path: Path) -> None:
    files = papers(tmp_path / "in", 24)
    ledger = f"sqlite:///{tmp_path / 'l.db'}"
    with Stub(latency=0.1) as stub:
        both = [
            subprocess.Popen(
                command("assess", *files, *asking(stub, tmp_path / name, "--ledger", ledger)),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for name in ("a", "b")
        ]
        for process in both:
            _, error = process.communicate(timeout=240)
            assert process.returncode == 0, error
        assert stub.seen == 24
    assert [r.answers for r in records(tmp_path / "a")] == [r.answers for r in records(tmp_path / "b")]


def test_a_full_disk_keeps_what_was_written(tmp_path: Path) -> None:
    """A limit on file size plays the full disk: the ledger cannot grow beyond it."""
    files = papers(tmp_path / "in", 40)
    ledger = tmp_path / "l.db"
    script = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))\n"
        "from openbook.cli import main\nmain()"
    )
    with Stub() as stub:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                script,
                *map(str, ("assess", *files, *asking(stub, tmp_path / "a", "--ledger", f"sqlite:///{ledger}"))),
            ],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        for record in (tmp_path / "a").glob("*.json"):
            Record.model_validate_json(record.read_text())
        assert run("assess", *files, *asking(stub, tmp_path / "a", "--ledger", f"sqlite:///{ledger}"))["failed"] == 0
    assert len(records(tmp_path / "a")) == 40


def test_the_same_on_a_ray_cluster(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra openbook[ray] is not installed")
    files = papers(tmp_path / "in", 6)
    with Stub() as stub:
        run("assess", *files, *asking(stub, tmp_path / "a"))
        said = run("assess", *files, *asking(stub, tmp_path / "b", "--engine", "ray", "--jobs", 2))
    assert (said["assessed"], said["failed"]) == (6, 0)
    one, other = records(tmp_path / "a"), records(tmp_path / "b")
    assert [(r.paper, r.answers, r.scores) for r in one] == [(r.paper, r.answers, r.scores) for r in other]


def test_a_cluster_keeps_one_budget(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra openbook[ray] is not installed")
    files = papers(tmp_path / "in", 12)
    more = ("--budget", 9, "--input-price", 0, "--output-price", 5000, "--max-output-tokens", 400)
    with Stub() as stub:  # a reply costs one dollar, and two at most
        said = run("assess", *files, *asking(stub, tmp_path / "a", *more, "--engine", "ray", "--jobs", 2), code=3)
    assert "budget" in said["stopped"]
    assert said["assessed"] == stub.seen == 8
    assert said["cost"] == pytest.approx(8.0)


def test_reviewing_what_is_unsure(tmp_path: Path) -> None:
    from openbook.benchmarks.stub_model import answers, completion

    files = papers(tmp_path / "in", 1)
    ledger = f"sqlite:///{tmp_path / 'l.db'}"

    def behave(number: int, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        said = answers(body)
        if "pseudocode" in said:
            said["pseudocode"]["quotes"] = ["These words are nowhere to be found in it."]
        return 200, {}, completion(said)

    with Stub(behave=behave) as stub:
        run("assess", *files, *asking(stub, tmp_path / "a", "--ledger", ledger))
    listed = run("review", "--ledger", ledger, "--json")
    assert [(row["variable"], row["result"]) for row in listed["review"]] == [("pseudocode", "unverified")]
    walked = subprocess.run(
        command("review", "--ledger", ledger, "--who", "Ada"),
        input="\nno\nI looked\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert walked.returncode == 0, walked.stderr
    with Ledger.open(ledger) as kept:
        answer = kept.record("paper_000").answers["pseudocode"]
        assert answer.result == "no"
        assert answer.correction is not None
        assert (answer.correction.who, answer.correction.why) == ("Ada", "I looked")
    assert run("review", "--ledger", ledger, "--json")["count"] == 0
