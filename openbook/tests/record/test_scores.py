"""The two scores, from definitions and from published figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openbook.record.model import Answer, PaperInfo, Record, Run, count_unclear, is_unclear, score_answers, wilson
from openbook.variables import SCORED

RESULTS = st.sampled_from(["yes", "no", "unverified", "unread"])


def record(results: dict[str, str], kind: str = "experimental") -> Record:
    answers = {variable: Answer(result=result) for variable, result in results.items()}
    answers["research_type"] = Answer(result=kind)
    return Record(paper=PaperInfo(id="p"), answers=answers, scores=score_answers(answers), run=Run(assessor="t"))


@given(st.lists(RESULTS, min_size=7, max_size=7))
def test_only_yes_counts(results: list[str]) -> None:
    scores = record(dict(zip(SCORED, results, strict=True))).scores
    assert scores.unverified == results.count("unverified")
    if set(results) == {"unread"}:
        assert scores.documentation is None
        assert scores.reproducibility is None
    else:
        assert scores.documentation == results.count("yes")


@pytest.mark.parametrize(
    ("code", "data", "expected"),
    [("yes", "yes", 0.86), ("no", "yes", 0.33), ("yes", "no", 0.0), ("unverified", "yes", 0.33)],
)
def test_reproducibility(code: str, data: str, expected: float) -> None:
    results = dict.fromkeys(SCORED, "no") | {"open_source_code": code, "open_datasets": data}
    scores = record(results).scores
    assert scores.reproducibility == expected
    assert scores.reproducibility_interval is not None
    low, high = scores.reproducibility_interval
    assert low <= expected <= high or expected == 0.86
    assert 0 <= low <= high <= 1


def test_wilson_of_the_replication_study() -> None:
    assert wilson(6, 7) == pytest.approx((0.4869, 0.9743), abs=1e-4)
    assert wilson(5, 15) == pytest.approx((0.1518, 0.5829), abs=1e-4)
    with pytest.raises(ValueError, match="no interval"):
        wilson(1, 0)


def test_less_than_three_in_five_is_unclear() -> None:
    answers = {name: Answer(result="yes", confidence=0.9) for name in SCORED}
    answers["pseudocode"] = Answer(result="no", confidence=0.59)
    answers["experiment_setup"] = Answer(result="yes", confidence=0.6)
    answers["open_datasets"] = Answer(result="unverified", confidence=0.2)
    answers["affiliation"] = Answer(result="industry", confidence=0.4)
    assert [name for name, answer in answers.items() if is_unclear(answer)] == ["pseudocode", "affiliation"]
    assert count_unclear(answers) == 1
    assert score_answers(answers).documentation == 5, "an unclear answer keeps its result"


def test_the_index_has_its_published_means(index_data) -> None:  # type: ignore[no-untyped-def]
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from openbook.record.parquet import from_row

    table = pq.read_table(index_data / "records.parquet", filters=[("venue", "=", "ICML"), ("year", "=", 2014)])
    records = [from_row(row) for row in table.to_pylist()]
    empirical = table.filter(pc.not_equal(table["research_type"], 1))
    mean = sum(pc.sum(empirical[variable]).as_py() for variable in SCORED) / empirical.num_rows
    counted = [one.scores.documentation for one in records if one.answers["research_type"].result != "theoretical"]
    assert sum(filter(None, counted)) / len(counted) == pytest.approx(mean)
