"""``kill -9`` in the middle of a batch, again and again: nothing finished is lost, and nothing half is left."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

from openbook.benchmarks.stages import make_text
from openbook.record.files import read_record

PAPERS = 12
SCRIPT = """
import sys, time
from pathlib import Path
from openbook.assess.batch import BatchSettings, assess_batch
from openbook.assess.papers_list import PaperFiles
from openbook.assess.papers_list import name_sources
from openbook.record.model import Answer
from openbook.variables import SCORED

class Slow:
    name, model, version, prompt_hash, parameters = "slow", None, "1", None, {}
    def assess(self, paper):
        time.sleep(0.05)
        given = {variable: Answer(result="no") for variable in SCORED}
        return given | {"research_type": Answer(result="unknown"), "affiliation": Answer(result="unknown")}

folder, out = Path(sys.argv[1]), Path(sys.argv[2])
names = name_sources([str(path) for path in sorted(folder.iterdir())], out)
outcome = assess_batch(names, Slow(), out, BatchSettings(), find_file=PaperFiles())
print(outcome.assessed, outcome.kept)
"""


def test_kill_and_run_again(tmp_path: Path) -> None:
    papers, out = tmp_path / "papers", tmp_path / "out"
    papers.mkdir()
    for index in range(PAPERS):
        (papers / f"p{index:02d}.txt").write_text(make_text(index, pages=1), encoding="utf-8")
    command = [sys.executable, "-c", SCRIPT, str(papers), str(out)]
    finished: dict[str, bytes] = {}
    for wanted in (1, 3, 6):
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        deadline = time.monotonic() + 120
        while len(list(out.glob("*.json"))) < wanted and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()
        for path in out.glob("*.json"):
            read_record(path)
        assert all((out / name).read_bytes() == data for name, data in finished.items())
        finished = {path.name: path.read_bytes() for path in out.glob("*.json")}
    assert len(finished) >= 6
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert [int(number) for number in done.stdout.split()] == [PAPERS - len(finished), len(finished)]
    assert all((out / name).read_bytes() == data for name, data in finished.items())
    assert pq.read_table(out / "records.parquet").num_rows == PAPERS
    assert all(json.loads(path.read_text())["paper"]["id"] == path.stem for path in out.glob("*.json"))
