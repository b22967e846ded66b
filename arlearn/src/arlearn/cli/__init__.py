"""``arlearn``: the command line. Each command stands in a module of its own and imports what it needs when it runs."""

from __future__ import annotations

import sys

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


def main() -> None:
    """Run the command line; bad input ends in one line on stderr and exit code 1, wrong usage in 2."""
    try:
        app()
    except ArlearnError as error:
        print(f"arlearn: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("arlearn: interrupted", file=sys.stderr)
        sys.exit(130)
