"""Streams imported rows into a Parquet file or into a ledger; the same input gives the same bytes."""

from __future__ import annotations

import contextlib
import filecmp
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from openbook.corpus.importers.coakley2026 import ImportReport, read_venue_year, venue_years
from openbook.errors import OpenbookError
from openbook.files import replacing
from openbook.ledger import Ledger
from openbook.record.model import Record
from openbook.record.parquet import from_row
from openbook.variables import SCORED


def schema() -> pa.Schema:
    """The columns of the published table, and the run's prompt, parameters and file."""
    answers = [
        column
        for variable in ("research_type", "affiliation", *SCORED)
        for column in ((variable, pa.int8()), (f"{variable}_text", pa.large_string()))
    ]
    text, count = pa.large_string(), pa.int32()
    return pa.schema(
        [
            *(("id", text), ("title", text), ("authors", text), ("venue", text), ("year", pa.int16())),
            *(("url", text), ("category", text), ("excluded", pa.bool_())),
            *answers,
            *(("model", text), ("input_tokens", count), ("thoughts_tokens", count), ("output_tokens", count)),
            *(("cost_usd", pa.float64()), ("prompt_hash", text), ("parameters", text), ("source_file", text)),
        ]
    )


def batches(
    root: Path, report: ImportReport, on_progress: Callable[[str, int, int], None] = lambda name, done, total: None
) -> Iterable[pa.RecordBatch]:
    """The index under ``root`` as one batch per venue and year. Any store of records can consume these."""
    found = venue_years(root)
    columns = schema()
    for done, (venue, year) in enumerate(found):
        on_progress(f"{venue} {year}", done, len(found))
        rows: list[dict[str, Any]] = list(read_venue_year(root, venue, year, report))
        if rows:
            yield pa.RecordBatch.from_pylist(rows, schema=columns)
    on_progress("done", len(found), len(found))


def import_to_parquet(
    root: Path, out: Path, on_progress: Callable[[str, int, int], None] = lambda name, done, total: None
) -> tuple[ImportReport, bool]:
    """Import the index under ``root`` into ``out``; returns the report and whether the file changed.

    A second import of the same files leaves the file untouched. Raises ``OpenbookError`` when there is nothing to import
    or ``out`` cannot be written; an existing file stays as it was.
    """
    report = ImportReport()
    changed = True
    with contextlib.suppress(_Unchanged), replacing(out) as beside:
        with pq.ParquetWriter(beside, schema(), compression="zstd") as writer:
            for batch in batches(root, report, on_progress):
                writer.write_batch(batch, row_group_size=batch.num_rows)
        if not report.papers:
            first = f" The first thing met: {report.odd[0].file}: {report.odd[0].message}." if report.odd else ""
            raise OpenbookError(f"{root}: no paper with answers was found, {out} was not written.{first}")
        changed = not (out.exists() and filecmp.cmp(beside, out, shallow=False))
        if not changed:
            raise _Unchanged
    return report, changed


class _Unchanged(Exception):
    """What was imported stands in the file already."""


def import_to_ledger(
    root: Path, url: str, on_progress: Callable[[str, int, int], None] = lambda name, done, total: None
) -> tuple[ImportReport, bool]:
    """Import the index under ``root`` into the ledger at ``url``; returns the report and whether anything was new.

    Records go in batch by batch: an import that was interrupted is taken up by the same command, and a second import
    of the same files adds nothing. Raises OpenbookError if there is nothing to import or the ledger fails.
    """
    report = ImportReport()

    def records() -> Iterator[Record]:
        for batch in batches(root, report, on_progress):
            for row in batch.to_pylist():
                yield from_row(row)

    with Ledger.open(url) as ledger:
        new = ledger.put_many(records())
    if not report.papers:
        raise OpenbookError(f"{root}: no paper with answers was found, nothing went into the ledger")
    return report, new > 0
