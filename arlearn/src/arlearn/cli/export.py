"""``arlearn export`` writes a model in another project's form, ``import-reference`` reads one."""

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
    overwrite: Annotated[bool, typer.Option("--overwrite", help="With --hf: replace the folder's contents.")] = False,
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


@app.command("import-reference")
def import_reference(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="A PyTorch state dict with in_embedding, linear1, mask and out_embedding. No code in it is run."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Write the model to this directory.", show_default=False)],
    tokenizer: Annotated[
        str | None,
        typer.Option(
            help="The vocabulary of the checkpoint: a tokenizer.json, a directory that holds one, or a Hugging Face Hub id."
        ),
    ] = None,
) -> None:
    """Turn a checkpoint of the paper's public code into a model of this package, with equal logits.

    With --tokenizer the model can be evaluated on text and generate it.
    """
    import sys

    from arlearn.errors import ArlearnError
    from arlearn.files import file_sha256
    from arlearn.predictors.reference import read_reference
    from arlearn.predictors.saving import save_predictor
    from arlearn.tokens import BytePair

    predictor = read_reference(checkpoint)
    card: dict[str, object] = {
        "data": None,
        "imported": {"file": checkpoint.name, "sha256": file_sha256(checkpoint)},
    }
    if tokenizer is not None:
        vocabulary = BytePair.load(tokenizer)
        if vocabulary.size > predictor.vocabulary:
            raise ArlearnError(
                f"{tokenizer} has {vocabulary.size} tokens, special tokens included, but the checkpoint has "
                f"{predictor.vocabulary}; give the tokenizer that the checkpoint was trained with"
            )
        vocabulary.save(out / "tokenizer.json")
        card["tokenizer"] = {"file": "tokenizer.json", "sha256": vocabulary.sha256}
        card["task"] = {
            "kind": "text",
            "configuration": {
                "context": predictor.context,
                "boundaries": "story",
                "padding": "ignored",
                "vocabulary": predictor.vocabulary,
                "end_of_text": vocabulary.end_of_text,
                "pad": vocabulary.pad,
            },
        }
    save_predictor(predictor, out, card)
    print(
        f"{out}: context {predictor.context}, width {predictor.map.inputs}, vocabulary {predictor.vocabulary:,}, "
        f"{predictor.parameter_count():,} weights",
        file=sys.stderr,
    )
