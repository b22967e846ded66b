"""TEI and JATS: front matter with institutions, sections, floats, notes, references and links."""

from __future__ import annotations

import pytest

from openbook.papers.paper import Paper
from openbook.papers.reading import read_bytes

PROSE = (
    "We study how small networks sort pictures of leaves by the shape of their rim, and how far two layers can go. " * 3
)


def read(text: str, suffix: str = ".xml") -> Paper:
    return read_bytes(text.encode(), source="x" + suffix, suffix=suffix)


def front_of(paper: Paper) -> str:
    return paper.text[: paper.text.index("Abstract")]


DOCTYPE = '<!DOCTYPE article PUBLIC "-//NLM//DTD JATS (Z39.96) v1.2//EN" "JATS-archivearticle1.dtd">'
JATS = f"""<article xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:mml="http://www.w3.org/1998/Math/MathML">
<front><journal-meta><journal-title>Leaves</journal-title></journal-meta><article-meta>
<title-group><article-title>Sorting <italic>Leaves</italic><xref ref-type="fn">*</xref></article-title></title-group>
<contrib-group><contrib contrib-type="author"><name><surname>Muster</surname><given-names>Ada</given-names></name>
<xref ref-type="aff" rid="a1"><sup>1</sup></xref></contrib><contrib contrib-type="author"><string-name><given-names>Ben</given-names>
<surname>Beispiel</surname></string-name><email>ben@acme.example</email></contrib>
<contrib contrib-type="editor"><name><surname>Editor</surname><given-names>Eve</given-names></name></contrib>
<aff id="a1"><label>1</label><institution>University of Example</institution>, <country>Germany</country></aff>
<aff id="a2"><label>2</label>Acme Inc.</aff></contrib-group>
<author-notes><fn><label>*</label><p>Equal work.</p></fn></author-notes>
<permissions><license><p>LICENCE</p></license></permissions>
<abstract><title>Abstract</title><p>We say what it is.</p></abstract>
<abstract abstract-type="graphical"><p>GRAPHICAL</p></abstract></article-meta></front>
<body><sec id="s1"><label>1</label><title>Introduction</title><p>{PROSE}</p><p>All models<xref ref-type="bibr" rid="r1">[1]</xref>
were trained<xref ref-type="fn" rid="n1"/><fn id="n1"><label>1</label><p>More in it.</p></fn> on eight A100 GPUs.</p>
<sec><label>1.1</label><title>Data&#160;sets</title><p>The data are at <ext-link ext-link-type="uri"
xlink:href="https://zenodo.org/record/42">https://zenodo. org/record/42</ext-link> and <uri>https://a.org/b</uri>.</p>
<list><list-item><p>One item.</p></list-item><list-item><p>Another.</p></list-item></list></sec></sec>
<sec><title>Results</title><p>As it shows:<fig id="f1"><label>Figure 1</label><caption><title>The rim.</title><p>It is long.</p></caption>
<graphic xlink:href="a.png"/></fig></p><table-wrap><label>Table 1</label><caption><p>Machines.</p></caption><table><thead><tr><th>Machine</th>
<th>Count</th></tr></thead><tbody><tr><td>A100</td><td>8</td></tr></tbody></table><table-wrap-foot><p>Rented.</p></table-wrap-foot></table-wrap>
<disp-formula><alternatives><tex-math>\\TEX</tex-math><mml:math><mml:mi>x</mml:mi></mml:math></alternatives></disp-formula></sec></body>
<back><ref-list><title>References</title><ref id="r1"><label>1</label><mixed-citation>A. Author. Floods. 2011.</mixed-citation></ref>
<ref><element-citation><person-group><name><surname>Bauer</surname><given-names>B</given-names></name></person-group>
<article-title>Gauges</article-title><year>2012</year></element-citation></ref></ref-list>
<ack><p>We thank all.</p></ack><sec sec-type="data-availability"><title>Data availability</title><p>The code is at
<ext-link xlink:href="https://github.com/example/leaf">GitHub</ext-link>.</p></sec>
<app-group><app><title>Proofs</title><p>{PROSE}</p></app></app-group></back></article>"""


@pytest.mark.parametrize("suffix", [".nxml", ".xml", ""])
@pytest.mark.parametrize(
    "head", ["", '<?xml version="1.0"?>', DOCTYPE, f'<?xml version="1.0" encoding="UTF-8"?>\n{DOCTYPE}\n']
)
def test_jats(suffix: str, head: str) -> None:
    paper = read(head + JATS, suffix)
    assert (paper.format, paper.problem, paper.title) == ("jats", None, "Sorting Leaves")
    assert paper.authors == ["Ada Muster", "Ben Beispiel"]
    assert [(section.title, section.part, section.level) for section in paper.sections if section.title] == [
        ("Abstract", "body", 1),
        ("1 Introduction", "body", 1),
        ("1.1 Data sets", "body", 2),
        ("Results", "body", 1),
        ("Acknowledgments", "body", 1),
        ("Data availability", "body", 1),
        ("References", "references", 1),
        ("Appendix", "appendix", 1),
        ("Proofs", "appendix", 1),
    ]
    for line in ("University of Example, Germany", "Acme Inc.", "ben@acme.example", "Equal work."):
        assert line in front_of(paper).split("\n\n")
    for word in ("LICENCE", "GRAPHICAL", "TEX", "a.png", "Editor"):
        assert word not in paper.text
    sentences = [(sentence.kind, paper.words(sentence)) for sentence in paper.sentences]
    assert ("text", "All models[1] were trained on eight A100 GPUs.") in sentences
    assert ("footnote", "More in it.") in sentences
    assert ("caption", "Figure 1 The rim.") in sentences
    assert "\n\nFigure 1 The rim. It is long.\n\n" in paper.text
    assert "Machine Count\n\nA100 8\n\nRented." in paper.text
    assert "One item.\n\nAnother." in paper.text
    assert ("text", "A. Author. Floods. 2011.") in sentences
    assert "Bauer B Gauges 2012" in paper.text
    assert [link.url for link in paper.links] == [
        "https://zenodo.org/record/42",
        "https://a.org/b",
        "https://github.com/example/leaf",
    ]
    assert "at https://zenodo.org/record/42 and https://a.org/b." in paper.text


def test_jats_within_a_set_of_articles() -> None:
    paper = read(f'<?xml version="1.0"?><pmc-articleset>{JATS}</pmc-articleset>')
    assert (paper.format, paper.title) == ("jats", "Sorting Leaves")


@pytest.mark.parametrize(
    "mark",
    [
        '<xref ref-type="fn" rid="n1"><sup>1</sup></xref>',
        '<sup><xref ref-type="bibr" rid="r1">1</xref>,<xref ref-type="bibr" rid="r2">2</xref></sup>',
        '<xref ref-type="bibr" rid="r1"><sup>1</sup></xref>',
    ],
)
def test_jats_raised_marks_are_no_words(mark: str) -> None:
    assert (
        "One ends. Another begins."
        in read(JATS.replace("<p>Another.</p>", f"<p>One ends.{mark} Another begins.</p>")).text
    )


def test_jats_that_defines_entities_is_refused() -> None:
    assert (read('<!DOCTYPE article [<!ENTITY a "b">]>' + JATS, ".nxml").problem or "").startswith("refused")


def tei(front: str = "", body: str = "") -> str:
    return (
        '<?xml version="1.0"?><TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc><titleStmt><title>Sorting Leaves</title>'
        f"</titleStmt><sourceDesc><biblStruct><analytic>{front}</analytic></biblStruct></sourceDesc></fileDesc><profileDesc>"
        f"<abstract><p>We say what it is.</p></abstract></profileDesc></teiHeader><text><body><div><head>Introduction</head>"
        f"<p>{PROSE}</p>{body}</div></body></text></TEI>"
    )


def test_tei_institutions() -> None:
    person = "<persName><forename>Ada</forename><surname>Muster</surname></persName>"
    parts = '<orgName type="department">Botany</orgName><orgName type="institution">University of Example</orgName>'
    paper = read(
        tei(
            f"<author>{person}<affiliation key='a'>{parts}<address><settlement>Sampleton</settlement><country>Germany</country></address>"
            f"</affiliation><email>ada@example.edu</email></author><author>{person.replace('Ada', 'Ben')}<affiliation>"
            "<note type='raw_affiliation'><label>2</label> Acme Inc., USA</note><orgName>Acme</orgName></affiliation></author>"
        )
    )
    assert paper.authors == ["Ada Muster", "Ben Muster"]
    lines = front_of(paper).split("\n\n")
    assert lines[:5] == [
        "Sorting Leaves",
        "Ada Muster, Ben Muster",
        "Botany, University of Example, Sampleton, Germany",
        "ada@example.edu",
        "Acme Inc., USA",
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p><s>It ends.</s><s>It begins.</s></p>", "It ends. It begins."),
        ("<p>It ends.<lb/>It begins.</p>", "It ends. It begins."),
        ("<p>One <hi>wo</hi>rd.</p>", "One word."),
        ("<list><item>One</item><item>Two</item></list>", "One\n\nTwo"),
        ("<p>It ends.<ref type='foot' target='#foot_0'>1</ref> It begins.</p>", "It ends. It begins."),
        ("<p>At <ref target='https://a.org/b'>https://a.org/b</ref>and more.</p>", "At https://a.org/b and more."),
        ("<p>See<ref target='#b1'>[1]</ref>, <ref type='bibr'>[2]</ref>.</p>", "See[1], [2]."),
        ("<p>At <ref target='https://a.org/b/c'>https:// a.org/ b/c</ref>.</p>", "At https://a.org/b/c."),
        ("<p>At <ref target='https://a.org/b'>our page</ref>.</p>", "At our page."),
        ("<p>Before.<note place='foot' n='1'>A note.</note> After.</p>", "Before. After.\n\nA note."),
        (
            "<figure type='table'><head>Table 1</head><table><row><cell>A100</cell><cell>8</cell></row><row><cell>V100</cell></row></table></figure>",
            "Table 1\n\nA100 8\n\nV100",
        ),
    ],
)
def test_tei_words_stand_apart_where_elements_do(body: str, expected: str) -> None:
    assert expected in read(tei(body=body)).text
