"""The code that papers link to as their own: found, fetched once with a real git, compared, shown; no failure costs a record."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from openbook.assessors.linear.weight_files import SHIPPED
from openbook.cli import app
from openbook.errors import OpenbookError
from openbook.ledger import Ledger
from openbook.record.files import read_record
from openbook.record.model import Answer, Evidence, PaperInfo, Record, Run, score_answers
from openbook.record.parquet import from_row, read_table
from openbook.repositories import cloning, own_code
from openbook.repositories.own_code import CodeVisitor
from openbook.variables import SCORED
from openbook.web.record.page import render_page
from openbook.web.record.terminal import show_record

PEBBLES = "https://github.com/ada/pebbles"


def record(quote: str, *, links: tuple[str, ...] = (), software: str = "", result: str = "yes") -> Record:
    answers = {name: Answer(result="no") for name in SCORED}
    evidence = [Evidence(quote=quote, match="exact", links=list(links))]
    answers["open_source_code"] = Answer(result=result, evidence=evidence)  # type: ignore[arg-type]
    if software:
        evidence = [Evidence(quote=software, match="exact")]
        answers["software_dependencies"] = Answer(result="yes", evidence=evidence)
    answers |= {"research_type": Answer(result="experimental"), "affiliation": Answer(result="unknown")}
    return Record(paper=PaperInfo(id="p"), answers=answers, scores=score_answers(answers), run=Run(assessor="t"))


@pytest.mark.parametrize(
    ("quote", "links", "expected"),
    [
        (f"Our code is available at {PEBBLES}.", (), PEBBLES),
        (f"Our code is available at {PEBBLES}/tree/main/src/.", (), PEBBLES),
        ("Our code is at github.com/ada/pebbles.git for all.", (), PEBBLES),
        ("Our code is available here.", (f"{PEBBLES}/blob/main/README.md",), PEBBLES),
        (
            "We release our code at https://gitlab.com/a/b/c/-/tree/main and more.",
            (),
            "https://gitlab.com/a/b/c",
        ),
        ("Our code is at https://code.example.org/ada/x.git.", (), "https://code.example.org/ada/x.git"),
        ("Our code is archived at https://doi.org/10.5281/zenodo.12.", (), "https://doi.org/10.5281/zenodo.12"),
        (f"Our code (doi:10.5281/zenodo.12) is developed at {PEBBLES}.", (), PEBBLES),
        ("Our code is available at https://github.com/about/team.", (), None),
        ("Our code is available at https://ada.example.org/pebbles.", (), None),
        ("Our code is in the supplement.", (), None),
        ("We use the implementation of Smith et al. at https://github.com/smith/stones.", (), None),
        (f"Our code will be released at {PEBBLES} upon publication.", (), None),
    ],
)
def test_which_code_is_the_papers_own(quote: str, links: tuple[str, ...], expected: str | None) -> None:
    assert own_code.own_code(record(quote, links=links)) == expected


def test_only_a_proven_yes_names_code() -> None:
    quote = f"Our code is available at {PEBBLES}."
    assert own_code.own_code(record(quote, result="no")) is None
    assert own_code.own_code(record(quote, result="unverified")) is None
    absent = record(quote)
    absent.answers["open_source_code"].evidence[0].match = "absent"
    assert own_code.own_code(absent) is None


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True)


def repository(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    for name, content in files.items():
        (folder / name.replace("_dot_", ".")).write_text(content)
    if files:
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "x")
    return folder


@pytest.fixture
def pebbles(tmp_path: Path) -> Path:
    return repository(
        tmp_path / "pebbles",
        README_dot_md="# Pebbles\nInstall with pip, then train. " + "Sorts pebbles by colour. " * 9,
        requirements_dot_txt="numpy==1.26.4\ntorch==2.3.0\n",
        train_dot_py="x = 1\n",
    )


Fetch = Callable[[str], AbstractContextManager[Path]]


@pytest.fixture
def fetched() -> list[str]:
    """The addresses that were fetched."""
    return []


@pytest.fixture
def fetch(pebbles: Path, fetched: list[str], tmp_path: Path) -> Fetch:
    """Real clones by git: of the folder named like the repository, in place of the network."""

    @contextmanager
    def local(url: str) -> Iterator[Path]:
        fetched.append(url)
        with cloning.cloned(f"file://{tmp_path / url.rsplit('/', 1)[-1]}", protocol="file") as folder:
            yield folder

    return local


def test_one_repository_is_fetched_once_and_compared_with_each_paper(fetch: Fetch, fetched: list[str]) -> None:
    quote = f"Our code is available at {PEBBLES}."
    with CodeVisitor(fetch=fetch, pause=0) as visitor:
        agrees = visitor.visit(record(quote, software="We used PyTorch 2.3 and NumPy 1.26.4."))
        differs = visitor.visit(record(quote, software="We used PyTorch 1.13 and Gurobi 9.5."))
        kept = Path(visitor._folder.name)
        assert visitor.visit(agrees) == agrees, "what was looked at before is not looked at again"
        assert visitor.visit(record("Our code is secret.")).code is None
    assert fetched == [PEBBLES]
    assert not kept.exists()
    assert agrees.code is not None
    assert differs.code is not None
    assert (agrees.code.source, agrees.code.problem, agrees.code.files) == (PEBBLES, None, 3)
    assert agrees.code.commit is not None
    assert agrees.code.commit == differs.code.commit
    kinds = [finding.kind for finding in agrees.code.findings]
    assert "missing_licence" in kinds
    assert "version_differs" not in kinds
    said = [finding.message for finding in differs.code.findings if finding.kind in ("version_differs", "paper_only")]
    assert len(said) == 2
    assert "1.13" in said[0] + said[1]
    assert "Gurobi 9.5" in said[0] + said[1]


def test_a_hostile_repository_is_looked_at_and_nothing_is_followed_or_run(
    fetch: Fetch, fetched: list[str], tmp_path: Path
) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("AKIA" + "A" * 16)
    evil = repository(
        tmp_path / "evil", README_dot_md="<script>alert(1)</script>", _dot_gitattributes="*.py filter=evil\n"
    )
    (evil / "link.py").symlink_to(outside)
    (evil / "<b>[red]x.py").write_text("y = '/home/ada/data/x'\n")
    git(evil, "add", "-A")
    git(evil, "commit", "-qm", "y")
    quote = "Our code is available at https://github.com/ada/evil."
    with CodeVisitor(fetch=fetch, pause=0) as visitor:
        one, other = visitor.visit(record(quote)), visitor.visit(record(quote, software="We used Gurobi 9.5."))
    assert fetched == ["https://github.com/ada/evil"]
    for found in (one, other):
        assert found.code is not None
        kinds = [finding.kind for finding in found.code.findings]
        assert "secret" not in kinds, "the link was not followed"
        assert "machine_path" in kinds
        page = render_page(found.model_copy(update={"code": found.code.model_copy(update={"problem": None})}))
        assert "<b>[red]" not in page
        assert "&lt;b&gt;[red]x.py" in page


def no_network(url: str) -> AbstractContextManager[Path]:
    raise OpenbookError(f"{url}: the host github.com cannot be found (no network)")


def test_whatever_goes_wrong_is_one_sentence_and_the_record_stands(fetch: Fetch, tmp_path: Path) -> None:
    repository(tmp_path / "empty")
    before = record("Our code is available at https://github.com/ada/empty.")
    missing = record("Our code is available at https://github.com/ada/missing.")
    for tried, ways, word in (
        (before, fetch, "empty repository"),
        (missing, fetch, "cannot be fetched|no public repository"),
        (missing, no_network, "The host github.com cannot be found"),
    ):
        with CodeVisitor(fetch=ways, pause=0) as visitor:
            after = visitor.visit(tried)
        assert after.code is not None
        problem = after.code.problem or ""
        assert any(one in problem for one in word.split("|")), problem
        assert "\n" not in problem
        assert after.model_copy(update={"code": None}) == tried
        assert "Not inspected" in render_page(after)
        with CodeVisitor(fetch=fetch, pause=0) as visitor:
            again = visitor.visit(after.model_copy(update={"code": after.code.model_copy(update={"files": 7})}))
        assert again.code is not None
        assert again.code.files == 0, "what failed is tried again by the next run"


def test_a_host_is_asked_with_pauses(fetch: Fetch, fetched: list[str], tmp_path: Path) -> None:
    repository(tmp_path / "stones", train_dot_py="x = 1\n")
    times: list[float] = []

    @contextmanager
    def timed(url: str) -> Iterator[Path]:
        times.append(time.monotonic())
        with fetch(url) as folder:
            yield folder

    with CodeVisitor(fetch=timed, pause=2.0) as visitor:
        for name in ("pebbles", "stones"):
            visitor.visit(record(f"Our code is available at https://github.com/ada/{name}."))
    assert times[1] - times[0] >= 2.0


def test_an_interrupted_fetch_ends_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def interrupted(place: Path) -> float:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
            raise KeyboardInterrupt
        return 0.0

    monkeypatch.setattr(cloning, "_megabytes", interrupted)
    with pytest.raises(KeyboardInterrupt), cloning.cloned("file:///x", protocol="file"):
        pass
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


PAPER = (
    "Sorting Pebbles\n\n1 Experiments\n\nOur code is available at https://github.com/ada/pebbles for all. "
    + "We sort pebbles by colour, and we do so with care. " * 9
)
needs_weights = pytest.mark.skipif(not SHIPPED.exists(), reason="the weights of the linear assessor are not built")


@needs_weights
def test_the_command_in_a_batch(
    fetch: Fetch, fetched: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = own_code.CodeVisitor
    monkeypatch.setattr(own_code, "CodeVisitor", lambda given: made(given, fetch=fetch, pause=0))
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "a.txt").write_text(PAPER, encoding="utf-8")
    (papers / "b.txt").write_text(PAPER + "We sort stones, too.", encoding="utf-8")
    (papers / "c.txt").write_text(PAPER.replace("Our code is available at https://github.com/ada/pebbles for all.", ""))
    out, ledger = tmp_path / "out", f"sqlite:///{tmp_path}/l.db"
    assess = ["assess", str(papers), "--out", str(out), "--ledger", ledger]
    assert CliRunner().invoke(app, assess).exit_code == 0
    assert all(read_record(out / f"{name}.json").code is None for name in "abc"), "off by default"
    assert fetched == []
    run = CliRunner().invoke(app, [*assess, "--code"])
    assert run.exit_code == 0, run.output
    assert fetched == [PEBBLES], "once for both papers"
    records = {name: read_record(out / f"{name}.json") for name in "abc"}
    assert records["c"].code is None
    for name in "ab":
        code = records[name].code
        assert code is not None
        assert (code.source, code.problem, code.covers["install"]) == (PEBBLES, None, True)
    assert CliRunner().invoke(app, [*assess, "--code"]).exit_code == 0
    assert fetched == [PEBBLES], "the records hold it"
    rows = {row["id"]: from_row(row) for row in read_table(out / "records.parquet").to_pylist()}
    assert rows == records
    with Ledger.open(ledger) as kept:
        assert kept.record("a") == records["a"]
    shown = CliRunner().invoke(app, ["show", str(out / "a.json")]).output
    assert "There is no licence file" in shown
    assert "README covers: install" in shown
    page = render_page(records["a"])
    assert f'<a href="{PEBBLES}"' in page
    assert "There is no licence file" in page


@needs_weights
def test_the_command_with_a_folder(pebbles: Path, tmp_path: Path) -> None:
    paper = tmp_path / "p.txt"
    paper.write_text(PAPER, encoding="utf-8")
    assess = ["assess", str(paper), "--out", str(tmp_path / "out"), "--code-from"]
    run = CliRunner().invoke(app, [*assess, str(pebbles)])
    assert run.exit_code == 0, run.output
    code = read_record(tmp_path / "out" / "p.json").code
    assert code is not None
    assert (code.source, code.problem) == ("pebbles", None)
    assert str(tmp_path) not in code.model_dump_json(), "no path of this machine"
    missing = CliRunner().invoke(app, [*assess, str(tmp_path / "missing"), "--force"])
    assert isinstance(missing.exception, OpenbookError)
    assert "does not exist" in str(missing.exception)
    two = CliRunner().invoke(
        app, ["assess", str(paper), str(pebbles / "README.md"), "--out", str(tmp_path), "--code-from", str(pebbles)]
    )
    assert two.exit_code == 2


def test_a_record_with_much_to_show_is_cut_to_a_page(tmp_path: Path) -> None:
    from openbook.record.model import CodeFinding, CodeReport
    from openbook.web.record.view import MOST_FINDINGS, code_view

    findings = [CodeFinding(kind="secret", severity="high", file="f" * 9000, line=2, message="m" * 9000)] * 90
    report = CodeReport(source="x" * 9000, findings=findings, licence="y" * 9000)
    view = code_view(report)
    assert view.more == 90 - MOST_FINDINGS
    assert len(render_page(record("q").model_copy(update={"code": report}))) < 60_000
    console = Console(record=True, width=100, file=(tmp_path / "out").open("w", encoding="utf-8"))
    show_record(record("q").model_copy(update={"code": report}), console)
    assert f"{view.more} more findings" in console.export_text()
