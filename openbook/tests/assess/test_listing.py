"""Lists of papers: their metadata, and downloads from a server on loopback."""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from openbook.assess.batch import BatchSettings, assess_batch
from openbook.assess.papers_list import COLUMNS, PaperFiles, name_sources, papers_in, read_list
from openbook.errors import OpenbookError
from openbook.record.files import read_record


@pytest.fixture
def server(shelf: Path) -> Iterator[tuple[str, list[str]]]:
    """The papers of the shelf on loopback; /absent.pdf is not there."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            path = shelf / Path(self.path).name
            self.send_response(200 if path.is_file() else 404)
            self.end_headers()
            if path.is_file():
                self.wfile.write(path.read_bytes())

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{web.server_port}", asked
    web.shutdown()
    web.server_close()


def write_list(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def entry(name: str, address: str, **more: str) -> dict[str, str]:
    known = {"Conference": "ICML", "Year": "2024", "Title": f"On {name}", "Authors": "Ada Example; Boole Sample"}
    return known | {"Filename": name, "Category": "oral", "PDF_URL": address} | more


def test_metadata_downloads_and_resuming(server, tmp_path: Path, keyword, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    address, asked = server
    monkeypatch.setenv("OPENBOOK_CACHE", str(tmp_path / "cache"))
    rows = [
        entry("first.pdf", f"{address}/paper_0.pdf"),
        entry("second.pdf", f"{address}/absent.pdf", Authors="Unknown"),
        entry("third.pdf", f"{address}/paper_1.pdf", Authors="A. One, B. Two", Year=""),
    ]
    listed = write_list(tmp_path / "ICML_2024.csv", rows)

    def run() -> object:
        sources, known = read_list(listed)
        names = name_sources(sources, tmp_path / "out", known)
        return assess_batch(names, keyword, tmp_path / "out", BatchSettings(), find_file=PaperFiles(pause=0.0))

    outcome = run()
    assert outcome.assessed == 2  # type: ignore[attr-defined]
    assert "404" in outcome.failures[0].reason  # type: ignore[attr-defined]
    record = read_record(tmp_path / "out" / "first.json")
    assert record.paper.title == "On first.pdf"
    assert record.paper.authors == ["Ada Example", "Boole Sample"]
    assert (record.paper.venue, record.paper.year, record.paper.id) == ("ICML", 2024, "first")
    assert record.paper.url == f"{address}/paper_0.pdf"
    assert read_record(tmp_path / "out" / "third.json").paper.authors == ["A. One", "B. Two"]
    assert (tmp_path / "ICML_2024" / "first.pdf").is_file()

    count = len(asked)
    rows[0]["Title"] = "On second thoughts"
    write_list(listed, rows)
    assert run().kept == 2  # type: ignore[attr-defined]
    assert [path for path in asked[count:] if "absent" not in path] == []
    assert read_record(tmp_path / "out" / "first.json").paper.title == "On second thoughts"


@pytest.mark.parametrize("name", ["../evil.pdf", "a/b.pdf", "", ".hidden", "/etc/passwd"])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    listed = write_list(tmp_path / "list.csv", [entry(name, "http://127.0.0.1:9/x.pdf")])
    with pytest.raises(OpenbookError, match=r"line 2: .* is not a file name"):
        read_list(listed)


def test_lists_that_cannot_be_right(tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match="cannot read the list"):
        read_list(tmp_path / "absent.csv")
    (tmp_path / "short.csv").write_text("Filename,Title\na.pdf,A\n")
    with pytest.raises(OpenbookError, match="lacks the column Conference"):
        read_list(tmp_path / "short.csv")
    listed = write_list(tmp_path / "year.csv", [entry("a.pdf", "x", Year="last")])
    with pytest.raises(OpenbookError, match="'last' is not a year"):
        read_list(listed)


def test_no_download_when_switched_off(tmp_path: Path, keyword) -> None:  # type: ignore[no-untyped-def]
    listed = write_list(tmp_path / "list.csv", [entry("a.pdf", "http://127.0.0.1:9/a.pdf")])
    sources, known = read_list(listed)
    names = name_sources(sources, tmp_path / "out", known)
    outcome = assess_batch(names, keyword, tmp_path / "out", BatchSettings(), find_file=PaperFiles(download=False))
    assert "switched off" in outcome.failures[0].reason


def test_parts_of_a_latex_paper_are_no_papers(tmp_path: Path) -> None:
    begins = "\\documentclass{article}\\begin{document}"
    (tmp_path / "main.tex").write_text(
        begins + "\\input{experiments}\\include{./proofs.tex}\\input{whole}\\end{document}"
    )
    (tmp_path / "whole.tex").write_text(begins + "A paper of its own.\\end{document}")
    for name in ("experiments.tex", "proofs.tex", "other.tex", "experiments.txt"):
        (tmp_path / name).write_text("Words.")
    assert [Path(path).name for path in papers_in(tmp_path)] == [
        "experiments.txt",
        "main.tex",
        "other.tex",
        "whole.tex",
    ]
