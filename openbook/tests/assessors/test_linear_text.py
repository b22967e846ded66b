"""Words, patterns and rows."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openbook.assessors.linear.features import (
    BREAK,
    DAMPING,
    NAMES,
    PATTERN_VALUE,
    PATTERNS,
    build_vocabulary,
    flags,
    plain,
    words,
)
from openbook.assessors.linear.named_tools import FilteredPattern


def one(sentence: str) -> list[str]:
    return words(plain([sentence]))


def test_numbers_links_and_citations_become_their_kind() -> None:
    assert one("We set the learning rate to 0.01 (Smith, 2012).") == (
        ["we", "set", "the", "learning", "rate", "to", "@decimal", "@citation"]
    )
    assert one("See https://github.com/a/B, 3.4 GHz, 16 GB RAM, 10-fold, 70%, 60,000, 1.2.3, 10−3 in 2014.") == (
        [
            "see",
            "@url",
            "@github",
            "@clock",
            "@memory",
            "ram",
            "@fold",
            "@percent",
            "@large",
            "@version",
            "@power",
            "in",
            "@year",
        ]
    )


def test_ligatures_dashes_and_humps_do_not_matter() -> None:
    assert one("ﬁve Res Nets – trained") == one("five ResNets - trained")


@given(st.lists(st.text(max_size=80), max_size=6))
def test_one_break_between_two_sentences_whatever_they_hold(sentences: list[str]) -> None:
    lowered = plain(sentences)
    assert len(lowered) == len(sentences)
    assert words(lowered).count(BREAK) == max(len(sentences) - 1, 0)


@given(st.lists(st.text(alphabet="abc 12.GB=algorithm:", max_size=60), max_size=5))
def test_rows_do_not_depend_on_their_neighbours(sentences: list[str]) -> None:
    vocabulary = build_vocabulary(["a b c", "algorithm 12 gb", "c a b", "= 1.2"], least=1)
    together = vocabulary.rows(sentences).dense()
    assert together.shape == (len(sentences), vocabulary.width)
    for row, sentence in zip(together, sentences, strict=True):
        np.testing.assert_allclose(row, vocabulary.rows([sentence]).dense()[0], rtol=1e-6)


def test_a_row_weighs_words_and_pairs_and_damps_short_sentences() -> None:
    vocabulary = build_vocabulary(["red fox", "red hen", "a red fox"], least=2)
    assert list(vocabulary.words) == [BREAK, "fox", "red"]
    row = vocabulary.rows(["red fox"]).dense()[0]
    idf = {"fox": np.log(4 / 3), "red": np.log(4 / 4)}
    squares = row[: vocabulary.width - len(NAMES)] ** 2
    assert row[1] == pytest.approx(idf["fox"] / np.sqrt(DAMPING), rel=1e-2)
    assert 0 < squares.sum() < 0.01


@pytest.mark.parametrize(
    ("name", "yes", "no"),
    [
        ("algorithm_caption", "Algorithm 2: Pruned search", "Algorithm 2 is faster than the others."),
        ("code_available", "Our code is available online.", "The code of conduct matters."),
        ("code_future", "The code will be made available.", "The code is available."),
        ("software_version", "We used Python 2.7 for it.", "We used Python for it."),
        ("software_release", "in MATLAB R2014a", "in MATLAB"),
        ("hardware_model", "an NVIDIA Tesla K40", "a graphics card"),
        ("cross_validation", "by 5-fold cross-validation", "the cross of two lines"),
        ("split_percent", "80% training and 20% test data", "80% of the time"),
        ("step_size", "a learning rate of 0.01", "a learning rate that decays"),
        ("data_name", "digits of MNIST", "digits of pi"),
        ("experiment_heading", "5. Experiments", "The experiments that we describe below are many and long."),
    ],
)
def test_patterns(name: str, yes: str, no: str) -> None:
    for sentence, expected in ((yes, True), (no, False)):
        lowered = plain([sentence])
        _, columns = flags(lowered, words(lowered))
        assert (name in {NAMES[column] for column in columns}) is expected
    vocabulary = build_vocabulary(["nothing"], least=1)
    assert vocabulary.rows([yes]).dense()[0][NAMES.index(name) - len(NAMES)] == pytest.approx(PATTERN_VALUE)


def test_every_trigger_is_a_word_as_words_are_found() -> None:
    for pattern in PATTERNS:
        assert pattern.triggers
        for trigger in pattern.triggers:
            assert trigger.startswith("@") or trigger == "=" or one(trigger) == [trigger], (pattern.name, trigger)


@pytest.mark.parametrize(
    "regex", [r"\b(?:GPU|CLU)s?\b|cluster", r"(?:source )?code[ -]?s?\b", r"[Ll]et\b.{1,9}be(?:low)?", "ask|disk"]
)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "co",
        "A CLU.",
        "two gpus",
        "CLUSTERS",
        "open Source CODE",
        "Let x be",
        "let us",
        "aſk",
        "di\u0131s",
        "dis\u212a",
        "DİSK",
    ],
)
def test_a_filtered_pattern_finds_what_the_expression_finds(regex: str, text: str) -> None:
    for case in (0, re.IGNORECASE):
        filtered, plain_regex = FilteredPattern(regex, case), re.compile(regex, case)
        found, wanted = filtered.search(text), plain_regex.search(text)
        assert (found and found.span()) == (wanted and wanted.span())
        assert [match.span() for match in filtered.finditer(text)] == [
            match.span() for match in plain_regex.finditer(text)
        ]
        assert bool(filtered.match(text)) == bool(plain_regex.match(text))
        assert filtered.sub("-", text) == plain_regex.sub("-", text)


@pytest.mark.parametrize("regex", [r"\d+", "code|us", "(?:code)?", "[a-c]de"])
def test_a_pattern_that_no_letters_betray_is_not_filtered(regex: str) -> None:
    with pytest.raises(ValueError, match="three letters"):
        FilteredPattern(regex).search("code")
