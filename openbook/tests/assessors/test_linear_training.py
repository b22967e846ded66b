"""Training: on a tiny invented corpus, end to end by the command, and the README's figures on the real one."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from openbook.assessors.linear.assessor import LinearAssessor
from openbook.assessors.linear.corpus import UNKNOWN, gold_places, load_corpus, located, quoted_sentences, sentence_key
from openbook.assessors.linear.evaluation import agreement
from openbook.assessors.linear.examples import Settings
from openbook.assessors.linear.model import TARGETS, load_model
from openbook.assessors.linear.training import _standardised, fold_numbers, stratified_folds, train
from openbook.assessors.linear.weight_files import CARD_FILE, SHIPPED, WEIGHTS_FILE
from openbook.cli import app
from openbook.errors import OpenbookError
from openbook.papers.reading import read_text
from openbook.variables import SCORED

STATEMENTS = {
    "pseudocode": "Algorithm 1 Sorting shelves of {n} books",
    "open_source_code": "Our source code for shelf {n} is available at https://github.com/quill/shelf{n}.",
    "open_datasets": "We use the MNIST dataset (LeCun et al., 1998) and {n} others.",
    "dataset_splits": "We split the data into {n} training and 20 test examples.",
    "hardware_specification": "All runs took {n} hours on an Intel Xeon CPU at 2.4 GHz.",
    "software_dependencies": "Everything was written in Python 2.7 with NumPy 1.{n}.",
    "experiment_setup": "We set the learning rate to 0.{n} and the batch size to {n}.",
}
PROSE = (
    "Shelf number {n} is long and made of oak.",
    "We study how whispers travel along shelf {n} in winter.",
    "The librarian of room {n} prefers tea to coffee in the morning.",
    "Earlier work on room {n} looked at silence and at dust.",
    "Nobody has yet asked whether the ladders of house {n} creak more often at night than they do at noon.",
    "This matters to readers who sleep in chair {n}, and to the cats that sit on top of them all day long.",
)


def _record(name: str, place: int, random: np.random.Generator) -> tuple[dict[str, Any], str]:
    row: dict[str, Any] = {"id": name, "year": 2015, "affiliation": place % 3, "research_type": 0}
    row["affiliation_text"] = ("University of Eastvale", "Google and University of Eastvale", "Google Inc.")[place % 3]
    row["research_type_text"] = "We evaluate the method in experiments on shelves."
    body = [line.format(n=place) for line in PROSE]
    for variable in SCORED:
        row[variable] = int(random.random() < 0.5)
        sentence = STATEMENTS[variable].format(n=10 + place)
        row[variable + "_text"] = sentence if row[variable] else "The paper does not say anything about this."
        body += [sentence] * row[variable]
    return row, "On Shelves\n\n" + row["affiliation_text"] + "\n\nAbstract\n\n" + "\n\n".join(body * 4)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An index of 90 records, and 40 of their papers."""
    folder = tmp_path_factory.mktemp("tiny")
    random = np.random.default_rng(0)
    made = [_record(f"paper_{place}", place, random) for place in range(90)]
    pq.write_table(pa.Table.from_pylist([row for row, _ in made]), folder / "records.parquet")
    papers = [{"id": row["id"], "text": text} for row, text in made[:40]]
    pq.write_table(pa.Table.from_pylist(papers), folder / "papers.parquet")
    return folder / "records.parquet", folder / "papers.parquet"


def _train(tiny: tuple[Path, Path], *more: str) -> Any:
    arguments = [
        "train-linear",
        "--records",
        str(tiny[0]),
        "--papers",
        str(tiny[1]),
        "--folds",
        "3",
        "--draws",
        "20",
        *more,
    ]
    return CliRunner().invoke(app, arguments)


def test_the_command_trains_measures_and_the_result_answers(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    done = _train(tiny, "--out", str(tmp_path / "weights"), "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout, parse_constant=pytest.fail)
    assert result["agreement"]["variables"]["theoretical"]["kappa"] is None, "no paper of the tiny index is"
    assert result["papers"] == 40
    for variable in SCORED:
        assert result["agreement"]["variables"][variable]["kappa"] > 0.7
    assert sorted(path.name for path in (tmp_path / "weights").iterdir()) == [CARD_FILE, WEIGHTS_FILE]
    linear = LinearAssessor(tmp_path / "weights")
    _, text = _record("new", 77, np.random.default_rng(5))
    answers = linear.assess(read_text(text, "new.txt"))
    row, _ = _record("new", 77, np.random.default_rng(5))
    assert [answers[variable].result for variable in SCORED] == ["yes" if row[name] else "no" for name in SCORED]


def test_the_same_seed_gives_the_same_weights(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert _train(tiny, "--out", str(tmp_path / name)).exit_code == 0
    assert (tmp_path / "one" / WEIGHTS_FILE).read_bytes() == (tmp_path / "two" / WEIGHTS_FILE).read_bytes()


def test_measuring_alone_writes_nothing(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    done = _train(tiny, "--cross-validate", "--out", str(tmp_path / "none"))
    assert done.exit_code == 0
    assert "mean over the seven" in done.stdout
    assert not (tmp_path / "none").exists()


def test_labels_of_the_corpus(tiny: tuple[Path, Path]) -> None:
    corpus = load_corpus(tiny[0], [tiny[1]], quotes=50)
    assert len(corpus.ids) == 40
    assert not any("does not say" in quote for quote in corpus.quotes)
    for answers, paper, row in zip(corpus.answers, corpus.papers, corpus.quoted, strict=True):
        texts = [paper.words(sentence) for sentence in paper.sentences]
        assert row is not None
        labels = located(row, texts)
        for target, variable in enumerate(SCORED):
            start = STATEMENTS[variable].split("{", maxsplit=1)[0]
            for text, label in zip(texts, labels[:, target], strict=True):
                expected = 0 if not answers[target] else 1 if text.startswith(start) else UNKNOWN
                assert label == expected, (variable, text)


def test_no_quote_comes_from_a_paper_that_is_given_whole(tiny: tuple[Path, Path]) -> None:
    corpus = load_corpus(tiny[0], [tiny[1]], quotes=1000)
    texts = {paper.words(sentence) for paper in corpus.papers for sentence in paper.sentences}
    whole = {text for text in texts if any(digit in text for digit in "123456789")}
    assert whole.isdisjoint(corpus.quotes)


def test_a_response_is_taken_apart() -> None:
    assert quoted_sentences("We set k to 5 in all runs. The step is 0.1 throughout. [...] Runs are repeated.") == (
        ["We set k to 5 in all runs.", "The step is 0.1 throughout.", "Runs are repeated."]
    )
    assert quoted_sentences("The paper does not name any hardware.") == []


@pytest.mark.parametrize("count", [7, 40])
def test_folds_are_a_partition_and_stratified(count: int) -> None:
    truth = np.arange(count) % 5 == 0
    folds = stratified_folds(truth, 4, seed=3)
    assert sorted(np.concatenate(folds)) == list(range(count))
    positives = [int(truth[fold].sum()) for fold in folds]
    assert max(positives) - min(positives) <= 1
    numbers = fold_numbers(count, 3, seed=1)
    assert max(np.bincount(numbers)) - min(np.bincount(numbers)) <= 1


def test_a_paper_layer_separates_and_keeps_its_features_in_bounds() -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(4000, 3)).astype(np.float32)
    truth = (random.random(4000) < 1 / (1 + np.exp(-2 * inputs[:, 0] + 1))).astype(np.int8)
    layer = _standardised(inputs[:2000], truth[:2000], 1.0, None)
    probability = np.array([layer.probability(row) for row in inputs[2000:]])
    for low in (0.0, 0.25, 0.5, 0.75):
        there = (probability >= low) & (probability < low + 0.25)
        assert abs(truth[2000:][there].mean() - probability[there].mean()) < 0.06


def _gold(tiny: tuple[Path, Path], path: Path, *, text: bool) -> Path:
    """Labels of the statements of the tiny papers: each proves what it is made for."""
    rows = []
    for row in pq.read_table(tiny[1]).to_pylist():
        for variable, statement in STATEMENTS.items():
            for sentence in row["text"].split("\n\n"):
                if sentence.startswith(statement.split("{", maxsplit=1)[0]):
                    label = {name: name == variable for name in SCORED}
                    said = {"sentence": sentence} if text else {"key": sentence_key(sentence)}
                    rows.append({"paper": row["id"], **said, **label, "sure": True})
    if text:
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(
                {name: int(value) if value in (True, False) else value for name, value in row.items()} for row in rows
            )
    return path


@pytest.mark.parametrize("text", [True, False])
def test_labelled_sentences_are_learned_and_evidence_is_measured(
    tiny: tuple[Path, Path], tmp_path: Path, text: bool
) -> None:
    gold = _gold(tiny, tmp_path / ("gold.parquet" if text else "gold.csv"), text=text)
    done = _train(tiny, "--gold", str(gold), "--cross-validate", "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["sentences"] > 100
    total = result["evidence"]["all"]
    assert total["yes"] > 50
    assert total["first_quote_proves"] > 0.9
    assert result["calibration"]["bins"]


def test_a_later_label_wins_and_unlabelled_variables_stay(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    gold = _gold(tiny, tmp_path / "gold.parquet", text=True)
    name = pq.read_table(gold).to_pylist()[0]
    later = tmp_path / "later.csv"
    later.write_text(f"paper,sentence,pseudocode\n{name['paper']},{name['sentence']},{int(not name['pseudocode'])}\n")
    corpus = load_corpus(tiny[0], [tiny[1]], [gold, later], quotes=5)
    place = corpus.ids.index(name["paper"])
    texts = [corpus.papers[place].words(sentence) for sentence in corpus.papers[place].sentences]
    found = gold_places(texts, corpus.gold[place])
    item = next(one for at, one in found.items() if texts[at] == name["sentence"])
    assert item.proves.tolist() == [int(not name["pseudocode"]), *(int(name[variable]) for variable in SCORED[1:])]


def test_agreement_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import cohen_kappa_score, f1_score, precision_score, recall_score, roc_auc_score

    random = np.random.default_rng(2)
    truth, probability = random.integers(0, 2, 60), random.random(60).round(1)
    ours = agreement(truth, probability >= 0.4, probability)
    assert ours["kappa"] == pytest.approx(cohen_kappa_score(truth, probability >= 0.4))
    assert ours["auc"] == pytest.approx(roc_auc_score(truth, probability))
    for name, theirs in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
        assert ours[name] == pytest.approx(theirs(truth, probability >= 0.4))


def test_wrong_input_is_named(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    absent = CliRunner().invoke(app, ["train-linear", "--records", str(tmp_path / "no.parquet")])
    assert isinstance(absent.exception, OpenbookError)
    assert "no.parquet" in str(absent.exception)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 this is not")
    with pytest.raises(OpenbookError, match=r"broken\.parquet"):
        load_corpus(broken, [tiny[1]], quotes=5)
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "few.parquet")
    with pytest.raises(OpenbookError, match="lacks the column text"):
        load_corpus(tiny[0], [tmp_path / "few.parquet"], quotes=5)
    pq.write_table(pa.table({"id": ["a"], "text": ["b"]}), tmp_path / "strangers.parquet")
    with pytest.raises(OpenbookError, match="ids must agree"):
        load_corpus(tiny[0], [tmp_path / "strangers.parquet"], quotes=5)
    assert _train(tiny, "--folds", "1").exit_code == 2


def test_broken_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match=r"linear\.json is missing"):
        load_model(tmp_path)
    (tmp_path / CARD_FILE).write_text((SHIPPED / CARD_FILE).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / WEIGHTS_FILE).write_bytes((SHIPPED / WEIGHTS_FILE).read_bytes()[:-10])
    with pytest.raises(OpenbookError, match="not the file its card describes"):
        load_model(tmp_path)
    card = json.loads((SHIPPED / CARD_FILE).read_text(encoding="utf-8"))
    (tmp_path / CARD_FILE).write_text(json.dumps({**card, "format": 0}), encoding="utf-8")
    with pytest.raises(OpenbookError, match="another version"):
        load_model(tmp_path)
    (tmp_path / CARD_FILE).write_text("{", encoding="utf-8")
    with pytest.raises(OpenbookError, match="cannot be read"):
        load_model(tmp_path)


def test_the_card_says_how_the_weights_were_made() -> None:
    card = json.loads((SHIPPED / CARD_FILE).read_text(encoding="utf-8"))
    assert {"trained", "data", "labels", "settings", "versions", "agreement", "targets"} <= set(card)
    assert (SHIPPED / WEIGHTS_FILE).stat().st_size < 5_000_000
    assert tuple(card["targets"]) == TARGETS


@pytest.mark.data
@pytest.mark.slow
def test_the_published_figures_hold_on_fewer_papers_and_quotes(shared_data: Path, tmp_path: Path) -> None:
    """A sixth of the papers and a tenth of the quotes: worse than the published table, in the same region."""
    papers = pq.read_table(shared_data / "papers" / "text.parquet", columns=["id", "text"]).slice(0, 100)
    pq.write_table(papers, tmp_path / "papers.parquet")
    few = Settings(quotes=1500, least=4)
    measured = train(
        shared_data / "index" / "records.parquet",
        tmp_path / "papers.parquet",
        None,
        [shared_data / "gold" / "sentences.parquet"],
        folds=3,
        settings=few,
        draws=30,
        measure_only=True,
    )
    assert measured["agreement"]["mean_over_seven"]["kappa"]["value"] > 0.5
    assert measured["agreement"]["mean_over_seven"]["auc"]["value"] > 0.8
    assert measured["evidence"]["all"]["first_quote_proves"] > 0.75
