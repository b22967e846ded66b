"""TEI, HTML and Markdown: structure, links and text; what is hidden or hostile stays out."""

from __future__ import annotations

from openbook.papers.paper import Paper
from openbook.papers.reading import read_bytes


def read(text: str, suffix: str) -> Paper:
    return read_bytes(text.encode(), source="paper" + suffix, suffix=suffix)


def titles(paper: Paper) -> list[tuple[str, str]]:
    return [(section.title, section.part) for section in paper.sections if section.title]


def tei(prose: str, *, declaration: str = "") -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>{declaration}
<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc>
<titleStmt><title level="a" type="main">A Small Paper</title></titleStmt>
<sourceDesc><biblStruct><analytic>
<author><persName><forename type="first">Ada</forename><surname>Lovelace</surname></persName></author>
<author><persName><forename>Alan</forename><surname>Turing</surname></persName></author>
</analytic></biblStruct></sourceDesc></fileDesc>
<profileDesc><abstract><div><p>We say &lt;what&gt; it is.</p></div></abstract></profileDesc></teiHeader>
<text><body>
<div><head n="1" coords="1,50,50,100,10">Introduction</head><p coords="1,50,60,100,10">{prose}</p></div>
<div><head n="2">Experiments</head><p coords="2,50,60,100,10">Our code is at
<ref type="url" target="https://github.com/a/b">https://github.com/a/ b</ref>, see <ref type="bibr">[1]</ref>.
{prose}</p>
<figure coords="2,1,1,1,1"><head>Figure 1 .</head><figDesc>The pipeline.</figDesc></figure>
<note place="foot">A note at the foot.</note></div></body>
<back><div type="acknowledgement"><div><head>Acknowledgments</head><p>We thank all.</p></div></div>
<div type="annex"><div><head>Proofs</head><p coords="3,1,1,1,1">{prose}</p></div></div>
<div type="references"><listBibl><biblStruct><analytic><title>Adam: A Method</title>
<author><persName><forename>D</forename><surname>Kingma</surname></persName></author></analytic>
<monogr><imprint><date when="2015">2015</date></imprint></monogr></biblStruct></listBibl></div></back></text></TEI>"""


def test_tei(prose: str) -> None:
    paper = read(tei(prose), ".xml")
    assert paper.problem is None
    assert (paper.format, paper.title, paper.authors) == ("tei", "A Small Paper", ["Ada Lovelace", "Alan Turing"])
    assert titles(paper) == [
        ("Abstract", "body"),
        ("1 Introduction", "body"),
        ("2 Experiments", "body"),
        ("Acknowledgments", "body"),
        ("Appendix", "appendix"),
        ("Proofs", "appendix"),
        ("References", "references"),
    ]
    assert len(paper.pages) == 3
    assert paper.page_at(paper.text.index("Our code is at")) == 2
    assert "We say <what> it is." in paper.text
    assert "https://github.com/a/b" in [link.url for link in paper.links]
    kinds = {sentence.kind: paper.words(sentence) for sentence in paper.sentences}
    assert kinds["footnote"] == "A note at the foot."
    assert "Figure 1" in paper.text
    assert "Kingma" in paper.text


def test_entities_are_refused_and_files_are_not_read(prose: str, tmp_path: object) -> None:
    laughs = '<!DOCTYPE TEI [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>'
    paper = read(tei(prose + "&b;&c;", declaration=laughs), ".xml")
    assert paper.problem
    assert paper.problem.startswith("refused")
    assert paper.text == ""


def test_damaged_or_other_xml(prose: str) -> None:
    assert "well-formed" in (read(tei(prose)[:-40], ".xml").problem or "")
    assert "not TEI" in (read("<?xml version='1.0'?><article><p>x</p></article>", ".xml").problem or "")
    assert read("<?xml version='1.0'?>" + "<a>" * 100_000, ".xml").problem


def test_html(prose: str) -> None:
    paper = read(
        f"""<!doctype html><html><head><title>Tab</title><meta name="citation_title" content="A Small Paper">
        <meta name="citation_author" content="Ada Lovelace"><style>.gone, #x {{display: none}} p {{color: #222}}</style>
        <script>var evil = "SCRIPT";</script></head><body><nav>MENU</nav><h1>A Small Paper</h1>
        <h2>1 Introduction</h2><p>{prose}Our code is <a href="https://github.com/a/b">here</a>, and it is open.</p>
        <p style="display:none">HIDDEN ONE</p><p class="gone">HIDDEN TWO</p><div hidden>HIDDEN THREE</div>
        <p>Seen <span style="font-size:0px">HIDDEN FOUR</span>again. <span style="color:white">HIDDEN FIVE</span></p>
        <p>Before <math alttext="x^2"><mi>x</mi><mn>2</mn></math> after.</p>
        <figure><img alt="a"><figcaption>Figure 1: The pipeline.</figcaption></figure>
        <h2>References</h2><ul><li>Kingma. Adam. 2015.</li></ul></body></html>""",
        ".html",
    )
    assert paper.problem is None
    assert (paper.title, paper.authors) == ("A Small Paper", ["Ada Lovelace"])
    assert titles(paper) == [("1 Introduction", "body"), ("References", "references")]
    for word in ("HIDDEN", "SCRIPT", "MENU", "evil", "color"):
        assert word not in paper.text
    assert "Seen again." in paper.text
    assert "Before x^2 after." in paper.text
    link = next(link for link in paper.links if link.url == "https://github.com/a/b")
    assert paper.text[link.start : link.end] == "here"
    assert "Our code is here, and it is open." in paper.text
    assert any(s.kind == "caption" and "The pipeline" in paper.words(s) for s in paper.sentences)


def test_html_nested_very_deeply(prose: str) -> None:
    paper = read("<html><body>" + "<div>" * 20_000 + prose + "</div>" * 20_000, ".html")
    assert "We study how" in paper.text


def test_markdown(prose: str) -> None:
    paper = read(
        f"---\ntitle: A Small Paper\n---\n\n# Abstract\n\n{prose}\n\n<!-- HIDDEN -->\n\n## 1 Setup\n\n"
        "Code is *really* [here](https://github.com/a/b), with `lr = 0.1`.\n\n- one item\n- another\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n# References\n\nKingma. Adam. 2015.\n",
        ".md",
    )
    assert paper.problem is None
    assert paper.title == "A Small Paper"
    assert titles(paper) == [("Abstract", "body"), ("1 Setup", "body"), ("References", "references")]
    assert "Code is really here, with lr = 0.1." in paper.text
    assert "HIDDEN" not in paper.text
    link = next(link for link in paper.links if link.url == "https://github.com/a/b")
    assert paper.text[link.start : link.end] == "here"


def test_plain_text(prose: str) -> None:
    paper = read(
        f"A Small Paper\n\n1. Introduction\n\n{prose}\n\f2. Results\n\n{prose}\n\nReferences\n\nKingma. 2015.\n", ".txt"
    )
    assert paper.title == "A Small Paper"
    assert titles(paper) == [("1. Introduction", "body"), ("2. Results", "body"), ("References", "references")]
    assert [page.number for page in paper.pages] == [1, 2]
    assert paper.page_at(paper.text.index("2. Results")) == 2
