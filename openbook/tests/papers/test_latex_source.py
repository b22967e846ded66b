"""LaTeX as its readers see it: what the author removed or nobody can see is no text, and what macros stand for is."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from pylatexenc.latexwalker import LatexWalker

from openbook.papers.paper import Paper
from openbook.papers.reading import read_bytes

PROSE = (
    "We study how small networks sort pictures of leaves by the shape of their rim, and how far two layers can go. " * 4
)


def document(body: str, preamble: str = "") -> str:
    return (
        f"\\documentclass{{article}}\n{preamble}\n\\title{{Sorting Leaves}}\n\\author{{Ada Muster}}\n\\begin{{document}}\n"
        f"\\maketitle\n\\section{{Introduction}}\n{PROSE}\n\n{body}\n\\end{{document}}\nGONE\n"
    )


def read(body: str, preamble: str = "", **files: str) -> Paper:
    if not files:
        return read_bytes(document(body, preamble).encode(), source="x.tex", suffix=".tex")
    return archive({"main.tex": document(body, preamble), **files})


def archive(files: dict[str, str]) -> Paper:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    return read_bytes(out.getvalue(), source="x.zip", suffix=".zip")


def urls(paper: Paper) -> list[str]:
    return [link.url for link in paper.links]


@pytest.mark.parametrize(
    ("definition", "use"),
    [
        (r"\newcommand{\drop}[1]{}", r"\drop{GONE}"),
        (r"\newcommand\drop[1]{}", r"\drop{GONE \emph{GONE} \url{https://a.org/b}}"),
        (r"\newcommand*{\drop}[2]{\ignorespaces}", r"\drop{GONE}{GONE}"),
        (r"\newcommand{\drop}[2][GONE]{}", r"\drop{GONE} \drop[GONE]{GONE}"),
        (r"\newcommand{\drop}[2]{#1}", r"\drop{}{GONE}"),
        (r"\renewcommand{\drop}[1]{}", r"\drop{GONE}"),
        (r"\providecommand{\drop}[1]{}", r"\drop{GONE}"),
        (r"\DeclareRobustCommand{\drop}[1]{}", r"\drop{GONE}"),
        (r"\NewDocumentCommand{\drop}{o m}{}", r"\drop{GONE} \drop[GONE]{GONE}"),
        (r"\NewDocumentCommand\drop{s m}{\IfBooleanTF{#1}{#2}{}}", r"\drop{GONE}"),
        (r"\def\drop#1{}", r"\drop{GONE}"),
        (r"\long\def\drop#1{}", "\\drop{GONE\n\nGONE}"),
        (r"\gdef\drop#1#2{\relax}", r"\drop{GONE}{GONE}"),
        (r"\def\drop[#1]#2{}", r"\drop[GONE]{GONE}"),
        (r"\def\drop#1\enddrop{}", r"\drop GONE \enddrop"),
        (r"\newcommand{\drop}[1]{} \let\hide\drop", r"\hide{GONE}"),
        (r"\newif\ifnotes\notesfalse \newcommand{\drop}[1]{\ifnotes #1\fi}", r"\drop{GONE}"),
        (r"\renewcommand{\footnote}[1]{}", r"Kept.\footnote{GONE}"),
        (r"\renewcommand{\textcolor}[2]{}", r"\textcolor{red}{GONE}"),
        (r"\newenvironment{hide}{\comment}{\endcomment}", r"\begin{hide}GONE\end{hide}"),
        (r"\let\hide\comment \let\endhide\endcomment", r"\begin{hide}GONE\end{hide}"),
        (r"\excludecomment{hide}", "\\begin{hide}\nGONE\n\\end{hide}"),
        (r"\usepackage{verbatim}", "\\begin{comment}\nGONE \\begin{figure}\n\\end{comment}"),
        (r"\usepackage[disable]{todonotes}", r"\todo[inline]{GONE}"),
        (r"\makeatletter\newcommand{\drop}[1]{\@gobble{#1}}\let\hide\@gobble\makeatother", r"\drop{GONE} \hide{GONE}"),
        (r"\newcommand{\drop}[1]{\@bsphack\@esphack}", r"\drop{GONE}"),
        (r"\newcommand{\drop}[1]{\iffalse #1\fi}", r"\drop{GONE}"),
        (r"\newcommand{\drop}[1]{\ifdraft{#1}{}}", r"\drop{GONE}"),
        (r"\newcommand{\drop}[1]{{\tiny\color{white}#1}}", r"\drop{GONE}"),
        (r"\newcommand{\drop}[1]{\setbox0=\hbox{#1}}", r"\drop{GONE} \pdfcomment{GONE} \includestandalone{GONE}"),
        (r"\NewEnviron{hide}{}", r"\begin{hide}GONE\end{hide}"),
        (r"\NewDocumentEnvironment{hide}{+b}{}{}", r"\begin{hide}GONE\end{hide}"),
        (r"\excludeversion{hide}", r"\begin{hide}GONE\end{hide}"),
        (r"\def\iflong{\iffalse}", r"\iflong GONE \fi"),
        (r"\newsavebox{\mybox}", r"\sbox{\mybox}{GONE} \begin{lrbox}{\mybox}GONE\end{lrbox} \setbox0=\hbox{GONE}"),
        ("", r"\phantom{GONE} \hphantom{GONE} \hypersetup{pdfkeywords={GONE}}"),
        ("", r"\textcolor{white}{GONE} {\color{white} GONE} {\color{white}GONE \textbf{GONE}}"),
        (r"\definecolor{paper}{RGB}{254,254,255}", r"\textcolor{paper}{GONE} \textcolor[rgb]{1,1,1}{GONE}"),
        (r"\colorlet{paper}{white!99!black}", r"\textcolor{paper}{GONE} \textcolor{black!2}{GONE}"),
        ("", r"{\fontsize{0.1pt}{0.1pt}\selectfont GONE} \scalebox{0.01}{GONE}"),
        ("", "\\begin{filecontents*}{refs.bib}\nGONE\n\\end{filecontents*}"),
        ("", r"\tikz[baseline] \node {GONE}; \tikz{\draw (0,0) node{GONE};}"),
        (
            "",
            r"\begin{tikzpicture}\begin{scope}\node{GONE};\end{scope}\begin{tikzpicture}GONE\end{tikzpicture}GONE\end{tikzpicture}",
        ),
        ("", "% GONE \\begin{verbatim}\n"),
        ("", r"\index{GONE} \glsadd{GONE}"),
    ],
)
def test_what_is_not_printed_is_no_text(definition: str, use: str) -> None:
    paper = read(f"Before it. {use} After it.", definition)
    assert "GONE" not in paper.text
    assert "Before it." in paper.text
    assert "After it." in paper.text
    assert paper.links == []


@pytest.mark.parametrize(
    "branch",
    [
        r"\iffalse GONE \else KEPT \fi",
        r"\iftrue KEPT \else GONE \fi",
        r"\iffalse GONE \iftrue GONE \else GONE \fi GONE \fi KEPT",
        "\\if0 GONE \\fi KEPT",
        "\\if 0 GONE \\else KEPT\\fi",
        r"\if01 GONE \else KEPT \fi",
        r"\if11 KEPT \else GONE \fi",
        r"\iflong GONE \else KEPT \fi",
        r"\longtrue \iflong KEPT \else GONE \fi",
        r"\ifshort KEPT \iflong GONE \fi \else GONE \fi",
        r"\ifanonymous GONE \else KEPT \fi",
        r"\ifnum1=0 GONE \else KEPT \fi",
        r"\ifnum\draft>0 GONE \else KEPT \fi",
        r"\if\draft1 GONE \else KEPT \fi",
        r"\ifx\nosuchthing\undefined KEPT \else GONE \fi",
        r"\ifdefined\draft KEPT \else GONE \fi",
        r"\ifcase\draft KEPT \or GONE \else GONE \fi",
        r"\ifcase 1 GONE \or KEPT \else GONE \fi",
        r"\ifthenelse{\boolean{final}}{KEPT}{GONE}",
        r"\ifthenelse{\equal{a}{b}}{GONE}{KEPT}",
        r"\iftoggle{full}{GONE}{KEPT}",
        r"\ifbool{blind}{KEPT}{GONE}",
        r"\iffalse % \fi",
        "\\iffalse\n% \\fi\nGONE\n\\fi KEPT",
        r"\let\ifold\iffalse \ifold GONE \else KEPT \fi",
        r"\makeatletter\if@nowhere GONE \else KEPT \fi\makeatother",
        r"$a \iff b$ KEPT",
        r"\else KEPT \fi",
        r"\unless\iffalse KEPT \else GONE \fi",
        r"\unless\ifnum1=1 GONE \else KEPT \fi",
        r"\def\nothing{} \ifdefempty{\nothing}{KEPT}{GONE}",
        r"\ifdefempty{\draft}{GONE}{KEPT}",
    ],
)
def test_branches(branch: str) -> None:
    if branch.endswith(r"% \fi"):
        branch = "\\iffalse % \\fi\nGONE\n\\else\nKEPT\n\\fi"
    preamble = (
        r"\newif\iflong \newif\ifshort\shorttrue \newcommand{\draft}{0} \usepackage{ifthen}"
        r"\newboolean{final}\setboolean{final}{true} \newtoggle{full}\togglefalse{full} \newbool{blind}\booltrue{blind}"
    )
    paper = read(f"Before it. {branch} After it.", preamble)
    assert "GONE" not in paper.text
    assert "KEPT" in paper.text
    assert "After it." in paper.text


@pytest.mark.parametrize(
    ("definition", "use", "expected"),
    [
        (
            r"\newcommand{\ours}{LeafNet\xspace}",
            r"Our \ours is good, \ours{} too.",
            "Our LeafNet is good, LeafNet too.",
        ),
        (r"\def\ours{LeafNet}", r"Our {\ours} is good.", "Our LeafNet is good."),
        (r"\newcommand{\dev}[2]{#1 NVIDIA #2 GPUs}", r"We use \dev{four}{V100}.", "We use four NVIDIA V100 GPUs."),
        (
            r"\newcommand{\dev}[2][A100]{#2 #1 GPUs}",
            r"We use \dev{4} and \dev[H100]{8}.",
            "We use 4 A100 GPUs and 8 H100 GPUs.",
        ),
        (r"\def\dev#1#2{#1 #2 GPUs}", r"We use \dev{8}{H100}.", "We use 8 H100 GPUs."),
        (r"\def\dev#1x#2.{#1 #2 GPUs.}", r"We use \dev 8xH100. Good.", "We use 8 H100 GPUs. Good."),
        (r"\NewDocumentCommand{\dev}{O{A100} m}{#2 #1 GPUs}", r"We use \dev{8} now.", "We use 8 A100 GPUs now."),
        (
            r"\NewDocumentCommand{\dev}{m o}{#1\IfNoValueTF{#2}{}{ #2} GPUs}",
            r"We use \dev{8}[H100].",
            "We use 8 H100 GPUs.",
        ),
        (r"\newcommand{\a}{\b four} \newcommand{\b}{exactly }", r"We use \a GPUs.", "We use exactly four GPUs."),
        (r"\newcommand{\model}[1]{\newcommand{#1}{LeafNet}} \model{\ours}", r"Our \ours{} wins.", "Our LeafNet wins."),
        (r"\DeclareMathOperator{\argmax}{arg\,max}", r"We take $\argmax x$ here.", "We take arg max x here."),
        (
            r"\newenvironment{claim}[1]{\textbf{Claim #1.} }{}",
            r"\begin{claim}{7}It holds.\end{claim}",
            "Claim 7. It holds.",
        ),
        (r"\NewEnviron{claim}[1]{Claim #1. \BODY}", r"\begin{claim}{7}It holds.\end{claim}", "Claim 7. It holds."),
        (
            r"\NewDocumentEnvironment{claim}{m}{Claim #1.}{}",
            r"\begin{claim}{7} It holds.\end{claim}",
            "Claim 7. It holds.",
        ),
        (
            r"\def\iflong{\iftrue}\newcommand{\ours}{X} \iflong\renewcommand{\ours}{LeafNet}\fi",
            r"Our \ours{} wins.",
            "Our LeafNet wins.",
        ),
        (r"\newcommand{\me}{ada}", r"Write to \me@example.org, e.g.\@ today.", "Write to ada@example.org, e.g. today."),
        (
            r"\newcommand{\keep}[1]{#1} \renewcommand{\keep}[1]{really #1}",
            r"It is \keep{there}.",
            "It is really there.",
        ),
        (r"\newcommand{\percent}{\%}", r"We use 80\percent{} of it.", "We use 80% of it."),
        ("", r"Run \verb|pip % install| and \texttt{<html>} first.", "Run pip % install and <html> first."),
        ("", "A hyper%\nlink and % note\nmore.", "A hyperlink and more."),
        ("", r"\colorbox{black}{\textcolor{white}{White on dark is seen.}}", "White on dark is seen."),
        ("", r"\textcolor{blue}{Blue is seen} and {\color{red} red too}.", "Blue is seen and red too."),
        ("", r"\usebox{\b}\sbox{\b}{Kept box} \usebox{\b}.", "Kept box."),
    ],
)
def test_what_macros_stand_for(definition: str, use: str, expected: str) -> None:
    assert expected in read(use, definition).text


def test_macros_that_never_end() -> None:
    for loop in (r"\def\a{\a}", r"\def\a{\b x}\def\b{\a y}", r"\newcommand{\a}{\a\a}", r"\def\a#1{\a{#1#1}}"):
        assert "After it." in read(r"Before. \a{x} After it.", loop).text


@pytest.mark.parametrize("opened", [r"\sqrt[", r"\footnote[", r"\textbf{\sqrt["])
def test_brackets_left_open_are_not_read_again_and_again(opened: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser reads what follows each twice: 2 to the power of 30 times."""
    taken, most = 0, 200_000
    take = LatexWalker.get_token

    def counted(walker: LatexWalker, *arguments: object, **options: object) -> object:
        nonlocal taken
        taken += 1
        if taken > most:
            raise RuntimeError("the parser does not end")
        return take(walker, *arguments, **options)

    monkeypatch.setattr(LatexWalker, "get_token", counted)
    assert "After it." in read(f"Before. {opened * 30} After it.").text
    assert taken <= most


def test_a_note_of_the_title_is_no_word_of_it() -> None:
    text = document("").replace(r"\title{Sorting Leaves}", r"\title{Sorting Leaves\thanks{Paid by nobody.}}")
    paper = read_bytes(text.encode(), source="x.tex", suffix=".tex")
    assert paper.title == "Sorting Leaves"
    assert "Paid by nobody." in paper.text


def test_a_macro_in_the_title_that_is_defined_later() -> None:
    text = document("").replace(r"\title{Sorting Leaves}", r"\title{\ours: Sorting Leaves}\newcommand{\ours}{LeafNet}")
    assert read_bytes(text.encode(), source="x.tex", suffix=".tex").title == "LeafNet: Sorting Leaves"


@pytest.mark.parametrize(
    ("command", "address"),
    [
        (r"\url{https://zenodo.org/leaf%20rims.zip}", "https://zenodo.org/leaf%20rims.zip"),
        (r"\href{https://zenodo.org/a%20b#c}{the data}", "https://zenodo.org/a%20b#c"),
        (r"\url{https://github.com/a/b\_c}", "https://github.com/a/b_c"),
        ("\\url{https://github.com/%\n  a/b}", "https://github.com/a/b"),
        (r"\footnote{See \url{https://a.org/x%2Fy}.}", "https://a.org/x%2Fy"),
        (r"\nolinkurl{https://a.org/x%20y}", "https://a.org/x%20y"),
        (r"\url|https://a.org/x%20y#z|", "https://a.org/x%20y#z"),
        (r"\url{https://a.org/\~{}ada/x\_y}", "https://a.org/~ada/x_y"),
        (r"\href[pdfnewwindow]{https://a.org/x}{\textbf{here} \& there}", "https://a.org/x"),
        (r"\repo{rivers}", "https://github.com/example/rivers"),
        (r"\code", "https://github.com/example/code"),
        (r"\textbf{at \url{https://a.org/bold}}", "https://a.org/bold"),
        (r"\myaddress", "https://a.org/b%20c"),
    ],
)
def test_addresses(command: str, address: str) -> None:
    preamble = (
        r"\newcommand{\repo}[1]{\url{https://github.com/example/#1}} \newcommand{\code}{\href{https://github.com/example/code}{code}}"
        "\n"
        r"\urldef{\myaddress}\url{https://a.org/b%20c}"
    )
    paper = read(f"It is at {command} for everyone. The next one follows.", preamble)
    assert urls(paper) == [address]
    assert "for everyone. The next one follows." in paper.text


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (r"\input{parts/setup}", "parts/setup.tex"),
        (r"\input parts/setup.tex ", "parts/setup.tex"),
        (r'\input{"parts/set up"}', "parts/set up.tex"),
        (r"\include{parts/setup}", "parts/setup.tex"),
        (r"\subfile{parts/setup}", "parts/setup.tex"),
        (r"\import{parts/}{setup}", "parts/setup.tex"),
        (r"\import*{./parts}{setup.tex}", "parts/setup.tex"),
        (r"\subimport{parts/}{setup}", "parts/setup.tex"),
        (r"\includefrom{parts/}{setup}", "parts/setup.tex"),
        (r"\subincludefrom{parts/}{setup}", "parts/setup.tex"),
        (r"\inputfrom{parts/}{setup}", "parts/setup.tex"),
        (r"\InputIfFileExists{parts/setup}{}{GONE}", "parts/setup.tex"),
        (r"\newcommand{\chapterfile}[1]{\input{parts/#1}} \chapterfile{setup}", "parts/setup.tex"),
        (r"\def\parts{parts} \input{\parts/setup}", "parts/setup.tex"),
        (r"\newcommand{\parts}{parts/} \import{\parts}{setup}", "parts/setup.tex"),
    ],
)
def test_files_put_in(command: str, path: str) -> None:
    setup = "\\section{Setup}\nWe use eight GPUs. \\input{more} \\endinput GONE"
    paper = read(command, **{path: setup, "parts/more.tex": "And more.", "other.tex": "GONE"})
    assert [section.title for section in paper.sections][1:] == ["1 Introduction", "2 Setup"]
    assert "We use eight GPUs. And more." in paper.text
    assert "GONE" not in paper.text


def test_include_only_and_subfiles_of_their_own() -> None:
    paper = read(r"\include{a}\include{b}", r"\includeonly{a}", **{"a.tex": "It is here.", "b.tex": "GONE"})
    assert "It is here." in paper.text
    assert "GONE" not in paper.text
    part = "\\documentclass[main.tex]{subfiles}\n\\begin{document}\nA part of its own.\n\\end{document}\nGONE"
    paper = read(r"\subfile{part} And the rest.", **{"part.tex": part})
    assert "A part of its own." in paper.text
    assert "And the rest." in paper.text
    assert "GONE" not in paper.text


@pytest.mark.parametrize(
    ("preamble", "name"),
    [
        (r"\usepackage{leafmacros}", "leafmacros.sty"),
        (r"\usepackage[final]{graphicx,leafmacros}", "leafmacros.sty"),
        (r"\RequirePackage{sty/leafmacros}", "sty/leafmacros.sty"),
        (r"\input{leafmacros}", "leafmacros.tex"),
        (r"\usepackage{outer}", "leafmacros.sty"),
    ],
)
def test_macros_of_files_in_the_archive(preamble: str, name: str) -> None:
    macros = (
        "\\ProvidesPackage{leafmacros}\\def\\@inner#1{GONE}\\if@twocolumn GONE \\fi \\newcommand{\\machine}{eight A100 GPUs}\n"
        "\\newcommand{\\repo}[1]{\\url{https://github.com/example/#1}} GONE \\ifx\\a\\b \\newcommand{\\drop}[1]{}"
    )
    files = {name: macros, "outer.sty": "\\RequirePackage{leafmacros}"}
    paper = read(r"We use \machine. Code: \repo{leaf}.", preamble, **files)
    assert "We use eight A100 GPUs. Code: https://github.com/example/leaf." in paper.text
    assert urls(paper) == ["https://github.com/example/leaf"]
    assert "GONE" not in paper.text


def test_macros_of_a_class_of_their_own() -> None:
    files = {"main.tex": document(r"We use \machine."), "article.cls": r"\newcommand{\machine}{eight A100 GPUs}"}
    assert "We use eight A100 GPUs." in archive(files).text


@pytest.mark.parametrize("name", ["main.bbl", "output.bbl", "refs/paper.bbl"])
def test_references_of_any_name(name: str) -> None:
    listed = "\\begin{thebibliography}{1}\\bibitem{a} A. Author. Floods. 2011.\\end{thebibliography}"
    paper = read(r"\bibliography{refs}" + "\n\\appendix\\section{Proofs}\nMore.", **{name: listed})
    assert [(section.title, section.part) for section in paper.sections][2:] == [
        ("References", "references"),
        ("Appendix", "appendix"),
        ("A Proofs", "appendix"),
    ]
    assert "A. Author. Floods. 2011." in paper.text


def test_references_that_biblatex_made() -> None:
    listed = (
        "\\refsection{0}\\entry{a}{article}{}\\name{author}{1}{}{{{hash=1}{family={Author}, given={Ann}}}}\n"
        "\\field{title}{Floods}\\field{year}{2011}\\verb{url}\n\\verb https://a.org/f\n\\endverb\\endentry\\endrefsection"
    )
    paper = read(r"\printbibliography", **{"main.bbl": listed})
    assert "Author. Floods. 2011. https://a.org/f" in paper.text
    assert paper.sections[-1].part == "references"


MANIFESTS = {
    "00README.XXX": "long.tex ignore\nshort.tex toplevelfile\n",
    "00README.json": json.dumps({"version": 1, "sources": [{"filename": "short.tex", "usage": "toplevel"}]}),
    "00README.yaml": "process:\n  compiler: pdflatex\nsources:\n  - filename: long.tex\n    usage: ignore\n"
    "  - usage: toplevel\n    filename: short.tex\n",
    "00README.toml": '[[sources]]\nfilename = "short.tex"\nusage = "toplevel"\n',
}


@pytest.mark.parametrize("manifest", sorted(MANIFESTS))
def test_the_manifest_names_the_document(manifest: str) -> None:
    short, long = document("Short."), document("Long. " * 200).replace("Sorting Leaves", "Another Paper")
    paper = archive({"long.tex": long, "short.tex": short, manifest: MANIFESTS[manifest]})
    assert paper.title == "Sorting Leaves"
    assert archive({"long.tex": long, "short.tex": short, manifest: "{[ nonsense"}).title == "Another Paper"


def test_a_document_beside_the_paper_is_not_the_paper() -> None:
    long = document("Long. " * 300).replace("Sorting Leaves", "Answers to the Reviewers")
    assert archive({"rebuttal.tex": long, "leaf.tex": document("Short.")}).title == "Sorting Leaves"
    part = document("Part. " * 300).replace("Sorting Leaves", "A Part")
    assert archive({"part.tex": part, "leaf.tex": document(r"\subfile{part}")}).title == "Sorting Leaves"


AUTHORS = {
    "article": r"\author{Ada Example \\ University of Example \\ \texttt{ada@example.edu} \and Ben Sample\footnotemark[1] \\ Acme Inc.}",
    "thanks": r"\author{Ada Example\thanks{University of Example, \texttt{ada@example.edu}} \And Ben Sample$^{1,2}$ \\ Acme Inc.}",
    "authblk": r"\author[1]{Ada Example}\author[1,2]{Ben Sample}\affil[1]{University of Example}\affil[2]{Acme Inc.}",
    "acmart": r"\author{Ada Example}\orcid{0000-0001}\affiliation{\institution{University of Example}\city{Sampleton}}"
    r"\email{ada@example.edu}\author{Ben Sample}\affiliation{\institution{Acme Inc.}}",
    "llncs": r"\author{Ada Example\inst{1}\orcidID{0000-1} \and Ben Sample\inst{2}}\institute{University of Example \and Acme Inc.}",
    "ieee": r"\author{\IEEEauthorblockN{Ada Example}\IEEEauthorblockA{University of Example}\and"
    r"\IEEEauthorblockN{Ben Sample}\IEEEauthorblockA{Acme Inc.}}",
    "ieee marks": r"\author{\IEEEauthorblockN{Ada Example\IEEEauthorrefmark{1}, Ben Sample\IEEEauthorrefmark{2}}"
    r"\IEEEauthorblockA{\IEEEauthorrefmark{1}University of Example\\ \IEEEauthorrefmark{2}Acme Inc.}}",
    "icml": r"\icmlauthor{Ada Example}{u}\icmlauthor{Ben Sample}{c}\icmlaffiliation{u}{University of Example}\icmlaffiliation{c}{Acme Inc.}",
    "elsevier": r"\author[a]{Ada Example\corref{c}}\author[b]{Ben Sample}\affiliation[a]{organization={University of Example},"
    r"city={Sampleton}}\address[b]{Acme Inc.}",
    "jmlr": r"\author{\name Ada Example \email ada@example.edu \\ \addr University of Example \AND \name Ben Sample \email b@c.org \\ \addr Acme Inc.}",
    "marks": r"\author{Ada Example\textsuperscript{1}, Ben Sample\textsuperscript{2}\\ \textsuperscript{1}University of Example\\"
    r"\textsuperscript{2}Acme Inc.}",
    "aaai": r"\author{Ada Example,\textsuperscript{\rm 1} Ben Sample\textsuperscript{\rm 2}}\affiliations{\textsuperscript{\rm 1}University of "
    r"Example\\ \textsuperscript{\rm 2}Acme Inc.\\ ada@example.edu}",
    "ijcai": r"\author{Ada Example$^1$ \and Ben Sample$^{2,\dagger}$ \affiliations $^1$University of Example\\ $^2$Acme Inc. \emails ada@b.org}",
    "springer": r"\author*[1]{\fnm{Ada} \sur{Example}}\email{ada@example.edu}\author[2]{\fnm{Ben} \sur{Sample}}"
    r"\affil*[1]{\orgdiv{Botany}, \orgname{University of Example}, \orgaddress{\city{Sampleton}}}\affil[2]{\orgname{Acme Inc.}}",
    "tabular": r"\author{\begin{tabular}{cc}Ada Example & Ben Sample\end{tabular}\\ University of Example, Acme Inc.}",
}


@pytest.mark.parametrize("style", sorted(AUTHORS))
def test_authors_and_their_institutions(style: str) -> None:
    text = document("").replace(r"\author{Ada Muster}", AUTHORS[style])
    paper = read_bytes(text.encode(), source="x.tex", suffix=".tex")
    assert paper.authors == ["Ada Example", "Ben Sample"]
    front = paper.text[: paper.text.index("1 Introduction")]
    assert "University of Example" in front
    assert "Acme Inc" in front
    assert "[" not in front.replace("[1]", "")
    assert set("\\{}").isdisjoint(front)
