"""``openbook schema``: the JSON Schema of a record."""

from __future__ import annotations

from openbook.cli import app


@app.command()
def schema() -> None:
    """Print the JSON Schema that every record follows."""
    from openbook.record.files import schema_text

    print(schema_text(), end="")
