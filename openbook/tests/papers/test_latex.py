"""LaTeX: one file and whole archives; inputs stay inside, bombs and escapes are refused."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from openbook.papers.archives import unpack
from openbook.papers.blocks import Unreadable
from openbook.papers.paper import Paper
from openbook.papers.reading import read_bytes, read_paper

MAIN = r"""
\documentclass{article}
\newcommand{\ours}{AsyncDiff\xspace}
\title{A Small \emph{Paper}}
\author{Ada Lovelace\thanks{Equal.} \\ University \and Alan Turing \\ Elsewhere}
\begin{document}
\maketitle
\begin{abstract} We present \ours, 50\% faster. % a SECRET comment
\end{abstract}
\section{Introduction}\label{sec:intro}
PROSE As shown by \citet{kingma}, it is {\bf good}~\cite{smith}. Code: \url{https://github.com/a/b_c}.
We also have \href{https://example.org/x}{a page}, in Sec.~\ref{sec:intro}.

\begin{equation} x = \frac{1}{2} \end{equation}
\input{parts/setup}
\input{../../../../etc/passwd}
\begin{figure}\includegraphics{a.png}\caption{The pipeline of \ours.}\end{figure}
Text with a note\footnote{A note at the foot.} goes on.
\begin{comment} SECRET two \end{comment}
\appendix
\section{Proofs}
PROSE
\begin{thebibliography}{9}
\bibitem{kingma} D. Kingma and J. Ba. \newblock Adam. 2015.
\bibitem[S(2020)]{smith} J. Smith. Things. 2020.
\end{thebibliography}
\end{document}
AFTER
"""
SETUP = r"\subsection{Setup} We use a batch size of $64$ and a rate of $10^{-3}$. PROSE \input{parts/setup}"


@pytest.fixture(scope="module")
def files(prose: str) -> dict[str, bytes]:
    return {
        "main.tex": MAIN.replace("PROSE", prose).encode(),
        "parts/setup.tex": SETUP.replace("PROSE", prose).encode(),
        "style.sty": b"\\def\\x{y}",
    }


def tar_of(files: dict[str, bytes], *, mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def check(paper: Paper) -> None:
    assert paper.problem is None
    assert (paper.format, paper.title, paper.authors) == ("latex", "A Small Paper", ["Ada Lovelace", "Alan Turing"])
    assert [(section.title, section.part) for section in paper.sections if section.title] == [
        ("Abstract", "body"),
        ("1 Introduction", "body"),
        ("1.1 Setup", "body"),
        ("Appendix", "appendix"),
        ("A Proofs", "appendix"),
        ("References", "references"),
    ]
    assert "We present AsyncDiff, 50% faster." in paper.text
    assert "As shown by [kingma], it is good [smith]." in paper.text
    assert "We use a batch size of 64 and a rate of" in paper.text
    for word in ("SECRET", "AFTER", "root:", "\\", "includegraphics", "sec:intro"):
        assert word not in paper.text
    assert {link.url for link in paper.links} >= {"https://github.com/a/b_c", "https://example.org/x"}
    assert "Code: https://github.com/a/b_c." in paper.text
    kinds = [(sentence.kind, paper.words(sentence)) for sentence in paper.sentences]
    assert ("caption", "Figure 1: The pipeline of AsyncDiff.") in kinds
    assert ("footnote", "1 A note at the foot.") in kinds
    assert "D. Kingma and J. Ba. Adam. 2015." in [words for _, words in kinds]


def test_archives(files: dict[str, bytes]) -> None:
    check(read_bytes(tar_of(files), source="x.tar.gz", suffix=".gz"))
    check(read_bytes(tar_of(files, mode="w"), source="x.tar", suffix=".tar"))
    check(read_bytes(zip_of(files), source="x.zip", suffix=".zip"))


def test_one_file_and_one_gzipped_file(files: dict[str, bytes]) -> None:
    for data in (files["main.tex"], gzip.compress(files["main.tex"])):
        paper = read_bytes(data, source="x.tex", suffix=".tex")
        assert paper.problem is None
        assert "We present AsyncDiff" in paper.text


def test_a_pdf_in_an_archive(plain_pdf: bytes) -> None:
    paper = read_bytes(zip_of({"readme.txt": b"x", "paper.pdf": plain_pdf}), source="x.zip")
    assert (paper.format, paper.title) == ("pdf", "A Small Paper")


@pytest.mark.parametrize("name", ["../../main.tex", "/main.tex", "a/../../main.tex", "C:\\main.tex", "..\\main.tex"])
def test_names_cannot_leave_the_archive(name: str) -> None:
    assert unpack(tar_of({name: b"x", "good.tex": b"y"})) == {"good.tex": b"y"}
    assert unpack(zip_of({name: b"x", "good.tex": b"y"})) == {"good.tex": b"y"}


def test_links_and_devices_are_left_out() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo(f"{kind!r}.tex")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    assert unpack(out.getvalue()) == {}


@pytest.mark.parametrize(
    "pack",
    [lambda data: gzip.compress(data), lambda data: zip_of({"a.tex": data}), lambda data: tar_of({"a.tex": data})],
)
def test_bombs_are_cut_off(pack: object) -> None:
    with pytest.raises(Unreadable, match="more than 1 MB"):
        unpack(pack(b"0" * 3_000_000), 1 << 20)  # type: ignore[operator]


def test_damaged_archives(files: dict[str, bytes]) -> None:
    for data in (tar_of(files)[:-200], zip_of(files)[:-60], b"\x1f\x8b" + b"junk" * 50, b"PK\x03\x04" + b"junk" * 50):
        assert read_bytes(data, source="x").problem


def test_macros_that_grow_without_end(prose: str) -> None:
    bomb = "".join(f"\\newcommand{{\\{chr(97 + i)}x}}{{{(chr(92) + chr(98 + i) + 'x ') * 10}}}" for i in range(20))
    paper = read_bytes(
        f"\\documentclass{{a}}{bomb}\\begin{{document}}{prose}\\ax\\end{{document}}".encode(), source="x"
    )
    assert "We study how" in paper.text
    assert len(paper.text) < 1_000_000


def test_an_archive_without_a_paper() -> None:
    assert "no LaTeX document" in (read_bytes(zip_of({"a.sty": b"x"}), source="x.zip").problem or "")
    assert "Office" in (read_bytes(zip_of({"[Content_Types].xml": b"x"}), source="x.docx").problem or "")


def test_a_lone_file_is_read_with_the_files_that_it_names(tmp_path: Path) -> None:
    body = "We study the levels of rivers over many years, and we ask how far ahead a model can look. " * 30
    main = "\\documentclass{article}\\usepackage{rivers}\\begin{document}\\section{One}" + body
    main += "\\input{parts/two}\\input{../outside}\\input{link}\\import{parts/}{four}\\name{}\\end{document}"
    (tmp_path / "paper" / "parts").mkdir(parents=True)
    folder = tmp_path / "paper"
    (folder / "paper.tex").write_text(main)
    (folder / "parts" / "two.tex").write_text("\\section{Two}It was trained on four machines. \\input{parts/three}")
    (folder / "parts" / "three.tex").write_text("A third part follows.")
    (folder / "parts" / "four.tex").write_text("A fourth part is imported.")
    (folder / "rivers.sty").write_text("\\newcommand{\\name}{RiverNet ends it.}")
    (folder / "other.tex").write_text("Nobody names this.")
    (tmp_path / "outside.tex").write_text("This lies outside.")
    (folder / "link.tex").symlink_to(tmp_path / "outside.tex")
    text = read_paper(folder / "paper.tex").text
    for words in ("four machines", "A third part", "A fourth part", "RiverNet ends it"):
        assert words in text
    for words in ("Nobody names", "lies outside"):
        assert words not in text


NUMBERED = r"""\documentclass{article}\title{A Small Paper}\begin{document}\maketitle
\section{Data}\label{data} PROSE Section~\ref{more} follows \Cref{data}, with \eqref{sum} and \cref{one,two}; see also \ref{lost}.
\begin{figure}\begin{subfigure}\caption{Left.}\label{left}\end{subfigure}\caption{All.}\label{one}\end{figure}
\begin{figure*}\caption{Others.}\label{two}\end{figure*}
\begin{wraptable}{r}{3cm}\caption{Rows.}\end{wraptable}
\begin{equation}a = b\label{sum}\end{equation}
\begin{enumerate}\item One thing --- or two.\end{enumerate}
What follows the list.
\appendix
\section{More}\label{more} PROSE
\end{document}"""


def test_numbers_of_captions_and_references(prose: str) -> None:
    paper = read_bytes(NUMBERED.replace("PROSE", prose * 2).encode(), source="x.tex", suffix=".tex")
    assert "Section A follows Section 1, with (1) and figures 1 and 2; see also ." in paper.text
    captions = [paper.words(item) for item in paper.sentences if item.kind == "caption"]
    assert captions == ["Left.", "Figure 1: All.", "Figure 2: Others.", "Table 1: Rows."]
    assert "\n\nOne thing — or two.\n\nWhat follows the list.\n\n" in paper.text
