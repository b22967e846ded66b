"""Every command, given every wrong kind of file: one clear line, an exit code, and nothing half-written."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from openbook.benchmarks.stages import make_pdf, make_text
from openbook.cli import app, main
from openbook.ledger import Ledger
from openbook.record.files import write_record
from openbook.record.model import Answer, PaperInfo, Record, Run, score_answers
from openbook.variables import SCORED

KINDS = ("pdf", "record", "folder", "papers", "parquet", "json", "binary", "empty", "missing", "csv", "ledger")
#: Each command with {} where the file goes, and the kinds that are right there.
COMMANDS: dict[str, tuple[str, set[str]]] = {
    "show": ("show {}", {"record"}),
    "show --html": ("show {} --html {out}/page.html", {"record"}),
    "show --paper": ("show {record} --html {out}/page.html --paper {}", set(KINDS)),  # only a remark: no context
    "advise": ("advise {}", {"pdf", "csv"}),
    "advise --paper": ("advise {record} --paper {}", set()),
    "read": ("read {}", {"pdf", "csv"}),
    "assess": ("assess {} --out {out}/records", {"pdf", "csv", "papers"}),
    "assess --list": ("assess --list {} --out {out}/records", set()),
    "audit": ("audit {}", {"record"}),
    "audit --papers": ("audit {records} --papers {}", {"folder", "papers"}),
    "validate": ("validate --records {}", {"record"}),
    "validate --labels": ("validate --records {records} --labels {}", {"record"}),
    "trends": ("trends --records {}", {"record"}),
    "trends --labels": ("trends --records {records} --labels {}", set()),
    "site": ("site --records {} --out {out}/site --no-search", {"record"}),
    "label": ("label {} --out {out}/labels.csv", {"pdf", "papers", "csv"}),
    "import": ("import coakley2026 {} --out {out}/records.parquet", set()),
    "history": ("history {} --ledger {ledger}", set()),
    "history --ledger": ("history paper --ledger {}", set()),
    "review --ledger": ("review --ledger {}", {"ledger"}),
    "bench": ("bench --papers {} --processes 1 --no-assessor", {"pdf", "papers", "csv"}),
    "bench evidence": ("bench evidence --records {} --papers {papers}", set()),
    "bench agreement": ("bench agreement --runs {} --labels {}", set()),
    "train-linear": ("train-linear --records {} --papers {} --out {out}/weights", set()),
    "code": ("code {}", {"folder", "papers", "records"}),
    "code --record": ("code {papers} --record {}", {"record"}),
    "checklist": ("checklist {}", {"pdf", "csv", "record"}),
    "compare": ("compare {record} {}", {"record"}),
    "study run": ("study run malach2024 --studies {}", set()),
    "study list": ("study list --studies {}", {"folder", "papers"}),
}


@dataclass
class Files:
    """A file of each kind, by its name."""

    folder: Path

    def place(self, kind: str) -> str:
        names = {
            "pdf": "paper.pdf",
            "record": "record.json",
            "parquet": "table.parquet",
            "json": "other.json",
            "csv": "table.csv",
            "binary": "binary.bin",
            "empty": "empty.txt",
            "missing": "nowhere.json",
            "ledger": "ledger.db",
        }
        return str(self.folder / names.get(kind, kind))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    made = Files(tmp_path_factory.mktemp("files"))
    Path(made.place("pdf")).write_bytes(make_pdf(make_text(1, pages=2)))
    answers = {variable: Answer(result="no", confidence=0.9) for variable in SCORED}
    answers |= {"research_type": Answer(result="experimental"), "affiliation": Answer(result="academia")}
    record = Record(
        paper=PaperInfo(id="record", title="A Title", source="gone.pdf", sha256="0" * 64),
        answers=answers,
        scores=score_answers(answers),
        run=Run(assessor="linear", text_hash="1" * 64),
    )
    write_record(record, Path(made.place("record")))
    for folder in ("folder", "papers", "records"):
        (made.folder / folder).mkdir()
    write_record(record, made.folder / "records" / "record.json")
    (made.folder / "papers" / "one.txt").write_text(make_text(2, pages=1))
    pq.write_table(pa.table({"colour": ["red"], "size": [1]}), made.place("parquet"))
    Path(made.place("json")).write_text(json.dumps({"colour": "red"}))
    Path(made.place("csv")).write_text("colour,size\nred,1\n" * 300)
    Path(made.place("binary")).write_bytes(bytes(range(256)) * 40)
    Path(made.place("empty")).write_bytes(b"")
    Ledger.open(f"sqlite:///{made.place('ledger')}").close()
    return made


@pytest.mark.parametrize(
    ("command", "kind"),
    [(command, kind) for command, (_, right) in COMMANDS.items() for kind in KINDS if kind not in right],
)
def test_the_wrong_kind_of_file_is_said(
    command: str,
    kind: str,
    files: Files,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pattern, _ = COMMANDS[command]
    places = {"{}": files.place(kind), "{out}": str(tmp_path), "{ledger}": f"sqlite:///{files.place('ledger')}"}
    places |= {f"{{{name}}}": str(files.folder / name) for name in ("papers", "records")} | {
        "{record}": files.place("record")
    }
    arguments = []
    for word in pattern.split():
        for mark, place in places.items():
            word = word.replace(mark, place)
        arguments.append(word)
    before = sorted(path.name for path in files.folder.rglob("*"))
    monkeypatch.setattr(sys, "argv", ["openbook", *arguments])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert ended.value.code in (1, 2, 3), f"exit code {ended.value.code}; {said.out[-300:]} {said.err[-300:]}"
    assert "Traceback" not in said.err
    for riddle in ("codec", "Errno", "ArrowInvalid", "Value error", "JSONDecode", "IOException", "Parser Error"):
        assert riddle not in said.err, said.err
    lines = [line for line in said.err.splitlines() if line.startswith("openbook:")]
    assert len(lines) == 1 or ended.value.code == 2, said.err
    if lines:
        assert Path(files.place(kind)).name in lines[0] or "ledger" in command, lines[0]
        assert len(lines[0]) > 40, "a line says what was expected"
    assert sorted(path.name for path in files.folder.rglob("*")) == before, "nothing is written beside what was given"


def test_a_ledger_is_left_as_it_was(files: Files) -> None:
    with sqlite3.connect(files.place("ledger")) as database:
        assert database.execute("SELECT count(*) FROM papers").fetchone() == (0,)


@pytest.mark.parametrize("command", ["audit", "overview", "site", "trends", "validate"])
def test_records_are_an_argument_or_an_option(command: str, files: Files, tmp_path: Path) -> None:
    records = files.place("records")
    more = {"overview": ["--out", str(tmp_path)], "site": ["--out", str(tmp_path), "--no-search"]}.get(command, [])
    if command == "validate":
        labels = tmp_path / "labels.csv"
        labels.write_text("id,open_source_code\nrecord,yes\n")
        more = ["--labels", str(labels)]
    shown = [CliRunner().invoke(app, [command, *given, *more]) for given in ([records], ["--records", records])]
    assert [one.exit_code for one in shown] == [0, 0], shown[0].output + shown[1].output
    for given in ([], [records, "--records", records]):
        refused = CliRunner().invoke(app, [command, *given, *more])
        assert refused.exit_code == 2
        assert "give the records" in refused.output
