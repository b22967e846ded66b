"""HTML as its readers see it: what a style hides is no text, what it only decorates is; notes, tables, links."""

from __future__ import annotations

import pytest

from openbook.papers.paper import Paper
from openbook.papers.reading import read_bytes

PROSE = (
    "We study how small networks sort pictures of leaves by the shape of their rim, and how far two layers can go. " * 4
)


def read(body: str, style: str = "", head: str = "") -> Paper:
    page = (
        f"<!DOCTYPE html><html><head><title>Leaves</title><style>{style}</style>{head}</head><body><h1>Sorting Leaves</h1>"
        f"<h2>1 Introduction</h2><p>{PROSE}</p>{body}<p>After it.</p></body></html>"
    )
    return read_bytes(page.encode(), source="x.html", suffix=".html")


@pytest.mark.parametrize(
    ("style", "body"),
    [
        (".x { display: none }", "<p class=x>GONE</p>"),
        ("p.x, .y { display:none !important }", "<p class=x style='display:block'>GONE</p><div class=y>GONE</div>"),
        ("#x { visibility: hidden }", "<p id=x>GONE <b>GONE</b></p>"),
        ("div.x p { opacity: 0 }", "<div class=x><p>GONE</p></div>"),
        (".x { opacity: 0.0 } .y { opacity: 0% }", "<p class=x>GONE</p><p class=y>GONE</p>"),
        (
            ".x { font-size: 0 } .y { font-size: 0.01em } .z {font-size:1px}",
            "<p class=x>GONE</p><i class=y>GONE</i><i class=z>GONE</i>",
        ),
        (".x { font-size: 1% }", "<p class=x>GONE</p>"),
        (".x { font: 0/0 a }", "<p class=x>GONE</p>"),
        (".x { color: white }", "<p class=x>GONE</p>"),
        (
            ".x { color: #fefefe } .y { color: rgb(255, 255, 254) } .z { color: transparent }",
            "<p class=x>GONE</p><p class=y>GONE</p><p class=z>GONE</p>",
        ),
        (".x { color: rgba(0,0,0,0.01) } .y { color: hsl(0, 0%, 100%) }", "<p class=x>GONE</p><p class=y>GONE</p>"),
        (".x { background: #000; color: #010101 }", "<p class=x>GONE</p>"),
        (
            ".x { position: absolute; left: -9999px } .y { text-indent: -9999px }",
            "<p class=x>GONE</p><p class=y>GONE</p>",
        ),
        (".x { position:absolute; clip: rect(0 0 0 0) }", "<span class=x>GONE</span>"),
        (
            ".x { height: 0; overflow: hidden } .y { transform: scale(0) }",
            "<div class=x>GONE</div><div class=y>GONE</div>",
        ),
        ("@media screen { .x { display: none } }", "<p class=x>GONE</p>"),
        (
            "@media (min-width: 600px) { .x { display: none } } @layer a { .y { display: none } }",
            "<p class=x>GONE</p><p class=y>GONE</p>",
        ),
        ("/* a { */ .x { display: none } /* } */", "<p class=x>GONE</p>"),
        ("@import url('a.css'); @font-face { font-family: a } .x { display: none }", "<p class=x>GONE</p>"),
        ("", "<p style='color:#FFF'>GONE</p><font color=white>GONE</font><p hidden>GONE</p><template>GONE</template>"),
        ("", "<p style='display : none;'>GONE</p><div style='visibility:hidden'><p>GONE</p></div>"),
    ],
)
def test_what_a_style_hides(style: str, body: str) -> None:
    paper = read(body, style)
    assert "GONE" not in paper.text
    assert "After it." in paper.text


@pytest.mark.parametrize(
    ("style", "body"),
    [
        ("@media print { .x { display: none } }", "<p class=x>KEPT</p>"),
        ("@media (max-width: 600px) { .x { display: none } }", "<p class=x>KEPT</p>"),
        ("@media (prefers-color-scheme: dark) { .x { color: #fff } }", "<p class=x>KEPT</p>"),
        ("@media screen and (max-width: 40em) { .x { display: none } } .y { color: red }", "<p class=x>KEPT</p>"),
        ("@supports not (display: grid) { .x { color: blue } } @page { margin: 0 }", "<p class=x>KEPT</p>"),
        (".x { font-size: 1.1em } .y { font-size: 1rem } .z { font-size: 1.5rem }", "<p class='x y z'>KEPT</p>"),
        (".x { font-size: 1.2em; opacity: 0.9 }", "<p class=x>KEPT</p>"),
        (".x { font-size: 80% }", "<p class=x>KEPT</p>"),
        (".x { font-size: 0 } .x span { font-size: 16px }", "<div class=x><span>KEPT</span></div>"),
        (".x { visibility: hidden } .y { visibility: visible }", "<div class=x><p class=y>KEPT</p></div>"),
        (".x { background-color: #222; color: white }", "<p class=x>KEPT</p>"),
        (".x { background: navy } .y { color: #fff }", "<div class=x><p class=y>KEPT</p></div>"),
        (".x { background: linear-gradient(red, blue); color: #fff }", "<p class=x>KEPT</p>"),
        (".x { background: url(a.png); color: #fff }", "<p class=x>KEPT</p>"),
        ("body { background: black; color: white }", "<p>KEPT</p>"),
        ("", "<table><tr><td bgcolor='#000000'><font color='white'>KEPT</font></td></tr></table>"),
        (".x:hover { display: none } .x::after { color: white }", "<p class=x>KEPT</p>"),
        (".x { display: none } .x.shown { display: block }", "<p class='x shown'>KEPT</p>"),
        (".x { display: none } #y { display: block }", "<p class=x id=y>KEPT</p>"),
        ("body { opacity: 0; visibility: hidden }", "<p>KEPT</p>"),
        ("a { color: var(--link) } .x { left: -5px; text-indent: -1em }", "<p class=x>KEPT</p>"),
        (".x { border-color: white; background-color: white }", "<p class=x>KEPT</p>"),
        ("", "<form action=x><p>KEPT</p><input value=GONE><button>GONE</button></form>"),
        ("@supports not (display: grid) { .x { display: none } }", "<p class=x>KEPT</p>"),
        ("", "<style media=print>p { display: none }</style><p>KEPT</p>"),
        (".x { color: #777 } .y { height: 0 } .z { overflow: hidden }", "<p class='x y'>KEPT</p><p class=z>KEPT</p>"),
    ],
)
def test_what_a_style_only_decorates(style: str, body: str) -> None:
    paper = read(body, style)
    assert paper.text.count("KEPT") == body.count("KEPT")
    assert "GONE" not in paper.text
    assert PROSE.strip()[:60] in paper.text


def test_a_form_around_the_whole_page() -> None:
    page = f"<html><body><form id=aspnetForm><h1>Sorting Leaves</h1><h2>1 Introduction</h2><p>{PROSE}</p></form></body></html>"
    paper = read_bytes(page.encode(), source="x.html", suffix=".html")
    assert [section.title for section in paper.sections] == ["", "1 Introduction"]
    assert "two layers can go" in paper.text


def test_links_without_a_protocol() -> None:
    paper = read("<p>Our code is <a href='//github.com/a/b'>here</a> and <a href=' https://a.org/c '>there</a>.</p>")
    assert [link.url for link in paper.links] == ["https://github.com/a/b", "https://a.org/c"]


def test_tables_by_rows_and_cells() -> None:
    table = (
        "<table><thead><tr><th>Machine<th>Count</tr></thead><tr><td>A100</td><td>8</td></tr><tr><td>V100<td>4</table>"
    )
    assert "Machine Count\n\nA100 8\n\nV100 4\n\nAfter it." in read(table).text


NOTES = {
    "LaTeXML": '<span class="ltx_note ltx_role_footnote"><sup class="ltx_note_mark">1</sup><span class="ltx_note_outer"><span '
    'class="ltx_note_content"><sup class="ltx_note_mark">1</sup><span class="ltx_tag ltx_tag_note">1</span>More in it.</span></span></span>',
    "Tufte": '<label for="n1" class="margin-toggle">1</label><input type="checkbox" id="n1"><span class="sidenote">More in it.</span>',
    "Pandoc": '<a href="#fn1" class="footnote-ref" id="fnref1" role="doc-noteref"><sup>1</sup></a>',
    "plain": '<sup><a href="#fn1">1</a></sup>',
    "no link": "<sup>1</sup>",
    "two notes": "<sup>1, 2</sup>",
}


@pytest.mark.parametrize("kind", sorted(NOTES))
def test_notes_do_not_cut_sentences(kind: str) -> None:
    listed = (
        '<section class="footnotes" role="doc-endnotes"><ol><li id="fn1"><p>More in it.<a href="#fnref1" '
        'class="footnote-back">↩︎</a></p></li></ol></section>'
    )
    paper = read(
        f"<p>All models were trained{NOTES[kind]} on eight A100 GPUs.</p>"
        + (listed if kind not in ("LaTeXML", "Tufte") else "")
    )
    sentences = [(sentence.kind, paper.words(sentence)) for sentence in paper.sentences]
    assert ("text", "All models were trained on eight A100 GPUs.") in sentences
    assert ("footnote", "More in it.") in sentences


@pytest.mark.parametrize(
    "power", ["10<sup>3</sup>", "5 m<sup>2</sup>", "N<sup>2</sup>", "(a+b)<sup>2</sup>", "the 4<sup>th</sup>"]
)
def test_powers_are_no_marks_of_notes(power: str) -> None:
    plain = power.replace("<sup>", "").replace("</sup>", "")
    assert f"It has {plain} parts." in read(f"<p>It has {power} parts.</p>").text


def test_a_page_says_its_encoding() -> None:
    page = f"<html><head><meta charset='iso-8859-2'></head><body><h1>Łódź</h1><p>{PROSE}</p></body></html>"
    assert read_bytes(page.encode("iso-8859-2"), source="x.html", suffix=".html").title == "Łódź"
