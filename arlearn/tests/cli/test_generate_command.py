"""``arlearn generate`` on a small model of text and on models of tasks."""

import json
import os
import subprocess
import sys

import pytest
import torch
from typer.testing import CliRunner

from arlearn.cli import app
from arlearn.errors import ArlearnError
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.saving import save_predictor
from arlearn.tokens import BytePair

runner = CliRunner()


@pytest.fixture(scope="module")
def text_model(tmp_path_factory):
    place = tmp_path_factory.mktemp("text")
    vocabulary = BytePair.train(["the cat sat on the mat — déjà vu. "] * 20, 300)
    vocabulary.save(place / "tokenizer.json")
    predictor = LinearPredictor.build(vocabulary.size, 8, 8, seed=3)
    card = {
        "task": {"kind": "text", "configuration": {}},
        "tokenizer": {"file": "tokenizer.json", "sha256": vocabulary.sha256},
    }
    save_predictor(predictor, place, card)
    return place


def run(*arguments, **more):
    result = runner.invoke(app, ["generate", *map(str, arguments)], **more)
    if isinstance(result.exception, ArlearnError):
        raise result.exception
    return result


def test_text(text_model):
    shown = run(text_model, "--prompt", "the cat", "--tokens", 12, "--seed", 4)
    assert shown.exit_code == 0
    assert shown.stdout.startswith("the cat")
    silent = run(text_model, "--prompt", "the cat", "--tokens", 12, "--seed", 4, "--no-stream")
    assert silent.stdout == shown.stdout
    found = json.loads(run(text_model, "--prompt", "the cat", "--tokens", 12, "--seed", 4, "--json").stdout)
    assert "the cat" + found["text"] + "\n" == shown.stdout
    assert (found["temperature"], found["seed"], found["prompt"]) == (0.5, 4, "the cat")
    assert 0 < found["tokens"] <= 12


def test_several_samples_and_standard_input(text_model):
    found = json.loads(run(text_model, "--prompt", "-", "--samples", 3, "--tokens", 9, "--json", input="the\n").stdout)
    assert found["prompt"] == "the"
    assert len({sample["text"] for sample in found["samples"]}) > 1
    first = json.loads(run(text_model, "--prompt", "the", "--tokens", 9, "--json").stdout)
    assert first["text"] == found["samples"][0]["text"]
    shown = run(text_model, "--prompt", "the", "--samples", 2, "--tokens", 9).stdout
    assert shown.count("--- ") == 2


def test_a_prompt_longer_than_the_context(text_model):
    assert run(text_model, "--prompt", "the cat sat on the mat " * 9, "--tokens", 5).exit_code == 0


@pytest.mark.parametrize(
    "wrong", [["--tokens", "0"], ["--temperature", "-1"], ["--top-k", "0"], ["--top-p", "1.5"], ["--samples", "x"]]
)
def test_wrong_usage(text_model, wrong):
    assert run(text_model, *wrong).exit_code == 2


def test_bad_input(text_model, tmp_path):
    with pytest.raises(ArlearnError, match="no model in"):
        run(tmp_path)
    save_predictor(LinearPredictor.build(9, 3, 2), tmp_path, {})
    with pytest.raises(ArlearnError, match="names no tokenizer"):
        run(tmp_path)
    other = BytePair.train(["other words entirely"], 300)
    (tmp_path / "m").mkdir()
    other.save(tmp_path / "m" / "tokenizer.json")
    card = json.loads((text_model / "card.json").read_text())
    save_predictor(LinearPredictor.build(300, 3, 2), tmp_path / "m", {k: card[k] for k in ("task", "tokenizer")})
    with pytest.raises(ArlearnError, match="not the tokenizer that the card names"):
        run(tmp_path / "m")
    with pytest.raises(ArlearnError, match="top-p"):
        run(text_model, "--top-p", "0")


def test_a_process_prints_one_line_and_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "arlearn.cli", "generate", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("arlearn: there is no model")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


class TestTasks:
    """A compiled program answers by its chain of thought, the answer alone on the last line."""

    @pytest.fixture(scope="class")
    def product(self, tmp_path_factory):
        place = tmp_path_factory.mktemp("program") / "m2"
        assert runner.invoke(app, ["compile", "multiplication", "--digits", "2", "--out", str(place)]).exit_code == 0
        return place

    def test_answer_on_the_last_line(self, product):
        for more in ([], ["--no-stream"]):
            lines = run(product, "--prompt", "12 x 34", *more).stdout.splitlines()
            assert len(lines) == 2
            assert lines[0].split()[:2] == ["1", "2"]
            assert lines[1] == "408"
        found = json.loads(run(product, "--prompt", "12 x 34", "--json").stdout)
        assert found["answer"] == "408"
        assert found["temperature"] == 0
        assert len(found["chain"]) == found["tokens"]

    def test_a_chain_cut_short_has_no_answer(self, product):
        result = run(product, "--prompt", "12 x 34", "--tokens", 2)
        assert len(result.stdout.splitlines()) == 1
        assert "no answer yet" in result.stderr

    def test_a_question_must_be_asked(self, product):
        with pytest.raises(ArlearnError, match="give one with --prompt"):
            run(product)
        with pytest.raises(ArlearnError):
            run(product, "--prompt", "twelve")

    def test_a_machine_without_input_needs_no_prompt(self, tmp_path):
        made = runner.invoke(app, ["compile", "turing", "busy-beaver-2", "--out", str(tmp_path / "bb")])
        if made.exit_code != 0:
            made = runner.invoke(app, ["compile", "turing", "busy-beaver-4", "--out", str(tmp_path / "bb")])
        assert made.exit_code == 0
        assert run(tmp_path / "bb").stdout.splitlines()[-1].startswith("halted: ")


class TestUniversal:
    @pytest.fixture(scope="class")
    def universal(self, tmp_path_factory):
        out = tmp_path_factory.mktemp("universal") / "u"
        made = runner.invoke(
            app, ["compile", "universal", "--states", "4", "--cells", "16", "--out", str(out), "--json"]
        )
        assert made.exit_code == 0
        report = json.loads(made.stdout)
        assert (report["passes"], report["period"], report["context"]) == ("any", 33, None)
        told = json.loads((out / "card.json").read_text())["program"]
        assert (told["passes"], told["period"], told["tokens_per_step"]) == ("any", 33, 33)
        assert told["parameters"] == report["parameters"]
        return out

    def test_a_program_is_a_prompt(self, universal):
        assert run(universal, "--machine", "busy-beaver-4").stdout.splitlines()[-1] == "halted: 107 steps, 13 ones"
        found = json.loads(run(universal, "--machine", "1RB1LB_1LA1RH", "--json").stdout)
        assert found["answer"] == "halted: 6 steps, 4 ones"
        assert found["tokens"] == 6 * 33 + 1
        short = run(universal, "--machine", "busy-beaver-4", "--tokens", 40)
        assert short.stdout.splitlines()[-1].startswith("not halted: 1 steps")

    def test_a_machine_file_with_a_tape_and_a_trace(self, universal, tmp_path):
        file = tmp_path / "flip.toml"
        file.write_text(
            'start = "go"\nblank = "0"\ninput = "1"\nhalt = ["done"]\nreport = "tape"\n'
            '[transitions.go]\n"1" = "0 R go"\n"0" = "1 S done"\n'
        )
        result = run(universal, "--machine", file, "--tape", "111", "--trace")
        assert result.stdout.splitlines()[-1] == "halted: 4 steps, 1 ones, tape 1"
        assert "goes(before.found.D1)" in result.stdout

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--machine", "palindromes"), "it has 7 states, the model is for 4; it has 3 symbols, the model is for 2"),
            (("--machine", "no-such-machine"), "there is no file 'no-such-machine'"),
            (("--machine", "busy-beaver-4", "--tape", "2"), "symbols that the machine does not know: 2"),
            (("--machine", "busy-beaver-4", "--prompt", "1"), "not both"),
            (("--tape", "1"), "name the machine with --machine"),
            (("--prompt", "hello"), "'hello' is not a machine"),
            ((), "give a Turing machine with --machine"),
        ],
    )
    def test_what_is_no_machine_is_refused(self, universal, arguments, said):
        with pytest.raises(ArlearnError) as error:
            run(universal, *arguments)
        assert said in str(error.value)

    def test_other_models_run_no_machines(self, tmp_path):
        out = tmp_path / "countdown"
        assert runner.invoke(app, ["compile", "program", "countdown", "--out", str(out)]).exit_code == 0
        with pytest.raises(ArlearnError, match="is not a universal machine"):
            run(out, "--machine", "busy-beaver-4")

    def test_it_is_not_evaluated_on_runs_that_may_never_end(self, universal):
        with pytest.raises(ArlearnError, match="may never end"):
            runner.invoke(app, ["evaluate", str(universal)], catch_exceptions=False)


def test_a_step_is_cheap_where_few_blocks_exist():
    """Only the row's blocks are read, so an empty row costs nothing but the head, whatever the context."""
    from arlearn.predictors.maps.blocks import BlocksMap

    map = BlocksMap(500, 4, 3, [(499, 0), (499, 250)])
    torch.nn.init.normal_(map.weight)
    predictor = LinearPredictor(torch.randn(9, 4), map, torch.randn(9, 3))
    tokens = torch.randint(9, (2, 500))
    logits, _ = predictor.prefill(predictor.start(2), tokens)
    assert map.sources(499) == [0, 250]
    torch.testing.assert_close(logits, predictor(tokens)[:, -1])
