"""The tables of the ledger, and records as their rows and back, with people's corrections put on.

``migrations/`` makes the tables; a test holds the two against each other.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from openbook.files import sha256
from openbook.record.model import Answer, Correction, Evidence, PaperInfo, Record, Run, Scores, score_answers
from openbook.variables import SCORED

metadata = MetaData()

papers = Table(
    "papers",
    metadata,
    # The SHA-256 of the paper's file; "id:..." for imported records whose file was never seen.
    Column("key", String(255), primary_key=True),
    Column("paper_id", String(512), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("authors", JSON, nullable=False),
    Column("venue", String(128)),
    Column("year", Integer),
    Column("url", Text),
    Column("pages", Integer),
    Column("sha256", String(64)),
    Column("source", Text),
    Column("problem", Text),
    Column("added", String(40), nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("assessor", String(64), nullable=False),
    Column("model", String(255)),
    Column("prompt_hash", String(128)),
    Column("parameters", JSON, nullable=False),
    Column("version", String(64), nullable=False),
    Column("first_used", String(40), nullable=False),
)

assessments = Table(
    "assessments",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("paper", ForeignKey("papers.key"), nullable=False, index=True),
    Column("run", ForeignKey("runs.key"), nullable=False, index=True),
    # "" where the text was not kept, so that the uniqueness below holds on every database.
    Column("text_hash", String(128), nullable=False),
    Column("documentation", Integer),
    Column("reproducibility", Float),
    Column("reproducibility_low", Float),
    Column("reproducibility_high", Float),
    Column("unverified", Integer, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("cost", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("created", String(40)),
    Column("notice", Text, nullable=False),
    Column("code", JSON),
    UniqueConstraint("paper", "run", "text_hash", name="one_assessment_per_question"),
)

answers = Table(
    "answers",
    metadata,
    Column("assessment", ForeignKey("assessments.id"), primary_key=True),
    Column("variable", String(64), primary_key=True),
    Column("result", String(32), nullable=False),
    Column("confidence", Float),
    Column("response", Text, nullable=False),
    Column("near_miss", JSON),
    Column("rests_on", Integer),
    Column("links", JSON),
)

evidence = Table(
    "evidence",
    metadata,
    Column("assessment", ForeignKey("assessments.id"), primary_key=True),
    Column("variable", String(64), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("quote", Text, nullable=False),
    Column("page", Integer),
    Column("start", Integer),
    Column("end", Integer),
    Column("match", String(16), nullable=False),
    Column("part", String(16)),
    Column("score", Float),
    Column("boxes", JSON),
    Column("links", JSON),
)

calls = Table(
    "calls",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("model", String(255), nullable=False),
    Column("paper", String(255)),
    Column("state", String(8), nullable=False),  # asking | done
    Column("owner", String(255), nullable=False),
    Column("claimed", Float, nullable=False),  # seconds since the epoch; the claim lapses a lease later
    Column("response", Text),
    Column("input_tokens", Integer, nullable=False, default=0),
    Column("output_tokens", Integer, nullable=False, default=0),
    Column("cost", Float, nullable=False, default=0.0),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("finished", String(40)),
    Index("calls_by_owner", "state", "owner"),
)

corrections = Table(
    "corrections",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("paper", ForeignKey("papers.key"), nullable=False, index=True),
    Column("variable", String(64), nullable=False),
    Column("result", String(32), nullable=False),
    Column("who", String(255), nullable=False),
    Column("why", Text, nullable=False),
    Column("when", String(40), nullable=False),
    Column("evidence", JSON),  # the quotes in ``why`` that are in the paper
)

#: What a paper's page shows of its text: quotes in their context, and advice. The file itself may be deleted.
excerpts = Table(
    "excerpts",
    metadata,
    Column("paper", ForeignKey("papers.key"), primary_key=True),
    Column("text_hash", String(64), primary_key=True),
    Column("content", JSON, nullable=False),
)

#: Uploads to a server, from the moment their bytes are on its disk.
jobs = Table(
    "jobs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("spool", String(32), nullable=False),  # the folder of the server that holds the file
    Column("file", String(64)),  # its name there; null once it is deleted
    Column("name", String(255), nullable=False),  # what the uploader calls it: shown, never a path
    Column("size", Integer, nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("assessor", String(64), nullable=False),
    Column("state", String(8), nullable=False),  # waiting | working | done | failed
    # The question while it is under way, so that it is not asked twice; null when it is answered.
    Column("live", String(160), unique=True),
    Column("attempts", Integer, nullable=False),
    Column("reused", Boolean, nullable=False),  # the paper had this record already
    Column("paper", String(255)),
    Column("error", Text),
    Column("created", String(40), nullable=False),
    Column("finished", String(40)),
    Index("jobs_by_state", "spool", "state", "number"),
)

#: Questions that were handed to a provider all at once. Their rows in ``calls`` have the owner ``batch:ID``.
batches = Table(
    "batches",
    metadata,
    Column("id", String(32), primary_key=True),  # ours; the provider keeps it with its batch
    Column("server", String(512), nullable=False),  # the address that has the batch
    Column("model", String(255), nullable=False),
    Column("state", String(16), nullable=False),  # submitting | submitted | done | dropped
    Column("requests", Integer, nullable=False),
    Column("file", String(255)),  # the provider's name of the uploaded questions; null: no batch was asked for yet
    Column("provider_id", String(255)),  # the provider's name of the batch
    Column("owner", String(255), nullable=False),  # the process that submits it
    Column("claimed", Float, nullable=False),  # seconds since the epoch
    Column("answered", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("error", Text),
    Column("created", String(40), nullable=False),
    Column("finished", String(40)),
    Index("batches_by_state", "server", "state"),
)


def run_key(run: Run) -> str:
    """64 hex digits that name everything about a run that can change an answer."""
    described = [run.assessor, run.model, run.prompt_hash, run.parameters, run.version]
    return sha256(json.dumps(described, sort_keys=True))


def paper_key(info: PaperInfo) -> str:
    """The content hash of the paper's file, or its id where the file was never seen."""
    return info.sha256 or f"id:{info.id}"


def paper_row(info: PaperInfo, moment: str) -> dict[str, Any]:
    """A paper as a row; ``moment`` is when it came in."""
    values = info.model_dump()
    return {"key": paper_key(info), "paper_id": values.pop("id"), "added": moment} | values


def run_row(run: Run, moment: str) -> dict[str, Any]:
    """A run as a row; ``moment`` is when it was first used."""
    named = run.model_dump(include={"assessor", "model", "prompt_hash", "parameters", "version"})
    return named | {"key": run_key(run), "first_used": moment}


def assessment_row(paper: str, run: str, text_hash: str, record: Record) -> dict[str, Any]:
    """A record's scores, and what the run used for it, as a row."""
    scores = record.scores.model_dump()
    low, high = scores.pop("reproducibility_interval") or (None, None)
    used = record.run.model_dump(include={"input_tokens", "output_tokens", "cost", "seconds", "created"})
    key = {"paper": paper, "run": run, "text_hash": text_hash, "notice": record.notice}
    code = {"code": record.code.model_dump(mode="json") if record.code else None}
    return key | code | scores | {"reproducibility_low": low, "reproducibility_high": high} | used


def info_of(row: Row[Any]) -> PaperInfo:
    """The paper of a row."""
    values = {name: getattr(row, name) for name in PaperInfo.model_fields if name != "id"}
    return PaperInfo(id=row.paper_id, **values)


def scores_of(row: Row[Any]) -> Scores:
    """The scores of a row."""
    low, high = row.reproducibility_low, row.reproducibility_high
    return Scores(
        documentation=row.documentation,
        reproducibility=row.reproducibility,
        reproducibility_interval=None if low is None or high is None else (low, high),
        unverified=row.unverified,
    )


def run_of(row: Row[Any]) -> Run:
    """The run of a row."""
    values = {name: getattr(row, name) for name in Run.model_fields}
    return Run(**values | {"text_hash": row.text_hash or None})


def corrected(record: Record, changes: dict[str, Row[Any]]) -> Record:
    """The record with people's corrections, and its scores counted again.

    A correction replaces the response by its reason and the evidence by the quotes in that reason. Where it confirms a
    result, the assessor's evidence stays.
    """
    if not changes:
        return record
    after = dict(record.answers)
    for variable, row in changes.items():
        before = after.get(variable, Answer(result="unread" if variable in SCORED else "unknown"))
        correction = Correction(result=row.result, replaced=before.result, who=row.who, when=row.when, why=row.why)
        changed = row.result != before.result
        located = [Evidence.model_validate(item) for item in row.evidence or []]
        after[variable] = Answer(
            result=row.result,
            response=row.why,
            evidence=located if changed else [*located, *before.evidence],
            near_miss=None if changed else before.near_miss,
            correction=correction,
        )
    return record.model_copy(update={"answers": after, "scores": score_answers(after)})
