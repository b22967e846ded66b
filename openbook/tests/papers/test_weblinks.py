"""Addresses: whole again, and found where nothing marks them."""

from __future__ import annotations

import pytest

from openbook.papers.blocks import Block, trim_url
from openbook.papers.reading import read_text
from openbook.papers.weblinks import continues_url, mend


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("see http://scikit-learn.org/stable/modules/", "tree.html#complexity for more"),
        ("at https://github.com/some-", "name/repository and"),
        ("at https://github.com/so", "me/repository-name and"),
        ("at https://www.example.org/a_", "b"),
        ("(https://", "example.org/x)"),
        ("at github.com/abc/", "def."),
    ],
)
def test_lines_that_go_on_with_an_address(before: str, after: str) -> None:
    assert continues_url(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("see https://github.com/a/b", "and the appendix"),
        ("no address here/", "but words"),
        ("our code (github.com/a/b).", "The next"),
        ("see https://example.org/x.", "We then go"),
        ("", "x"),
        ("https://a.org/b", ""),
    ],
)
def test_lines_that_do_not(before: str, after: str) -> None:
    assert not continues_url(before, after)


def test_an_address_split_in_the_text_is_mended_by_its_link() -> None:
    block = Block("Code: https://github.com/x/ Async Diff and more.", pages=[(0, 1), (40, 2)])
    mend(block, ["https://github.com/x/AsyncDiff"])
    assert block.text == "Code: https://github.com/x/AsyncDiff and more."
    assert block.links == [(6, 36, "https://github.com/x/AsyncDiff")]
    assert block.pages == [(0, 1), (38, 2)]


def test_forms_of_an_address() -> None:
    block = Block("See www.example.org/ a and example.org/%7Eb or example.org/a.")
    mend(block, ["http://www.example.org/a/"])
    assert {url for _, _, url in block.links} == {"http://www.example.org/a/"}
    assert "www.example.org/a and" in block.text


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        ("https://a.org/b.", "https://a.org/b"),
        ("https://a.org/b_(c)", "https://a.org/b_(c)"),
        ("https://a.org/b),", "https://a.org/b"),
    ],
)
def test_punctuation_around_an_address(raw: str, url: str) -> None:
    assert trim_url(raw) == url


def test_addresses_in_plain_text(prose: str) -> None:
    paper = read_text(
        prose * 2 + "Code (github.com/a/b) or at www.x.org/y, http://z.net/q. Write to me@github.com/ ok."
    )
    assert [link.url for link in paper.links] == ["https://github.com/a/b", "https://www.x.org/y", "http://z.net/q"]
    assert all(paper.text[link.start : link.end] in link.url for link in paper.links)
