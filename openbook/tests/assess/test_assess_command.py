"""From the command line to a record, a page and advice, on real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from openbook.assessors.linear.weight_files import SHIPPED
from openbook.papers.reading import read_paper
from openbook.variables import SCORED, VARIABLES

pytestmark = pytest.mark.skipif(not SHIPPED.exists(), reason="the weights of the linear assessor are not built")


def openbook(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "openbook.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=280)


@pytest.fixture(scope="module")
def made(shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """The records of two good papers and an empty one, and what the command printed."""
    out = tmp_path_factory.mktemp("made") / "out"
    empty = out.parent / "empty.pdf"
    empty.write_bytes(b"")
    done = openbook("assess", shelf / "paper_0.pdf", shelf / "paper_3.txt", empty, "--out", out, "--json")
    assert done.returncode == 3
    assert "empty.pdf was not assessed" in done.stderr
    return out, json.loads(done.stdout)


def test_what_assess_prints_and_writes(made, shelf: Path) -> None:  # type: ignore[no-untyped-def]
    out, report = made
    assert (report["papers"], report["failed"], report["assessed"]) == (3, 1, 2)
    assert report["seconds"] > 0
    assert sorted(path.name for path in out.iterdir()) == [
        "empty.json",
        "paper_0.json",
        "paper_3.json",
        "records.parquet",
    ]
    text = json.loads(openbook("read", shelf / "paper_0.pdf", "--json").stdout)["text"]
    data = json.loads((out / "paper_0.json").read_text(encoding="utf-8"))
    assert tuple(data["answers"]) == VARIABLES
    quoted = 0
    for variable in SCORED:
        answer = data["answers"][variable]
        assert answer["result"] in ("yes", "no")
        assert (answer["result"] == "yes") == bool(answer["evidence"])
        for item in answer["evidence"]:
            assert text[item["start"] : item["end"]] == item["quote"]
            quoted += 1
    assert quoted, "a paper full of facts documents something"
    assert data["run"]["assessor"] == "linear"
    assert read_paper(shelf / "paper_3.txt").problem is None


def test_again_is_kept_and_all_read_is_zero(made, shelf: Path) -> None:  # type: ignore[no-untyped-def]
    out, _ = made
    done = openbook("assess", shelf / "paper_0.pdf", "--out", out, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["kept"] == 1


def test_show_and_advise(made, tmp_path: Path, shelf: Path) -> None:  # type: ignore[no-untyped-def]
    out, _ = made
    shown = openbook("show", out / "paper_0.json")
    assert shown.returncode == 0
    assert "Documentation Score" in shown.stdout
    page = tmp_path / "page.html"
    assert openbook("show", out / "paper_0.json", "--html", page).returncode == 0
    assert "<mark>" in page.read_text(encoding="utf-8")
    record = json.loads(openbook("show", out / "paper_0.json", "--json").stdout)
    assert record == json.loads((out / "paper_0.json").read_text(encoding="utf-8"))
    by_record = json.loads(openbook("advise", out / "paper_0.json", "--json").stdout)
    by_paper = json.loads(openbook("advise", shelf / "paper_0.pdf", "--json").stdout)
    assert by_record["advice"] == by_paper["advice"]
    missing = [name for name in SCORED if record["answers"][name]["result"] != "yes"]
    assert [item["variable"] for item in by_record["advice"]] == missing
    assert openbook("advise", out / "paper_0.json", "--strict").returncode == (4 if missing else 0)
    assert openbook("advise", out / "empty.json").returncode == 3
    moved = tmp_path / "elsewhere.json"
    lost = record | {"paper": record["paper"] | {"source": "gone.pdf"}}
    moved.write_text(json.dumps(lost), encoding="utf-8")
    assert "without context" in openbook("show", moved, "--html", page).stderr
    given = openbook("show", moved, "--html", page, "--paper", shelf / "paper_0.pdf")
    assert given.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["assess"], 2, "give papers"),
        (["assess", "x.pdf", "--papers", "y"], 2, "--list"),
        (["assess", "x.pdf", "--assessor", "oracle"], 2, "oracle"),
        (["assess", "x.pdf", "--jobs", "0"], 2, "--jobs"),
        (["assess", "nowhere.pdf", "--out", "{out}"], 3, "there is no file"),
        (["assess", "--list", "nowhere.csv"], 1, "cannot read the list"),
        (["show", "nowhere.json"], 1, "there is no record"),
        (["show", "{bad}"], 1, "is not a record"),
        (["advise", "nowhere.pdf"], 1, "there is no file"),
        (["advise", "{bad}"], 1, "is not a record"),
    ],
)
def test_wrong_usage_and_bad_input(arguments: list[str], code: int, says: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("[1, 2]")
    places = {"{out}": str(tmp_path / "out"), "{bad}": str(bad)}
    done = openbook(*[places.get(argument, argument) for argument in arguments])
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_schema_prints_the_schema() -> None:
    assert json.loads(openbook("schema").stdout)["title"] == "Record"
