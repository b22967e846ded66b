"""Jobs: what was uploaded to a server, and how far it has come."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("spool", sa.String(32), nullable=False),
        sa.Column("file", sa.String(64)),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("assessor", sa.String(64), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("live", sa.String(160), unique=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("reused", sa.Boolean, nullable=False),
        sa.Column("paper", sa.String(255)),
        sa.Column("error", sa.Text),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("finished", sa.String(40)),
    )
    op.create_index("ix_jobs_sha256", "jobs", ["sha256"])
    op.create_index("jobs_by_state", "jobs", ["spool", "state", "number"])


def downgrade() -> None:
    op.drop_table("jobs")
