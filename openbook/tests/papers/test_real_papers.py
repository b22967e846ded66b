"""Real papers: what was quoted from them is found in what we read of them."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

import pytest

from openbook.papers.paper import Paper
from openbook.papers.reading import read_text
from openbook.papers.sandbox import ReaderPool

DATA = Path(os.environ.get("OPENBOOK_DATA", Path(__file__).parents[4] / "shared" / "data"))
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not (DATA / "papers" / "pdf").is_dir(), reason=f"no development papers at {DATA}"),
]
SEVEN = (
    *("pseudocode", "open_source_code", "open_datasets", "dataset_splits"),
    *("hardware_specification", "software_dependencies", "experiment_setup"),
)


@pytest.fixture(scope="module")
def papers() -> dict[str, Paper]:
    paths = sorted((DATA / "papers" / "pdf").glob("*.pdf"))[::3]
    with ReaderPool(2) as readers:
        return {Path(paper.source).stem: paper for paper in readers.map(paths)}


def index(column: str, ids: list[str], *columns: str) -> dict[str, dict[str, object]]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(DATA / "index" / "records.parquet", columns=[column, *columns])
    wanted = table.filter(pc.is_in(table[column], value_set=pa.array(ids, pa.large_string())))
    return {row[column]: row for row in wanted.to_pylist()}


def letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", unicodedata.normalize("NFKC", text).lower())


def test_all_are_read_with_their_parts(papers: dict[str, Paper]) -> None:
    assert len(papers) == 14
    for name, paper in papers.items():
        assert paper.problem is None, name
        assert 8 <= len(paper.pages) <= 11
        assert paper.sections[1].title == "Abstract"
        assert {section.part for section in paper.sections} == {"body", "references"}, name
        numbered = [section.title for section in paper.sections if re.match(r"\d\.? ", section.title)]
        assert len(numbered) >= 4, name


def test_titles_and_authors(papers: dict[str, Paper]) -> None:
    rows = index("id", list(papers), "title", "authors")
    right = sum(letters(papers[name].title) == letters(str(row["title"])) for name, row in rows.items())
    assert right >= len(rows) - 1
    named = [
        (letters(author), [letters(found) for found in papers[name].authors])
        for name, row in rows.items()
        for author in str(row["authors"]).split(", ")
    ]
    assert sum(author in found for author, found in named) >= 0.6 * len(named)


def test_quotes_of_the_index_are_found(papers: dict[str, Paper]) -> None:
    rows = index("id", list(papers), *SEVEN, *(f"{name}_text" for name in SEVEN))
    total = found = 0
    for name, row in rows.items():
        text = letters(papers[name].text)
        for variable in SEVEN:
            if row[variable] != 1:
                continue
            for quote in re.split(r"(?<=[.!?])\s+(?=[A-Z0-9(])|\"\s*|\s*\.\.\.\s*", str(row[f"{variable}_text"])):
                if len(letters(quote)) >= 25:
                    total += 1
                    found += letters(quote) in text
    assert total > 40
    assert found >= 0.8 * total, f"{found} of {total}"


def test_few_sentences_are_cut(papers: dict[str, Paper]) -> None:
    cut = total = 0
    for paper in papers.values():
        for sentence in paper.sentences:
            words = paper.words(sentence)
            if sentence.kind != "text" or len(words) < 50 or paper.sections[sentence.section].part == "references":
                continue
            total += 1
            cut += not re.search(r"[.?!:][)\]”’\"']*\d*$", words)
    assert cut < 0.06 * total, f"{cut} of {total}"


def test_extracted_text() -> None:
    import pyarrow.parquet as pq

    rows = pq.read_table(DATA / "papers" / "text.parquet").slice(0, 30).to_pylist()
    for row in rows:
        paper = read_text(row["text"], source=row["id"])
        assert paper.problem is None
        assert len(paper.sections) >= 4, row["id"]
        assert len(paper.sentences) > 100
        assert letters(paper.title)[:20] == letters(row["id"].replace("_", " "))[:20]
