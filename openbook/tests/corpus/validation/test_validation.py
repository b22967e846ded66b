"""Agreement, intervals, corrected prevalence and stability: against hand counts, scikit-learn, simulation and the index."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score, f1_score, precision_score, recall_score
from typer.testing import CliRunner

from openbook.cli import app
from openbook.corpus.validation.label_tables import read_label_table
from openbook.corpus.validation.report import changes, majority, validate
from openbook.corpus.validation.statistics import Confusion, bootstrap, lang_reiczigel, measure, rogan_gladen, wilson
from openbook.errors import OpenbookError
from openbook.variables import SCORED

PAIRS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=3, max_size=60)


@given(PAIRS)
def test_metrics_equal_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    answers, labels = (np.array(side) for side in zip(*pairs, strict=True))
    table = Confusion.of(answers, labels)
    if table.kappa is not None:
        assert table.kappa == pytest.approx(cohen_kappa_score(labels, answers))
    for ours, theirs in ((table.f1, f1_score), (table.precision, precision_score), (table.recall, recall_score)):
        if ours is not None:
            assert ours == pytest.approx(theirs(labels, answers, zero_division=0))


@given(PAIRS)
def test_intervals_hold_their_value(pairs: list[tuple[int, int]]) -> None:
    answers, labels = (np.array(side) for side in zip(*pairs, strict=True))
    one = measure(answers, labels)
    low, high = one["intervals"]["accuracy"]
    assert 0 <= low <= one["accuracy"] + 1e-12
    assert one["accuracy"] - 1e-12 <= high <= 1
    assert one == measure(answers, labels), "seeded"


def test_wilson_equals_scipys() -> None:
    for successes, trials in ((6, 7), (5, 15), (0, 9), (12, 12)):
        theirs = binomtest(successes, trials).proportion_ci(method="wilson")
        assert wilson(successes, trials) == pytest.approx((theirs.low, theirs.high))
    assert wilson(0, 0) is None


def test_bootstrap_covers_a_mean() -> None:
    random = np.random.default_rng(0)
    hits = 0
    for seed in range(200):
        sample = random.normal(3, 1, 50)
        interval = bootstrap(50, lambda drawn, sample=sample: float(sample[drawn].mean()), 300, seed)  # type: ignore[misc]
        assert interval is not None
        hits += interval[0] <= 3 <= interval[1]
    assert 0.88 <= hits / 200 <= 0.99


@given(st.floats(0, 1), st.floats(0.6, 1), st.floats(0.6, 1))
def test_rogan_gladen_inverts_the_error(share: float, sensitivity: float, specificity: float) -> None:
    apparent = share * sensitivity + (1 - share) * (1 - specificity)
    assert rogan_gladen(apparent, sensitivity, specificity) == pytest.approx(share, abs=1e-9)
    assert rogan_gladen(0.5, 0.5, 0.5) is None


@pytest.mark.parametrize(
    ("share", "sensitivity", "specificity"), [(0.3, 0.9, 0.8), (0.05, 0.9, 0.95), (0.8, 0.98, 0.5)]
)
def test_lang_reiczigel_covers(share: float, sensitivity: float, specificity: float) -> None:
    random = np.random.default_rng(1)
    hits = 0
    for _ in range(1500):
        yes = random.binomial(800, share * sensitivity + (1 - share) * (1 - specificity))
        tp, tn = random.binomial(70, sensitivity), random.binomial(80, specificity)
        interval = lang_reiczigel(yes / 800, 800, Confusion(tp, 80 - tn, 70 - tp, tn))
        assert interval is not None
        hits += interval[0] <= share <= interval[1]
    assert hits / 1500 >= 0.93


def test_stability_counts() -> None:
    runs = {"a": np.array([[1, 0, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1]]), "b": np.array([[1, 1, 1, 1]] * 3)}
    found = changes(runs)
    assert found["any_run"] == 0.25
    assert found["two_runs"] == pytest.approx((0.25 + 0.25 + 0) / 3)
    assert found["changed"] == {"a": 0.25, "b": 0.0}
    assert majority(np.array([[1, -1, 0], [0, -1, 0]])).tolist() == [0, -1, 0]


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_words_numbers_and_unknowns(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "pseudocode": "yes", "affiliation": "2"},
        {"id": "b", "pseudocode": "No", "affiliation": "academia"},
        {"id": "c", "pseudocode": "", "affiliation": "collaboration"},
        {"id": "d", "pseudocode": "perhaps", "affiliation": "industry"},
        {"id": "e", "pseudocode": "unverified", "affiliation": "unknown"},
    ]
    side = read_label_table(write_csv(tmp_path / "l.csv", rows), "labels")
    assert side.values["pseudocode"].tolist() == [1, 0, -1, -1, 0]
    assert side.values["affiliation"].tolist() == [1, 0, 1, 1, -1]
    assert len(side.odd) == 1
    assert "perhaps" in side.odd[0]


def test_two_annotators(tmp_path: Path) -> None:
    one = write_csv(tmp_path / "a.csv", [{"id": str(n), "pseudocode": "yes" if n % 2 else "no"} for n in range(40)])
    other = write_csv(
        tmp_path / "b.csv", [{"id": str(n), "pseudocode": "yes" if n % 2 and n else "no"} for n in range(5, 50)]
    )
    result = CliRunner().invoke(app, ["validate", "--records", str(one), "--labels", str(other), "--json"])
    report = json.loads(result.stdout)
    assert report["papers"] == 35
    assert report["variables"]["pseudocode"]["kappa"] == 1.0
    assert (report["records_without_label"], report["labels_without_record"]) == (5, 10)
    assert report["documentation"] is None


def test_bad_input_is_said(tmp_path: Path) -> None:
    good = write_csv(tmp_path / "g.csv", [{"id": "a", "pseudocode": 1}])
    with pytest.raises(OpenbookError, match="joined on id"):
        validate(
            read_label_table(good, "records"),
            read_label_table(write_csv(tmp_path / "x.csv", [{"id": "z", "pseudocode": 1}]), "labels"),
        )
    for name, rows, message in (
        ("noid.csv", [{"paper": "a", "pseudocode": 1}], "no column id"),
        ("novar.csv", [{"id": "a", "color": 1}], "none of the variables"),
        ("twice.csv", [{"id": "a", "pseudocode": 1}, {"id": "a", "pseudocode": 0}], "twice"),
    ):
        with pytest.raises(OpenbookError, match=message):
            read_label_table(write_csv(tmp_path / name, rows), "labels")
    (tmp_path / "empty.csv").write_text("id,pseudocode\n")
    with pytest.raises(OpenbookError, match="no rows"):
        read_label_table(tmp_path / "empty.csv", "labels")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(OpenbookError, match="UTF-8"):
        read_label_table(tmp_path / "binary.csv", "labels")
    result = CliRunner().invoke(app, ["validate", "--records", str(tmp_path / "none.csv")])
    assert isinstance(result.exception, OpenbookError)


def test_unverified_counts_as_no_and_unread_as_unknown(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b"], "pseudocode": [0, None], "pseudocode_result": ["unverified", "unread"]})
    pq.write_table(table, tmp_path / "r.parquet")
    assert read_label_table(tmp_path / "r.parquet", "records").values["pseudocode"].tolist() == [0, -1]


#: Accuracy and F1 in %, kappa, of the published index against people, to the digits that were published.
PUBLISHED = {
    "pseudocode": (94.38, 93.96, 0.887),
    "open_source_code": (93.12, 92.90, 0.863),
    "open_datasets": (94.38, 96.30, 0.846),
    "dataset_splits": (87.50, 81.48, 0.721),
    "hardware_specification": (97.50, 96.43, 0.945),
    "software_dependencies": (96.25, 81.25, 0.792),
    "experiment_setup": (80.00, 86.21, 0.520),
}


@pytest.mark.data
def test_the_published_agreement(index_data: Path) -> None:
    path = index_data / "test_set.parquet"
    report = validate(read_label_table(path, "records"), read_label_table(path, "labels"))
    for variable, (accuracy, f1, kappa) in PUBLISHED.items():
        one = report["variables"][variable]
        assert (round(100 * one["accuracy"], 2), round(100 * one["f1"], 2), round(one["kappa"], 3)) == (
            accuracy,
            f1,
            kappa,
        )
        assert one["n"] == 160
    setup = report["variables"]["experiment_setup"]
    assert round(setup["specificity"], 2) == 0.47
    score = report["documentation"]
    assert (score["n"], round(score["bias"], 3)) == (148, 0.365)


@pytest.mark.data
def test_the_published_specificity_on_empirical_papers(index_data: Path) -> None:
    table = pq.read_table(index_data / "test_set.parquet").to_pydict()
    empirical = np.array(table["human_research_type"]) == 0
    answers, labels = (np.array(table[f"{side}_experiment_setup"])[empirical] for side in ("llm", "human"))
    specificity = Confusion.of(answers, labels).specificity
    assert specificity is not None
    assert round(specificity, 2) == 0.34


@pytest.mark.data
def test_the_published_stability_with_both_versions_of_the_labels(index_data: Path) -> None:
    runs = read_label_table(index_data / "prompt_opt_runs.parquet", "records")
    report = validate(runs, read_label_table(index_data / "gundersen2018.parquet", "labels"))
    stable = report["stability"]
    assert (report["papers"], report["runs"], stable["answers"]) == (400, 5, 9)
    assert round(100 * stable["two_runs"], 1) == 30.6
    assert round(100 * stable["unanimous"]["accuracy"], 1) == 93.8
    assert round(100 * stable["split"]["accuracy"], 1) == 59.5
    edited = report["label_versions"]["orig2018"]
    assert (edited["changed"]["dataset_splits"]["zeros"], edited["changed"]["dataset_splits"]["zero_to_one"]) == (
        152,
        96,
    )
    assert round(100 * edited["stability"]["unanimous"]["accuracy"], 1) == 90.4
    assert edited["variables"]["dataset_splits"]["accuracy"] < report["variables"]["dataset_splits"]["accuracy"]


@pytest.mark.data
def test_the_whole_index_is_corrected(index_data: Path) -> None:
    report = validate(
        read_label_table(index_data / "records.parquet", "records"),
        read_label_table(index_data / "test_set.parquet", "labels"),
    )
    assert report["papers"] == 160
    for variable in SCORED:
        share = report["variables"][variable]["prevalence"]
        assert share["papers"] == 56_800
        low, high = share["corrected_interval"]
        assert low <= share["corrected"] <= high


def test_columns_of_records_are_no_other_versions_of_labels(tmp_path: Path) -> None:
    rows = [
        {
            "id": "a",
            "pseudocode": 1,
            "pseudocode_result": "yes",
            "pseudocode_evidence": "[]",
            "pseudocode_near_miss": None,
        }
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "records.parquet")
    table = read_label_table(tmp_path / "records.parquet", "records")
    assert table.versions == {}
    assert table.odd == []
