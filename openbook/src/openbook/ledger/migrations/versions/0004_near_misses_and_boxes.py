"""Where a quote stands on its page, and the passage that came closest to proving an answer of no."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("answers", sa.Column("near_miss", sa.JSON))
    op.add_column("evidence", sa.Column("boxes", sa.JSON))


def downgrade() -> None:
    op.drop_column("evidence", "boxes")
    op.drop_column("answers", "near_miss")
