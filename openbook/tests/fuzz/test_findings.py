"""What the campaign of mutations found, each as a small file of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from mutations import SEEDS, check, mutation

from openbook.files import replacing, sweep
from openbook.papers import latex_scanner
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


def test_the_notes_of_authors_are_taken_out_in_one_pass() -> None:
    authors = rb"Ada Muster\thanks{x} " * 800
    tex = rb"\documentclass{article}\title{A}\author{" + authors + rb"}\begin{document}" + PROSE + rb"\end{document}"
    latex_scanner._unclosed.cache_clear()
    check(read_bytes(tex, source="x", suffix=".tex"))
    assert latex_scanner._unclosed.cache_info().misses < 50


def test_a_file_that_puts_itself_in_is_cleaned_once() -> None:
    tex = rb"\documentclass{article}\begin{document}" + PROSE + rb"\input{\input{x}}\end{document}"
    latex_scanner.clean_source.cache_clear()
    check(read_bytes(tex, source="x.tex", suffix=".tex"))
    assert latex_scanner.clean_source.cache_info().misses < 5


def test_a_number_of_arguments_that_is_a_superscript() -> None:
    tex = rb"\documentclass{article}\newcommand{\a}[\xc2\xb9]{b}\begin{document}" + PROSE + rb"\end{document}"
    paper = read_bytes(tex.replace(rb"\xc2\xb9", "¹".encode()), source="x", suffix=".tex")
    assert paper.problem is None


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


def test_a_page_whose_letters_have_no_angle() -> None:
    paper = read_bytes(mutation("PDF", 0, 24950), source="x", suffix=".pdf")  # its matrix is not a number
    check(paper)
    assert paper.problem


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
