from __future__ import annotations

import gzip
import lzma

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arlearn.errors import ArlearnError
from arlearn.tasks import load_task
from arlearn.tasks.text import Layout, Rows, TextTask
from arlearn.tasks.text_files import TextFile, TokenisedText, tokenise, tokenise_in_memory
from arlearn.tokens import BytePair

E, PAD = 0, 1


def in_tokens(stories: list[list[int]]) -> TokenisedText:
    flat, starts = [], []
    for story in stories:
        starts.append(len(flat))
        flat += [E, *story]
    return TokenisedText(np.array([*flat, E], dtype=np.uint16), np.array([*starts, len(flat)]), len(flat), "")


STORIES = st.lists(st.lists(st.integers(2, 50), min_size=1, max_size=30), min_size=1, max_size=8)


@given(STORIES, st.integers(1, 12), st.sampled_from(["story", "joined"]))
def test_every_token_is_a_target_exactly_once(stories, context, boundaries) -> None:
    text = in_tokens(stories)
    rows = Rows(Layout(context, boundaries), text.tokens, text.starts)
    batch = rows.cut(np.arange(len(rows)))
    targets = [
        token for row, counted in zip(batch.tokens, batch.counted, strict=True) for token in row[1:][counted[1:]]
    ]
    assert [int(token) for token in targets] == text.tokens[1:].tolist()
    assert not bool((batch.tokens[batch.counted] == PAD).any())
    # a row begins with the token before its first target, so the first target sees exactly one token
    assert batch.tokens.shape == (len(rows), context + 1)
    if boundaries == "story":
        inside = batch.tokens[:, 1:-1][batch.counted[:, 2:]]
        assert not bool((inside == E).any())


def test_the_reference_protocol_scores_pads() -> None:
    text = in_tokens([[5, 6, 7], [8]])
    rows = Rows(Layout(4, "story", "scored"), text.tokens, text.starts)
    batch = rows.cut(np.arange(len(rows)))
    assert batch.tokens.tolist() == [[E, 5, 6, 7, E], [E, 8, E, PAD, PAD]]
    assert bool(batch.counted.all())


@settings(max_examples=30)
@given(STORIES, st.integers(1, 7), st.integers(0, 3))
def test_an_epoch_visits_every_row_once(stories, size, seed) -> None:
    task = TextTask(Layout(1, "story"), 51, E, in_tokens(stories))
    count = len(task.rows)
    seen = torch.cat([task.batch(i, size, seed).tokens for i in range(-(-2 * count // size))])[: 2 * count]
    everything = task.rows.cut(np.arange(count)).tokens
    for epoch in (seen[:count], seen[count:]):
        assert sorted(epoch.tolist()) == sorted(everything.tolist())


def test_batches_are_a_pure_function() -> None:
    text = in_tokens([list(range(2, 40))] * 3)
    one, other = (TextTask(Layout(4), 51, E, text) for _ in range(2))
    for index in (7, 0, 3):
        one.batch(index + 1, 4, 9)
        assert torch.equal(one.batch(index, 4, 9).tokens, other.batch(index, 4, 9).tokens)
    assert not torch.equal(one.batch(0, 4, 9).tokens, one.batch(0, 4, 8).tokens)


def test_the_card_rebuilds_the_task() -> None:
    task = TextTask(Layout(4, "joined"), 51, E, in_tokens([list(range(2, 40))]))
    again = load_task("text", task.configuration())
    assert isinstance(again, TextTask)
    assert again.layout == task.layout
    with pytest.raises(ArlearnError, match="no text to train on"):
        again.batch(0, 1, 0)


def test_separators_take_one_line_break_on_each_side(tmp_path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(
        b"\n one \n\n<|endoftext|>\n\ntwo\r\n<|endoftext|>\r\nthree<|endoftext|>\n \n<|endoftext|>\nfour\n"
    )
    assert list(TextFile.at(path).stories()) == ["\n one \n", "\ntwo", "three", "four\n"]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0<\r"), min_size=1), min_size=1))
def test_compressed_files_hold_the_same_stories(tmp_path_factory, stories) -> None:
    place = tmp_path_factory.mktemp("text")
    content = "\n<|endoftext|>\n".join(stories).encode()
    (place / "a.txt").write_bytes(content)
    (place / "a.xz").write_bytes(lzma.compress(content))
    (place / "misnamed.txt").write_bytes(gzip.compress(content))
    expected = [story for story in stories if story.strip()]
    for path in place.iterdir():
        assert list(TextFile.at(path).stories()) == expected


def test_a_separator_across_chunks(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("éa\n<|endoftext|>\nbé\n<|endoftext|>\nc")
    for chunk in range(1, 30):
        monkeypatch.setattr("arlearn.tasks.text_files.CHUNK", chunk)
        assert list(TextFile.at(path).stories()) == ["éa", "bé", "c"]


def test_bad_files(tmp_path) -> None:
    def fails(content: bytes | None, match: str) -> None:
        path = tmp_path / "bad.txt"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ArlearnError, match=match):
            list(TextFile.at(path).stories())
        path.unlink(missing_ok=True)

    fails(None, "no file")
    fails(b"", "is empty")
    fails(b"text\0text", "byte 4 is zero")
    fails(b"text \xff\xfe", "not UTF-8")
    fails(lzma.compress(b"text" * 1000)[:-20], "cannot read")
    fails(gzip.compress(b"text" * 1000)[:-20], "cannot read")
    with pytest.raises(ArlearnError, match="directory"):
        TextFile.at(tmp_path)


def test_the_cache_is_read_back_and_damage_is_told(tmp_path, story_file) -> None:
    text = TextFile.at(story_file)
    vocabulary = BytePair.train(text.stories(), 300)
    told: list[int] = []
    first = tokenise(text, vocabulary, told.append, cache=tmp_path)
    assert sum(told) == sum(map(len, text.stories()))
    told.clear()
    again = tokenise(text, vocabulary, told.append, cache=tmp_path)
    plain = tokenise_in_memory(text, vocabulary)
    assert told == []
    assert isinstance(again.tokens, np.memmap)
    for other in (again, plain):
        assert np.array_equal(first.tokens, other.tokens)
        assert np.array_equal(first.starts, other.starts)
        assert (other.bytes, other.sha256) == (first.bytes, first.sha256)
    assert first.bytes == sum(len(story.encode()) for story in text.stories())
    (folder,) = tmp_path.iterdir()
    (folder / "tokens.npy").write_bytes(b"no numpy file")
    with pytest.raises(ArlearnError, match="delete that folder"):
        tokenise(text, vocabulary, cache=tmp_path)


def test_nothing_but_white_space(tmp_path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(" \n<|endoftext|>\n\t\n")
    with pytest.raises(ArlearnError, match="holds no story"):
        tokenise(TextFile.at(path), BytePair.train(["abc"], 258), cache=tmp_path / "cache")
    assert list((tmp_path).iterdir()) == [path]


def test_text_shorter_than_the_context() -> None:
    with pytest.raises(ArlearnError, match="too short for a context of 40"):
        TextTask(Layout(40, "story"), 51, E, in_tokens([[5] * 30, [6] * 30]))
    TextTask(Layout(40, "joined"), 51, E, in_tokens([[5] * 30, [6] * 30]))
