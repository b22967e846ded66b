"""Where the records of a site come from: a Parquet file, or a folder of JSON records; read a batch at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openbook.errors import OpenbookError
from openbook.record.files import parse_record, record_paths
from openbook.record.model import Record
from openbook.record.parquet import TABLE_NAME, from_row, to_row
from openbook.variables import VARIABLES

BATCH: Final = 400


@dataclass(frozen=True, slots=True)
class Source:
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
                    f"{self.where} is no table of records: it needs a column id and one per variable; "
                    "make one with openbook import or openbook assess"
                )
            rows = connection.execute(f"SELECT id, hash(t) FROM read_parquet('{quoted}') t").fetchall()
        except duckdb.Error as error:
            raise OpenbookError(
                f"{self.where} is not a Parquet file of records: {str(error).splitlines()[0]}"
            ) from error
        seal = duckdb.__version__  # its hash may differ between versions
        return [(identity or "", f"{value:016x}-{seal}") for identity, value in rows]

    def batches(self, chosen: Collection[int]) -> Iterator[Iterator[tuple[int, Record | str, dict[str, Any]]]]:
        """Batches of (place in the source, record or what is wrong with it, row for the audit), of the chosen places.

        A batch that is not consumed costs nothing but its decompression.
        """
        if self.parquet is None:
            ordered = sorted(chosen)
            for start in range(0, len(ordered), BATCH):
                yield self._from_files(ordered[start : start + BATCH])
            return
        import pyarrow.parquet as pq

        first = 0
        with pq.ParquetFile(self.parquet) as file:
            for batch in file.iter_batches(batch_size=BATCH, use_threads=False):
                places = [place for place in range(batch.num_rows) if first + place in chosen]
                if places:
                    yield _from_rows(batch.take(places) if len(places) < batch.num_rows else batch, places, first)
                first += batch.num_rows

    def _from_files(self, places: Sequence[int]) -> Iterator[tuple[int, Record | str, dict[str, Any]]]:
        for place in places:
            path = self.paths[place]
            try:
                record = parse_record(path.read_text(encoding="utf-8"), path.name)
            except (OpenbookError, OSError, UnicodeDecodeError) as error:
                yield place, str(error), {}
            else:
                yield place, record, to_row(record)


def _from_rows(batch: Any, places: Sequence[int], first: int) -> Iterator[tuple[int, Record | str, dict[str, Any]]]:
    for place, row in zip(places, batch.to_pylist(), strict=True):
        try:
            yield first + place, from_row(row), row
        except (OpenbookError, ValueError, KeyError, TypeError, json.JSONDecodeError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            yield first + place, f"row {first + place + 1} (id {row.get('id')!r}): {said}", row


def find_source(records: Path) -> Source:
    """What ``--records`` names. In a folder the JSON records are the truth. Raises OpenbookError when there is nothing."""
    if records.is_dir():
        paths = tuple(record_paths(records))
        if paths:
            return Source(records, None, paths)
        if (records / TABLE_NAME).exists():
            return Source(records, records / TABLE_NAME)
        raise OpenbookError(f"{records} holds no records; fill it with: openbook assess PAPER... --out {records}")
    if not records.exists():
        raise OpenbookError(f"there is no file or folder {records}; give a Parquet file of records or a folder of them")
    return Source(records, None, (records,)) if records.suffix == ".json" else Source(records, records)


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
