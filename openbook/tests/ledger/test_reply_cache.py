"""A question is asked once, whoever asks, and whatever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import select, update

from openbook.ledger import CachedReply, Ledger, Question
from openbook.ledger.tables import calls


def question(number: int) -> Question:
    return Question(f"{number:064d}", "m", "paper")


def test_an_answered_question_is_never_ours_again(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        book = ledger.reply_cache()
        asked = [question(1), question(2)]
        assert book.claim(asked).ours == [asked[0].key, asked[1].key]
        reply = CachedReply(asked[0].key, "{}", 10, 2, 0.25, 1.5)
        book.finish([reply])
        again = book.claim(asked)
        assert again.answered == {asked[0].key: reply}
        assert again.ours == [asked[1].key]
        assert book.replies([asked[0].key, asked[1].key]) == {asked[0].key: reply}
        book.finish([CachedReply(asked[0].key, "another", cost=9.0)])
        assert book.replies([asked[0].key]) == {asked[0].key: reply}


def test_another_process_waits_for_a_living_one(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        mine, other = ledger.reply_cache(), ledger.reply_cache()
        other.owner = mine.owner.replace(f":{os.getpid()}:", ":1:")  # process 1 lives as long as we do
        other.owner = f"another-machine:{other.owner.split(':', 1)[1]}"
        assert mine.claim([question(1)]).ours
        claims = other.claim([question(1)])
        assert (claims.ours, claims.elsewhere) == ([], [question(1).key])
        mine.release([question(1).key])
        assert other.claim([question(1)]).ours


def test_a_claim_lapses_unless_it_is_renewed(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        mine, other = ledger.reply_cache(lease=10), ledger.reply_cache(lease=10)
        other.owner = "another-machine:1:1"
        mine.claim([question(1)])
        with ledger.engine.begin() as connection:
            connection.execute(update(calls).values(claimed=time.time() - 11))
        mine.renew()
        assert other.claim([question(1)]).elsewhere
        with ledger.engine.begin() as connection:
            connection.execute(update(calls).values(claimed=time.time() - 11))
        assert other.claim([question(1)]).ours
        assert mine.claim([question(1)]).elsewhere


def test_a_dead_process_gives_up_its_claims_at_once(ledger_url: str) -> None:
    script = (
        "import os, signal; from openbook.ledger import Ledger, Question\n"
        f"book = Ledger.open({ledger_url!r}).reply_cache(); book.claim([Question('{question(1).key}', 'm')])\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    died = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    with Ledger.open(ledger_url) as ledger:
        with ledger.engine.connect() as connection:
            assert connection.execute(select(calls.c.state)).scalar_one() == "asking"
        assert ledger.reply_cache().claim([question(1)]).ours == [question(1).key]


ASK_ALL = """
import sys
from openbook.ledger import Ledger, Question, CachedReply

url, *numbers = sys.argv[1:]
book = Ledger.open(url).reply_cache()
while numbers:
    claims = book.claim([Question(f"{int(number):064d}", "m", "paper") for number in numbers])
    for key in claims.ours:
        print(int(key), flush=True)
        book.finish([CachedReply(key, str(int(key)))])
    numbers = claims.elsewhere
"""


def test_two_processes_ask_each_question_once(ledger_url: str) -> None:
    Ledger.open(ledger_url).close()
    numbers = list(range(60))
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", ASK_ALL, ledger_url, *map(str, order)], stdout=subprocess.PIPE, text=True
        )
        for order in (numbers, numbers[::-1])
    ]
    asked: list[int] = []
    for worker in workers:
        out, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0
        asked += map(int, out.split())
    assert sorted(asked) == numbers
    with Ledger.open(ledger_url) as ledger:
        assert len(ledger.reply_cache().replies([question(number).key for number in numbers])) == len(numbers)


def test_more_questions_than_a_statement_holds(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        book = ledger.reply_cache()
        many = [question(number) for number in range(1300)]
        assert len(book.claim(many).ours) == 1300
        book.finish(CachedReply(item.key, "x") for item in many)
        assert len(book.claim(many).answered) == 1300


@pytest.mark.parametrize("again", [1, 2])
def test_a_question_asked_twice_in_one_claim_is_ours_once(ledger_url: str, again: int) -> None:
    with Ledger.open(ledger_url) as ledger:
        assert ledger.reply_cache().claim([question(7)] * (again + 1)).ours == [question(7).key]
