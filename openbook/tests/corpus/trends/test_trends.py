"""Cuts and corrections against plain counting, and the published figures to the digits shown."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from openbook.cli import app
from openbook.corpus.trends.figures import all_figures, write_figures
from openbook.corpus.trends.report import learn_errors, parse_by, rows
from openbook.corpus.validation.statistics import Confusion, rogan_gladen
from openbook.errors import OpenbookError
from openbook.variables import SCORED, VARIABLES


def table(papers: int, seed: int = 0) -> pa.Table:
    """Invented records of three venues and four years, some theoretical, some of unknown affiliation."""
    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        "id": [f"p{number}" for number in range(papers)],
        "venue": random.choice(["A", "B", "C"], papers).tolist(),
        "year": [
            None if number % 50 == 49 else int(year)
            for number, year in enumerate(random.choice(range(2018, 2022), papers))
        ],
        "research_type": random.choice([0, 0, 0, 1], papers).tolist(),
        "affiliation": random.choice([-1, 0, 1, 2], papers).tolist(),
    }
    for variable in SCORED:
        columns[variable] = random.choice([0, 1], papers).tolist()
    return pa.table(columns)


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "it's records.parquet"
    pq.write_table(table(400), path)
    return path


def test_rows_equal_plain_counting(records: Path) -> None:
    papers = pq.read_table(records).to_pylist()
    for row in rows(records, ["venue", "year"]):
        mine = [
            paper
            for paper in papers
            if row["venue"] in ("ALL", paper["venue"]) and row["year"] in ("ALL", paper["year"] or "unknown")
        ]
        empirical = [paper for paper in mine if paper["research_type"] != 1]
        assert (row["papers"], row["empirical"]) == (len(mine), len(empirical))
        n = len(empirical)
        scores = [sum(paper[variable] for variable in SCORED) for paper in empirical]
        both = sum(paper["open_source_code"] and paper["open_datasets"] for paper in empirical)
        only = sum(paper["open_datasets"] and not paper["open_source_code"] for paper in empirical)
        assert row["documentation_mean"] == pytest.approx(sum(scores) / n)
        assert row["code_and_data"] == pytest.approx(both / n)
        assert row["reproducibility"] == pytest.approx((0.86 * both + 0.33 * only) / n)
        assert row["reproducibility_exact"] == pytest.approx((6 / 7 * both + 5 / 15 * only) / n)
        assert row["interval"][0] <= row["reproducibility_exact"] <= row["interval"][1]
        assert row["industry"] == pytest.approx(sum(paper["affiliation"] in (1, 2) for paper in empirical) / n)
        for variable in SCORED:
            assert row[variable] == pytest.approx(sum(paper[variable] for paper in empirical) / n)


def test_totals_are_named(records: Path) -> None:
    found = rows(records, ["venue", "year"])
    pairs = [(row["venue"], row["year"]) for row in found]
    assert {("ALL", "ALL"), ("ALL", 2018), ("A", "ALL")} <= set(pairs)
    assert len(pairs) == len(set(pairs))
    assert pairs[-1] == ("ALL", "ALL")
    assert found[-1]["papers"] == 400
    assert [row["venue"] for row in rows(records, ["year"])] == ["ALL"] * 6
    assert len(rows(records, [])) == 1


def test_variables_and_affiliations(records: Path) -> None:
    long = rows(records, ["affiliation", "variable"])
    assert {row["affiliation"] for row in long} == {"academia", "industry", "unknown", "ALL"}
    assert len(long) == 4 * 7
    for row in long:
        assert row["share"] == row["yes"] / row["empirical"]
        assert row["interval"][0] <= row["share"] <= row["interval"][1]


def test_unread_and_empty_groups(tmp_path: Path) -> None:
    columns = {"id": ["a", "b"], "research_type": [1, 0], "affiliation": [0, 0]}
    columns |= {variable: [1, None] for variable in SCORED}
    pq.write_table(pa.table(columns), tmp_path / "r.parquet")
    (row,) = rows(tmp_path / "r.parquet", [])
    assert (row["papers"], row["empirical"]) == (2, 0), "theoretical, and never read"
    assert row["documentation_mean"] is None
    assert row["interval"] is None
    assert rows(tmp_path / "r.parquet", ["venue"])[0]["venue"] == "unknown"


def labelled(records: Path, flip: float, place: Path) -> Path:
    """Labels for all records: their answers, of which a share was wrong."""
    random = np.random.default_rng(3)
    out = {"id": pq.read_table(records)["id"].to_pylist()}
    for variable in VARIABLES:
        values = np.array(pq.read_table(records)[variable].to_pylist())
        wrong = random.random(len(values)) < (flip if variable in SCORED else 0)
        out[variable] = np.where(wrong, 1 - values, values).tolist()
    pq.write_table(pa.table(out), place)
    return place


def test_correction_of_all_labelled_papers_gives_the_labels_back(records: Path, tmp_path: Path) -> None:
    labels = labelled(records, 0.15, tmp_path / "labels.parquet")
    errors = learn_errors(records, labels)
    corrected = rows(records, ["year"], errors)[-1]["corrected"]
    truth = rows(labels, [])[0]
    for figure in (*SCORED, "documentation_mean", "code_and_data", "reproducibility", "reproducibility_exact"):
        assert corrected[figure] == pytest.approx(truth[figure], abs=1e-9)
    for low, high in corrected["intervals"].values():
        assert low <= high


def test_one_variable_is_corrected_as_rogan_and_gladen_do(records: Path, tmp_path: Path) -> None:
    labels = labelled(records, 0.1, tmp_path / "labels.parquet")
    pq.write_table(pq.read_table(labels).slice(0, 120), labels)
    errors = learn_errors(records, labels)
    answers = {row["id"]: row for row in pq.read_table(records).to_pylist() if row["research_type"] != 1}
    pairs = [(answers[row["id"]], row) for row in pq.read_table(labels).to_pylist() if row["id"] in answers]
    got, want = (np.array([pair[side]["pseudocode"] for pair in pairs]) for side in (0, 1))
    counted = Confusion.of(got, want)
    row = rows(records, ["variable"], errors)[0]
    assert counted.recall is not None
    assert counted.specificity is not None
    assert row["corrected"] == pytest.approx(rogan_gladen(row["share"], counted.recall, counted.specificity))


def test_perfect_labels_change_nothing(records: Path, tmp_path: Path) -> None:
    errors = learn_errors(records, labelled(records, 0.0, tmp_path / "labels.parquet"))
    for row in rows(records, ["venue"], errors):
        assert row["corrected"]["documentation_mean"] == pytest.approx(row["documentation_mean"])
        assert row["corrected"]["intervals"]["code_and_data"] == pytest.approx((row["code_and_data"],) * 2)


def test_suspects_are_left_out(records: Path) -> None:
    row = rows(records, ["year"], without=[f"p{number}" for number in range(100)])[-1]
    rest = [paper for paper in pq.read_table(records).to_pylist()[100:] if paper["research_type"] != 1]
    assert row["papers"] == 400
    assert row["audited"]["papers"] == 300
    assert row["audited"]["pseudocode"] == pytest.approx(np.mean([paper["pseudocode"] for paper in rest]))


def test_figures_have_tables_and_words(records: Path, tmp_path: Path) -> None:
    labels = labelled(records, 0.1, tmp_path / "labels.parquet")
    figures = all_figures(records, learn_errors(records, labels), ["p1"])
    files = write_figures(figures, tmp_path / "svg")
    assert len(files) == 3 * len(figures) == 18
    for figure in figures:
        assert figure.svg.startswith("<svg")
        assert f'<desc id="{figure.name}-desc">' in figure.svg
        assert len(figure.rows) == figure.csv().count("\n") - 1
        assert "nan" not in figure.svg
        assert "<table>" in figure.page()


def test_the_command(records: Path, tmp_path: Path) -> None:
    arguments = ["trends", "--records", str(records), "--by", "venue,year", "--svg", str(tmp_path / "f"), "--json"]
    printed = json.loads(CliRunner().invoke(app, arguments).stdout)
    assert isinstance(printed, list)
    wanted = "venue year papers empirical documentation_mean reproducibility reproducibility_exact interval code_and_data industry"
    assert {*wanted.split(), *SCORED} <= set(printed[0])
    assert (tmp_path / "f" / "reproducibility.svg").exists()
    assert CliRunner().invoke(app, [*arguments[:3], "--by", "colour"]).exit_code == 2
    shown = CliRunner().invoke(app, ["trends", "--records", str(records), "--by", "variable"])
    assert "pseudocode" in shown.stdout


def test_bad_input_is_said(tmp_path: Path, records: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(OpenbookError, match="not a Parquet"):
        rows(tmp_path / "broken.parquet", [])
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.5")
    with pytest.raises(OpenbookError, match=r"is a PDF, not a Parquet file of records .* openbook assess"):
        rows(tmp_path / "paper.pdf", [])
    with pytest.raises(OpenbookError, match="no file"):
        rows(tmp_path / "none.parquet", [])
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "lacking.parquet")
    with pytest.raises(OpenbookError, match="lacks the columns"):
        rows(tmp_path / "lacking.parquet", [])
    with pytest.raises(OpenbookError, match="records can only be grouped by"):
        parse_by("venue,colour")
    few = tmp_path / "few.parquet"
    pq.write_table(pq.read_table(labelled(records, 0.1, few)).slice(0, 5), few)
    with pytest.raises(OpenbookError, match="at least 20"):
        learn_errors(records, few)


def rounded(value: float, digits: int = 2) -> float:
    return round(100 * value, digits)


@pytest.mark.data
def test_the_published_trends(index_data: Path) -> None:
    by_year = {row["year"]: row for row in rows(index_data / "records.parquet", ["year"])}
    total = by_year["ALL"]
    assert (total["papers"], total["empirical"]) == (56_800, 52_328)
    assert round(total["documentation_mean"], 4) == 3.6698
    assert [rounded(by_year[year]["code_and_data"]) for year in (2014, 2024, "ALL")] == [10.60, 63.84, 47.20]
    assert [rounded(by_year[year]["reproducibility"]) for year in (2014, 2024, "ALL")] == [28.15, 63.79, 53.32]
    assert rounded(by_year[2014]["reproducibility_exact"]) == 28.32
    assert [rounded(end) for end in by_year[2014]["interval"]] == [13.92, 43.96]
    assert rounded(by_year[2024]["reproducibility_exact"]) == 63.70
    assert [rounded(end) for end in by_year[2024]["interval"]] == [35.17, 77.90]


@pytest.mark.data
def test_the_published_affiliations(index_data: Path) -> None:
    found = {row["affiliation"]: row for row in rows(index_data / "records.parquet", ["affiliation"])}
    assert [found[name]["empirical"] for name in ("academia", "industry", "unknown")] == [31_582, 20_737, 9]
    assert [round(found[name]["documentation_mean"], 4) for name in ("academia", "industry")] == [3.6061, 3.7669]
    assert found["ALL"]["industry"] == 20_737 / 52_328


@pytest.mark.data
def test_the_published_distribution_of_scores(index_data: Path) -> None:
    columns = pq.read_table(index_data / "records.parquet", columns=["research_type", *SCORED])
    empirical = columns["research_type"].to_numpy() != 1
    scores = np.stack([columns[variable].to_numpy() == 1 for variable in SCORED]).sum(axis=0)[empirical]
    assert np.bincount(scores).tolist() == [457, 2431, 7128, 13192, 14584, 10284, 3750, 502]
