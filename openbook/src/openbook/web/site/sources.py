"""The records of a site: read a batch at a time from Parquet or a folder of JSON, written again as its downloads."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from openbook.errors import OpenbookError
from openbook.files import replacing
from openbook.record.files import parse_record, record_paths, require_records
from openbook.record.model import Record
from openbook.record.parquet import TABLE_NAME, from_row, schema, to_table
from openbook.variables import SCORED, VARIABLES
from openbook.web.addresses import source_name
from openbook.web.site.rows import Listed
from openbook.web.site.state import Folder

BATCH: Final = 400


@dataclass(frozen=True, slots=True)
class RecordSource:
    """A set of records: ``parquet``, or the JSON files ``paths``. Small enough to be handed to another process."""

    where: Path
    parquet: Path | None
    paths: tuple[Path, ...] = ()

    def fingerprints(self) -> list[tuple[str, str]]:
        """Id and hash of each record, in the order of the source; the hash is of all that is known of it. Of a record
        that cannot be read the id is empty. Raises OpenbookError."""
        if self.parquet is None:
            return [_hash_file(path) for path in self.paths]
        import duckdb

        connection = duckdb.connect()
        connection.execute("SET preserve_insertion_order = true; SET threads = 2")
        quoted = str(self.parquet).replace("'", "''")
        try:
            columns = [row[0] for row in connection.execute(f"DESCRIBE FROM read_parquet('{quoted}')").fetchall()]
            if "id" not in columns or not set(VARIABLES) & set(columns):
                raise OpenbookError(
                    f"{self.where} is not a table of records: it needs a column id and one per variable; "
                    "make one with openbook import or openbook assess"
                )
            rows = connection.execute(f"SELECT id, hash(t) FROM read_parquet('{quoted}') t").fetchall()
        except duckdb.Error as error:
            raise OpenbookError(
                f"{self.where} is not a Parquet file of records: {str(error).splitlines()[0]}"
            ) from error
        seal = duckdb.__version__  # its hash may differ between versions
        return [(identity or "", f"{value:016x}-{seal}") for identity, value in rows]

    def batches(self, chosen: Collection[int]) -> Iterator[Iterator[tuple[int, Record | str]]]:
        """Batches of (place in the source, record or what is wrong with it), of the chosen places.

        A batch that is not consumed costs nothing but its decompression.
        """
        if self.parquet is None:
            ordered = sorted(chosen)
            for start in range(0, len(ordered), BATCH):
                yield self._from_files(ordered[start : start + BATCH])
            return
        first = 0
        with pq.ParquetFile(self.parquet) as file:
            for batch in file.iter_batches(batch_size=BATCH, use_threads=False):
                places = [place for place in range(batch.num_rows) if first + place in chosen]
                if places:
                    yield _from_rows(batch.take(places) if len(places) < batch.num_rows else batch, places, first)
                first += batch.num_rows

    def _from_files(self, places: Sequence[int]) -> Iterator[tuple[int, Record | str]]:
        for place in places:
            path = self.paths[place]
            try:
                yield place, publishable(parse_record(path.read_text(encoding="utf-8"), path.name))
            except (OpenbookError, OSError, UnicodeDecodeError) as error:
                yield place, str(error)


def _from_rows(batch: Any, places: Sequence[int], first: int) -> Iterator[tuple[int, Record | str]]:
    for place, row in zip(places, batch.to_pylist(), strict=True):
        try:
            yield first + place, publishable(from_row(row))
        except (OpenbookError, ValueError, KeyError, TypeError, json.JSONDecodeError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            yield first + place, f"row {first + place + 1} (id {row.get('id')!r}): {said}"


def publishable(record: Record) -> Record:
    """The record without the paths of the machine that read the paper: of a file only its name is published."""
    paper = record.paper
    for name in ("url", "source"):
        given = getattr(paper, name)
        if given and (named := source_name(given)) != given:
            setattr(paper, name, named)
            paper.problem = paper.problem and paper.problem.replace(given, str(named))
    return record


def find_source(records: Path) -> RecordSource:
    """What ``--records`` names. In a folder the JSON records are the truth. Raises OpenbookError if there is nothing."""
    if records.is_dir():
        paths = tuple(record_paths(records))
        if paths:
            return RecordSource(records, None, paths)
        if (records / TABLE_NAME).exists():
            return RecordSource(records, records / TABLE_NAME)
        raise OpenbookError(f"{records} holds no records; fill it with: openbook assess PAPER... --out {records}")
    require_records(records)
    return RecordSource(records, None, (records,)) if records.suffix == ".json" else RecordSource(records, records)


def _hash_file(path: Path) -> tuple[str, str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OpenbookError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        identity = str(json.loads(content)["paper"]["id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        identity = ""
    return identity, hashlib.blake2b(content, digest_size=16).hexdigest()


def write_tables(folder: Folder, source: RecordSource, papers: Sequence[Listed], changed: bool) -> None:
    """Write ``data/records.parquet`` and ``data/results.csv``, if the records changed or they are not there."""
    parquet, results = folder.root / "data" / "records.parquet", folder.root / "data" / "results.csv"
    for left in parquet.parent.glob(".*.part"):  # by a build that was killed while it wrote
        left.unlink(missing_ok=True)
    if changed or not parquet.exists():
        _write_parquet(source, parquet)
    if changed or not results.exists():
        _write_csv(papers, results)
    folder.tell("data/records.parquet")
    folder.tell("data/results.csv")


def _write_parquet(source: RecordSource, out: Path) -> None:
    """The table as it was given but for local paths, or one of the records of a folder, a batch at a time."""
    with replacing(out) as beside:
        if source.parquet is not None and not _has_paths(source.parquet):
            shutil.copyfile(source.parquet, beside)
        elif source.parquet is not None:
            _copy_without_paths(source.parquet, beside)
        else:
            with pq.ParquetWriter(beside, schema(), compression="zstd") as writer:
                seen: set[str] = set()
                for batch in source.batches(range(len(source.paths))):
                    good: dict[str, Record] = {}
                    for _, one in batch:
                        if isinstance(one, Record) and one.paper.id not in seen:
                            good.setdefault(one.paper.id, one)
                    writer.write_table(to_table(good.values()))
                    seen |= good.keys()


def _has_paths(parquet: Path) -> bool:
    """Whether a table names files of the machine on which it was made."""
    columns = {"source", "url"} & set(pq.read_schema(parquet).names)
    return any(
        source_name(given) != given
        for column in pq.read_table(parquet, columns=sorted(columns)).columns
        for given in column.to_pylist()
    )


def _copy_without_paths(parquet: Path, out: Path) -> None:
    with pq.ParquetFile(parquet) as file, pq.ParquetWriter(out, file.schema_arrow, compression="zstd") as writer:
        for batch in file.iter_batches(batch_size=BATCH):
            rows = batch.to_pylist()
            for row in rows:
                for name in {"source", "url"} & row.keys():
                    given, row[name] = row[name], source_name(row[name])
                    if given and row.get("problem"):
                        row["problem"] = row["problem"].replace(given, row[name])
            writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=batch.schema))


def _write_csv(papers: Sequence[Listed], out: Path) -> None:
    """A line per paper: what it is, seven results as 1 or 0, scores; the responses are in the Parquet file."""
    columns: dict[str, Any] = {
        name: [getattr(one, name) for one in papers] for name in ("id", "title", "authors", "venue", "year", "url")
    }
    for place, variable in enumerate(SCORED):
        columns[variable] = [None if one.documentation is None else one.yes >> place & 1 for one in papers]
    for name in ("documentation", "reproducibility", "research_type", "affiliation"):
        columns[name] = [getattr(one, name) for one in papers]
    columns["findings"] = [len(one.audited()) for one in papers]
    with replacing(out) as beside:
        pyarrow.csv.write_csv(pa.table(columns), beside)
