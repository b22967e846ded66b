"""Batches: questions that were handed to a provider all at once, and how far they have come."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("server", sa.String(512), nullable=False),
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("requests", sa.Integer, nullable=False),
        sa.Column("file", sa.String(255)),
        sa.Column("provider_id", sa.String(255)),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("claimed", sa.Float, nullable=False),
        sa.Column("answered", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("finished", sa.String(40)),
    )
    op.create_index("batches_by_state", "batches", ["server", "state"])


def downgrade() -> None:
    op.drop_table("batches")
