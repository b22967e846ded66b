"""Addresses: whole again, and found where nothing marks them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from openbook.papers.blocks import Block, trim_url
from openbook.papers.reading import read_bytes, read_text
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


def annotations(*boxes: tuple[tuple[float, float, float, float], str]) -> str:
    """A page's entries for links: a box and an address each."""
    made = " ".join(
        f"<< /Type /Annot /Subtype /Link /Rect [{' '.join(map(str, box))}] /A << /S /URI /URI ({url}) >> >>"
        for box, url in boxes
    )
    return f"/Annots [{made}]"


@pytest.mark.parametrize("turned", [False, True])
def test_a_link_behind_a_word_of_a_pdf_stands_beside_its_sentence(
    pdf_of: Callable[..., bytes], line: Callable[..., str], block: Callable[..., str], prose: str, turned: bool
) -> None:
    hidden, visible, icon = "https://github.com/ada/pebbles", "https://zenodo.org/record/1", "https://orcid.org/0"
    words = block(72, 700, prose * 2) + line(
        72, 500, "Our code is available here. See https://zenodo.org/record/1 too."
    )
    box = (172.0, 498.0, 196.0, 509.0)
    elsewhere = (400.0, 300.0, 420.0, 310.0)
    if turned:  # the page is written sideways, and the reader turns it
        words = f"q 0 1 -1 0 612 0 cm {words}Q"
        box, elsewhere = ((612 - y1, x0, 612 - y0, x1) for x0, y0, x1, y1 in (box, elsewhere))
    entries = annotations((box, hidden), (elsewhere, icon)) + (" /Rotate 90" if turned else "")
    paper = read_bytes(pdf_of([words], page_entries=entries), source="x.pdf")
    found = {link.url: link for link in paper.links}
    assert set(found) == {hidden, visible, icon}
    start, end = found[hidden].start, found[hidden].end
    assert start is not None
    assert paper.text[start:end] == "here"
    assert found[icon].start is None, "there are no words where it is"


def test_a_link_over_two_lines_is_one(pdf_of: Callable[..., bytes], line: Callable[..., str], prose: str) -> None:
    url = "https://github.com/ada/pebbles"
    lines = [
        *(prose * 2)[:640].rsplit(" ", 1)[0].split(". "),
        "All of it is in our public",
        "repository of pebbles, as promised.",
    ]
    words = "".join(line(72, 700 - 12 * number, text) for number, text in enumerate(lines))
    last = 700 - 12 * (len(lines) - 1)
    boxes = ((148.0, last + 10.0, 210.0, last + 21.0), url), ((72.0, last - 2.0, 120.0, last + 9.0), url)
    paper = read_bytes(pdf_of([words], page_entries=annotations(*boxes)), source="x.pdf")
    assert [paper.text[link.start : link.end] for link in paper.links] == ["public repository"]


def test_an_address_without_a_whole_host_is_no_link() -> None:
    text = "Our Study\n\n" + "The code is at https://github. com/a/ b and the data at https://data.example.org/x. " * 6
    assert {link.url for link in read_text(text, "a.txt").links} == {"https://data.example.org/x"}
