"""A record goes to JSON, to a table and back without loss, and follows its published schema."""

import json
from pathlib import Path

import jsonschema
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openbook.errors import OpenbookError
from openbook.record.files import (
    SCHEMA_FILE,
    dump_record,
    parse_record,
    read_record,
    record_schema,
    schema_text,
    write_record,
)
from openbook.record.model import (
    Answer,
    CodeFinding,
    CodeReport,
    Correction,
    Evidence,
    NearMiss,
    PaperInfo,
    Record,
    Run,
    score_answers,
)
from openbook.record.parquet import from_row, read_table, schema, to_table, write_table
from openbook.variables import SCORED

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)
EVIDENCE = st.builds(
    Evidence,
    quote=WORDS,
    page=st.none() | st.integers(1, 2000),
    start=st.none() | st.integers(0, 10**7),
    end=st.none() | st.integers(0, 10**7),
    match=st.sampled_from(["exact", "normalised", "fuzzy", "absent"]),
    part=st.none() | st.sampled_from(["body", "appendix", "checklist", "references"]),
    score=st.none() | st.floats(0, 100),
    boxes=st.lists(st.tuples(st.integers(1, 2000), *[st.floats(-1e4, 1e4)] * 4), max_size=2),
    links=st.lists(WORDS, max_size=2),
)
CODE = st.builds(
    CodeReport,
    source=WORDS,
    covers=st.dictionaries(WORDS, st.booleans(), max_size=2),
    findings=st.lists(st.builds(CodeFinding, kind=WORDS, message=WORDS), max_size=2),
)
NEAR_MISS = st.builds(NearMiss, quote=WORDS, page=st.none() | st.integers(1, 2000), kind=WORDS)
CORRECTION = st.builds(Correction, result=WORDS, replaced=WORDS, who=WORDS, when=WORDS, why=WORDS)


def answer(results: list[str]) -> st.SearchStrategy[Answer]:
    return st.builds(
        Answer,
        result=st.sampled_from(results),
        confidence=st.none() | st.floats(0, 1),
        response=WORDS,
        evidence=st.lists(EVIDENCE, max_size=2),
        near_miss=st.none() | NEAR_MISS,
        correction=st.none() | CORRECTION,
    )


ANSWERS = st.fixed_dictionaries(
    {variable: answer(["yes", "no", "unverified", "unread"]) for variable in SCORED}
    | {
        "research_type": answer(["experimental", "theoretical", "unknown"]),
        "affiliation": answer(["academia", "industry", "collaboration", "unknown"]),
    }
)
RECORDS = st.builds(
    lambda code, paper, answers, run: Record(
        paper=paper, answers=answers, scores=score_answers(answers), run=run, code=code
    ),
    st.none() | CODE,
    st.builds(
        PaperInfo,
        id=WORDS.filter(bool),
        title=WORDS,
        authors=st.lists(WORDS, max_size=3),
        venue=st.none() | WORDS,
        year=st.none() | st.integers(1950, 2100),
        url=st.none() | WORDS,
        pages=st.none() | st.integers(1, 1000),
        sha256=st.none() | WORDS,
        source=st.none() | WORDS,
        problem=st.none() | WORDS,
    ),
    ANSWERS,
    st.builds(
        Run,
        assessor=WORDS.filter(bool),
        model=st.none() | WORDS,
        prompt_hash=st.none() | WORDS,
        parameters=st.dictionaries(WORDS, st.integers() | st.booleans() | WORDS | st.none(), max_size=3),
        text_hash=st.none() | WORDS,
        input_tokens=st.integers(0, 10**9),
        output_tokens=st.integers(0, 10**9),
        cost=st.floats(0, 1e6),
        seconds=st.floats(0, 1e6),
        version=WORDS,
        created=st.none() | WORDS,
    ),
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(RECORDS)
def test_json_and_table_lose_nothing(record: Record) -> None:
    assert parse_record(dump_record(record), "here") == record
    jsonschema.Draft202012Validator(record_schema()).validate(json.loads(dump_record(record)))
    (row,) = to_table([record]).to_pylist()
    assert from_row(row) == record


def test_records_from_before_near_misses_and_boxes_are_read() -> None:
    old = json.loads(dump_record(simple()))
    for answer in old["answers"].values():
        answer.pop("near_miss")
        answer["evidence"] = [{"quote": "a", "match": "exact"}]
    read = parse_record(json.dumps(old), "here")
    assert read.answers["pseudocode"].near_miss is None
    assert read.answers["pseudocode"].evidence[0].boxes == []
    jsonschema.Draft202012Validator(record_schema()).validate(old)


def simple(identifier: str = "paper") -> Record:
    answers = {variable: Answer(result="no") for variable in SCORED}
    answers |= {"research_type": Answer(result="experimental"), "affiliation": Answer(result="academia")}
    return Record(paper=PaperInfo(id=identifier), answers=answers, scores=score_answers(answers), run=Run(assessor="t"))


def test_the_published_schema_is_the_models() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "write it anew with: openbook schema"
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda data: data["answers"]["pseudocode"].update(result="maybe"), "pseudocode"),
        (lambda data: data["answers"].pop("affiliation"), "affiliation"),
        (lambda data: data["answers"]["affiliation"].update(result="yes"), "affiliation"),
        (lambda data: data["paper"].update(colour="red"), "colour"),
        (lambda data: data["answers"]["pseudocode"].update(confidence=1.5), "confidence"),
    ],
)
def test_the_schema_refuses_what_is_no_record(change, where) -> None:  # type: ignore[no-untyped-def]
    data = json.loads(dump_record(simple()))
    change(data)
    assert list(jsonschema.Draft202012Validator(record_schema()).iter_errors(data)), where


def test_a_folder_is_a_table(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_record(simple(name), tmp_path / f"{name}.json")
    assert read_table(tmp_path)["id"].to_pylist() == ["a", "b"]
    write_table(to_table([simple("a"), simple("b")]), tmp_path / "records.parquet")
    assert read_table(tmp_path, ["id"]).column_names == ["id"]
    write_record(simple("c"), tmp_path / "c.json")  # the table is older now, so the records count
    assert [from_row(row).paper.id for row in read_table(tmp_path).to_pylist()] == ["a", "b", "c"]
    assert read_table(tmp_path / "a.json").num_rows == 1


def test_errors_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match="no record"):
        read_record(tmp_path / "absent.json")
    (tmp_path / "bad.json").write_text('{"paper": {}}')
    with pytest.raises(OpenbookError, match=r"bad\.json is not a record: paper\.id"):
        read_record(tmp_path / "bad.json")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(OpenbookError, match="not a Parquet"):
        read_table(tmp_path / "bad.parquet")
    (tmp_path / "empty").mkdir()
    with pytest.raises(OpenbookError, match="holds no records"):
        read_table(tmp_path / "empty")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "paper.json"
    write_record(simple("old"), path)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OpenbookError, match="No space left"):
        write_record(simple("new"), path)
    assert read_record(path).paper.id == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["paper.json"]


def test_the_columns_are_the_published_ones_first(index_data: Path) -> None:
    published = pq.read_schema(index_data / "records.parquet")
    ours = schema()
    assert ours.names[: len(published.names)] == published.names
    assert [ours.field(name).type for name in published.names] == [published.field(n).type for n in published.names]
