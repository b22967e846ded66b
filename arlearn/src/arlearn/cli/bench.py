"""``arlearn bench``: measurements that can be repeated."""

from __future__ import annotations

import typer

from arlearn.cli import app

bench_app = typer.Typer(
    no_args_is_help=True, help="Measurements that can be repeated: speed, memory, length complexity."
)
app.add_typer(bench_app, name="bench")
