"""The page of a record: nothing from a paper becomes markup, nothing is fetched, nothing runs."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from selectolax.lexbor import LexborHTMLParser

from openbook.papers.paper import Page, Paper, Section
from openbook.record.model import Answer, Correction, Evidence, PaperInfo, Record, Run, score_answers
from openbook.variables import SCORED
from openbook.web.record.page import render_page
from openbook.web.record.terminal import show_record
from openbook.web.record.view import plain_title

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&[bold]{{ 7*7 }}"


def record(text: str = "plain", url: str | None = None, **results: str) -> Record:
    quote = Evidence(quote=text, page=3, start=4, end=4 + len(text), match="exact", part="appendix")
    change = Correction(result="yes", replaced=text, who=text, when=text, why=text)
    answers = {v: Answer(result=results.get(v, "no"), response=text) for v in SCORED}
    answers["pseudocode"] = Answer(result="yes", confidence=0.75, response=text, evidence=[quote], correction=change)
    answers["software_dependencies"] = Answer(
        result="unverified", evidence=[Evidence(quote=f"absent {text}", match="absent")]
    )
    answers["research_type"] = Answer(result=results.get("research_type", "experimental"))
    answers["affiliation"] = Answer(result="unknown")
    info = PaperInfo(id="p", title=text, authors=[text], venue=text, year=2024, url=url, source=text, problem=None)
    run = Run(assessor=text, model=text, prompt_hash=text, parameters={text: text}, version=text, input_tokens=5)
    return Record(paper=info, answers=answers, scores=score_answers(answers), run=run)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from([EVIL, "</style><script>", "</blockquote>"]) | st.text(min_size=1, max_size=40))
def test_everything_is_escaped(text: str) -> None:
    paper = Paper(f"<i> {text} <b>", "t", "text", "0", sections=[Section(text, "appendix", 1, 0, 99)])
    for page in (render_page(record(text), None, text), render_page(record(text), paper)):
        tree = LexborHTMLParser(page)
        for tag in ("script", "img", "iframe", "link", "object", "i", "b", "form"):
            assert not tree.css(tag), tag
        assert not [node for node in tree.css("*") if any(name.startswith("on") for name in node.attributes)]
        assert [html.unescape(node.text()) for node in tree.css("h1")] or not text.strip()


def test_it_fetches_nothing_and_its_style_is_allowed() -> None:
    page = render_page(record(url="https://example.org/paper.pdf"))
    tree = LexborHTMLParser(page)
    policy = tree.css_first('meta[http-equiv="Content-Security-Policy"]').attributes["content"] or ""
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "url(" not in style.group(1)
    assert not tree.css("[style]")
    assert [node.attributes["href"] for node in tree.css("a[href^=http]")] == ["https://example.org/paper.pdf"]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", " https://x", "file:///etc/passwd", None])
def test_only_addresses_of_the_web_become_links(url: str | None) -> None:
    assert not LexborHTMLParser(render_page(record(url=url))).css('a:not([href^="#"])')


def test_a_quote_stands_marked_in_its_context() -> None:
    text = "Before the quote there are words. We used two cores. After it there are more words."
    quote = "We used two cores."
    start = text.index(quote)
    paper = Paper(text, "t", "text", "0", pages=[Page(1, 0, len(text))], sections=[Section("Setup", "body", 1, 0, 99)])
    found = record()
    found.answers["pseudocode"].evidence = [
        Evidence(quote=quote, page=1, start=start, end=start + len(quote), match="exact", part="body")
    ]
    tree = LexborHTMLParser(render_page(found, paper))
    figure = tree.css_first("#pseudocode figure")
    assert figure.css_first("mark").text() == quote
    assert figure.css_first("blockquote").text().strip("… ") == text
    assert "page 1" in figure.css_first("figcaption").text()
    assert "Setup" in figure.css_first("figcaption").text()


def test_the_page_says_what_the_record_says() -> None:
    text = (
        LexborHTMLParser(render_page(record(open_datasets="yes", research_type="theoretical"))).css_first("body").text()
    )
    assert "2 of 7" in text
    assert "0.33" in text
    assert "0.15 to 0.58" in text
    assert "1 more unverified" in text
    assert "left out of means" in text
    assert record().notice in text


def test_unread_papers_have_no_scores() -> None:
    unread = record()
    for variable in SCORED:
        unread.answers[variable] = Answer(result="unread")
    unread.scores = score_answers(unread.answers)
    unread.paper.problem = "encrypted: it needs a password"
    text = LexborHTMLParser(render_page(unread)).css_first("body").text()
    assert "encrypted" in text
    assert "Nothing could be read" in text


def test_the_terminal_shows_the_same_and_no_markup() -> None:
    out = io.StringIO()
    show_record(record(EVIL, open_datasets="yes"), Console(file=out, width=200, highlight=False))
    shown = out.getvalue()
    assert "[bold]" in shown
    for wanted in ("2 of 7", "0.33", "page 3", "appendix", "word for word", "not in the paper", "75 %", "1 unverified"):
        assert wanted in shown, wanted


@pytest.mark.parametrize(
    ("title", "plain"),
    [
        (r"$\ell_2$-norms", "ℓ₂-norms"),
        (r"M$^4$I: \textbf{Plums}", "M⁴I: Plums"),
        ("CNN^{2}: a view", "CNN²: a view"),
        ("Just Add $100 More", "Just Add $100 More"),
        ("Encoding of {-1,+1}", "Encoding of {-1,+1}"),
        (r"50% of \emph{C#} & more", "50% of C# & more"),
        (r"$\overset$ of plums", "of plums"),
        (r"$\ell_1$-Sorting of {Leaves}", "ℓ₁-Sorting of Leaves"),
        ("{Bayes}ian {GAN}s over {0, 1}", "Bayesian GANs over {0, 1}"),
    ],
)
def test_titles_without_latex(title: str, plain: str) -> None:
    assert plain_title(title).strip() == plain


@settings(deadline=None, max_examples=200)
@given(
    st.text("\\{}$^_ab12%#&~ ", max_size=40)
    | st.sampled_from([r"$\frac$", r"\sqrt[", "{" * 3000 + r"\x", r"$\overset{a}$"])
)
def test_no_title_breaks_a_page(title: str) -> None:
    plain_title(title)


def test_the_titles_of_the_published_index(index_data: Path) -> None:
    titles = pq.read_table(index_data / "records.parquet", columns=["title"])["title"].to_pylist()
    plain = [plain_title(title) for title in titles if title and plain_title(title) != title]
    assert len(plain) > 200
    assert not [title for title in plain if "$" in title or "\\math" in title]
