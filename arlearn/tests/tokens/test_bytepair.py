from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlearn.errors import ArlearnError
from arlearn.tokens import BytePair
from arlearn.tokens.bytepair import PIECE

TEXTS = ["Once upon a time there was a cat. It was happy.", "The cat sat on the mat, and it was happy."] * 20
WORDS = BytePair.train(TEXTS, 320)
SENTENCES = BytePair.train(TEXTS, 400, "sentence")


@given(st.text())
def test_every_text_survives(text: str) -> None:
    for vocabulary in (WORDS, SENTENCES):
        assert vocabulary.decode(vocabulary.encode(text)) == text


def test_special_tokens_are_never_made_from_text() -> None:
    tokens = WORDS.encode("a <|endoftext|> b <|pad|>")
    assert not {WORDS.end_of_text, WORDS.pad} & set(tokens)
    assert (WORDS.end_of_text, WORDS.pad) == (0, 1)
    assert WORDS.prompt("a")[0] == WORDS.end_of_text


def test_sentence_tokens_reach_over_words_but_not_sentences() -> None:
    words = [SENTENCES.word(token) for token in range(258, SENTENCES.size)]
    assert any(" " in word.strip() for word in words)
    assert not any(". " in word for word in words)


def test_saved_is_what_the_hash_names(tmp_path) -> None:
    path = tmp_path / "new" / "tokenizer.json"
    WORDS.save(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == WORDS.sha256 == BytePair.load(path).sha256
    assert BytePair.load(path.parent).encode("the cat") == WORDS.encode("the cat")
    assert BytePair.from_bytes(WORDS.to_bytes()).sha256 == WORDS.sha256


def test_training_is_deterministic() -> None:
    assert BytePair.train(TEXTS, 320).sha256 == WORDS.sha256


def test_a_vocabulary_without_pad_gets_one_at_its_end(tmp_path) -> None:
    content = json.loads(WORDS.to_bytes())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] != "<|pad|>"]
    vocabulary = content["model"]["vocab"]
    del vocabulary["<|pad|>"]
    content["model"]["vocab"] = {word: token - (token > 1) for word, token in vocabulary.items()}
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(content))
    loaded = BytePair.load(path)
    assert loaded.end_of_text == 0
    assert loaded.pad == loaded.size - 1 == WORDS.size - 1
    loaded.save(path)
    assert BytePair.load(path).pad == loaded.pad


def test_a_long_text_is_encoded_in_pieces() -> None:
    text = "The cat sat on the mat.\n" * (PIECE // 10)
    assert WORDS.decode(WORDS.encode(text)) == text
    assert WORDS.decode(WORDS.encode("x" * (2 * PIECE + 3))) == "x" * (2 * PIECE + 3)


def test_bad_input(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ArlearnError, match="at least 258"):
        BytePair.train(TEXTS, 100)
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}")
    with pytest.raises(ArlearnError, match="not a tokenizer"):
        BytePair.load(broken)
    with pytest.raises(ArlearnError, match="no tokenizer file"):
        BytePair.load(tmp_path / "missing.json")
