"""On how many sentences an answer rests, and whether the addresses given for it answer."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("answers", sa.Column("rests_on", sa.Integer))
    op.add_column("answers", sa.Column("links", sa.JSON))


def downgrade() -> None:
    op.drop_column("answers", "links")
    op.drop_column("answers", "rests_on")
