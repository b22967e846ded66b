"""What the campaign of mutations found, each as a small file of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mutations import SEEDS, check

from openbook.files import replacing, sweep
from openbook.papers.reading import read_bytes

PROSE = b"We study how a learner can answer questions about the papers that it reads. " * 12


def test_a_prolog_of_many_instructions_has_an_end() -> None:
    paper = read_bytes(b"<?xml version='1.0'?>'1.0'?>" * 200 + b"<", source="x", suffix=".xml")
    assert "not well-formed" in (paper.problem or "")


def test_a_line_of_digits_has_an_end() -> None:
    paper = read_bytes(b"T\n\nA Study of the\n1" + b"9" * 300 + b"a\n\n" + PROSE, source="x", suffix=".txt")
    assert paper.problem is None
    check(paper)


def test_a_macro_that_writes_the_same_note_again_and_again() -> None:
    head = rb"\documentclass{article}\newcommand{\a}{\footnote{\url{h} x}}\newcommand{\b}{" + rb"\a" * 60 + rb"}"
    paper = read_bytes(
        head + rb"\begin{document}" + PROSE + rb"\b" * 40 + rb"\end{document}", source="x", suffix=".tex"
    )
    assert paper.problem is None
    assert paper.text.count("h x") == 2400


def test_instructions_within_a_name_and_paragraphs_of_one_space() -> None:
    tei = (
        SEEDS[".xml"]
        .replace(
            b"<teiHeader/>",
            b"<teiHeader><fileDesc><sourceDesc><biblStruct><analytic><author><persName><?x y?>Ada<surname>Muster</surname>"
            b"</persName></author></analytic></biblStruct></sourceDesc></fileDesc></teiHeader>",
        )
        .replace(b"<biblStruct><title>t</title>", b"<biblStruct> </biblStruct><biblStruct><title>t</title>")
    )
    paper = read_bytes(tei, source="x", suffix=".xml")
    assert paper.authors == ["Muster"]
    check(paper)


@pytest.mark.parametrize("matrix", ["1e38 1e38 -1e38 1e38 72 600", "1e39 1e39 1e39 1e39 1e39 1e39", "0 0 0 0 0 0"])
def test_text_whose_matrix_has_no_angle(matrix: str) -> None:
    line = b"BT /F1 10 Tf 1 0 0 1 0 0 Tm %s Tm (out of place) Tj ET\n" % matrix.encode()
    first = SEEDS[".pdf"].index(b"BT /F1")
    data = SEEDS[".pdf"][:first] + line + SEEDS[".pdf"][first:]
    data = data.replace(b"/Length ", b"/Length 9").replace(b"/Length 9", b"/Length ", 1)
    paper = read_bytes(data, source="x", suffix=".pdf")
    check(paper)
    assert "We study how a learner" in paper.text


def test_temporary_files_of_killed_processes_only_are_swept(tmp_path: Path) -> None:
    script = "import sys, time, pathlib\nfrom openbook.files import replacing\n"
    script += "with replacing(pathlib.Path(sys.argv[1])) as beside:\n  print(beside, flush=True)\n  time.sleep(600)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "dead")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    left = Path(process.stdout.readline().strip())
    with replacing(tmp_path / "alive") as beside:
        beside.write_text("half")
        for path in (left, beside):
            os.utime(path, (time.time() - 10, time.time() - 10))
        sweep(tmp_path)
        assert left.exists()
        assert beside.exists()
        process.kill()
        process.communicate()
        sweep(tmp_path)
        assert not left.exists()
    assert (tmp_path / "alive").read_text() == "half"
    assert [path.name for path in tmp_path.iterdir()] == ["alive"]
