"""A batch: what it writes, what it keeps, and what one bad paper does to the others."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pyarrow.parquet as pq
import pytest

from openbook.assess.batch import BatchOutcome, BatchSettings, assess_batch
from openbook.assess.papers_list import PaperFiles, name_sources, stem_of
from openbook.errors import OpenbookError
from openbook.papers.reading import read_paper
from openbook.record.files import read_record, record_schema
from openbook.variables import SCORED, VARIABLES


def run(sources, out, assessor, **settings) -> BatchOutcome:  # type: ignore[no-untyped-def]
    names = name_sources([str(source) for source in sources], out)
    return assess_batch(names, assessor, out, BatchSettings(**settings), find_file=PaperFiles())


def test_one_record_per_paper(shelf: Path, tmp_path: Path, keyword) -> None:  # type: ignore[no-untyped-def]
    papers = sorted(shelf.iterdir())
    outcome = run(papers, tmp_path, keyword)
    assert (outcome.papers, outcome.assessed, outcome.failures) == (5, 5, [])
    for path in papers:
        data = json.loads((tmp_path / f"{path.stem}.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator(record_schema()).validate(data)
        text = read_paper(path).text
        assert list(data["answers"]) == list(VARIABLES)
        for variable in SCORED:
            answer = data["answers"][variable]
            if answer["result"] == "yes":
                assert any(item["match"] != "absent" for item in answer["evidence"])
            for item in answer["evidence"]:
                if item["match"] == "exact":
                    assert text[item["start"] : item["end"]] == item["quote"]
                    assert item["page"] >= 1
        assert data["answers"]["software_dependencies"]["result"] == "unverified"
        assert data["scores"]["unverified"] == 1
        assert data["run"]["assessor"] == "keyword"
        assert data["run"]["text_hash"]
    assert pq.read_table(tmp_path / "records.parquet").num_rows == 5


def test_the_same_again_asks_nobody(shelf: Path, tmp_path: Path, keyword) -> None:  # type: ignore[no-untyped-def]
    papers = sorted(shelf.iterdir())
    run(papers[:3], tmp_path, keyword)
    before = {path: path.read_bytes() for path in tmp_path.glob("*.json")}
    keyword.asked.clear()
    outcome = run(papers, tmp_path, keyword)
    assert (outcome.kept, outcome.assessed) == (3, 2)
    assert len(keyword.asked) == 2
    assert all(path.read_bytes() == data for path, data in before.items())
    assert pq.read_table(tmp_path / "records.parquet").num_rows == 5
    assert run(papers, tmp_path, type(keyword)("2")).assessed == 5  # another version answers anew
    assert run(papers, tmp_path, type(keyword)("2"), force=True).assessed == 5


def test_a_changed_paper_is_assessed_anew(tmp_path: Path, shelf: Path, keyword) -> None:  # type: ignore[no-untyped-def]
    paper = tmp_path / "draft.txt"
    paper.write_bytes((shelf / "paper_3.txt").read_bytes())
    run([paper], tmp_path / "out", keyword)
    paper.write_bytes((shelf / "paper_4.txt").read_bytes())
    outcome = run([paper], tmp_path / "out", keyword)
    assert (outcome.assessed, outcome.kept) == (1, 0)
    assert [path.name for path in (tmp_path / "out").glob("*.json")] == ["draft.json"]


def test_unreadable_papers_are_unread_and_nobody_is_asked(tmp_path: Path, shelf: Path, keyword) -> None:  # type: ignore[no-untyped-def]
    empty, broken = tmp_path / "empty.pdf", tmp_path / "broken.pdf"
    empty.write_bytes(b"")
    broken.write_bytes((shelf / "paper_0.pdf").read_bytes()[:300])
    outcome = run([empty, shelf / "paper_1.pdf", broken, tmp_path / "absent.pdf"], tmp_path / "out", keyword)
    assert (outcome.papers, outcome.assessed, len(outcome.failures)) == (4, 1, 3)
    assert keyword.asked == [str(shelf / "paper_1.pdf")]
    record = read_record(tmp_path / "out" / "empty.json")
    assert record.paper.problem
    assert {record.answers[variable].result for variable in SCORED} == {"unread"}
    assert record.scores.documentation is record.scores.reproducibility is None
    assert not (tmp_path / "out" / "absent.json").exists()


def test_a_failing_assessor_fails_alone(tmp_path: Path, shelf: Path, failing) -> None:  # type: ignore[no-untyped-def]
    papers = sorted(shelf.iterdir())
    outcome = run(papers, tmp_path, failing, jobs=1)
    assert outcome.assessed == 3
    assert [failure.source for failure in outcome.failures] == [str(papers[1]), str(papers[3])]
    assert "asleep" in outcome.failures[0].reason
    assert "ZeroDivisionError: a bug" in outcome.failures[1].reason
    assert run(papers, tmp_path, failing).assessed == 2  # what failed is tried again


def test_usage_and_a_budget(tmp_path: Path, shelf: Path, metered) -> None:  # type: ignore[no-untyped-def]
    papers = sorted(shelf.iterdir())
    outcome = run(papers, tmp_path, metered(2))
    assert outcome.stopped == "the budget is spent"
    assert (outcome.assessed, outcome.cost, outcome.input_tokens) == (2, 1.0, 200)
    assert read_record(tmp_path / "paper_0.json").run.cost == 0.5
    assert run(papers, tmp_path, metered()).assessed == 3


def test_equal_stems_get_a_hash(tmp_path: Path, shelf: Path, keyword) -> None:  # type: ignore[no-untyped-def]
    for folder, source in (("a", "paper_3.txt"), ("b", "paper_4.txt"), ("c", "paper_4.txt")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.txt").write_bytes((shelf / source).read_bytes())
    sources = [tmp_path / folder / "same.txt" for folder in "abc"]
    out = tmp_path / "out"
    assert run(sources, out, keyword).assessed == 3
    names = sorted(path.stem for path in out.glob("*.json"))
    assert len(names) == 3
    assert names[0] == "same"
    assert all(name.startswith("same__") for name in names[1:])
    again = run([sources[1], sources[2], sources[0]], out, keyword)  # another order finds the same records
    assert (again.kept, again.assessed) == (3, 0)
    assert sorted(path.stem for path in out.glob("*.json")) == names


@pytest.mark.parametrize(
    ("source", "stem"),
    [
        ("a/b/paper.pdf", "paper"),
        ("https://example.org/x/paper.v2.pdf?download=1", "paper.v2"),
        ("https://arxiv.org/abs/2309.06979", "2309.06979"),
        ("2309.06979", "2309.06979"),
        ("arxiv:2309.06979v2", "2309.06979v2"),
        ("https://example.org/", "example"),
        ("https://example.org/%2e%2e%2fetc%2fpasswd.pdf", "passwd"),
    ],
)
def test_stems(source: str, stem: str) -> None:
    assert stem_of(source) == stem


def test_a_folder_that_cannot_be_made(tmp_path: Path, shelf: Path, keyword) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").write_text("")
    with pytest.raises(OpenbookError, match="cannot make the folder"):
        run([shelf / "paper_3.txt"], tmp_path / "file" / "out", keyword)


def test_half_written_files_of_a_dead_run_are_cleared(tmp_path: Path, shelf: Path, keyword) -> None:  # type: ignore[no-untyped-def]
    left = tmp_path / ".abc.part"
    left.write_text("{")
    os.utime(left, (0, 0))
    run([shelf / "paper_3.txt"], tmp_path, keyword)
    assert not left.exists()


def test_assessing_where_papers_are_read(shelf: Path, tmp_path: Path, portable) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "empty.pdf").write_bytes(b"")
    papers = [*sorted(shelf.iterdir()), tmp_path / "empty.pdf"]
    out = tmp_path / "out"
    outcome = run(papers, out, portable)
    assert portable.asked == []
    assert outcome.assessed == 4
    assert sorted(Path(failure.source).stem for failure in outcome.failures) == ["empty", "paper_1"]
    assert any("ZeroDivisionError: a bug" in failure.reason for failure in outcome.failures)
    record = read_record(out / "paper_0.json")
    assert record.answers["hardware_specification"].result == "unverified"  # evidence is checked there too
    assert (record.paper.id, record.paper.source) == ("paper_0", str(papers[0]))
    assert record.run.parameters == portable.parameters
    again = run(papers, out, portable)
    assert (again.kept, again.assessed) == (4, 0)
