"""Reading under limits: crashes, hangs and hunger for memory are one paper's problem, not the batch's."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from openbook.errors import OpenbookError
from openbook.papers import sandbox
from openbook.papers.paper import Paper
from openbook.papers.reading import read_paper
from openbook.papers.sandbox import ReaderPool, read_safely

HOSTILE_WORKER = """
import json, os, sys, time
out = os.fdopen(os.dup(1), "w")
print('{"ready": true}', file=out, flush=True)
for line in sys.stdin:
    path = os.path.basename(json.loads(line)["path"])
    if "hang" in path: time.sleep(60)
    if "crash" in path: os._exit(9)
    if "garbage" in path: print("no json", file=out, flush=True)
    else: print('{"problem": "fine"}', file=out, flush=True)
"""


@pytest.fixture
def readers() -> Iterator[ReaderPool]:
    with ReaderPool(2, seconds=30) as pool:
        yield pool


def test_the_same_paper_as_in_this_process(readers: ReaderPool, tmp_path: Path, plain_pdf: bytes) -> None:
    path = tmp_path / "a paper.pdf"
    path.write_bytes(plain_pdf)
    assert readers.read(path) == read_paper(path)


def test_a_batch_keeps_its_order(readers: ReaderPool, tmp_path: Path, prose: str) -> None:
    paths = []
    for index in range(12):
        paths.append(tmp_path / f"{index}.txt")
        if index != 7:
            paths[-1].write_text(f"Paper {index}\n\n{prose * 2}" if index % 3 else "")
    papers = list(readers.map(paths))
    assert [paper.source for paper in papers] == [str(path) for path in paths]
    assert [bool(paper.problem) for paper in papers] == [index % 3 == 0 or index == 7 for index in range(12)]
    assert "there is no file" in (papers[7].problem or "")


@pytest.mark.parametrize(
    ("name", "opened"),
    [
        ("comments.md", "{prose}\n\n" + "<!--" * 120_000),
        ("notes.tex", "\\documentclass{article}\n\\begin{document}\n{prose}" + "\\footnote{" * 120_000),
        ("style.html", "<html><head><style>" + "/* " * 160_000 + "</style></head><body><p>{prose}</p></body></html>"),
    ],
)
def test_what_is_never_closed_is_read_within_the_limit(tmp_path: Path, prose: str, name: str, opened: str) -> None:
    (tmp_path / name).write_text(opened.replace("{prose}", prose))
    assert read_safely(tmp_path / name).problem is None


def test_workers_are_kept(tmp_path: Path, prose: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(prose * 2)
    with ReaderPool(1) as pool:
        pool.read(path)
        process = pool._workers[0].process
        assert process
        pool.read(path)
        assert pool._workers[0].process is process
    assert process.poll() is not None


def test_crash_hang_and_garbage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "worker.py"
    script.write_text(HOSTILE_WORKER)
    real = sandbox.subprocess.Popen
    monkeypatch.setattr(
        sandbox.subprocess, "Popen", lambda command, **rest: real([sys.executable, str(script)], **rest)
    )
    with ReaderPool(1, seconds=4) as pool:
        found = {}
        for name in ("good", "crash", "good2", "hang", "good3", "garbage", "good4"):
            (tmp_path / name).write_text("x")
            found[name] = pool.read(tmp_path / name).problem or ""
    assert "crashed" in found["crash"]
    assert "more than 4 seconds" in found["hang"]
    assert "no answer" in found["garbage"]
    assert {found[name] for name in found if name.startswith("good")} == {"fine"}


@pytest.mark.skipif(sys.platform != "linux", reason="memory limits are the kernel's, tested on Linux")
def test_memory_is_limited(tmp_path: Path, prose: str) -> None:
    path = tmp_path / "deep.html"
    path.write_text("<html><body>" + "<p>" + "<b>x</b>" * 2_000_000)
    assert path.stat().st_size < 20 << 20
    with ReaderPool(1, seconds=60, megabytes=300) as pool:
        problem = pool.read(path).problem or ""
        assert problem.startswith(("too large", "damaged", "garbled", "too short"))
        good = tmp_path / "good.txt"
        good.write_text(prose * 2)
        assert pool.read(good).problem is None


def test_read_safely(tmp_path: Path, prose: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(prose * 2)
    assert read_safely(path).problem is None
    slow = read_safely(path, seconds=0.0001)
    assert slow.problem is None or "more than" in slow.problem
    with pytest.raises(OpenbookError, match="there is no file"):
        read_safely(tmp_path / "nothing")


def test_nothing_in_the_current_folder_is_run(tmp_path: Path, prose: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of downloaded papers may hold a ``json.py``."""
    for name in ("json", "html", "pypdfium2"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(1)")
    file = tmp_path / "paper.txt"
    file.write_text(prose)
    monkeypatch.chdir(tmp_path)
    with ReaderPool(1) as pool:
        assert pool.read(file).problem is None


def test_a_task_runs_where_the_paper_was_read(tmp_path: Path, prose: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_task.py").write_text(
        dedent("""
        import os

        def steps(paper, options):
            yield ["read", len(paper.text)]
            return {"words": len(paper.text.split()), "process": os.getpid(), "options": options}

        def plain(paper, options):
            return {1, 2} if options == "no JSON" else len(paper.text.split())

        class Holder:
            def method(self, options):
                return 1
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    some_task = importlib.import_module("some_task")
    path = tmp_path / "a.txt"
    path.write_text(prose * 2)
    seen: list[object] = []
    with ReaderPool(1, task=some_task.steps) as pool:
        result = pool.run(path, {"a": 1}, seen.append)
    assert isinstance(result, dict)
    assert result["words"] == len(prose.split()) * 2
    assert result["options"] == {"a": 1}
    assert result["process"] != os.getpid()
    assert seen == [["read", len(prose * 2) - 1]]
    with ReaderPool(1, task=some_task.plain) as pool:
        assert pool.run(path) == len(prose.split()) * 2
        broken = pool.run(path, "no JSON")
        assert isinstance(broken, Paper)
        assert "not JSON serializable" in (broken.problem or "")
    with pytest.raises(ValueError, match="top of a module"):
        ReaderPool(1, task=some_task.Holder.method)
