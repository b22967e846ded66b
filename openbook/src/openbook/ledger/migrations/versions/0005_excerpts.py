"""What a paper's page shows of its text once the file is deleted, and the quotes in the reason of a correction."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "excerpts",
        sa.Column("paper", sa.String(255), sa.ForeignKey("papers.key"), primary_key=True),
        sa.Column("text_hash", sa.String(64), primary_key=True),
        sa.Column("content", sa.JSON, nullable=False),
    )
    op.add_column("corrections", sa.Column("evidence", sa.JSON))


def downgrade() -> None:
    op.drop_column("corrections", "evidence")
    op.drop_table("excerpts")
