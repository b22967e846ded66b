"""``openbook label``: a person labels papers in the terminal."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from openbook.cli import app
from openbook.cli._asking import BrowserOption, PortOption, ask_in_browser, one_key


@app.command()
def label(
    papers: Annotated[list[Path], typer.Argument(help="The papers' files (PDF, text ...), or folders of them.")],
    out: Annotated[
        Path, typer.Option(help="The CSV file of your labels, one per annotator. An existing file is continued.")
    ] = Path("labels.csv"),
    annotator: Annotated[str | None, typer.Option(help="Your name in the file [default: your login].")] = None,
    variables: Annotated[str | None, typer.Option(help="Label only these variables, separated by commas.")] = None,
    sentences: Annotated[
        bool,
        typer.Option(
            "--sentences",
            help="Label single sentences instead: those about which the offline assessor is least sure. "
            "`openbook train --gold` learns from the file.",
        ),
    ] = False,
    most: Annotated[
        int, typer.Option(min=1, help="With --sentences, ask about at most this many per paper and variable.")
    ] = 5,
    browser: BrowserOption = False,
    port: PortOption = 0,
) -> None:
    """Label papers by hand: for each variable the passages and links that matter, one key for the answer, saved at once.

    Keys: y yes, n no, u unknown (e, t for the research type; a, i, c for the affiliation), m more passages, b back, s skip
    the paper, q quit. Run it again to continue. Without a terminal it reads one line per answer. Compare with records, or with
    another annotator:

        openbook label papers/*.pdf --out mine.csv
        openbook label papers/*.pdf --out mine.csv --browser
        openbook validate --records out/ --labels mine.csv
        openbook validate --records mine.csv --labels hers.csv

    With --sentences, each question shows a sentence and the text around it. A sentence proves a variable if a
    sceptical reader who sees only that sentence would agree:

        openbook label --sentences papers/*.pdf --out sentences.csv
        openbook train --gold sentences.csv --out my-weights
    """
    from openbook.assess.papers_list import check_paper
    from openbook.corpus.validation.annotator import Item, LabelQuestions, Labels, annotate
    from openbook.errors import OpenbookError
    from openbook.papers.paper import Paper
    from openbook.papers.sandbox import read_safely
    from openbook.variables import VARIABLES

    if sentences and browser:
        raise typer.BadParameter("it labels whole papers; leave out --browser or --sentences", param_hint="--browser")
    if sentences and out == Path("labels.csv"):
        out = Path("sentences.csv")
    wanted = (
        [name.strip() for name in variables.split(",") if name.strip()] if variables is not None else list(VARIABLES)
    )
    unknown = [name for name in wanted if name not in VARIABLES]
    if unknown or not wanted:
        raise typer.BadParameter(
            f"{', '.join(unknown) or 'nothing'}; the variables are {', '.join(VARIABLES)}", param_hint="--variables"
        )
    paths = [path for place in papers for path in (sorted(place.iterdir()) if place.is_dir() else [place])]
    for place in papers:
        if not place.is_dir():
            check_paper(place)

    def item(path: Path) -> Item:
        def read() -> Paper:
            return read_safely(path)

        return Item(path.stem, read)

    items = [item(path) for path in paths if path.is_file()]
    if not items:
        raise OpenbookError(f"there are no papers to label in {', '.join(map(str, papers))}")
    if sentences:
        from openbook.corpus.validation.annotator import SentenceLabels, annotate_sentences
        from openbook.variables import SCORED

        asked = [name for name in wanted if name in SCORED]
        annotate_sentences(items, SentenceLabels.open(out), asked, _ask, typer.echo, most=most)
        return
    labels, who = Labels.open(out, wanted), annotator or getpass.getuser()
    if browser:
        queue = LabelQuestions(items, labels, who, say=typer.echo)
        ask_in_browser(queue, port)
        typer.echo(f"{queue.done} answers in this session, saved to {out}")
        return
    annotate(items, labels, who, _ask, typer.echo)


def _ask(prompt: str) -> str:
    """One key from a terminal, or one line from anything else; an empty string at the end of the input."""
    line = one_key(prompt)
    if not sys.stdin.isatty():
        print()
    return line.strip() or ("?" if line else "")
