"""``arlearn``: the command line. Each command stands in a module of its own and imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated

import typer

from arlearn.errors import ArlearnError

app = typer.Typer(
    name="arlearn",
    help="Next-token predictors that are linear, or nearly so: train, evaluate, generate, compile, explain.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from arlearn import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Next-token predictors that are linear, or nearly so: train, evaluate, generate, compile, explain."""


def main() -> None:
    """Run the command line; bad input ends in one line on stderr and exit code 1, wrong usage in 2."""
    try:
        app()
    except ArlearnError as error:
        print(f"arlearn: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        if os.environ.get("RANK", "0") == "0":  # of several processes the first tells
            print("arlearn: interrupted", file=sys.stderr)
        sys.exit(130)


# Each module of this package that is not private registers its command with ``app`` when it is imported.
for _module in iter_modules(__path__):
    if not _module.name.startswith("_"):
        import_module(f"{__name__}.{_module.name}")
