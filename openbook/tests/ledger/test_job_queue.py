"""Uploads in the ledger: entered once, taken once, taken up again, given up after a few deaths; papers found by title."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from openbook.ledger import Ledger, run_key
from openbook.ledger.jobs import ATTEMPTS, Job, JobQueue, QueueFull
from openbook.ledger.queries import listed
from openbook.record.model import Record

Make = Callable[..., Record]
HASH = "ab" * 32


def job(number: int, sha256: str = HASH, assessor: str = "linear") -> Job:
    return Job(f"{number:032x}", f"{number}.pdf", 5, sha256, assessor, file=f"{number:032x}.pdf")


def test_the_same_question_is_entered_once(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        book = JobQueue(ledger.engine, "spool")
        first = book.add(job(1), "run", most=9)
        assert (first.state, first.file) == ("waiting", job(1).file)
        assert book.add(job(2), "run", most=9) == first
        assert book.add(job(3), "another run", most=9).id == job(3).id
        taken = book.claim(["linear"])
        assert taken is not None
        assert (taken.id, taken.state, taken.attempts) == (first.id, "working", 1)
        assert book.add(job(4), "run", most=9).id == first.id
        book.finish(first.id, error="the assessor sleeps")
        assert book.add(job(5), "run", most=9).id == job(5).id, "a failed question may be asked again"


def test_a_paper_that_was_read_is_done_at_once(ledger_url: str, make_record: Make) -> None:
    with Ledger.open(ledger_url) as ledger:
        book = JobQueue(ledger.engine, "spool")
        record = make_record()
        ledger.put(record)
        sha256, run = str(record.paper.sha256), run_key(record.run)
        done = book.add(job(1, sha256), run, most=0)
        assert (done.state, done.reused, done.paper, done.file) == ("done", True, sha256, None)
        refused = record.model_copy(deep=True)
        refused.paper.sha256, refused.run.text_hash = HASH, None
        ledger.put(refused)
        assert book.add(job(2), run, most=9).state == "waiting", "a paper that could not be read is tried again"


def test_a_full_queue_takes_nothing(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        book = JobQueue(ledger.engine, "spool")
        book.add(job(1), "r1", most=1)
        with pytest.raises(QueueFull, match="1 papers wait"):
            book.add(job(2), "r2", most=1)
        assert book.get(job(2).id) is None


def test_jobs_are_taken_in_order_by_kind_and_spool(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        book, other = JobQueue(ledger.engine, "one"), JobQueue(ledger.engine, "two")
        for number, assessor in ((1, "linear"), (2, "llm"), (3, "linear")):
            book.add(job(number, assessor=assessor), f"r{number}", most=9)
        assert other.claim(["linear", "llm"]) is None
        assert (book.ahead(job(3).id), book.counts()) == (2, {"waiting": 3, "working": 0})
        taken = [book.claim(["linear"]) for _ in range(3)]
        assert [one.id if one else None for one in taken] == [job(1).id, job(3).id, None]


def test_each_job_is_taken_by_one_of_many_threads(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        book = JobQueue(ledger.engine, "spool")
        for number in range(30):
            book.add(job(number), f"r{number}", most=99)
        taken: list[str] = []

        def take() -> None:
            while (one := book.claim(["linear"])) is not None:
                taken.append(one.id)

        threads = [threading.Thread(target=take) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(taken) == sorted(job(number).id for number in range(30))


def test_a_death_loses_nothing_and_three_give_up(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        book = JobQueue(ledger.engine, "spool")
        book.add(job(1), "run", most=9)
        for attempt in range(1, ATTEMPTS + 1):
            taken = book.claim(["linear"])
            assert taken is not None
            assert taken.attempts == attempt
            assert book.take_up() == (attempt < ATTEMPTS)
        given_up = book.get(job(1).id)
        assert given_up is not None
        assert given_up.state == "failed"
        assert "3 times" in str(given_up.error)
        assert JobQueue(ledger.engine, "other").take_up() == 0


def test_a_job_put_back_was_not_tried(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        book = JobQueue(ledger.engine, "spool")
        book.add(job(1), "run", most=9)
        book.claim(["linear"])
        book.put_back(job(1).id)
        again = book.get(job(1).id)
        assert again is not None
        assert (again.state, again.attempts) == ("waiting", 0)
        assert book.cancel(job(1).id)
        assert not book.cancel(job(1).id)


def test_files_that_may_be_deleted(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        book = JobQueue(ledger.engine, "spool")
        for number in (1, 2):
            book.add(job(number), f"r{number}", most=9)
        book.finish(job(1).id, paper=HASH)
        assert [one.id for one in book.with_files(finished_before="9")] == [job(1).id]
        assert not book.with_files(finished_before="2000")
        kept = book.kept(HASH)
        assert kept is not None
        assert kept.id == job(2).id
        book.forget_file(job(1).id)
        assert [one.id for one in book.with_files()] == [job(2).id]


def test_a_problem_ends_when_the_paper_is_read(ledger_url: str, make_record: Make) -> None:
    with Ledger.open(ledger_url) as ledger:
        refused = make_record()
        refused.paper.problem, refused.run.text_hash, refused.paper.title = "too slow", None, ""
        ledger.put(refused)
        assert ledger.record("a_paper").paper.problem == "too slow"
        ledger.put(make_record())
        read = ledger.record("a_paper")
        assert (read.paper.problem, read.paper.title) == (None, "A Title")


def test_papers_are_listed_newest_first_and_found_by_words(ledger_url: str, make_record: Make) -> None:
    with Ledger.open(ledger_url) as ledger:
        titles = ["100% of Everything", "An_Underscore in It", "Learning of Everything", "Ärger in Zürich"]
        for number, title in enumerate(titles):
            record = make_record(paper_id=f"p{number}")
            record.paper.title = title
            ledger.put(record)
        ledger.correct("p2", "pseudocode", "no", who="me", why="because")
        found, total = listed(ledger, limit=2)
        assert ([record.paper.id for record in found.values()], total) == (["p3", "p2"], 4)
        assert next(iter(listed(ledger, limit=1, offset=1)[0].values())).scores.documentation == 6, "as corrected"
        for words, ids in (
            ("EVERYTHING of", ["p2", "p0"]),
            ("100%", ["p0"]),
            ("n_u", ["p1"]),
            ("p3", ["p3"]),
            ("x", []),
        ):
            assert [record.paper.id for record in listed(ledger, words)[0].values()] == ids


def test_a_durable_ledger_flushes_every_commit(tmp_path: Path) -> None:
    for durable, level in ((True, 2), (False, 1)):
        with Ledger.open(f"sqlite:///{tmp_path / 'l.db'}", durable=durable) as ledger, ledger.engine.connect() as link:
            assert link.execute(text("PRAGMA synchronous")).scalar() == level
