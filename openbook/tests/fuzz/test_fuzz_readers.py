"""Fuzzing every reader: changed bytes and made-up markup never raise, hang or give spans outside the text.

A few seconds in the test suite; ``OPENBOOK_FUZZ_SECONDS`` makes it longer (``make fuzz``).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import SEEDS, check, mutated

from openbook.papers.reading import read_bytes
from openbook.papers.sandbox import ReaderPool

SECONDS = float(os.environ.get("OPENBOOK_FUZZ_SECONDS", "2"))


@pytest.fixture(scope="module")
def readers() -> Iterator[ReaderPool]:
    with ReaderPool(1, seconds=20, megabytes=1024) as pool:
        yield pool


@pytest.mark.parametrize("ending", sorted(SEEDS))
def test_changed_bytes(ending: str, readers: ReaderPool, tmp_path: Path) -> None:
    assert read_bytes(SEEDS[ending], source="seed", suffix=ending).text, "the seed itself must be read"
    start = int(os.environ.get("OPENBOOK_FUZZ_SEED", "0"))
    path = tmp_path / f"paper{ending}"
    deadline = time.monotonic() + SECONDS
    tried = 0
    while tried < 25 or time.monotonic() < deadline:
        data = mutated(SEEDS[ending], random.Random(f"{ending}{start + tried}"))
        path.write_bytes(data)
        paper = readers.read(path)
        try:
            check(paper)
            assert "crashed" not in (paper.problem or ""), paper.problem
            assert "reading it failed" not in (paper.problem or ""), paper.problem
            assert "too slow" not in (paper.problem or ""), paper.problem
        except AssertionError as error:
            raise AssertionError(f"{ending}, mutation {start + tried}: {error}") from error
        tried += 1


_LATEX = [
    "\\section{",
    "}",
    "{",
    "\\begin{figure}",
    "\\end{figure}",
    "\\caption{",
    "\\footnote{",
    "$",
    "\\\\",
    "%",
    "\\item",
]
_LOOPS = ["\\def\\a{\\a}", "\\a", "\\input{main}", "\\begin{thebibliography}", "\\bibitem{", "\\appendix", "\\url{"]
_HTML = ["<p>", "</p>", "<div hidden>", "<math>", "<a href='http://a.b/c'>", "&lt;", "&#0;", "<!--", "<style>", "<h2>"]
_LINES = [
    "# ",
    "```",
    "| a |",
    "\n\n",
    "\f",
    "- ",
    "• ",
    "1. Introduction\n\n",
    "References\n\n",
    "[1] ",
    "Appendix A\n\n",
]
_WORDS = [
    "http://",
    "github.com/",
    "www.",
    "A. B. Smith et al. ",
    "We study. ",
    "ﬁ",
    "\u202e",
    "\x00",
    "İ",
    "𝓐",
    "Table 1. ",
]
_PIECES = st.sampled_from([*_LATEX, *_LOOPS, *_HTML, *_LINES, *_WORDS])


@settings(max_examples=max(60, int(40 * SECONDS)), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_PIECES | st.text(max_size=12), max_size=60), st.sampled_from([".tex", ".html", ".md", ".txt"]))
def test_made_up_markup(pieces: list[str], ending: str) -> None:
    text = "We study how a learner reads the papers of others. " * 8 + "".join(pieces)
    data = text.encode("utf-8", "surrogatepass")
    check(read_bytes(data, source="x", suffix=ending))


@settings(max_examples=max(40, int(20 * SECONDS)), deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["", *SEEDS]))
def test_garbage_with_every_ending(data: bytes, ending: str) -> None:
    paper = read_bytes(data, source="x", suffix=ending)
    check(paper)
    assert paper.problem
