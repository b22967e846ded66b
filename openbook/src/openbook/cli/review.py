"""``openbook review``: walk through the answers that are least sure, and put them right."""

from __future__ import annotations

import getpass
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from openbook.cli import app

if TYPE_CHECKING:
    from openbook.ledger import Ledger
    from openbook.ledger.queries import DoubtfulAnswer


@app.command()
def review(
    ledger: Annotated[str, typer.Option(help="The database: sqlite:///FILE or postgresql://…")] = "sqlite:///ledger.db",
    below: Annotated[
        float, typer.Option(min=0, max=1, help="Review answers less sure than this, and unverified ones.")
    ] = 0.8,
    who: Annotated[
        str | None, typer.Option(help="The name of who reviews; by default your login on this machine.")
    ] = None,
    list_only: Annotated[bool, typer.Option("--list", help="Only list the answers to review.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as one JSON object; ask nothing.")] = False,
) -> None:
    """Walk through unverified answers and those of low confidence, least sure first; what you say is appended.

    For each: the question, the answer with its quotes, and where they stand. Type a result, Enter to keep the answer
    as it is, `s` to skip, `q` to stop. Confirmed and corrected answers do not come again.
    """
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
        done = _walk(kept, found, who or getpass.getuser())
    print(f"{done} of {len(found)} reviewed")


def _walk(ledger: Ledger, found: list[DoubtfulAnswer], who: str) -> int:
    """Ask about each answer; how many were reviewed."""
    from openbook.ledger.store import ALLOWED
    from openbook.variables.definitions import definition

    done = 0
    for number, item in enumerate(found, 1):
        asked = definition(item.variable)
        allowed = ALLOWED[item.variable]
        print(f"\n[{number}/{len(found)}] {item.paper.title or item.paper.id}")
        print(f"{asked.title}: {asked.question}")
        print(f"answer: {item.answer.result} ({item.why})  {item.answer.response}")
        for quote in item.answer.evidence:
            place = f"p. {quote.page}, {quote.part}" if quote.page else quote.part or "not in the paper"
            print(f"  “{quote.quote}” [{quote.match}; {place}]")
        while True:
            print(f"{'/'.join(allowed)}, Enter to keep, s to skip, q to stop: ", end="", flush=True)
            line = sys.stdin.readline()
            said = line.strip().lower()
            if not line or said == "q":
                return done
            said = {"y": "yes", "n": "no"}.get(said, said)
            if said == "" and item.answer.result not in allowed:
                print("It is unverified: say yes or no, or skip it.")
            elif said in ("", "s") or said in allowed:
                break
            else:
                print(f"{said!r} is not one of these.")
        if said == "s":
            continue
        if said and said != item.answer.result:
            print("why: ", end="", flush=True)
            why = sys.stdin.readline().strip() or "reviewed"
        else:
            why = "reviewed: the answer stands"
        ledger.correct(item.key, item.variable, said or item.answer.result, who=who, why=why)
        done += 1
    return done
