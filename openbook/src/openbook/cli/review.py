"""``openbook review``: walk through the answers that are least sure, and put them right."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openbook.cli import app
from openbook.cli._asking import BrowserOption, PortOption, ask_in_browser, one_key

if TYPE_CHECKING:
    from openbook.corpus.validation.questions import AnswerQuestion, ReviewQuestions
    from openbook.ledger import Ledger
    from openbook.papers.paper import Paper


@app.command()
def review(
    ledger: Annotated[str, typer.Option(help="The database: sqlite:///FILE or postgresql://…")] = "sqlite:///ledger.db",
    below: Annotated[
        float, typer.Option(min=0, max=1, help="Review answers less sure than this, and unverified ones.")
    ] = 0.8,
    who: Annotated[str | None, typer.Option(help="The reviewer's name; by default your login on this machine.")] = None,
    papers: Annotated[
        Path | None, typer.Option(help="Look for the papers in this folder too, to show their passages.")
    ] = None,
    browser: BrowserOption = False,
    port: PortOption = 0,
    list_only: Annotated[bool, typer.Option("--list", help="Only list the answers to review.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as one JSON object; ask nothing.")] = False,
) -> None:
    """Review unverified answers and those of low confidence, least sure first. Your answers are added to the ledger.

    For each: the question, the answer with its quotes, and where they stand; for a *no*, its near miss, the most relevant
    passages, and the paper's links. Type a result or its first letter, Enter to keep the answer as it is, `s` to
    skip, `b` to go back, `q` to stop. Confirmed and corrected answers are not asked again.

        openbook review --ledger sqlite:///ledger.db --browser
    """
    from openbook.corpus.validation.questions import ReviewQuestions
    from openbook.ledger import Ledger
    from openbook.ledger.database import existing_ledger
    from openbook.ledger.queries import doubts

    with Ledger.open(existing_ledger(ledger)) as kept:
        found = doubts(kept, below)
        if as_json:
            rows = [
                {
                    "paper": item.key,
                    "id": item.paper.id,
                    "variable": item.variable,
                    "result": item.answer.result,
                    "confidence": item.answer.confidence,
                    "why": item.why,
                }
                for item in found
            ]
            print(json.dumps({"count": len(rows), "review": rows}, ensure_ascii=False))
            return
        if list_only or not found:
            for item in found:
                print(f"{item.paper.id}  {item.variable}: {item.answer.result} ({item.why})")
            print(f"{len(found)} answers to review")
            return
        queue = ReviewQuestions(kept, found, who or getpass.getuser(), lambda key: _paper(kept, key, papers))
        if browser:
            ask_in_browser(queue, port)
        else:
            _walk(queue)
    print(f"{queue.done} of {len(found)} reviewed")


def _paper(ledger: Ledger, key: str, folder: Path | None) -> Paper | None:
    """The paper of a record, where its file is at hand and has the text that was assessed."""
    from openbook.web.record.page import paper_of

    record = ledger.of([key]).get(key)
    return paper_of(record, beside=folder)[0] if record is not None else None


def _walk(queue: ReviewQuestions) -> None:
    """Ask about each answer in the terminal."""
    while (question := queue.current()) is not None:
        _show(question)
        said = _said(question)
        if said is None:
            return
        if said == "s":
            queue.skip()
        elif said == "b":
            queue.back()
        elif said and said != question.now:
            print("why: ", end="", flush=True)
            queue.answer(said, sys.stdin.readline())
        else:
            queue.answer(question.now)


def _show(question: AnswerQuestion) -> None:
    print(f"\n[{question.number}/{question.total}] {question.paper}")
    print(f"{question.title}: {question.asked}")
    print(f"answer: {question.now} ({question.why})  {question.response}")
    for quote in question.quotes:
        print(f"  “{quote.words}” [{quote.place}]")
    if question.passages:
        print("most relevant passages:")
    for passage in question.passages:
        print(f"  {passage.words} [{passage.place}]")
    for link in question.links:
        print(f"  link: {link}")
    if question.missing:
        print(f"  {question.missing} Give the folder of the papers with --papers.")


def _said(question: AnswerQuestion) -> str | None:
    """A result, ``s``, ``b``, or nothing to keep the answer; None to stop."""
    allowed = list(question.keys.values())
    while True:
        line = one_key(f"{'/'.join(allowed)}, Enter to keep, s to skip, b to go back, q to stop: ")
        said = question.keys.get(line.strip().lower(), line.strip().lower())
        if not line or said == "q":
            return None
        if said == "" and not question.may_keep:
            print("It is unverified: say yes or no, or skip it.")
        elif said in ("", "s", "b") or said in allowed:
            return said
        else:
            print(f"{said!r} is not one of the answers.")
