"""``kill -9`` at random moments: ``python tests/campaign/kills.py batch|serve|train --kills 100``.

Each campaign starts a command, kills it at a random moment, looks at what is left, starts it again and goes on so until
the work is done; then it begins anew. Whatever breaks a promise raises AssertionError, with the seed that makes the same
moments again. The last line on standard output is what was done, as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

OPENBOOK = [sys.executable, "-m", "openbook.cli"]
ARLEARN = [sys.executable, "-m", "arlearn.cli"]
Figures = Counter[str]


class Program:
    """A command in a process group of its own, so that what it leaves behind can be seen."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.said = folder / "stderr.txt"
        with self.said.open("ab") as kept:
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=subprocess.PIPE, stderr=kept, text=True, start_new_session=True
            )

    def ended(self) -> bool:
        return self.process.poll() is not None

    def end(self, how: signal.Signals) -> bool:
        """Send a signal; whether it met a process that ran."""
        self.process.send_signal(how)
        self.process.communicate(timeout=120)
        return self.process.returncode in (-how, 128 + how)

    def finish(self, seconds: float = 600) -> str:
        """Wait for its end, which has to be a good one; what it printed."""
        printed, _ = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0, (self.process.returncode, self.said.read_text()[-2000:])
        return printed

    def none_left(self) -> None:
        """No process of the group outlives it by more than a moment."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.05)
        raise AssertionError("processes of a killed command are still there after 30 s")

    def wait_for(self, what: Callable[[], bool], seconds: float = 120) -> None:
        """Until ``what`` holds or the process has ended."""
        deadline = time.monotonic() + seconds
        while not what() and not self.ended():
            assert time.monotonic() < deadline, f"nothing happened for {seconds} s: {self.said.read_text()[-2000:]}"
            time.sleep(0.005)


def check_ledger(path: Path) -> dict[str, int]:
    """The database is sound, and holds each paper's assessment at most once; its number of rows by table."""
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert ledger.execute("PRAGMA foreign_key_check").fetchall() == []
        assert ledger.execute("SELECT 1 FROM assessments GROUP BY paper, run HAVING count(*) > 1").fetchall() == []
        broken = "SELECT 1 FROM assessments a WHERE (SELECT count(*) FROM answers WHERE assessment = a.id) != 9"
        assert ledger.execute(broken).fetchall() == []
        tables = ("papers", "assessments", "calls", "jobs")
        return {name: ledger.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


def batch(kills: int, seed: int, folder: Path, papers: int = 24, concurrency: int = 4) -> Figures:
    """``openbook assess`` with a ledger: by turns with the linear assessor, and asking a model on loopback."""
    from openbook.assessors.llm.cached_client import most_unkept
    from openbook.benchmarks.stages import make_text
    from openbook.benchmarks.stub_model import Stub
    from openbook.record.files import read_record

    chance, figures = random.Random(seed), Figures()
    texts = folder / "papers"
    texts.mkdir()
    for number in range(papers):
        (texts / f"p{number:02d}.txt").write_text(make_text(seed * 1000 + number, pages=2), encoding="utf-8")
    with Stub(latency=0.3) as stub:
        while figures["kills"] + figures["terminated"] < kills:
            place = folder / f"round{figures['rounds']}"
            place.mkdir()
            out, ledger = place / "out", place / "ledger.db"
            command = [*OPENBOOK, "assess", str(texts), "--out", str(out), "--ledger", f"sqlite:///{ledger}"]
            asking = figures["rounds"] % 2 == 1
            if asking:
                command += ["--assessor", "llm", "--model", "stub", "--base-url", stub.url]
                command += ["--concurrency", str(concurrency), "--retries", "0"]
            first_key, here, finished = len(stub.keys), 0, dict[str, bytes]()
            while True:
                before = len(finished)
                program = Program(command, place)
                more = chance.choice([0, 1, 1, 1])  # some moments lie before the first new record of a second start
                program.wait_for(lambda out=out, wanted=max(1, before + more): _count(out) >= wanted)  # type: ignore[misc]
                time.sleep(chance.random() ** 2 * 1.5)
                how = signal.SIGTERM if chance.random() < 0.1 else signal.SIGKILL
                if figures["kills"] + figures["terminated"] >= kills or program.ended() or not program.end(how):
                    program.finish()
                    break
                figures["kills" if how == signal.SIGKILL else "terminated"] += 1
                here += how == signal.SIGKILL  # a program that is told to end keeps the replies to calls under way
                program.none_left()
                now = {path.name: path.read_bytes() for path in out.glob("*.json")}
                for path in out.glob("*.json"):
                    assert read_record(path).paper.id == path.stem
                assert all(now.get(name) == data for name, data in finished.items()), "a finished record changed"
                if ledger.exists():
                    check_ledger(ledger)
                finished = now
            subprocess.run(command, cwd=place, check=True, capture_output=True)  # nothing is left to do
            records = sorted(out.glob("*.json"))
            assert len(records) == papers
            assert all(read_record(path).paper.problem is None for path in records)
            assert all((out / name).read_bytes() == data for name, data in finished.items())
            rows = check_ledger(ledger)
            assert (rows["papers"], rows["assessments"]) == (papers, papers), rows
            left = [
                path.name
                for path in place.rglob("*")
                if path.name.endswith((".part", "-wal", "-shm", "-journal", ".tmp"))
            ]
            assert not left, f"temporary files are left: {left}"
            if asking:
                asked = Counter(stub.keys[first_key:])
                again = asked.total() - len(asked)
                assert len(asked) == rows["calls"], (len(asked), rows)
                assert again <= here * most_unkept(concurrency), (again, here)
                figures["questions"] += len(asked)
                figures["asked again"] += again
                figures["asked again at most"] += here * most_unkept(concurrency)
            figures["rounds"] += 1
            figures["records"] += papers
            shutil.rmtree(place)
    return figures


def _count(out: Path) -> int:
    return sum(1 for _ in out.glob("*.json"))


def serve(kills: int, seed: int, folder: Path, papers: int = 16) -> Figures:
    """``openbook serve`` with 16 uploads queued, killed again and again until all are read."""
    import httpx

    from openbook.benchmarks.stages import make_text

    chance, figures = random.Random(seed), Figures()

    def start() -> tuple[Program, httpx.Client]:
        program = Program([*OPENBOOK, "serve", "--json", "--port", "0", "--rate", "0", "--jobs", "1"], folder)
        assert program.process.stdout
        line = program.process.stdout.readline()
        assert line, program.said.read_text()[-2000:]
        return program, httpx.Client(base_url=json.loads(line)["url"], timeout=60)

    program, client = start()
    while figures["kills"] < kills:
        accepted: dict[str, str] = {}
        for number in range(papers):
            text = make_text(seed * 100_000 + figures["uploads"] + number, pages=2)
            data = b"\xff\xfe\x00" * 40 if number == 7 else text.encode()  # one that cannot be read, where it is taken
            name = f"p{number}.pdf" if number == 7 else f"p{number}.txt"
            data = b"%PDF-1.5\nno pages\n%%EOF\n" + str(figures["uploads"]).encode() if number == 7 else data
            answer = client.post("/api/v1/papers", files={"file": (name, data)})
            assert answer.status_code == 202, answer.text
            accepted[answer.json()["id"]] = name
        figures["uploads"] += papers
        for _ in range(chance.choice([2, 3, 4])):
            if figures["kills"] >= kills:
                break
            time.sleep(chance.random() ** 2 * 1.5)
            assert program.end(signal.SIGKILL), "the server ended by itself"
            client.close()
            figures["kills"] += 1
            program.none_left()
            check_ledger(folder / "ledger.db") if (folder / "ledger.db").exists() else None
            program, client = start()
        deadline, states = time.monotonic() + 300, dict[str, dict[str, Any]]()
        while len(states) < papers:
            assert time.monotonic() < deadline, f"{papers - len(states)} uploads are not over after 300 s"
            for job in accepted:
                body = client.get(f"/api/v1/jobs/{job}").json()
                if body["state"] in ("done", "failed"):
                    states[job] = body
            time.sleep(0.1)
        for job, body in states.items():
            if body["state"] == "failed" or accepted[job].endswith(".pdf"):
                assert body["problem"] or body["error"], body
                figures["seen as not readable"] += 1
            else:
                assert body["problem"] is None, body
                assert len(client.get(f"{body['record']}/history").json()["events"]) == 1
                figures["answered once"] += 1
        figures["rounds"] += 1
    client.close()
    assert program.end(signal.SIGTERM) or program.process.returncode == 0
    program.none_left()
    rows = next(iter(folder.glob("*.db")))
    figures["assessments"] = check_ledger(rows)["assessments"]
    assert not list(folder.rglob("*.part"))
    return figures


TINY = """description = "small enough for a test"
[task]
kind = "text"
context = 12
vocabulary = 300
[predictor]
map = "packed"
width = 8
bias = true
[training]
steps = 300
batch = 8
learning_rate = 0.01
warmup = 0.1
clip = 1.0
checkpoint_steps = 10
"""


def train(kills: int, seed: int, folder: Path, steps: int = 300) -> Figures:
    """``arlearn train`` with a checkpoint every ten updates, against the run that was never killed."""
    import safetensors.torch
    import torch

    from arlearn.training import directory
    from arlearn.training.progress import read_metrics

    chance, figures = random.Random(seed), Figures()
    words = "the a little dog cat saw found big red ball and then it was happy sad home tree house".split()
    stories = [" ".join(chance.choice(words) for _ in range(60)) + "." for _ in range(300)]
    (folder / "stories.txt").write_text("\n<|endoftext|>\n".join(stories), encoding="utf-8")
    (folder / "tiny.toml").write_text(TINY, encoding="utf-8")
    command = [*ARLEARN, "train", "tiny.toml", "--data", "stories.txt", "--set", f"steps={steps}"]
    subprocess.run([*command, "--out", "whole"], cwd=folder, check=True, capture_output=True)
    whole = safetensors.torch.load_file(folder / "whole" / "model.safetensors")
    while figures["kills"] < kills:
        out = folder / f"broken{figures['rounds']}"
        while True:
            program = Program([*command, "--out", out.name, "--resume"], folder)
            begin = len(read_metrics(out / "metrics.csv"))
            wanted = begin + chance.choice([0, 1, chance.randrange(1, max(2, steps // 5))])
            program.wait_for(lambda out=out, wanted=wanted: len(read_metrics(out / "metrics.csv")) >= wanted)  # type: ignore[misc]
            time.sleep(chance.random() * (4.0 if wanted == begin else 0.05))
            if figures["kills"] >= kills or program.ended() or not program.end(signal.SIGKILL):
                program.finish()
                break
            figures["kills"] += 1
            program.none_left()
            if (out / "model.safetensors").exists():  # killed after its last update: the weights are there, and whole
                last = safetensors.torch.load_file(out / "model.safetensors")
                assert all(torch.equal(whole[name], last[name]) for name in whole)
            for path in (out / "checkpoints").glob("[0-9]*"):
                assert directory.read_checkpoint(path).step == int(path.name)
                figures["checkpoints read"] += 1
        broken = safetensors.torch.load_file(out / "model.safetensors")
        assert broken.keys() == whole.keys()
        assert all(torch.equal(whole[name], broken[name]) for name in whole), "the weights differ"
        assert _losses(out) == _losses(folder / "whole"), "the losses differ"
        left = [path.name for path in out.rglob("*") if path.suffix in (".part", ".tmp") or path.name[:2] == ".0"]
        assert not left, f"temporary files are left: {left}"
        figures["rounds"] += 1
        shutil.rmtree(out)
    return figures


def _losses(out: Path) -> list[str]:
    with (out / "metrics.csv").open() as opened:
        return [row["loss"] for row in csv.DictReader(opened)]


CAMPAIGNS: dict[str, Callable[[int, int, Path], Figures]] = {"batch": batch, "serve": serve, "train": train}


def main() -> None:
    """One campaign from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=CAMPAIGNS)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # for the commands: many threads on a busy machine wait for each other
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
        figures = CAMPAIGNS[options.what](options.kills, options.seed, Path(folder))
    print(
        json.dumps(
            {"campaign": options.what, "seed": options.seed, **figures, "seconds": round(time.monotonic() - start)}
        )
    )


if __name__ == "__main__":
    main()
