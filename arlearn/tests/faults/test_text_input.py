"""What users give that is no good text, vocabulary or size: one line, no traceback, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from typer.testing import CliRunner

from arlearn.cli import app
from arlearn.errors import ArlearnError
from arlearn.evaluation.exact_match import read_pairs
from arlearn.evaluation.perplexity import measure_text
from arlearn.predictors.saving import load_predictor
from arlearn.tasks.arithmetic import AdditionTask
from arlearn.tasks.text_files import TextFile, tokenise_in_memory
from arlearn.tokens import BytePair
from arlearn.training.progress import Reporter
from arlearn.training.recipe import load_recipe
from arlearn.training.run import run

TEXT = "Lily saw a red ball.\n\nShe was  happy, and Ben was too."
QUIET = Reporter(quiet=True)


def word_level() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator([TEXT], trainers.WordLevelTrainer(vocab_size=20, special_tokens=["[UNK]"]))
    return tokenizer


def lower_case() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator([TEXT], trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[UNK]"]))
    return tokenizer


def collapsed_spaces() -> Tokenizer:
    tokenizer = byte_level()
    tokenizer.normalizer = normalizers.Replace("  ", " ")
    return tokenizer


def byte_level() -> Tokenizer:
    return Tokenizer.from_str(BytePair.train([TEXT] * 5, 300).to_bytes().decode())


def metaspace(extra: str = "") -> Tokenizer:
    """Pieces with the space written into the word that follows it, as SentencePiece has them."""
    letters = sorted({*TEXT.replace(" ", "▁"), "▁", *extra})
    merges = [("▁", "w"), ("▁w", "a"), ("▁wa", "s")]
    vocabulary = {word: number for number, word in enumerate([*letters, "▁w", "▁wa", "▁was"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    return tokenizer


def with_ids(tokenizer: Tokenizer, renumber) -> BytePair:
    content = json.loads(tokenizer.to_str())
    content["model"]["vocab"] = {word: renumber(token) for word, token in content["model"]["vocab"].items()}
    return BytePair.from_bytes(json.dumps(content).encode())


@pytest.mark.parametrize("make", [word_level, lower_case, collapsed_spaces])
def test_a_vocabulary_that_loses_text_is_refused_for_text(make, tmp_path: Path) -> None:
    make().save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "text.txt").write_text(TEXT)
    lossy = BytePair.load(tmp_path / "tokenizer.json")
    with pytest.raises(ArlearnError, match="the vocabulary is invalid for this text: in a story, "):
        tokenise_in_memory(TextFile.at(tmp_path / "text.txt"), lossy)
    recipe = load_recipe("tinystories-cpu").with_inputs(tmp_path / "text.txt", str(tmp_path / "tokenizer.json"))
    with pytest.raises(ArlearnError, match="--tokenizer train"):
        run(recipe.with_changes(["steps=1", "context=4"]), tmp_path / "run", QUIET)
    assert not (tmp_path / "run").exists()


def test_one_that_keeps_it_is_taken_whatever_its_kind(tmp_path: Path) -> None:
    for number, tokenizer in enumerate((byte_level(), metaspace())):
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        text = tmp_path / "text.txt"
        text.write_text(TEXT.replace("\n\n", " ") if number else TEXT)
        recipe = load_recipe("tinystories-cpu").with_inputs(text, str(tmp_path / "tokenizer.json"))
        out = tmp_path / str(number)
        run(recipe.with_changes(["steps=1", "context=4", "width=4"]), out, QUIET)
        predictor, card = load_predictor(out)
        assert measure_text(out, predictor, card, text)["bytes"] == len(text.read_bytes())
        bad = tmp_path / "other.txt"
        bad.write_text("Ŵ")
        if number:  # this text it does not keep
            with pytest.raises(ArlearnError, match="'Ŵ' comes back as"):
                measure_text(out, predictor, card, bad)


def test_ids_with_gaps_give_a_model_of_the_right_size(tmp_path: Path) -> None:
    gaps = with_ids(byte_level(), lambda token: token if token < 200 else token + 100)
    assert gaps.size == BytePair(byte_level()).size + 100
    assert max(gaps.encode(TEXT)) >= 300
    gaps.save(tmp_path / "gaps.json")
    (tmp_path / "text.txt").write_text(TEXT)
    recipe = load_recipe("tinystories-cpu").with_inputs(tmp_path / "text.txt", str(tmp_path / "gaps.json"))
    run(recipe.with_changes(["steps=1", "context=4", "width=4"]), tmp_path / "run", QUIET)
    assert load_predictor(tmp_path / "run")[0].vocabulary == gaps.size


def test_ids_far_beyond_the_number_of_tokens_are_refused() -> None:
    for far in (65_536, 2**31):
        with pytest.raises(ArlearnError, match=r"tokens have ids up to [\d,]+, so most rows"):
            with_ids(byte_level(), lambda token, far=far: token if token < 200 else token + far)


def test_two_tokens_with_one_id_are_refused() -> None:
    with pytest.raises(ArlearnError, match="both have the id"):
        BytePair(with_a_shared_id())


def with_a_shared_id() -> Tokenizer:
    """Ids with a gap and no pad: the one that is added gets the number of tokens as its id, which a token has."""
    content = json.loads(byte_level().to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] != "<|pad|>"]
    words = [word for word in content["model"]["vocab"] if word != "<|pad|>"]
    gap = len(words)  # the id that the pad will get
    content["model"]["vocab"] = {
        word: number if number < 200 else number + gap - 200 for number, word in enumerate(words)
    }
    return Tokenizer.from_str(json.dumps(content))


@pytest.mark.parametrize("make", [byte_level, metaspace, lower_case])
def test_new_tokens_are_decoded_with_what_stands_before_them(make) -> None:
    vocabulary = BytePair(make())
    text = "Ben was happy, and Lily was too."
    text = vocabulary.decode(vocabulary.encode(text))
    tokens = vocabulary.prompt(text)
    for cut in range(1, len(tokens)):
        before = vocabulary.decode(tokens[:cut])
        assert before + vocabulary.added(tokens[:cut], tokens[cut:]) == text


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    (tmp_path / "text.txt").write_bytes(mark + TEXT.encode())
    assert list(TextFile.at(tmp_path / "text.txt").stories()) == [TEXT]
    (tmp_path / "pairs.txt").write_bytes(mark + b"12 34\n")
    assert read_pairs(tmp_path / "pairs.txt", AdditionTask(2, "linear"), True).tolist() == [[12, 34]]
    (tmp_path / "recipe.toml").write_bytes(mark + load_recipe("tinystories-cpu").to_toml().encode())
    assert load_recipe(tmp_path / "recipe.toml").task["kind"] == "text"
    (tmp_path / "tokenizer.json").write_bytes(mark + byte_level().to_str().encode())
    assert BytePair.load(tmp_path / "tokenizer.json").encode("was") == BytePair(byte_level()).encode("was")


@pytest.mark.parametrize("span", ["word", "sentence"])
@pytest.mark.parametrize("letters", ["ab", "a", " ", "1", "!", "é"])
def test_an_endless_word_does_not_hang_the_learning_of_a_vocabulary(span, letters) -> None:
    text = "".join(letters[number * number % 7 % len(letters)] for number in range(300_000))
    vocabulary = BytePair.train([text, TEXT], 300, span)  # minutes where runs are not cut
    part = text[:5000]
    assert vocabulary.decode(vocabulary.encode(part)) == part


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("model")
    (place / "text.txt").write_text(TEXT)
    recipe = load_recipe("tinystories-cpu").with_inputs(place / "text.txt", None)
    run(recipe.with_changes(["steps=2", "context=4", "width=4", "vocabulary=300"]), place / "run", QUIET)
    return place / "run"


def command(*arguments: object, **more: object) -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, "-m", "arlearn.cli", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, check=False, timeout=120, **more)  # type: ignore[call-overload]


def test_a_prompt_that_is_not_utf8_is_one_line(model: Path) -> None:
    for name in ("generate", "explain"):
        result = CliRunner().invoke(app, [name, str(model), "--prompt", "-"], input=b"caf\xe9")
        assert isinstance(result.exception, ArlearnError)
        assert "the prompt is not UTF-8 text" in str(result.exception)
        result = CliRunner().invoke(app, [name, str(model), "--prompt", "caf\udce9"])
        assert "the prompt is not UTF-8 text" in str(result.exception)
    done = command("generate", model, "--prompt", os.fsdecode(b"caf\xe9"))
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "arlearn: the prompt is not UTF-8 text; convert it first, with iconv for example"
    ]
    with pytest.raises(ArlearnError, match="not UTF-8"):
        BytePair(byte_level()).encode("caf\udce9")


def test_more_memory_than_there_is_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    done = command(
        *("train", "tinystories-cpu", "--data", tmp_path / "text.txt", "--out", tmp_path / "run"),
        *("--set", "width=3000000", "--set", "steps=1", "--set", "context=4", "--set", "vocabulary=300"),
    )
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1].startswith("arlearn: there is not enough memory")
    assert "Traceback" not in done.stderr.decode()


def test_sigterm_exits_with_143_and_leaves_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    line = [sys.executable, "-m", "arlearn.cli", "train", "tinystories-cpu", "--data", str(tmp_path / "text.txt")]
    changes = ["steps=1000000", "context=4", "width=4", "vocabulary=300", "max_minutes=none", "batch=2"]
    line += ["--out", str(tmp_path / "run"), *(part for change in changes for part in ("--set", change))]
    started = subprocess.Popen(line, stderr=subprocess.PIPE)
    until = time.monotonic() + 100
    metrics = tmp_path / "run" / "metrics.csv"
    while time.monotonic() < until and not (metrics.is_file() and metrics.stat().st_size > 200):
        time.sleep(0.1)
    started.send_signal(signal.SIGTERM)
    _, said = started.communicate(timeout=60)
    assert started.returncode == 143, said
    assert said.decode().splitlines()[-1] == "arlearn: terminated"
    assert list((tmp_path / "run" / "checkpoints").iterdir())


def test_faults_of_different_kinds_are_told_at_once(tmp_path: Path) -> None:
    changes = ["lerning_rate=1", "batch=many", "steps=none", "epochs=none", "max_minutes=none", "final=2"]
    arguments = ["train", "tinystories-cpu", "--data", str(tmp_path / "absent.txt"), "--tokenizer", "absent.json"]
    arguments += ["--out", str(tmp_path / "run"), *(part for change in changes for part in ("--set", change))]
    result = CliRunner().invoke(app, arguments)
    said = str(result.exception)
    wanted = ("did you mean learning_rate", "batch = 'many'", "has no end", "final = 2", "absent.txt", "absent.json")
    assert [part for part in wanted if part not in said] == []
    assert not (tmp_path / "run").exists()
    result = CliRunner().invoke(app, ["train", "multiplication-linear", "--set", "digits=0", "--set", "clip=-1"])
    assert "digits must be a whole number" in str(result.exception)
    assert "clip = -1" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "BINARY", "--data", "TEXT"], "is a file; give the folder of a model"),
        (["generate", "TEXT", "--prompt", "a"], "is a file; give the folder of a model"),
        (["report", "TEXT"], "is a file; give the folder of a model"),
        (["generate", "FOLDER", "--prompt", "a"], "there is no model in"),
        (["train", "BINARY"], "is not a recipe: it is not UTF-8 text"),
        (["train", "TEXT"], "is not valid TOML"),
        (["train", "tinystories-cpu", "--data", "BINARY", "--out", "NEW"], "is not text: byte 7 is zero"),
        (["train", "tinystories-cpu", "--data", "TEXT", "--tokenizer", "BINARY"], "it is not UTF-8 text"),
        (["evaluate", "MODEL", "--data", "FOLDER"], "is a directory; give a text file"),
        (["explain", "MODEL", "--prompt", "a", "--html", "FOLDER"], "Is a directory; choose another place"),
        (["report", "MODEL", "--out", "TEXT/a.html"], "choose another place"),
        (["sweep", "BINARY", "--over", "width=2", "--out", "NEW"], "is not a recipe"),
    ],
)
def test_the_wrong_kind_of_file_is_one_line(arguments: list[str], said: str, model: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "binary.dat").write_bytes(
        b"\x82\xff\x00abc" + bytes(50) if said != "is not text: byte 7 is zero" else b"letters" + bytes(9)
    )
    (tmp_path / "folder").mkdir()
    places = {
        "BINARY": "binary.dat",
        "TEXT": "text.txt",
        "FOLDER": "folder",
        "NEW": "new",
        "TEXT/a.html": "text.txt/a.html",
    }
    given = [str(tmp_path / places[part]) if part in places else part for part in arguments]
    result = CliRunner().invoke(app, [str(model) if part == "MODEL" else part for part in given])
    assert isinstance(result.exception, ArlearnError)
    assert said in str(result.exception)
    assert "codec" not in str(result.exception)
    assert not (tmp_path / "new").exists()
