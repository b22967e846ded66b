"""The downloads: all records as Parquet, and their results as CSV."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from openbook.record.model import Record
from openbook.record.parquet import schema, to_table
from openbook.variables import SCORED
from openbook.web.site.files import Folder, unwritable
from openbook.web.site.listed import Listed
from openbook.web.site.sources import Source


def write_tables(folder: Folder, source: Source, papers: Sequence[Listed], changed: bool) -> None:
    """Write ``data/records.parquet`` and ``data/results.csv``, if the records changed or they are not there."""
    parquet, results = folder.root / "data" / "records.parquet", folder.root / "data" / "results.csv"
    if changed or not parquet.exists():
        _write_parquet(source, parquet)
    if changed or not results.exists():
        _write_csv(papers, results)
    folder.tell("data/records.parquet")
    folder.tell("data/results.csv")


def _write_parquet(source: Source, out: Path) -> None:
    """The table as it was given, or one of the records of a folder, written a batch at a time."""
    beside = out.with_suffix(".part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if source.parquet is not None:
            shutil.copyfile(source.parquet, beside)
        else:
            with pq.ParquetWriter(beside, schema(), compression="zstd") as writer:
                seen: set[str] = set()
                for batch in source.batches(range(len(source.paths))):
                    good: dict[str, Record] = {}
                    for _, one, _ in batch:
                        if isinstance(one, Record) and one.paper.id not in seen:
                            good.setdefault(one.paper.id, one)
                    writer.write_table(to_table(good.values()))
                    seen |= good.keys()
        beside.rename(out)
    except OSError as error:
        raise unwritable(out, error) from error


def _write_csv(papers: Sequence[Listed], out: Path) -> None:
    """A line per paper: what it is, seven results as 1 or 0, scores; the responses are in the Parquet file."""
    import pyarrow as pa
    import pyarrow.csv

    columns: dict[str, Any] = {
        name: [getattr(one, name) for one in papers] for name in ("id", "title", "authors", "venue", "year", "url")
    }
    for place, variable in enumerate(SCORED):
        columns[variable] = [None if one.documentation is None else one.yes >> place & 1 for one in papers]
    for name in ("documentation", "reproducibility", "research_type", "affiliation"):
        columns[name] = [getattr(one, name) for one in papers]
    columns["findings"] = [len(one.audited()) for one in papers]
    beside = out.with_suffix(".part")
    try:
        pyarrow.csv.write_csv(pa.table(columns), beside)
        beside.rename(out)
    except OSError as error:
        raise unwritable(out, error) from error


def digest(parts: Sequence[str]) -> str:
    """One hash of many."""
    total = hashlib.blake2b(digest_size=16)
    for part in parts:
        total.update(part.encode("utf-8", "replace") + b"\0")
    return total.hexdigest()
