"""``arlearn export``: write a model in another project's form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arlearn.cli import app


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="Directory of a model: what train or import-reference wrote.")],
    reference: Annotated[
        Path | None,
        typer.Option(help="Write this PyTorch state dict in the layout of the paper's public code (dense, masked)."),
    ] = None,
) -> None:
    """Write a model in a form that other code reads."""
    import sys

    from arlearn.predictors.reference import write_reference
    from arlearn.predictors.saving import load_predictor

    if reference is None:
        raise typer.BadParameter("say what to write: --reference FILE")
    predictor, _ = load_predictor(model)
    write_reference(predictor, reference)
    print(f"{reference}: {reference.stat().st_size:,} bytes", file=sys.stderr)
