"""The first schema: papers, runs, assessments, answers, evidence, calls, corrections."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "papers",
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("paper_id", sa.String(512), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("authors", sa.JSON, nullable=False),
        sa.Column("venue", sa.String(128)),
        sa.Column("year", sa.Integer),
        sa.Column("url", sa.Text),
        sa.Column("pages", sa.Integer),
        sa.Column("sha256", sa.String(64)),
        sa.Column("source", sa.Text),
        sa.Column("problem", sa.Text),
        sa.Column("added", sa.String(40), nullable=False),
    )
    op.create_index("ix_papers_paper_id", "papers", ["paper_id"])
    op.create_table(
        "runs",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("assessor", sa.String(64), nullable=False),
        sa.Column("model", sa.String(255)),
        sa.Column("prompt_hash", sa.String(128)),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("first_used", sa.String(40), nullable=False),
    )
    op.create_table(
        "assessments",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("paper", sa.String(255), sa.ForeignKey("papers.key"), nullable=False),
        sa.Column("run", sa.String(64), sa.ForeignKey("runs.key"), nullable=False),
        sa.Column("text_hash", sa.String(128), nullable=False),
        sa.Column("documentation", sa.Integer),
        sa.Column("reproducibility", sa.Float),
        sa.Column("reproducibility_low", sa.Float),
        sa.Column("reproducibility_high", sa.Float),
        sa.Column("unverified", sa.Integer, nullable=False),
        sa.Column("input_tokens", sa.Integer, nullable=False),
        sa.Column("output_tokens", sa.Integer, nullable=False),
        sa.Column("cost", sa.Float, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("created", sa.String(40)),
        sa.Column("notice", sa.Text, nullable=False),
        sa.UniqueConstraint("paper", "run", "text_hash", name="one_assessment_per_question"),
    )
    op.create_index("ix_assessments_paper", "assessments", ["paper"])
    op.create_index("ix_assessments_run", "assessments", ["run"])
    op.create_table(
        "answers",
        sa.Column("assessment", sa.Integer, sa.ForeignKey("assessments.id"), primary_key=True),
        sa.Column("variable", sa.String(64), primary_key=True),
        sa.Column("result", sa.String(32), nullable=False),
        sa.Column("confidence", sa.Float),
        sa.Column("response", sa.Text, nullable=False),
    )
    op.create_table(
        "evidence",
        sa.Column("assessment", sa.Integer, sa.ForeignKey("assessments.id"), primary_key=True),
        sa.Column("variable", sa.String(64), primary_key=True),
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("quote", sa.Text, nullable=False),
        sa.Column("page", sa.Integer),
        sa.Column("start", sa.Integer),
        sa.Column("end", sa.Integer),
        sa.Column("match", sa.String(16), nullable=False),
        sa.Column("part", sa.String(16)),
        sa.Column("score", sa.Float),
    )
    op.create_table(
        "calls",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("paper", sa.String(255)),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("claimed", sa.Float, nullable=False),
        sa.Column("response", sa.Text),
        sa.Column("input_tokens", sa.Integer, nullable=False),
        sa.Column("output_tokens", sa.Integer, nullable=False),
        sa.Column("cost", sa.Float, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("finished", sa.String(40)),
    )
    op.create_index("calls_by_owner", "calls", ["state", "owner"])
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("paper", sa.String(255), sa.ForeignKey("papers.key"), nullable=False),
        sa.Column("variable", sa.String(64), nullable=False),
        sa.Column("result", sa.String(32), nullable=False),
        sa.Column("who", sa.String(255), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("when", sa.String(40), nullable=False),
    )
    op.create_index("ix_corrections_paper", "corrections", ["paper"])


def downgrade() -> None:
    for table in ("corrections", "calls", "evidence", "answers", "assessments", "runs", "papers"):
        op.drop_table(table)
