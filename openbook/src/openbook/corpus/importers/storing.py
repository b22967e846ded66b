"""Streams imported rows into a ledger, as records whose run names the published answers' own model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from openbook.corpus.importers.coakley2026 import Tally
from openbook.corpus.importers.writing import batches
from openbook.errors import OpenbookError
from openbook.ledger import Ledger
from openbook.record.model import Record
from openbook.record.parquet import from_row


def import_to_ledger(
    root: Path, url: str, progress: Callable[[str, int, int], None] = lambda name, done, total: None
) -> tuple[Tally, bool]:
    """Import the index under ``root`` into the ledger at ``url``; returns what was met and whether anything was new.

    Records go in batch by batch: an import that was interrupted is taken up by the same command, and a second import
    of the same files adds nothing. Raises OpenbookError when there is nothing to import or the ledger fails.
    """
    tally = Tally()

    def records() -> Iterator[Record]:
        for batch in batches(root, tally, progress):
            for row in batch.to_pylist():
                yield from_row(row)

    with Ledger.open(url) as ledger:
        new = ledger.put_many(records())
    if not tally.papers:
        raise OpenbookError(f"{root}: no paper with answers was found, nothing went into the ledger")
    return tally, new > 0
