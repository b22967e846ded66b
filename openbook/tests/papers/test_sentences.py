"""Sentences: where papers end them, and where they do not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openbook.papers.sentences import LONGEST, split_sentences


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "sentence",
    [
        "We follow Smith et al. (2019) and train for 10 epochs.",
        "As Fig. 3 and Eq. 4 show, the loss is 0.5 vs. 0.7 for others.",
        "Results, e.g. on MNIST, i.e. digits, are in Sec. 5 and Tab. 2.",
        "D. P. Kingma and J. L. Ba. proposed it with lr 3.5e-4 in v1.2.3 of the code.",
        "See https://github.com/a/b.git, www.example.org and Alg. 1 (cf. App. A).",
        "It was run on approx. 3 machines, resp. 4 of them.",
    ],
)
def test_one_sentence_stays_one(sentence: str) -> None:
    assert split(sentence) == [sentence]
    assert split(f"{sentence} The next one follows.") == [sentence, "The next one follows."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We use Adam. The rate is 0.1.", ["We use Adam.", "The rate is 0.1."]),
        ("It is open. Why? Nobody knows!", ["It is open.", "Why?", "Nobody knows!"]),
        ("This was shown by Smith et al. However, it fails.", ["This was shown by Smith et al.", "However, it fails."]),
        ("Let it be the matrix A. We invert it.", ["Let it be the matrix A.", "We invert it."]),
        ("(It is so.) Then “it ends.” We go on.", ["(It is so.)", "Then “it ends.”", "We go on."]),
        ("1. First we do this. 2. Then that.", ["1. First we do this.", "2. Then that."]),
        ("We give: • a model. • a data set.", ["We give:", "• a model.", "• a data set."]),
        ("We stop. 64 samples are used.", ["We stop.", "64 samples are used."]),
    ],
)
def test_where_sentences_end(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@given(st.text(alphabet="ab AB.?!()[]1\n\t”•eg,;", max_size=400), st.integers(0, 50))
def test_spans_are_in_order_and_lose_nothing(text: str, start: int) -> None:
    spans = list(split_sentences(text, min(start, len(text))))
    assert all(first < last for first, last in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    kept = "".join(text[first:last] for first, last in spans)
    assert "".join(kept.split()) == "".join(text[start:].split())


def test_a_run_without_an_end_is_cut() -> None:
    pieces = split("word " * 5000)
    assert max(map(len, pieces)) <= LONGEST
    assert sum(len(piece.split()) for piece in pieces) == 5000
    assert max(map(len, split("x" * 10_000))) <= LONGEST
