"""Reviewing and labelling: a no with its passages and links, in the terminal and in a real browser, one key an answer."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from openbook.assess.pipeline import assess_paper
from openbook.assessors.linear.assessor import LinearAssessor
from openbook.cli import app
from openbook.corpus.validation.annotator import Item, LabelQuestions, Labels
from openbook.corpus.validation.questions import ReviewQuestions
from openbook.ledger import Ledger
from openbook.ledger.queries import doubts
from openbook.papers.reading import read_paper
from openbook.web.server.questions import question_app
from openbook.web.server.settings import ServerSettings

CHROMIUM = os.environ.get("OPENBOOK_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
#: Whether the next question has come.
CHANGED = """before => {
  const now = document.querySelector(".eyebrow");
  return now && now.innerText !== before;
}"""
TEXT = """# Sorting Kettles by Their Whistle

Ada One, University of Somewhere

## 1 Method

We sort kettles by the sound of their whistle. The implementation of our baseline is on the disk of the second author.
Recordings are described at https://kettles.example.org/recordings in some detail.

## 2 Experiments

Our code will be released at https://github.com/ada/kettles when the paper is accepted.
We compare three methods on forty kettles and report the mean of ten runs, which took an hour each.
The learning rate is 0.001 and the batch size is 64.
"""


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    path = tmp_path / "kettles.md"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def ledger(tmp_path: Path, paper: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as made:
        made.put(assess_paper(read_paper(paper), LinearAssessor()))
        yield made


def reviewing(ledger: Ledger, paper: Path) -> ReviewQuestions:
    return ReviewQuestions(ledger, doubts(ledger, 1.0), "Ada", lambda key: read_paper(paper))


def answers(ledger: Ledger) -> dict[str, Any]:
    return next(iter(ledger.records())).answers


def test_a_no_shows_its_passages_and_links(ledger: Ledger, paper: Path) -> None:
    queue = reviewing(ledger, paper)
    seen = {}
    while (question := queue.current()) is not None:
        seen[question.variable] = question
        queue.skip()
    code = seen["open_source_code"]
    assert code.now == "no"
    shown = " ".join(one.words for one in [*code.quotes, *code.passages])
    assert "will be released" in shown
    assert code.links == ["https://github.com/ada/kettles"]
    assert any("kettles.example.org" in link for link in seen["open_datasets"].links)
    assert all(len(question.passages) <= 3 for question in seen.values())
    assert queue.done == 0


def test_in_the_terminal(ledger: Ledger, paper: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    run = CliRunner().invoke(app, ["review", "--ledger", url, "--below", "1", "--who", "Ada"], input="x\ns\nb\nq\n")
    assert run.exit_code == 0
    assert "'x' is not one of the answers" in run.output
    assert "most relevant passages:" in run.output
    assert (
        "link: https://github.com/ada/kettles"
        in CliRunner().invoke(app, ["review", "--ledger", url, "--below", "1"], input="s\n" * 20).output
    )
    paper.rename(tmp_path / "elsewhere.md")
    lost = CliRunner().invoke(app, ["review", "--ledger", url, "--below", "1"], input="s\n" * 20)
    assert "not at hand" in lost.output
    assert lost.exit_code == 0


def form_of(client: TestClient) -> dict[str, str]:
    page = client.get("/").text
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))


def test_answers_are_kept_once_and_with_their_proof(ledger: Ledger, paper: Path) -> None:
    queue = reviewing(ledger, paper)
    client = TestClient(
        question_app(queue, ServerSettings(rate=0)), base_url="http://127.0.0.1", follow_redirects=False
    )
    while (question := queue.current()) is not None and question.variable != "open_source_code":
        queue.skip()
    fields = form_of(client)
    sent = {"key": "y", "proof": "0", "why": ""}
    assert client.post("/", data={**fields, **sent, "form": "0" * 64}).status_code == 403
    assert client.post("/", data={**fields, **sent}, headers={"Origin": "http://elsewhere.example"}).status_code == 403
    assert client.post("/", data={**fields, "key": "?"}).status_code == 422
    assert answers(ledger)["open_source_code"].correction is None
    proof = queue.current().passages[0].words  # type: ignore[union-attr]
    assert client.post("/", data={**fields, **sent}).status_code == 303
    kept = answers(ledger)["open_source_code"]
    assert (kept.result, kept.correction.who) == ("yes", "Ada")
    assert kept.evidence[0].quote in proof or proof in kept.evidence[0].quote
    assert kept.evidence[0].match != "absent"
    before = queue.current()
    assert client.post("/", data={**fields, **sent, "key": "n"}).status_code == 303  # sent twice: nothing happens
    assert answers(ledger)["open_source_code"].result == "yes"
    assert queue.current() == before
    assert queue.done == 1


def test_labels_go_to_the_file(paper: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    items = [Item(path.stem, lambda path=path: read_paper(path)) for path in (tmp_path / "broken.pdf", paper)]  # type: ignore[misc]
    labels = Labels.open(tmp_path / "mine.csv", ("pseudocode", "open_source_code"))
    queue = LabelQuestions(items, labels, "Ada")
    client = TestClient(
        question_app(queue, ServerSettings(rate=0)), base_url="http://127.0.0.1", follow_redirects=False
    )
    page = client.get("/").text
    assert "kettles" in page.lower()  # the broken one is passed over
    assert client.post("/", data={**form_of(client), "key": "n"}).status_code == 303
    assert "github.com/ada/kettles" in client.get("/").text
    assert client.post("/", data={**form_of(client), "key": "b"}).status_code == 303
    assert client.post("/", data={**form_of(client), "key": "y"}).status_code == 303
    assert client.post("/", data={**form_of(client), "key": "n"}).status_code == 303
    assert "No question is left" in client.get("/").text
    rows = list(csv.DictReader((tmp_path / "mine.csv").open()))
    assert [(row["id"], row["pseudocode"], row["open_source_code"]) for row in rows] == [("kettles", "yes", "no")]
    assert LabelQuestions(items, Labels.open(tmp_path / "mine.csv", ("pseudocode",)), "Ada").current() is None


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts a command with ``--browser`` and returns its address."""
    running = []

    def start(*arguments: str) -> str:
        command = [sys.executable, "-m", "openbook.cli", *arguments, "--browser"]
        environment = {**os.environ, "BROWSER": "true"}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path)
        running.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"http://\S+", line):
                return found.group()
        raise AssertionError("it did not start")

    yield start
    for process in running:
        process.terminate()
        process.wait(20)


def test_in_a_browser(ledger: Ledger, paper: Path, tmp_path: Path, asked: Callable[..., str]) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra: browser)")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed (extra: browser)")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no {CHROMIUM} (Debian package: chromium); OPENBOOK_CHROMIUM may name another")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.set_default_timeout(100_000)
        page.goto(asked("review", "--ledger", f"sqlite:///{tmp_path / 'ledger.db'}", "--below", "1", "--who", "Ada"))
        while not page.inner_text("p.muted >> nth=0").lower().startswith("open source code"):
            before = page.inner_text(".eyebrow")
            page.keyboard.press("s")
            page.wait_for_function(CHANGED, arg=before)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert not axe.Axe().run(page).response["violations"]
        page.keyboard.press("1")
        assert page.is_checked("[name=proof][value='0']")
        page.locator("#why").press_sequentially("yes, by its link")  # letters in a field are text, not keys
        before = page.inner_text(".eyebrow")
        page.locator("#why").blur()
        page.keyboard.press("y")
        page.wait_for_function(CHANGED, arg=before)
        kept = answers(ledger)["open_source_code"]
        assert (kept.result, kept.correction.why) == ("yes", "yes, by its link")
        page.goto(asked("label", str(paper), "--out", "mine.csv", "--annotator", "Ada", "--variables", "pseudocode"))
        page.keyboard.press("n")
        page.wait_for_selector("text=No question is left")
        browser.close()
    assert next(csv.DictReader((tmp_path / "mine.csv").open()))["pseudocode"] == "no"
