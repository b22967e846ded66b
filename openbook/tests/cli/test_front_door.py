"""``import openbook``, and how little it and a command load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from openbook.benchmarks.stages import make_pdf, make_text

#: Nothing that answering one paper needs.
UNUSED = ("sklearn", "duckdb", "httpx", "rich", "pandas", "sqlalchemy", "alembic", "jinja2", "torch", "ray")


def loaded_after(script: str, *arguments: object) -> tuple[set[str], str]:
    """The top-level modules that a script loads, and what it prints."""
    ending = "\nimport json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", script + ending, *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    *said, modules = done.stdout.splitlines()
    return set(json.loads(modules)), "\n".join(said)


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    path = tmp_path / "paper.pdf"
    path.write_bytes(make_pdf(make_text(1, pages=3)))
    return path


def test_importing_loads_nothing_heavy() -> None:
    modules, _ = loaded_after("import openbook")
    assert not modules & {*UNUSED, "numpy", "pydantic", "pyarrow", "pypdfium2", "importlib_metadata"}


def test_read_assess_locate(pdf: Path) -> None:
    script = """
import sys, openbook
paper = openbook.read(sys.argv[1])
assert isinstance(paper, openbook.Paper), paper
record = openbook.assess(paper)
assert isinstance(record, openbook.Record)
import openbook.assess.pipeline  # the room of the same name is loaded now, and the function still there
assert openbook.assess(sys.argv[1], None).answers == record.answers
quotes = [item for answer in record.answers.values() for item in answer.evidence]
assert quotes
for item in quotes:
    found = openbook.locate(item.quote, paper)
    assert (found.match, paper.text[found.start : found.end]) == ("exact", item.quote)
assert openbook.locate("We own a machine on the moon.", paper).match == "absent"
print(record.scores.documentation)
"""
    modules, said = loaded_after(script, pdf)
    assert 1 <= int(said) <= 7
    assert "pypdfium2" not in modules, "a PDF is read in the sandbox only"
    assert not modules & set(UNUSED)


def test_unknown_names_are_said() -> None:
    import openbook

    with pytest.raises(AttributeError, match="no attribute 'asses'"):
        openbook.asses  # type: ignore[attr-defined]


def test_a_command_loads_only_itself(pdf: Path, tmp_path: Path) -> None:
    script = """
import sys
from openbook.cli import app
app(["assess", sys.argv[1], "--out", sys.argv[2], "--json"], standalone_mode=False)
assert not [name for name in sys.modules if name.startswith("openbook.cli.") and not name.startswith("openbook.cli._")
            and name != "openbook.cli.assess"]
"""
    modules, _ = loaded_after(script, pdf, tmp_path / "out")
    assert not modules & set(UNUSED), "what one paper does not need costs its reader seconds"
    assert "pypdfium2" not in modules


def test_the_worker_loads_only_what_reading_and_the_assessor_need() -> None:
    script = "from openbook.assess.sandbox_task import warm_up; import openbook.papers.worker_entry; warm_up()"
    modules, _ = loaded_after(script)
    assert not modules & {*UNUSED, "pyarrow", "typer"}


def test_every_command_is_listed_and_has_help() -> None:
    listed = subprocess.run([sys.executable, "-m", "openbook.cli", "--help"], capture_output=True, text=True)
    from openbook.cli import _modules

    for name in _modules():
        assert name in listed.stdout
    assert {"assess", "bench", "import", "train", "show"} <= set(_modules())
    assert "bench-llm" not in _modules()


def test_venue_and_year_are_given(pdf: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "openbook.cli", "assess", str(pdf), "--out", str(tmp_path / "out")]
    subprocess.run([*command, "--venue", "UAI", "--year", "2023"], check=True, capture_output=True)
    paper = json.loads((tmp_path / "out" / "paper.json").read_text())["paper"]
    assert (paper["venue"], paper["year"]) == ("UAI", 2023)
    subprocess.run([*command, "--venue", "ICML", "--json"], check=True, capture_output=True)
    paper = json.loads((tmp_path / "out" / "paper.json").read_text())["paper"]
    assert paper["venue"] == "ICML", "a record that is kept learns what is known by now"
