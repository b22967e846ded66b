"""``arlearn explain``: which context tokens a linear predictor's next token comes from, and what its map looks like."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from arlearn.cli import app, read_prompt


@app.command()
def explain(
    model: Annotated[Path, typer.Argument(help="Directory of a model: what train, compile or import-reference wrote.")],
    prompt: Annotated[
        str | None,
        typer.Option(
            help='Explain the token after this text or question, such as "12 x 34". A - reads it from standard input.'
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help="Explain this token's logit instead of the predicted one's; #17 is the token numbered 17."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Explain by how much the logit exceeds that of this token. The word `mean` stands for the mean of all logits."
        ),
    ] = None,
    tokens: Annotated[
        int,
        typer.Option(
            min=1,
            max=10_000,
            help="Write this many tokens and explain each of them. A task ends with its chain of thought.",
        ),
    ] = 1,
    whole: Annotated[bool, typer.Option("--whole", help="Explain the prompt's own tokens too.")] = False,
    temperature: Annotated[
        float, typer.Option(min=0, help="Draw the continuation at this temperature; 0 takes the most likely token.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Draw the continuation with this seed.")] = 0,
    top: Annotated[int, typer.Option(min=1, help="Explain this many of the most likely tokens.")] = 5,
    rows: Annotated[
        int,
        typer.Option(min=1, help="Show at most this many lines in the terminal, those with the largest contributions."),
    ] = 40,
    html: Annotated[
        Path | None, typer.Option(help="Write the explanation as a page in one HTML file, and print only its path.")
    ] = None,
    spectrum: Annotated[
        Path | None,
        typer.Option(help="Write what the map does at each distance: a figure (.svg, .png) and its table beside it."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Explain the next token's logit: show what each context token adds to it.

    For a linear predictor this is exact: the contributions and the bias add up to the logit, and the difference that
    is left is shown. For a compiled program the step that writes the token is named too.
    """
    from rich.console import Console

    from arlearn.errors import ArlearnError
    from arlearn.evaluation.attribution import TOLERANCE
    from arlearn.evaluation.attribution import explain as take_apart
    from arlearn.evaluation.attribution_views import print_explanation
    from arlearn.evaluation.saved_model import SavedModel
    from arlearn.training.progress import Reporter

    if spectrum is not None:
        _spectrum(model, spectrum, as_json and prompt is None)
        if prompt is None and html is None:
            return
    saved = SavedModel(model)
    given = saved.prompt(read_prompt(prompt))
    opposed: int | str | None = against
    if against is not None and against != "mean":
        opposed = saved.token(against)
    with Reporter(quiet=as_json).work("explaining") as work:
        explanation = take_apart(
            saved,
            given,
            tokens,
            token=None if token is None else saved.token(token),
            against=opposed,
            top=top,
            whole=whole,
            temperature=temperature,
            seed=seed,
            on_progress=work.show,
        )
    if html is not None:
        from arlearn.evaluation.attribution_views import write_page

        write_page(explanation, html)
    if as_json:
        print(json.dumps(explanation.as_json(), ensure_ascii=False))
    elif html is not None:
        print(html)
    else:
        print_explanation(explanation, Console(highlight=False, soft_wrap=True), rows)
    if not explanation.worst.exact:
        raise ArlearnError(
            f"the contributions differ from the logit by {explanation.worst.residual:.1e} of it, more than {TOLERANCE}: the "
            "weights are too large for the precision that the predictor computes in"
        )


def _spectrum(model: Path, path: Path, as_json: bool) -> None:
    from arlearn.evaluation.spectrum import spectrum_of, write_spectrum
    from arlearn.predictors.saving import load_predictor

    predictor, _ = load_predictor(model)
    found = spectrum_of(predictor)
    for written in write_spectrum(found, path, model.name):
        print(f"{written}: {written.stat().st_size:,} bytes", file=sys.stderr)
    if as_json:
        print(json.dumps(found.as_json()))
    else:
        print(found.summary())
