"""Papers, runs and records in a database, and people's corrections on top of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any, Literal

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.dialects import postgresql, sqlite

from openbook.ledger.batch_jobs import BatchJobs
from openbook.ledger.database import AmbiguousPaper, LedgerError, UnknownPaper, now, open_engine, reading, writing
from openbook.ledger.reply_cache import LEASE, ReplyCache
from openbook.ledger.tables import (
    answers,
    assessment_row,
    assessments,
    corrected,
    corrections,
    evidence,
    excerpts,
    info_of,
    paper_key,
    paper_row,
    papers,
    run_key,
    run_of,
    run_row,
    runs,
    scores_of,
)
from openbook.record.model import Answer, CodeReport, Evidence, NearMiss, Record
from openbook.variables import SCORED, VARIABLES

#: What a person may set each variable to.
ALLOWED = dict.fromkeys(SCORED, ("yes", "no")) | {
    "research_type": ("experimental", "theoretical", "unknown"),
    "affiliation": ("academia", "industry", "collaboration", "unknown"),
}
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a paper: it was ``assessed``, or an answer was ``corrected``."""

    when: str
    kind: Literal["assessed", "corrected"]
    what: dict[str, Any]


class Ledger:
    """One ledger, open. Use it as a context manager, or close it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str, *, durable: bool = False) -> Ledger:
        """Open (or make) the ledger at a URL or SQLite file name. Raises LedgerError with what to do.

        With ``durable`` what was committed outlives a power cut.
        """
        return cls(open_engine(url, durable=durable))

    def close(self) -> None:
        self.engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reply_cache(self, *, lease: float = LEASE) -> ReplyCache:
        """The cache of model replies, for this process."""
        return ReplyCache(self.engine, lease=lease)

    def batch_jobs(self) -> BatchJobs:
        """The batch jobs, for this process."""
        return BatchJobs(self.engine)

    # --- writing

    def put(self, record: Record) -> bool:
        """Keep a record; whether it was new. Raises LedgerError."""
        return self.put_many([record]) == 1

    def keep(self, record: Record) -> Record:
        """Put a record, and give it back with people's corrections, which win. One that shows corrections is left alone."""
        if any(answer.correction for answer in record.answers.values()):
            return record
        self.put(record)
        return self.with_corrections(record)

    def put_many(self, records: Iterable[Record]) -> int:
        """Keep records, in transactions of a few hundred; how many were new.

        The same paper, run and text make the same assessment: it is kept once, as it first came. Only a later look at its
        code or its addresses is noted on it.
        """
        stream = iter(records)
        new = 0
        while batch := list(islice(stream, _BATCH)):
            with writing(self.engine) as connection:
                new += self._put_batch(connection, batch)
        return new

    def _put_batch(self, connection: Connection, batch: Sequence[Record]) -> int:
        moment = now()
        keys = {paper_key(record.paper) for record in batch}
        self._insert(connection, papers, {r["key"]: r for r in (paper_row(x.paper, moment) for x in batch)}, "key")
        self._insert(connection, runs, {r["key"]: r for r in (run_row(x.run, moment) for x in batch)}, "key", keep=True)
        identity = (assessments.c.paper, assessments.c.run, assessments.c.text_hash)
        rows = connection.execute(select(assessments.c.id, *identity).where(assessments.c.paper.in_(keys)))
        there = {(paper, run, text_hash): number for number, paper, run, text_hash in rows}
        fresh: dict[tuple[str, str, str], Record] = {}
        for record in batch:
            identified = (paper_key(record.paper), run_key(record.run), record.run.text_hash or "")
            if identified not in there:
                fresh.setdefault(identified, record)
            else:
                _note_looks(connection, there[identified], record)
        if not fresh:
            return 0
        connection.execute(
            assessments.insert(), [assessment_row(*identified, record) for identified, record in fresh.items()]
        )
        numbered = connection.execute(
            select(assessments.c.id, *identity).where(assessments.c.paper.in_({paper for paper, _, _ in fresh}))
        )
        ids = {(row.paper, row.run, row.text_hash): row.id for row in numbered}
        answer_rows: list[dict[str, Any]] = []
        evidence_rows: list[dict[str, Any]] = []
        for identified, record in fresh.items():
            for variable, answer in record.answers.items():
                place = {"assessment": ids[identified], "variable": variable}
                answer_rows.append(place | answer.model_dump(exclude={"evidence", "correction"}))
                for ordinal, item in enumerate(answer.evidence):
                    evidence_rows.append(place | {"ordinal": ordinal} | item.model_dump())
        if answer_rows:
            connection.execute(answers.insert(), answer_rows)
        if evidence_rows:
            connection.execute(evidence.insert(), evidence_rows)
        return len(fresh)

    def _insert(
        self, connection: Connection, table: Any, rows: dict[str, dict[str, Any]], key: str, *, keep: bool = False
    ) -> None:
        """Insert rows; of those that stand already, keep the old (``keep``) or take over what is new and known."""
        insert = (postgresql if self.engine.dialect.name == "postgresql" else sqlite).insert(table)
        if keep:
            statement = insert.on_conflict_do_nothing(index_elements=[key])
        else:
            changing = [column.name for column in table.c if column.name not in (key, "added")]
            statement = insert.on_conflict_do_update(
                index_elements=[key],
                # A paper that can be read now has no problem any more; all else that was known stays known.
                set_={
                    name: insert.excluded[name]
                    if name == "problem"
                    else func.coalesce(insert.excluded[name], table.c[name])
                    for name in changing
                },
            )
        connection.execute(statement, list(rows.values()))

    def correct(
        self, paper: str, variable: str, result: str, *, who: str, why: str, evidence: Sequence[Evidence] = ()
    ) -> None:
        """Append a person's correction. ``paper`` is anything ``find`` knows. Raises LedgerError.

        ``why`` becomes the answer's response, and ``evidence`` (quotes in ``why``, located in the paper) its evidence.
        """
        if variable not in VARIABLES:
            raise LedgerError(f"{variable!r} is not a variable; choose from {', '.join(VARIABLES)}")
        if result not in ALLOWED[variable]:
            raise LedgerError(f"{variable} cannot be {result!r}; choose from {', '.join(ALLOWED[variable])}")
        if not who.strip() or not why.strip():
            raise LedgerError("a correction needs a name and a reason: say who and why")
        row = {
            "paper": self.find(paper),
            "variable": variable,
            "result": result,
            "who": who,
            "why": why,
            "when": now(),
            "evidence": [item.model_dump(mode="json") for item in evidence],
        }
        with writing(self.engine) as connection:
            connection.execute(corrections.insert(), row)

    def keep_excerpts(self, paper: str, text_hash: str, content: dict[str, Any]) -> None:
        """Keep what a paper's page shows of the text with this hash (JSON). What was kept of it before is replaced."""
        insert = (postgresql if self.engine.dialect.name == "postgresql" else sqlite).insert(excerpts)
        with writing(self.engine) as connection:
            connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["paper", "text_hash"], set_={"content": insert.excluded.content}
                ),
                {"paper": paper, "text_hash": text_hash, "content": content},
            )

    # --- reading

    def excerpts(self, paper: str, text_hash: str | None) -> dict[str, Any] | None:
        """What was kept of a paper's text with this hash, by the paper's key."""
        wanted = (excerpts.c.paper == paper) & (excerpts.c.text_hash == (text_hash or ""))
        with reading(self.engine) as connection:
            found = connection.execute(select(excerpts.c.content).where(wanted)).scalar()
        return found if isinstance(found, dict) else None

    def find(self, paper: str) -> str:
        """The key of one paper: its key, its id, or the first 8 or more digits of its hash.

        Raises UnknownPaper or AmbiguousPaper.
        """
        with reading(self.engine) as connection:
            exact = connection.execute(select(papers.c.key).where(papers.c.key == paper)).scalar()
            if exact:
                return str(exact)
            keys = list(connection.execute(select(papers.c.key).where(papers.c.paper_id == paper)).scalars())
            if not keys and len(paper) >= 8 and all(digit in "0123456789abcdef" for digit in paper):
                keys = list(connection.execute(select(papers.c.key).where(papers.c.key.startswith(paper))).scalars())
        if not keys:
            raise UnknownPaper(f"no paper {paper!r} in this ledger; give its id, or 8 or more digits of its SHA-256")
        if len(keys) > 1:
            raise AmbiguousPaper(f"{paper!r} means {len(keys)} papers: {', '.join(keys)}; give one of these")
        return str(keys[0])

    def count(self) -> int:
        """Number of papers that have a record."""
        with reading(self.engine) as connection:
            return int(connection.execute(select(func.count(assessments.c.paper.distinct()))).scalar_one())

    def record(self, paper: str) -> Record:
        """A paper's newest record, corrections applied. Raises LedgerError if there is none."""
        for record in self._records([self.find(paper)]):
            return record
        raise LedgerError(f"paper {paper!r} is in this ledger but has not been assessed; run openbook assess on it")

    def records(self) -> Iterator[Record]:
        """Every paper's newest record, corrections applied, in the order of the papers' keys; read in batches."""
        last = ""
        while True:
            with reading(self.engine) as connection:
                keys = list(
                    connection.execute(
                        select(papers.c.key).where(papers.c.key > last).order_by(papers.c.key).limit(_BATCH)
                    ).scalars()
                )
            if not keys:
                return
            yield from self._records(keys)
            last = keys[-1]

    def of(self, keys: Sequence[str]) -> dict[str, Record]:
        """The newest records of these papers, by key, corrections applied."""
        return {paper_key(record.paper): record for record in self._records(keys)}

    def _records(self, keys: Sequence[str]) -> Iterator[Record]:
        newest = select(func.max(assessments.c.id)).where(assessments.c.paper.in_(keys)).group_by(assessments.c.paper)
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(
                    assessments,
                    runs.c.assessor,
                    runs.c.model,
                    runs.c.prompt_hash,
                    runs.c.parameters,
                    runs.c.version,
                )
                .join(runs)
                .where(assessments.c.id.in_(newest))
                .order_by(assessments.c.paper)
            ).all()
            ids = [row.id for row in rows]
            infos = {row.key: row for row in connection.execute(select(papers).where(papers.c.key.in_(keys)))}
            replies = connection.execute(select(answers).where(answers.c.assessment.in_(ids))).all()
            quotes = connection.execute(
                select(evidence).where(evidence.c.assessment.in_(ids)).order_by(evidence.c.ordinal)
            ).all()
            changes = connection.execute(
                select(corrections).where(corrections.c.paper.in_(keys)).order_by(corrections.c.id)
            ).all()
        last_change = {(row.paper, row.variable): row for row in changes}
        evidence_of: dict[tuple[int, str], list[Evidence]] = {}
        for row in quotes:
            values = {name: getattr(row, name) for name in Evidence.model_fields}
            values |= {"boxes": row.boxes or [], "links": row.links or []}
            evidence_of.setdefault((row.assessment, row.variable), []).append(Evidence(**values))
        answers_of: dict[int, dict[str, Answer]] = {}
        for row in replies:
            answers_of.setdefault(row.assessment, {})[row.variable] = Answer(
                result=row.result,
                confidence=row.confidence,
                response=row.response,
                evidence=evidence_of.get((row.assessment, row.variable), []),
                near_miss=row.near_miss and NearMiss(**row.near_miss),
                rests_on=row.rests_on,
                links=row.links,
            )
        for row in rows:
            given = answers_of.get(row.id, {})
            ordered = {name: given[name] for name in VARIABLES if name in given}
            yield corrected(
                Record(
                    paper=info_of(infos[row.paper]),
                    answers=ordered,
                    scores=scores_of(row),
                    run=run_of(row),
                    code=row.code and CodeReport(**row.code),
                    notice=row.notice,
                ),
                {name: last_change[row.paper, name] for name in VARIABLES if (row.paper, name) in last_change},
            )

    def with_corrections(self, record: Record) -> Record:
        """A record that was not read from here, as people's corrections of its paper leave it."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(corrections).where(corrections.c.paper == paper_key(record.paper)).order_by(corrections.c.id)
            ).all()
        return corrected(record, {row.variable: row for row in rows})

    def history(self, paper: str) -> list[Event]:
        """All that happened to a paper, oldest first: assessments with their results, and corrections."""
        key = self.find(paper)
        with reading(self.engine) as connection:
            made = connection.execute(
                select(
                    assessments, runs.c.assessor, runs.c.model, runs.c.version, runs.c.prompt_hash, runs.c.parameters
                )
                .join(runs)
                .where(assessments.c.paper == key)
            ).all()
            replies = connection.execute(select(answers).join(assessments).where(assessments.c.paper == key)).all()
            changes = connection.execute(select(corrections).where(corrections.c.paper == key)).all()
        results: dict[int, dict[str, str]] = {}
        for row in replies:
            results.setdefault(row.assessment, {})[row.variable] = row.result
        events = [
            Event(
                row.created or "",
                "assessed",
                {
                    "assessor": row.assessor,
                    "model": row.model,
                    "version": row.version,
                    "cost": row.cost,
                    "documentation": row.documentation,
                    "reproducibility": row.reproducibility,
                    "results": {name: results[row.id][name] for name in VARIABLES if name in results.get(row.id, {})},
                },
            )
            for row in made
        ] + [
            Event(row.when, "corrected", {n: getattr(row, n) for n in ("variable", "result", "who", "why")})
            for row in changes
        ]
        return sorted(events, key=lambda event: event.when)


def _note_looks(connection: Connection, assessment: int, record: Record) -> None:
    """Note on an assessment that is kept what was looked at later: its code, and whether its addresses answer."""
    if record.code is not None:
        code = record.code.model_dump(mode="json")
        connection.execute(assessments.update().where(assessments.c.id == assessment).values(code=code))
    for variable, answer in record.answers.items():
        if answer.links is not None:
            place = (answers.c.assessment == assessment) & (answers.c.variable == variable)
            links = [link.model_dump(mode="json") for link in answer.links]
            connection.execute(answers.update().where(place).values(links=links))
