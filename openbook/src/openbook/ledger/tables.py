"""The tables of the ledger. ``migrations/`` makes them; a test holds the two against each other."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

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
