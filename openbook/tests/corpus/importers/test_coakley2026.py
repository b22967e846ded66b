"""The importer of the published index: its layout, what it reports, and that nothing is lost or changed."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from openbook.cli import app
from openbook.corpus.importers.coakley2026 import PUBLISHED_KEY, SETTINGS, mask_emails
from openbook.corpus.importers.output import import_to_parquet
from openbook.errors import OpenbookError
from openbook.variables import VARIABLES

COLUMNS = ["Conference", "Year", "Filename", "Title", "Authors", "Category", "PDF_URL"]


def answers(**changed: Any) -> dict[str, Any]:
    """A paper's answers in the published layout."""
    one: dict[str, Any] = {
        PUBLISHED_KEY.get(name, name): {"result": 0, "paper_text": f"words on {name}"} for name in VARIABLES
    }
    return one | {"input_tokens": 9000, "thoughts_tokens": 10, "output_tokens": 100, "cost": 0.01} | changed


class Clone:
    """A small clone of the published repository, written as a test needs it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "results/experiment/raw_data/ICML/2020").mkdir(parents=True)
        for folder in ("downloaded_papers", "excluded_papers"):
            (root / "paper_lists" / folder).mkdir(parents=True)

    def raw(self, name: str, content: Any) -> Path:
        path = self.root / "results/experiment/raw_data/ICML/2020" / name
        settings = {"model": "gemini-2.5-flash", "prompt": "p", "questions": "q", "temperature": "-1"}
        path.write_text(content if isinstance(content, str) else json.dumps({**content, **settings}))
        return path

    def listed(self, *ids: str, folder: str = "downloaded_papers") -> None:
        with (self.root / "paper_lists" / folder / "ICML_2020.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for id_ in ids:
                writer.writerow(
                    ["ICML", 2020, f"{id_}.pdf", f"Title of {id_}", "Ann, Bob", "None", f"https://x.org/{id_}"]
                )


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clone")


def imported(clone: Clone) -> tuple[dict[str, dict[str, Any]], Any]:
    out = clone.root.parent / "out.parquet"
    report, _ = import_to_parquet(clone.root, out)
    return {row["id"]: row for row in pq.read_table(out).to_pylist()}, report


def test_keys_get_their_right_names_and_lists_their_columns(clone: Clone) -> None:
    clone.listed("a")
    one = answers(train={"result": 1, "paper_text": "MNIST"}, validation={"result": 1, "paper_text": "80/20"})
    clone.raw("ICML_2020_1_1.json", {"a": one})
    rows, report = imported(clone)
    assert rows["a"]["open_datasets"] == 1
    assert rows["a"]["open_datasets_text"] == "MNIST"
    assert rows["a"]["dataset_splits_text"] == "80/20"
    assert rows["a"]["title"] == "Title of a"
    assert rows["a"]["url"] == "https://x.org/a"
    assert (rows["a"]["venue"], rows["a"]["year"], rows["a"]["model"]) == ("ICML", 2020, "gemini-2.5-flash")
    assert json.loads(rows["a"]["parameters"]) == {"temperature": "-1"}
    assert report.odd == []


def test_excluded_papers_are_left_out_and_counted(clone: Clone) -> None:
    clone.listed("a", "b", "never-assessed")
    clone.listed("b", "not-here", folder="excluded_papers")
    clone.raw("ICML_2020_1_2.json", {"a": answers(), "b": answers()})
    rows, report = imported(clone)
    assert set(rows) == {"a"}
    assert (report.papers, report.excluded, report.unassessed) == (1, 1, 1)


def test_everything_odd_is_reported(clone: Clone) -> None:
    clone.listed("minus", "word", "lacks", "error", "fixed", "twice")
    clone.raw(
        "ICML_2020_1_6.json",
        {
            "minus": answers(affiliation={"result": -1, "paper_text": ""}),
            "word": answers(
                pseudocode={"result": "1", "paper_text": "x"}, train={"result": "maybe", "paper_text": "x"}
            ),
            "lacks": {key: value for key, value in answers().items() if key != "validation"},
            "error": "cannot unpack non-iterable NoneType object",
            "fixed": {"research_type": {"result": 0, "paper_text": ""}},
            "twice": answers(),
            "stranger": answers(),
        },
    )
    clone.raw(
        "ICML_2020_errors.json", {"fixed": answers(), "twice": answers(pseudocode={"result": 1, "paper_text": "2"})}
    )
    clone.raw("ICML_2020_1_6.json.errors", {"fixed": "timed out"})
    clone.raw("ICML_2020_7_9.json", '{"cut": {"research_type": ')
    clone.raw("ICML_2020_10_11.json", "[1, 2]")
    rows, report = imported(clone)
    kinds = {(odd.kind, odd.id) for odd in report.odd}
    assert {
        ("odd_value", "minus"),
        ("odd_value", "word"),
        ("missing_answer", "lacks"),
        ("entry_not_an_object", "error"),
        ("repaired", "fixed"),
        ("duplicate", "twice"),
        ("not_listed", "stranger"),
        ("broken_json", None),
    } <= kinds
    assert sum(odd.kind == "broken_json" for odd in report.odd) == 2
    assert rows["minus"]["affiliation"] == -1
    assert (rows["word"]["pseudocode"], rows["word"]["open_datasets"]) == (1, -1)
    assert rows["lacks"]["dataset_splits"] == -1
    assert rows["twice"]["pseudocode"] == 1, "the later run wins"
    assert rows["fixed"]["experiment_setup"] == 0
    assert "error" not in rows


def test_a_missing_list_is_reported_and_the_papers_are_kept(clone: Clone) -> None:
    clone.raw("ICML_2020_1_1.json", {"a_nice_title__00ff": answers()})
    rows, report = imported(clone)
    assert [odd.kind for odd in report.odd] == ["missing_list"]
    assert rows["a_nice_title__00ff"]["title"] == "a nice title"


def test_importing_twice_changes_nothing(clone: Clone) -> None:
    clone.listed("a")
    clone.raw("ICML_2020_1_1.json", {"a": answers()})
    out = clone.root.parent / "out.parquet"
    assert import_to_parquet(clone.root, out)[1]
    before = out.stat().st_mtime_ns, out.read_bytes()
    assert not import_to_parquet(clone.root, out)[1]
    assert (out.stat().st_mtime_ns, out.read_bytes()) == before
    assert [path.name for path in out.parent.iterdir() if path.is_file()] == ["out.parquet"]


def test_nothing_to_import_leaves_the_old_file(clone: Clone, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    out.write_text("old")
    clone.listed("a")
    clone.raw("ICML_2020_1_1.json", "{")
    with pytest.raises(OpenbookError, match="is not JSON"):
        import_to_parquet(clone.root, out)
    assert out.read_text() == "old"
    with pytest.raises(OpenbookError, match="not a clone"):
        import_to_parquet(tmp_path / "nowhere", out)


def test_emails_are_masked_and_measures_are_not() -> None:
    assert mask_emails("ann.b@cs.uni.edu and {x, y}@uni.org") == "<EMAIL> and <EMAIL>"
    kept = "pass@1, BLEU@4, UAV123@10fps, git@github.com:a/b, R@10"
    assert mask_emails(kept) == kept


@given(st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8})?@[a-z]{1,8}\.(edu|com|org)", fullmatch=True), st.text(max_size=20))
def test_no_address_survives(address: str, around: str) -> None:
    assert address not in mask_emails(f"{around.replace('@', '')} {address} {around.replace('@', '')}")


def test_the_command_prints_one_object(clone: Clone, tmp_path: Path) -> None:
    clone.listed("a")
    clone.raw("ICML_2020_1_1.json", {"a": answers()})
    arguments = ["import", "coakley2026", str(clone.root), "--out", str(tmp_path / "o.parquet"), "--json"]
    report = json.loads(CliRunner().invoke(app, arguments).stdout)
    assert (report["papers"], report["excluded"], report["odd"]) == (1, 0, [])
    assert report["seconds"] > 0


@pytest.mark.data
def test_the_published_slice_equals_the_published_table(index_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "slice.parquet"
    report, _ = import_to_parquet(index_data / "raw_sample", out)
    assert (report.papers, report.excluded, report.odd) == (288, 33, [])
    published = pq.read_table(index_data / "records.parquet")
    ours = pq.read_table(out).select(published.column_names)
    ids = ours["id"].to_pylist()
    same = published.filter(pc.is_in(published["id"], value_set=pa.array(ids, pa.large_string())))
    rows = {row["id"]: row for row in same.to_pylist()}
    assert ours.to_pylist() == [rows[id_] for id_ in ids]


def test_settings_are_no_papers() -> None:
    assert {"model", "prompt", "questions", "evaluation_seconds"} <= SETTINGS
