"""Batches in the ledger: entered once, taken over once, settled once; and the ledger of before is brought up to date."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import inspect, text

from openbook.ledger import CachedReply, Ledger, Question
from openbook.ledger.batch_jobs import BatchJobs

SERVER = "http://127.0.0.1:1/v1"


def key(number: int) -> str:
    return f"{number:064x}"


def questions(*numbers: int) -> list[Question]:
    return [Question(key(number), "m") for number in numbers]


def reply(number: int) -> CachedReply:
    return CachedReply(key(number), f"said {number}", 10, 2, 0.25, 0.0)


def dead(ledger: Ledger, table: str) -> None:
    """As if the process that owns these rows had died."""
    with ledger.engine.begin() as connection:
        connection.execute(
            text(f"UPDATE {table} SET owner = :owner WHERE owner NOT LIKE 'batch:%'"), {"owner": "elsewhere:1:1"}
        )
        connection.execute(text(f"UPDATE {table} SET claimed = 0"))


def test_a_question_is_in_one_batch_or_answered(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        calls, book = ledger.reply_cache(), ledger.batch_jobs()
        calls.claim(questions(1))
        calls.finish([reply(1)])
        first, ours = book.begin(SERVER, questions(1, 2, 3))
        assert ours == {key(2), key(3)}
        assert book.begin(SERVER, questions(1, 2, 3))[1] == set()
        assert [batch.id for batch in book.open(SERVER)] == [first]
        status = book.status([key(number) for number in range(1, 5)])
        assert list(status.answered) == [key(1)]
        assert status.batched == {key(2): first, key(3): first}
        assert status.free == [key(4)]
        claims = calls.claim(questions(2, 4))
        assert (claims.ours, claims.batched, claims.elsewhere) == ([key(4)], [key(2)], [])


def test_answers_are_kept_once_and_what_is_missing_is_free_again(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        book = ledger.batch_jobs()
        batch, _ = book.begin(SERVER, questions(1, 2))
        assert book.uploaded(batch, "file-1")
        assert book.submitted(batch, "batch_1")
        assert book.complete(batch, [reply(1), reply(9)]) == ({key(1)}, {key(2)})
        assert book.complete(batch, [reply(2)]) is None
        assert book.drop(batch, "too late") is None
        assert ledger.reply_cache().replies([key(1), key(2), key(9)]) == {key(1): reply(1)}
        assert book.status([key(2)]).free == [key(2)]
        done = book.get("batch_1")
        assert done is not None
        assert (done.state, done.answered, done.failed) == ("done", 1, 1)
        assert book.open(SERVER) == []


def test_claims_of_the_dead_are_taken_over_and_those_of_the_living_are_not(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        other = ledger.reply_cache()
        other.owner = "elsewhere:1:1"
        other.claim(questions(1, 2))
        book = ledger.batch_jobs()
        assert book.status([key(1)]).elsewhere == [key(1)]
        assert book.begin(SERVER, questions(1))[1] == set()
        dead(ledger, "calls")
        batch, ours = book.begin(SERVER, questions(1, 2))
        assert ours == {key(1), key(2)}
        dead(ledger, "calls")
        assert book.status([key(1)]).batched == {key(1): batch}, "a batch's claim does not lapse"
        stranger = BatchJobs(ledger.engine)
        stranger.owner = "elsewhere:2:2"
        assert not stranger.take_over(batch)
        dead(ledger, "batches")
        assert stranger.take_over(batch)
        assert not book.uploaded(batch, "file-1"), "whoever lost the submission does not go on with it"
        assert stranger.drop(batch, "never asked for") == (set(), {key(1), key(2)})


def test_of_many_threads_one_gets_each_question(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        got: list[str] = []

        def take(turn: int) -> None:
            got.extend(ledger.batch_jobs().begin(SERVER, questions(*range(turn, turn + 20)))[1])

        threads = [threading.Thread(target=take, args=(turn,)) for turn in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(got) == [key(number) for number in range(25)]


def test_a_ledger_of_before_is_brought_up_to_date(ledger_url: str) -> None:
    from alembic import command
    from alembic.config import Config

    import openbook.ledger

    with Ledger.open(ledger_url) as ledger:
        ledger.reply_cache().claim(questions(1))
        ledger.reply_cache().finish([reply(1)])
        config = Config()
        config.set_main_option("script_location", str(Path(openbook.ledger.__file__).parent / "migrations"))
        with ledger.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "0002")
        assert "batches" not in inspect(ledger.engine).get_table_names()
        with ledger.engine.connect() as connection:
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "0002"
    with Ledger.open(ledger_url) as ledger:
        assert ledger.reply_cache().replies([key(1)]) == {key(1): reply(1)}
        assert ledger.batch_jobs().begin(SERVER, questions(1, 2))[1] == {key(2)}
