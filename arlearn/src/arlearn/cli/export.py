"""``arlearn export``: write a model in another project's form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arlearn.cli import app


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="Directory of a model: what train, compile or import-reference wrote.")],
    reference: Annotated[
        Path | None,
        typer.Option(help="Write this PyTorch state dict in the layout of the paper's public code (dense, masked)."),
    ] = None,
    hf: Annotated[
        Path | None,
        typer.Option(help="Write this folder for Hugging Face transformers: code, weights, tokenizer, README."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="With --hf: replace what is in the folder.")] = False,
) -> None:
    """Write a model in a form that other code reads."""
    import sys

    if reference is None and hf is None:
        raise typer.BadParameter("say what to write: --hf DIR or --reference FILE")
    if reference is not None:
        from arlearn.predictors.reference import write_reference
        from arlearn.predictors.saving import load_predictor

        predictor, _ = load_predictor(model)
        write_reference(predictor, reference)
        print(f"{reference}: {reference.stat().st_size:,} bytes", file=sys.stderr)
    if hf is not None:
        from arlearn.evaluation.saved_model import SavedModel
        from arlearn.hub.exporting import export_folder

        made = export_folder(SavedModel(model), hf, overwrite)
        print(
            f"{made.folder}: {made.bytes:,} bytes; its logits differ by at most {made.difference:.1e} "
            f"({made.compared:,} compared)",
            file=sys.stderr,
        )
        print(f'next: AutoModelForCausalLM.from_pretrained("{made.folder}", trust_remote_code=True)', file=sys.stderr)
