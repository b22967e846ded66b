"""What a ledger keeps comes back as it was; people's corrections win and nothing is overwritten."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import inspect

from openbook.ledger import Ledger, LedgerError
from openbook.ledger.tables import metadata
from openbook.record.model import CodeReport, LinkCheck, NearMiss, PaperInfo, Record

Make = Callable[..., Record]


def test_a_record_comes_back_as_it_was(ledger_url: str, make_record: Make) -> None:
    with Ledger.open(ledger_url) as ledger:
        record = make_record(open_source_code="no", research_type="theoretical")
        assert ledger.put(record)
        assert ledger.record("a_paper") == record
        assert list(ledger.records()) == [record]


def test_the_same_assessment_is_kept_once(ledger_url: str, make_record: Make) -> None:
    with Ledger.open(ledger_url) as ledger:
        assert ledger.put_many([make_record(), make_record()]) == 1
        assert not ledger.put(make_record())
        assert ledger.put(make_record(text="t2"))
        assert ledger.count() == 1


def test_later_looks_are_noted_on_what_is_kept(ledger_url: str, make_record: Make) -> None:
    link = LinkCheck(url="https://github.com/ada/pebbles", status="gone", code=404, checked="2026-11-26T10:00:00+00:00")
    report = CodeReport(source="https://github.com/ada/pebbles", files=3, licence="MIT", covers={"data": True})
    with Ledger.open(ledger_url) as ledger:
        before = make_record()
        ledger.put(before)
        answers = dict(before.answers)
        answers["open_source_code"] = answers["open_source_code"].model_copy(update={"links": [link]})
        looked = before.model_copy(update={"answers": answers, "code": report})
        assert not ledger.put(looked)
        assert ledger.record("a_paper") == looked
        ledger.put(before)
        assert ledger.record("a_paper") == looked, "a run that did not look takes nothing away"


def test_the_newest_record_counts_and_the_older_stay(ledger_url: str, make_record: Make) -> None:
    with Ledger.open(ledger_url) as ledger:
        ledger.put(make_record(model="m1"))
        ledger.put(make_record(model="m2", pseudocode="no"))
        assert ledger.record("a_paper").run.model == "m2"
        events = ledger.history("a_paper")
        assert [event.what["model"] for event in events] == ["m1", "m2"]
        assert [event.what["results"]["pseudocode"] for event in events] == ["yes", "no"]


def test_a_correction_wins_is_shown_and_overwrites_nothing(ledger_url: str, make_record: Make) -> None:
    with Ledger.open(ledger_url) as ledger:
        ledger.put(make_record())
        ledger.correct("a_paper", "open_source_code", "no", who="Ada", why="the link is dead")
        record = ledger.record("a_paper")
        answer = record.answers["open_source_code"]
        assert answer.result == "no"
        assert answer.correction is not None
        assert (answer.correction.replaced, answer.correction.who) == ("yes", "Ada")
        assert record.scores.documentation == 6
        assert record.scores.reproducibility == pytest.approx(0.33)
        # a later run of a machine does not win over a person
        ledger.put(make_record(model="m2"))
        assert ledger.record("a_paper").answers["open_source_code"].result == "no"
        # a later person does
        ledger.correct("a_paper", "open_source_code", "yes", who="Bob", why="the link is back")
        assert ledger.record("a_paper").answers["open_source_code"].result == "yes"
        assert [event.kind for event in ledger.history("a_paper")].count("corrected") == 2


@pytest.mark.parametrize(
    ("variable", "result", "who", "why", "said"),
    [
        ("colour", "yes", "Ada", "because", "not a variable"),
        ("pseudocode", "maybe", "Ada", "because", "cannot be 'maybe'"),
        ("affiliation", "yes", "Ada", "because", "academia"),
        ("pseudocode", "no", " ", "because", "who and why"),
        ("pseudocode", "no", "Ada", "", "who and why"),
    ],
)
def test_a_senseless_correction_is_refused(
    ledger_url: str, make_record: Make, variable: str, result: str, who: str, why: str, said: str
) -> None:
    with Ledger.open(ledger_url) as ledger:
        ledger.put(make_record())
        with pytest.raises(LedgerError, match=said):
            ledger.correct("a_paper", variable, result, who=who, why=why)
        assert len(ledger.history("a_paper")) == 1


def test_finding_a_paper(ledger_url: str, make_record: Make) -> None:
    with Ledger.open(ledger_url) as ledger:
        first, second = make_record("aaaa"), make_record("aaaabbbb")
        ledger.put_many([first, second])
        assert first.paper.sha256 is not None
        assert ledger.find("aaaa") == first.paper.sha256
        assert ledger.find(first.paper.sha256) == first.paper.sha256
        assert ledger.find(first.paper.sha256[:12]) == first.paper.sha256
        with pytest.raises(LedgerError, match="no paper 'zzz'"):
            ledger.find("zzz")
        with pytest.raises(LedgerError, match="means 2 papers"):
            ledger.find("61616161")


def test_papers_never_seen_as_files_are_kept_by_id(ledger_url: str, make_record: Make) -> None:
    with Ledger.open(ledger_url) as ledger:
        record = make_record()
        record.paper = PaperInfo(id="imported_one", title="T")
        ledger.put(record)
        assert ledger.find("imported_one") == "id:imported_one"
        assert ledger.record("imported_one") == record


def test_many_records_in_batches(ledger_url: str, make_record: Make) -> None:
    with Ledger.open(ledger_url) as ledger:
        made = [make_record(f"paper_{number}") for number in range(1203)]
        assert ledger.put_many(iter(made)) == 1203
        assert {record.paper.id for record in ledger.records()} == {record.paper.id for record in made}


def test_the_migrations_make_the_tables_the_code_uses(ledger_url: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        seen = inspect(ledger.engine)
        for name, table in metadata.tables.items():
            columns = {column["name"]: column for column in seen.get_columns(name)}
            assert set(columns) == set(table.c.keys())
            for column in table.c:
                assert columns[column.name]["nullable"] == column.nullable, (name, column.name)
            assert {index["name"] for index in seen.get_indexes(name) if not index.get("duplicates_constraint")} == {
                index.name for index in table.indexes
            }


def test_opening_again_changes_nothing(ledger_url: str, make_record: Make) -> None:
    with Ledger.open(ledger_url) as ledger:
        ledger.put(make_record())
    with Ledger.open(ledger_url) as ledger:
        assert ledger.count() == 1


def test_a_newer_schema_is_refused(ledger_url: str) -> None:
    from sqlalchemy import text

    with Ledger.open(ledger_url) as ledger, ledger.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerError, match="newer openbook"):
        Ledger.open(ledger_url)


def test_several_processes_may_make_the_same_ledger(ledger_url: str) -> None:
    script = f"from openbook.ledger import Ledger; print(Ledger.open({ledger_url!r}).count())"
    started = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in started:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "0\n"), err


def test_what_is_not_a_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "poem.db").write_text("Shall I compare thee to a summer's day? " * 200)
    with pytest.raises(LedgerError, match="not a ledger"):
        Ledger.open(str(tmp_path / "poem.db"))
    with pytest.raises(LedgerError, match="does not exist"):
        Ledger.open(f"sqlite:///{tmp_path}/nowhere/l.db")
    with pytest.raises(LedgerError, match="not supported"):
        Ledger.open("mysql://localhost/x")
    with pytest.raises(LedgerError, match="not a database URL"):
        Ledger.open("://")


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(LedgerError, match="check that the server runs") as caught:
        Ledger.open("postgresql://ada:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path, make_record: Make) -> None:
    with Ledger.open(str(tmp_path / "l.db")) as ledger:
        ledger.put(make_record("kept"))
        with ledger.engine.connect() as connection:  # the pool hands the same connection out again
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")  # what SQLite sees of a full disk
        with pytest.raises(LedgerError, match="free some disk space"):
            ledger.put_many(make_record(f"paper_{number}") for number in range(2000))
        assert list(ledger.records()) == [make_record("kept")]


def test_near_misses_and_boxes_come_back(ledger_url: str, make_record: Make) -> None:
    made = make_record(open_source_code="no")
    answers = dict(made.answers)
    missed = NearMiss(quote="Code will be released.", page=7, start=90, end=112, kind="promised for later")
    answers["open_source_code"] = answers["open_source_code"].model_copy(update={"near_miss": missed})
    boxed = answers["pseudocode"].evidence[0].model_copy(update={"boxes": [(2, 10.0, 20.5, 200.0, 30.0)]})
    answers["pseudocode"] = answers["pseudocode"].model_copy(update={"evidence": [boxed]})
    record = made.model_copy(update={"answers": answers})
    with Ledger.open(ledger_url) as ledger:
        ledger.put(record)
        assert ledger.record("a_paper").answers == answers
